//! Finds methods by words.
//!
//! Not a language model and not Google's prose: it knows the words of ids, paths, parameters and
//! schemas, and a table of everyday words for them. Invariant: equal words give equal answers, in
//! the same order, on every machine.

mod index;
mod synonyms;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

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
    // What people write apart, Google often writes together: free busy, token info.
    let joined = asked
        .windows(2)
        .map(<[String]>::concat)
        .filter(|word| index.knows(word));
    let mut scores: BTreeMap<usize, Score> = BTreeMap::new();
    let mut meant: BTreeSet<String> = BTreeSet::new();
    for word in asked.iter().cloned().chain(joined) {
        let mut hits: BTreeMap<usize, Hits> = BTreeMap::new();
        for (meaning, trust) in synonyms::meanings(&word, |form| index.knows(form)) {
            for (method, weight) in index.postings(&meaning) {
                hits.entry(method).or_default().add(trust * weight);
            }
            meant.insert(meaning);
        }
        for (method, hits) in hits {
            let score = scores.entry(method).or_default();
            score.points += hits.points();
            score.words += 1.0;
        }
    }
    let mut found: Vec<Found> = scores
        .into_iter()
        .map(|(position, score)| {
            let entry = index.entry(position);
            let score = score.total(count(asked.len()), entry.meant_by(&meant)) * entry.likelihood;
            Found {
                method: entry.method,
                score: whole(score),
            }
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

/// How a method answers to one word.
#[derive(Default)]
struct Hits {
    best: f64,
    sum: f64,
}

impl Hits {
    fn add(&mut self, points: f64) {
        self.best = self.best.max(points);
        self.sum += points;
    }

    /// Its best meaning counts; others that fit as well confirm it.
    fn points(&self) -> f64 {
        self.best + 0.3 * (self.sum - self.best)
    }
}

#[derive(Default)]
struct Score {
    points: f64,
    words: f64,
}

impl Score {
    /// A method that answers to every word beats one that answers loudly to one of them, and one
    /// whose name is fully meant beats one whose name says more than was asked.
    fn total(&self, asked: f64, meant: f64) -> f64 {
        self.points * (self.words / asked.max(1.0)) * (0.5 + 0.5 * meant)
    }
}

fn whole(score: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "points are positive and far below four billion"
    )]
    let whole = (score * 100.0) as u32;
    whole
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
