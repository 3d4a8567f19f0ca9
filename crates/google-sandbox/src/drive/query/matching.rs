//! Whether a file answers to an expression.
//!
//! Invariant: `name contains` matches the beginnings of words, `fullText contains` whole words,
//! `mimeType contains` the beginning; that is how Google does it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Collection, Comparison, Expression, Flag, Moment, Term, TextOperator, Visibility};

/// What of a file can be asked for, as one user sees it.
#[derive(Debug)]
pub(in super::super) struct Candidate<'a> {
    /// Whoever asks; queries may call them `me`.
    pub me: &'a str,
    pub name: &'a str,
    pub mime_type: &'a str,
    /// Name, description and content.
    pub full_text: &'a dyn FullText,
    pub modified: Timestamp,
    pub created: Timestamp,
    pub viewed_by_me: Option<Timestamp>,
    pub shared_with_me: Option<Timestamp>,
    pub trashed: bool,
    pub starred: bool,
    /// Ids; the user's root folder also as `root`.
    pub parents: Vec<&'a str>,
    pub owners: Vec<&'a str>,
    pub writers: Vec<&'a str>,
    pub readers: Vec<&'a str>,
    pub properties: &'a BTreeMap<String, String>,
    pub app_properties: &'a BTreeMap<String, String>,
    pub visibility: Visibility,
    pub shortcut_target: Option<&'a str>,
}

/// Text that is only put together when a query asks for it.
pub(in super::super) trait FullText: std::fmt::Debug {
    /// Everything that is indexed.
    fn text(&self) -> String;
}

/// Whether `file` fulfils `expression`.
pub(in super::super) fn matches(expression: &Expression, file: &Candidate<'_>) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| matches(part, file)),
        Expression::Any(parts) => parts.iter().any(|part| matches(part, file)),
        Expression::Not(inner) => !matches(inner, file),
        Expression::Term(term) => fulfils(term, file),
    }
}

fn fulfils(term: &Term, file: &Candidate<'_>) -> bool {
    match term {
        Term::Name(operator, value) => match operator {
            TextOperator::Contains => begins_words(file.name, value),
            TextOperator::Equal => file.name == value,
            TextOperator::NotEqual => file.name != value,
        },
        Term::MimeType(operator, value) => match operator {
            TextOperator::Contains => file.mime_type.starts_with(value.as_str()),
            TextOperator::Equal => file.mime_type == value,
            TextOperator::NotEqual => file.mime_type != value,
        },
        Term::FullText(value) => has_words(&file.full_text.text(), value),
        Term::Time(moment, comparison, at) => {
            let time = match moment {
                Moment::Modified => Some(file.modified),
                Moment::Created => Some(file.created),
                Moment::ViewedByMe => file.viewed_by_me,
                Moment::SharedWithMe => file.shared_with_me,
            };
            time.is_some_and(|time| compares(*comparison, time, *at))
        }
        Term::Flag(flag, wanted) => {
            let is = match flag {
                Flag::Trashed => file.trashed,
                Flag::Starred => file.starred,
                Flag::SharedWithMe => file.shared_with_me.is_some(),
            };
            is == *wanted
        }
        Term::In(collection, value) => match collection {
            Collection::Parents => file.parents.contains(&value.as_str()),
            Collection::Owners => named(&file.owners, value, file.me),
            Collection::Writers => named(&file.writers, value, file.me),
            Collection::Readers => named(&file.readers, value, file.me),
        },
        Term::Property {
            private,
            key,
            value,
        } => {
            let properties = if *private {
                file.app_properties
            } else {
                file.properties
            };
            properties.get(key) == Some(value)
        }
        Term::Visibility(equal, visibility) => (file.visibility == *visibility) == *equal,
        Term::ShortcutTarget(equal, target) => file
            .shortcut_target
            .is_some_and(|is| (is == target) == *equal),
    }
}

fn compares(comparison: Comparison, one: Timestamp, other: Timestamp) -> bool {
    match comparison {
        Comparison::Less => one < other,
        Comparison::LessOrEqual => one <= other,
        Comparison::Equal => one == other,
        Comparison::NotEqual => one != other,
        Comparison::GreaterOrEqual => one >= other,
        Comparison::Greater => one > other,
    }
}

fn named(addresses: &[&str], wanted: &str, me: &str) -> bool {
    let wanted = if wanted == "me" { me } else { wanted };
    addresses
        .iter()
        .any(|address| address.eq_ignore_ascii_case(wanted))
}

/// Whether each word of `wanted` begins a word of `text`.
fn begins_words(text: &str, wanted: &str) -> bool {
    let words = words(text);
    words_of(wanted)
        .iter()
        .all(|wanted| words.iter().any(|word| word.starts_with(wanted.as_str())))
}

/// Whether the words of `wanted` occur in `text`: in quotation marks next to each other, otherwise
/// anywhere.
fn has_words(text: &str, wanted: &str) -> bool {
    let words = words(text);
    for (index, part) in wanted.split('"').enumerate() {
        let wanted = words_of(part);
        let quoted = index % 2 == 1;
        let found = if quoted && !wanted.is_empty() {
            words.windows(wanted.len()).any(|window| window == wanted)
        } else {
            wanted.iter().all(|wanted| words.contains(wanted))
        };
        if !found {
            return false;
        }
    }
    true
}

fn words(text: &str) -> Vec<String> {
    words_of(text)
}

fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_at_the_beginning_of_words() {
        assert!(begins_words("HelloWorld report.pdf", "hello"));
        assert!(begins_words("HelloWorld report.pdf", "rep hell"));
        assert!(!begins_words("HelloWorld report.pdf", "world"));
        assert!(begins_words("Größe des Zimmers", "größe"));
    }

    #[test]
    fn full_text_matches_whole_words_and_phrases() {
        assert!(has_words("the launch plan of Atlas", "atlas launch"));
        assert!(!has_words("the launch plan of Atlas", "atl"));
        assert!(has_words("the launch plan of Atlas", "\"launch plan\""));
        assert!(!has_words("the launch plan of Atlas", "\"plan launch\""));
    }
}
