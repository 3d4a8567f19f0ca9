//! Finds methods by words.
//!
//! Not a language model and not Google's prose: it knows the words of ids, paths, parameters and
//! schemas, and a table of everyday words for them. Invariant: equal words give equal answers, in
//! the same order, on every machine.

mod index;
mod synonyms;
mod tokens;

use std::collections::BTreeMap;

use crate::method::Method;

/// One method that fits a search.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The method.
    pub method: &'static Method,
    /// How well it fits; only comparable within one answer.
    pub score: u32,
}

/// The methods that fit best, best first.
pub(crate) fn search(words: &str, limit: usize) -> Vec<Found> {
    let index = index::get();
    // More words than this do not make a question clearer.
    let asked: Vec<String> = tokens::of_text(words)
        .into_iter()
        .filter(|word| !synonyms::is_filler(word))
        .take(16)
        .collect();
    let mut scores: BTreeMap<usize, Score> = BTreeMap::new();
    for word in &asked {
        let mut best: BTreeMap<usize, f64> = BTreeMap::new();
        for (meaning, trust) in synonyms::meanings(word, |form| index.knows(form)) {
            for (method, weight) in index.postings(&meaning) {
                let points = trust * weight;
                let entry = best.entry(method).or_insert(0.0);
                *entry = entry.max(points);
            }
        }
        for (method, points) in best {
            let score = scores.entry(method).or_default();
            score.points += points;
            score.words += 1.0;
        }
    }
    let mut found: Vec<Found> = scores
        .into_iter()
        .map(|(method, score)| Found {
            method: index.method(method),
            score: score.total(count(asked.len()), index.likelihood(method)),
        })
        .filter(|found| found.score > 0)
        .collect();
    found.sort_by(|one, two| {
        two.score
            .cmp(&one.score)
            .then(one.method.id.cmp(two.method.id))
    });
    found.truncate(limit);
    found
}

#[derive(Default)]
struct Score {
    points: f64,
    words: f64,
}

impl Score {
    /// A method that answers to every word beats one that answers loudly to one of them.
    fn total(&self, asked: f64, likelihood: f64) -> u32 {
        let share = self.words / asked.max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "points are positive and far below four billion"
        )]
        let total = (self.points * share * likelihood * 100.0) as u32;
        total
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
