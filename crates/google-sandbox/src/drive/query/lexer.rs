//! From the text of a query to its words.
//!
//! Invariant: inside quotes only `\'` and `\\` are escapes; any other backslash is a fault.

use super::InvalidQuery;

/// A word of a query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// A name or keyword, such as `name` or `and`.
    Name(String),
    /// A quoted text without its quotes and escapes.
    Text(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Operator(&'static str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
}

/// Splits a query into words.
pub(super) fn words(query: &str) -> Result<Vec<Word>, InvalidQuery> {
    let mut words = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(&first) = rest.peek() {
        if first.is_alphanumeric() {
            let mut name = String::new();
            while let Some(&c) = rest.peek()
                && (c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':'))
            {
                name.push(c);
                rest.next();
            }
            words.push(Word::Name(name));
            continue;
        }
        rest.next();
        let equals =
            |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| rest.next_if_eq(&'=').is_some();
        match first {
            c if c.is_whitespace() => {}
            '(' => words.push(Word::Open),
            ')' => words.push(Word::Close),
            '{' => words.push(Word::OpenBrace),
            '}' => words.push(Word::CloseBrace),
            '=' => words.push(Word::Operator("=")),
            '!' if equals(&mut rest) => words.push(Word::Operator("!=")),
            '<' if equals(&mut rest) => words.push(Word::Operator("<=")),
            '<' => words.push(Word::Operator("<")),
            '>' if equals(&mut rest) => words.push(Word::Operator(">=")),
            '>' => words.push(Word::Operator(">")),
            '\'' => words.push(Word::Text(quoted(&mut rest)?)),
            _ => return Err(InvalidQuery),
        }
    }
    Ok(words)
}

fn quoted(rest: &mut impl Iterator<Item = char>) -> Result<String, InvalidQuery> {
    let mut text = String::new();
    loop {
        match rest.next().ok_or(InvalidQuery)? {
            '\'' => return Ok(text),
            '\\' => match rest.next() {
                Some(c @ ('\'' | '\\')) => text.push(c),
                _ => return Err(InvalidQuery),
            },
            c => text.push(c),
        }
    }
}
