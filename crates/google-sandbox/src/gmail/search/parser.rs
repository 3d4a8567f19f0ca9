//! From text to a question.
//!
//! Not the meaning of operators. Invariant: reading never fails and never goes deeper than
//! [`DEEPEST`].

/// How deep groups may nest.
const DEEPEST: usize = 20;

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    All(Vec<Query>),
    Any(Vec<Query>),
    Not(Box<Query>),
    /// Words that must stand next to each other.
    Word(String),
    /// `name:value`, the name in lower case.
    Operator(String, String),
}

/// Operators; anything else with a colon is words.
const OPERATORS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "label",
    "in",
    "is",
    "has",
    "filename",
    "before",
    "after",
    "older",
    "newer",
    "older_than",
    "newer_than",
    "rfc822msgid",
    "larger",
    "smaller",
    "size",
    "list",
    "category",
    "deliveredto",
];

/// Reads a search text.
pub(crate) fn parse(text: &str) -> Query {
    let mut reader = Reader {
        letters: text.chars().collect(),
        at: 0,
    };
    Query::All(reader.sequence(None, 0))
}

struct Reader {
    letters: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    /// Terms up to a closing bracket; `OR` joins its neighbours.
    fn sequence(&mut self, close: Option<char>, depth: usize) -> Vec<Query> {
        let mut terms: Vec<Query> = Vec::new();
        let mut or = false;
        loop {
            while self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            }
            let Some(letter) = self.peek() else {
                return terms;
            };
            if Some(letter) == close {
                self.at += 1;
                return terms;
            }
            let start = self.at;
            let Some(term) = self.term(depth) else {
                self.at = self.at.max(start + 1);
                continue;
            };
            match &term {
                Query::Word(word) if word == "OR" || word == "|" => or = !terms.is_empty(),
                Query::Word(word) if word == "AND" => {}
                _ if or => {
                    let before = terms.pop().expect("OR is only noted after a term");
                    terms.push(match before {
                        Query::Any(mut options) => {
                            options.push(term);
                            Query::Any(options)
                        }
                        other => Query::Any(vec![other, term]),
                    });
                    or = false;
                }
                _ => terms.push(term),
            }
        }
    }

    fn term(&mut self, depth: usize) -> Option<Query> {
        match self.peek()? {
            '-' => {
                self.at += 1;
                let next = self.peek().filter(|letter| !letter.is_whitespace())?;
                if next == '-' {
                    return None;
                }
                Some(Query::Not(Box::new(self.term(depth)?)))
            }
            '(' if depth < DEEPEST => {
                self.at += 1;
                Some(Query::All(self.sequence(Some(')'), depth + 1)))
            }
            '{' if depth < DEEPEST => {
                self.at += 1;
                Some(Query::Any(self.sequence(Some('}'), depth + 1)))
            }
            '"' => Some(Query::Word(self.quoted())),
            '+' => {
                self.at += 1;
                self.term(depth)
            }
            _ => self.word(depth),
        }
    }

    fn quoted(&mut self) -> String {
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            if letter == '"' {
                break;
            }
            text.push(letter);
        }
        text
    }

    fn bare(&mut self) -> String {
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            if letter.is_whitespace() || matches!(letter, '(' | ')' | '{' | '}' | '"') {
                break;
            }
            self.at += 1;
            text.push(letter);
            if letter == ':'
                && OPERATORS.contains(&text.trim_end_matches(':').to_ascii_lowercase().as_str())
            {
                break;
            }
        }
        text
    }

    fn word(&mut self, depth: usize) -> Option<Query> {
        let text = self.bare();
        let name = text.strip_suffix(':').map(str::to_ascii_lowercase);
        let Some(name) = name.filter(|name| OPERATORS.contains(&name.as_str())) else {
            return (!text.is_empty()).then_some(Query::Word(text));
        };
        match self.peek() {
            Some('"') => Some(Query::Operator(name, self.quoted())),
            Some('(') if depth < DEEPEST => {
                self.at += 1;
                Some(Query::All(inside(
                    &name,
                    self.sequence(Some(')'), depth + 1),
                )))
            }
            Some('{') if depth < DEEPEST => {
                self.at += 1;
                Some(Query::Any(inside(
                    &name,
                    self.sequence(Some('}'), depth + 1),
                )))
            }
            _ => {
                let value = self.value();
                (!value.is_empty()).then_some(Query::Operator(name, value))
            }
        }
    }

    fn value(&mut self) -> String {
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            if letter.is_whitespace() || matches!(letter, '(' | ')' | '{' | '}') {
                break;
            }
            self.at += 1;
            text.push(letter);
        }
        text
    }
}

/// `subject:(a b)` asks for each word in the subject.
fn inside(name: &str, terms: Vec<Query>) -> Vec<Query> {
    terms
        .into_iter()
        .map(|term| match term {
            Query::Word(word) => Query::Operator(name.to_owned(), word),
            Query::Not(term) => Query::Not(Box::new(Query::All(inside(name, vec![*term])))),
            Query::All(terms) => Query::All(inside(name, terms)),
            Query::Any(terms) => Query::Any(inside(name, terms)),
            Query::Operator(..) => term,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        Query::{All, Any, Not, Operator, Word},
        *,
    };

    fn op(name: &str, value: &str) -> Query {
        Operator(name.into(), value.into())
    }

    #[test]
    fn the_language_is_read() {
        let word = |text: &str| Word(text.into());
        for (text, expected) in [
            ("", vec![]),
            ("budget plan", vec![word("budget"), word("plan")]),
            (
                "from:sam OR to:sam x",
                vec![Any(vec![op("from", "sam"), op("to", "sam")]), word("x")],
            ),
            (
                "a OR b OR c",
                vec![Any(vec![word("a"), word("b"), word("c")])],
            ),
            (
                "-in:chats \"a b\"",
                vec![Not(Box::new(op("in", "chats"))), word("a b")],
            ),
            (
                "{from:a from:b}",
                vec![Any(vec![op("from", "a"), op("from", "b")])],
            ),
            (
                "subject:(a -b)",
                vec![All(vec![
                    op("subject", "a"),
                    Not(Box::new(All(vec![op("subject", "b")]))),
                ])],
            ),
            ("Subject:\"q 3\"", vec![op("subject", "q 3")]),
            (
                "http://x rfc822msgid:<a@b>",
                vec![word("http://x"), op("rfc822msgid", "<a@b>")],
            ),
            (") - OR", vec![]),
        ] {
            assert_eq!(parse(text), All(expected), "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        parse(&"(".repeat(10_000));
        parse(&"-".repeat(10_000));
    }
}
