//! From words to an expression: `or` binds weaker than `and`, `and` weaker than `not`.
//!
//! Invariant: which operators a term takes is decided here and nowhere else.

use jiff::{Timestamp, civil, tz::TimeZone};

use super::{
    InvalidQuery,
    lexer::{Word, words},
};

/// A condition on a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) enum Expression {
    /// All hold.
    All(Vec<Expression>),
    /// At least one holds.
    Any(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// A single term.
    Term(Term),
}

/// A single term.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) enum Term {
    Name(TextOperator, String),
    MimeType(TextOperator, String),
    FullText(String),
    Time(Moment, Comparison, Timestamp),
    Flag(Flag, bool),
    In(Collection, String),
    Property {
        private: bool,
        key: String,
        value: String,
    },
    Visibility(bool, Visibility),
    ShortcutTarget(bool, String),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum TextOperator {
    Contains,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Moment {
    Modified,
    Created,
    ViewedByMe,
    SharedWithMe,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Flag {
    Trashed,
    Starred,
    SharedWithMe,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Collection {
    Parents,
    Owners,
    Writers,
    Readers,
}

/// How widely a file is shared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Visibility {
    AnyoneCanFind,
    AnyoneWithLink,
    DomainCanFind,
    DomainWithLink,
    Limited,
}

/// Reads a query.
pub(in super::super) fn parse(query: &str) -> Result<Expression, InvalidQuery> {
    let mut words = Words(words(query)?.into_iter().peekable());
    let expression = any(&mut words, 0)?;
    match words.0.next() {
        None => Ok(expression),
        Some(_) => Err(InvalidQuery),
    }
}

/// How deep parentheses and `not` may be nested.
const DEPTH: usize = 50;

struct Words(std::iter::Peekable<std::vec::IntoIter<Word>>);

impl Words {
    fn take(&mut self, keyword: &str) -> bool {
        let found = |word: &Word| matches!(word, Word::Name(name) if name == keyword);
        self.0.next_if(found).is_some()
    }

    fn expect(&mut self, wanted: &Word) -> Result<(), InvalidQuery> {
        self.0.next_if_eq(wanted).map(|_| ()).ok_or(InvalidQuery)
    }

    fn text(&mut self) -> Result<String, InvalidQuery> {
        match self.0.next() {
            Some(Word::Text(text)) => Ok(text),
            _ => Err(InvalidQuery),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, InvalidQuery> {
        match self.0.next() {
            Some(Word::Operator("=")) => Ok(Comparison::Equal),
            Some(Word::Operator("!=")) => Ok(Comparison::NotEqual),
            Some(Word::Operator("<")) => Ok(Comparison::Less),
            Some(Word::Operator("<=")) => Ok(Comparison::LessOrEqual),
            Some(Word::Operator(">")) => Ok(Comparison::Greater),
            Some(Word::Operator(">=")) => Ok(Comparison::GreaterOrEqual),
            _ => Err(InvalidQuery),
        }
    }

    /// Whether `=` (true) or `!=` (false) stands here.
    fn equality(&mut self) -> Result<bool, InvalidQuery> {
        match self.comparison()? {
            Comparison::Equal => Ok(true),
            Comparison::NotEqual => Ok(false),
            _ => Err(InvalidQuery),
        }
    }

    fn boolean(&mut self) -> Result<bool, InvalidQuery> {
        match self.0.next() {
            Some(Word::Name(name)) if name == "true" => Ok(true),
            Some(Word::Name(name)) if name == "false" => Ok(false),
            _ => Err(InvalidQuery),
        }
    }
}

fn any(words: &mut Words, depth: usize) -> Result<Expression, InvalidQuery> {
    let mut parts = vec![all(words, depth)?];
    while words.take("or") {
        parts.push(all(words, depth)?);
    }
    Ok(single_or(parts, Expression::Any))
}

fn all(words: &mut Words, depth: usize) -> Result<Expression, InvalidQuery> {
    let mut parts = vec![negated(words, depth)?];
    while words.take("and") {
        parts.push(negated(words, depth)?);
    }
    Ok(single_or(parts, Expression::All))
}

fn single_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

fn negated(words: &mut Words, depth: usize) -> Result<Expression, InvalidQuery> {
    if depth > DEPTH {
        return Err(InvalidQuery);
    }
    if words.take("not") {
        return Ok(Expression::Not(Box::new(negated(words, depth + 1)?)));
    }
    if words.0.next_if_eq(&Word::Open).is_some() {
        let inner = any(words, depth + 1)?;
        words.expect(&Word::Close)?;
        return Ok(inner);
    }
    term(words).map(Expression::Term)
}

fn term(words: &mut Words) -> Result<Term, InvalidQuery> {
    let name = match words.0.next() {
        Some(Word::Name(name)) => name,
        Some(Word::Text(value)) => return collection(words, value),
        _ => return Err(InvalidQuery),
    };
    match name.as_str() {
        "name" | "title" => text_term(words, Term::Name),
        "mimeType" => text_term(words, Term::MimeType),
        "fullText" if words.take("contains") => Ok(Term::FullText(words.text()?)),
        "modifiedTime" => time(words, Moment::Modified),
        "createdTime" => time(words, Moment::Created),
        "viewedByMeTime" => time(words, Moment::ViewedByMe),
        "sharedWithMeTime" => time(words, Moment::SharedWithMe),
        "trashed" => flag(words, Flag::Trashed),
        "starred" => flag(words, Flag::Starred),
        // The one flag that Google's guide also writes without a value.
        "sharedWithMe" => match words.0.peek() {
            Some(Word::Operator(_)) => flag(words, Flag::SharedWithMe),
            _ => Ok(Term::Flag(Flag::SharedWithMe, true)),
        },
        "properties" => property(words, false),
        "appProperties" => property(words, true),
        "visibility" => {
            let equal = words.equality()?;
            Ok(Term::Visibility(equal, visibility(&words.text()?)?))
        }
        "shortcutDetails.targetId" => {
            let equal = words.equality()?;
            Ok(Term::ShortcutTarget(equal, words.text()?))
        }
        _ => Err(InvalidQuery),
    }
}

fn collection(words: &mut Words, value: String) -> Result<Term, InvalidQuery> {
    if !words.take("in") {
        return Err(InvalidQuery);
    }
    let collection = match words.0.next() {
        Some(Word::Name(name)) => match name.as_str() {
            "parents" => Collection::Parents,
            "owners" => Collection::Owners,
            "writers" => Collection::Writers,
            "readers" => Collection::Readers,
            _ => return Err(InvalidQuery),
        },
        _ => return Err(InvalidQuery),
    };
    Ok(Term::In(collection, value))
}

fn text_term(
    words: &mut Words,
    make: fn(TextOperator, String) -> Term,
) -> Result<Term, InvalidQuery> {
    let operator = if words.take("contains") {
        TextOperator::Contains
    } else if words.equality()? {
        TextOperator::Equal
    } else {
        TextOperator::NotEqual
    };
    Ok(make(operator, words.text()?))
}

fn time(words: &mut Words, moment: Moment) -> Result<Term, InvalidQuery> {
    let comparison = words.comparison()?;
    let text = words.text()?;
    let utc = |civil: civil::DateTime| civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let at = text
        .parse::<Timestamp>()
        .or_else(|_| text.parse::<civil::DateTime>().and_then(utc))
        .map_err(|_| InvalidQuery)?;
    Ok(Term::Time(moment, comparison, at))
}

fn flag(words: &mut Words, flag: Flag) -> Result<Term, InvalidQuery> {
    let equal = words.equality()?;
    Ok(Term::Flag(flag, words.boolean()? == equal))
}

/// `has { key='…' and value='…' }`
fn property(words: &mut Words, private: bool) -> Result<Term, InvalidQuery> {
    if !words.take("has") {
        return Err(InvalidQuery);
    }
    words.expect(&Word::OpenBrace)?;
    let mut part = |name: &str| {
        if !words.take(name) || !words.equality()? {
            return Err(InvalidQuery);
        }
        words.text()
    };
    let key = part("key")?;
    if !words.take("and") {
        return Err(InvalidQuery);
    }
    let mut part = |name: &str| {
        if !words.take(name) || !words.equality()? {
            return Err(InvalidQuery);
        }
        words.text()
    };
    let value = part("value")?;
    words.expect(&Word::CloseBrace)?;
    Ok(Term::Property {
        private,
        key,
        value,
    })
}

fn visibility(text: &str) -> Result<Visibility, InvalidQuery> {
    Ok(match text {
        "anyoneCanFind" => Visibility::AnyoneCanFind,
        "anyoneWithLink" => Visibility::AnyoneWithLink,
        "domainCanFind" => Visibility::DomainCanFind,
        "domainWithLink" => Visibility::DomainWithLink,
        "limited" => Visibility::Limited,
        _ => return Err(InvalidQuery),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(operator: TextOperator, value: &str) -> Expression {
        Expression::Term(Term::Name(operator, value.to_owned()))
    }

    #[test]
    fn escapes_are_taken_back() {
        assert_eq!(
            parse(r"name = 'Valentine\'s \\ Day'"),
            Ok(name(TextOperator::Equal, r"Valentine's \ Day"))
        );
        assert!(parse(r"name = 'a\n'").is_err());
        assert!(parse("name = 'open").is_err());
        assert!(parse("name = 'it's'").is_err());
    }

    #[test]
    fn and_binds_stronger_than_or_and_parentheses_strongest() {
        use Expression::{All, Any, Not};
        use TextOperator::Contains;
        let (a, b, c) = (
            name(Contains, "a"),
            name(Contains, "b"),
            name(Contains, "c"),
        );
        let text = "name contains 'a' or name contains 'b' and not name contains 'c'";
        let negative = || Not(Box::new(c.clone()));
        assert_eq!(
            parse(text),
            Ok(Any(vec![a.clone(), All(vec![b.clone(), negative()])]))
        );
        let text = "(name contains 'a' or name contains 'b') and (not name contains 'c')";
        assert_eq!(parse(text), Ok(All(vec![Any(vec![a, b]), negative()])));
    }

    #[test]
    fn every_documented_form_is_understood() {
        for query in [
            "fullText contains 'hello'",
            "fullText contains '\"hello world\"'",
            "mimeType != 'application/vnd.google-apps.folder'",
            "modifiedTime > '2012-06-04T12:00:00'",
            "modifiedTime <= '2012-06-04T12:00:00-08:00'",
            "createdTime < '2026-01-01T00:00:00Z' and viewedByMeTime != '2026-01-01T00:00:00Z'",
            "modifiedTime>'2026-01-01'",
            "'1234567' in parents",
            "'test@example.org' in writers and not ('a@b.example' in owners)",
            "'root' in parents and trashed=false",
            "sharedWithMe and name contains 'hello'",
            "sharedWithMe = true or starred != false",
            "appProperties has { key='paper' and value='8.5x11' }",
            "properties has {key='mass' and value='1.3kg'}",
            "visibility = 'anyoneWithLink'",
            "shortcutDetails.targetId != '123'",
        ] {
            assert!(parse(query).is_ok(), "{query}");
        }
    }

    #[test]
    fn what_google_does_not_understand_is_refused() {
        for query in [
            "",
            "hello",
            "name",
            "name > 'a'",
            "fullText = 'a'",
            "trashed contains 'x'",
            "trashed = 'true'",
            "trashed",
            "modifiedTime contains '2012'",
            "modifiedTime > 'yesterday'",
            "'x' in folders",
            "parents in 'x'",
            "name = 'a' and",
            "(name = 'a'",
            "name = 'a')",
            "name = \"a\"",
            "name = 'a' AND name = 'b'",
            "visibility = 'secret'",
        ] {
            assert_eq!(parse(query), Err(InvalidQuery), "{query}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
    }
}
