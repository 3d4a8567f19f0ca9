//! Words that must never appear in what a program says.
//!
//! A canary is a secret or a piece of somebody's content, with the place it was put. Invariant: a
//! program is watched line by line as it speaks, so that nothing is missed because there was much.

use std::panic::Location;

/// Words that must not appear, and where each was put.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    words: Vec<(String, String)>,
}

/// A canary that was found.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    place: String,
    line: String,
}

/// A program's canaries and what was found of them.
#[derive(Debug)]
pub(crate) struct Watch {
    canaries: Canaries,
    since: &'static Location<'static>,
    hits: Vec<Hit>,
}

impl Canaries {
    /// The shortest word that cannot be there by chance.
    const SHORTEST: usize = 8;

    /// Adds a word that was put at `place`. Blank and short ones are left out.
    pub fn add(&mut self, place: impl Into<String>, word: impl Into<String>) {
        let word = word.into();
        let known = self.words.iter().any(|(_, known)| *known == word);
        if word.trim().len() >= Self::SHORTEST && !known {
            self.words.push((place.into(), word));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Fails when one of them is in `text`.
    #[track_caller]
    pub fn assert_absent(&self, what: &str, text: &str) {
        for line in text.lines() {
            if let Some(hit) = self.find(line) {
                panic!("{what} shows {}: {}", hit.place, hit.line);
            }
        }
    }

    fn find(&self, line: &str) -> Option<Hit> {
        let (place, _) = self.words.iter().find(|(_, word)| line.contains(word))?;
        Some(Hit {
            place: place.clone(),
            line: line.chars().take(2_000).collect(),
        })
    }
}

impl Watch {
    #[track_caller]
    pub(crate) fn new(canaries: Canaries) -> Self {
        Self {
            canaries,
            since: Location::caller(),
            hits: Vec::new(),
        }
    }

    pub(crate) fn see(&mut self, line: &str) {
        // The first few say enough.
        if self.hits.len() < 5 {
            self.hits.extend(self.canaries.find(line));
        }
    }

    /// What was found, for people.
    pub(crate) fn found(&self) -> Option<String> {
        if self.hits.is_empty() {
            return None;
        }
        let lines: Vec<String> = self
            .hits
            .iter()
            .map(|hit| format!("{}: {}", hit.place, hit.line))
            .collect();
        Some(format!(
            "the program watched since {} said what it must not:\n{}",
            self.since,
            lines.join("\n")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found() {
        let mut canaries = Canaries::default();
        canaries.add("a short word", "short");
        canaries.add("the client secret", "very-secret-1");
        canaries.add("the same again", "very-secret-1");
        assert_eq!(canaries.len(), 1);
        let mut watch = Watch::new(canaries);
        watch.see("nothing short here");
        assert!(watch.found().is_none());
        watch.see("{\"error\": \"very-secret-1 was refused\"}");
        let found = watch.found().unwrap();
        assert!(found.contains("the client secret") && found.contains("canaries.rs"));
    }
}
