//! What a request asks for: the words of it that say something about a tool, and how much.
//!
//! People write sentences: they greet, quote file names and name people. Such words are rare among
//! tools and would decide alone if they counted like others.
//! Invariant: reading a request costs time linear in it, and no more than [`MOST`] words come out.

use std::collections::HashSet;

use super::words::{plain, same, says_nothing};

/// How many words of a request are looked for.
const MOST: usize = 12;
/// How much of a request is read, in characters.
const READ: usize = 4_000;
/// The longest quotation, in characters.
const QUOTATION: usize = 160;
/// What a word in quotation marks counts: it is content, such as a title or a file's name.
const QUOTED: f64 = 0.05;
/// What a capitalised word counts that no tool knows: a person, a place.
const PROPER: f64 = 0.3;

/// One word that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Concept {
    /// The word.
    pub(super) word: String,
    /// Words that mean the same.
    pub(super) same: Vec<&'static str>,
    /// What it counts.
    pub(super) weight: f64,
}

/// The words of a request, the weightiest first. `known` are the plain words of tools' names.
pub(super) fn concepts(request: &str, known: &HashSet<String>) -> Vec<Concept> {
    let (rest, quotations) = unquoted(request);
    let mut found = Found::default();
    let mut first = true;
    let mut word = String::new();
    let mut ahead = rest.iter().copied().chain(['\n']).peekable();
    while let Some(character) = ahead.next() {
        if character.is_alphanumeric() {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            found.said(&std::mem::take(&mut word), first, known);
            first = false;
        }
        // A dot inside a word, as in a file's name, ends no sentence.
        first |= matches!(character, '!' | '?' | '\n')
            || (character == '.' && ahead.peek().is_none_or(|next| next.is_whitespace()));
    }
    for quotation in quotations {
        found.quoted(&quotation);
    }
    if found.0.is_empty() {
        for word in rest
            .split(|character| !character.is_alphanumeric())
            .take(10)
        {
            found.put(&word.iter().collect::<String>().to_lowercase(), 1.0);
        }
    }
    let mut concepts = found.0;
    concepts.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    concepts.truncate(MOST);
    concepts
}

#[derive(Default)]
struct Found(Vec<Concept>);

impl Found {
    fn said(&mut self, text: &str, first: bool, known: &HashSet<String>) {
        let word = text.to_lowercase();
        if says_nothing(&word) || odd(&word) {
            return;
        }
        let capital = text.chars().next().is_some_and(char::is_uppercase);
        let proper = capital && !first && !known.contains(&plain(&word)) && same(&word).is_empty();
        self.put(&word, if proper { PROPER } else { 1.0 });
    }

    fn quoted(&mut self, text: &str) {
        let words = text.split(|character: char| !character.is_alphanumeric());
        for word in words.map(str::to_lowercase) {
            if !word.is_empty() && !says_nothing(&word) && !word.chars().all(char::is_numeric) {
                self.put(&word, QUOTED);
            }
        }
        // The end of a file's name says what kind of thing it is.
        for part in text.split_whitespace() {
            let end = part.rsplit_once('.').map_or("", |(_, end)| end);
            let end = end.to_lowercase();
            if (2..=4).contains(&end.len()) && end.chars().all(|c| c.is_ascii_lowercase()) {
                self.put(&end, 1.0);
            }
        }
    }

    fn put(&mut self, word: &str, weight: f64) {
        if word.is_empty() {
            return;
        }
        let form = plain(word);
        match self.0.iter_mut().find(|known| plain(&known.word) == form) {
            Some(known) => known.weight = known.weight.max(weight),
            None => self.0.push(Concept {
                word: word.to_owned(),
                same: same(word),
                weight,
            }),
        }
    }
}

/// Numbers, dates, identifiers.
fn odd(word: &str) -> bool {
    let digits = word
        .chars()
        .filter(|character| character.is_numeric())
        .count();
    let all = word.chars().count();
    digits > 0 && (digits == all || all > 3)
}

/// The request without its quotations, and these.
fn unquoted(request: &str) -> (Vec<char>, Vec<String>) {
    let characters: Vec<char> = request.chars().take(READ).collect();
    let opens = |at: usize| {
        matches!(characters.get(at), Some('\'' | '"' | '“' | '‘'))
            && at
                .checked_sub(1)
                .and_then(|before| characters.get(before))
                .is_none_or(|before| before.is_whitespace() || "(:[,".contains(*before))
    };
    let closes = |at: usize| {
        matches!(characters.get(at), Some('\'' | '"' | '”' | '’'))
            && characters
                .get(at + 1)
                .is_none_or(|after| after.is_whitespace() || ".,;:!?)]".contains(*after))
    };
    let (mut rest, mut quotations, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(character) = characters.get(at) {
        let end = opens(at)
            .then(|| (at + 2..=at + 1 + QUOTATION).find(|end| closes(*end)))
            .flatten();
        if let Some(end) = end {
            quotations.push(characters.iter().take(end).skip(at + 1).collect());
            rest.push(' ');
            at = end + 1;
        } else {
            rest.push(*character);
            at += 1;
        }
    }
    (rest, quotations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(request: &str) -> Vec<(String, f64)> {
        let known = HashSet::from(["jira".to_owned()]);
        let concepts = concepts(request, &known);
        concepts
            .into_iter()
            .map(|concept| (concept.word, concept.weight))
            .collect()
    }

    #[test]
    fn only_words_that_say_something_are_left() {
        assert_eq!(
            words("Could you please delete the email from Catherine about Jira on 2024-05-15?"),
            [
                ("delete".into(), 1.0),
                ("email".into(), 1.0),
                ("jira".into(), 1.0),
                ("catherine".into(), PROPER)
            ]
        );
    }

    #[test]
    fn quotations_are_content() {
        assert_eq!(
            words("Open 'Budget plans.xlsx' in Bob's folder"),
            [
                ("open".into(), 1.0),
                ("folder".into(), 1.0),
                ("xlsx".into(), 1.0),
                ("bob".into(), PROPER),
                ("budget".into(), QUOTED),
                ("plans".into(), QUOTED)
            ]
        );
    }

    #[test]
    fn when_nothing_is_said_everything_counts() {
        assert_eq!(words("what is it").len(), 3);
        assert_eq!(words(""), []);
    }
}
