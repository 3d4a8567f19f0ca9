//! Which words lead to which methods.
//!
//! Not stored: it is built from the catalogue when the first search comes. Invariant: a word leads
//! to a method once, with the weight of the best place it stands in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::OnceLock,
};

use super::tokens;
use crate::{api::SOURCES, catalogue::catalogue, method::Method};

/// How much a word says about a method, by where it stands.
mod weight {
    /// The last part of the id: what is done.
    pub(super) const VERB: f64 = 9.0;
    /// The part before: what it is done to.
    pub(super) const RESOURCE: f64 = 10.0;
    /// Parts further out.
    pub(super) const PARENT: f64 = 4.0;
    /// The product.
    pub(super) const PRODUCT: f64 = 7.0;
    /// Names of request and answer.
    pub(super) const SCHEMA: f64 = 3.0;
    /// Parameters and path.
    pub(super) const PARAMETER: f64 = 2.5;
    /// Properties of the request.
    pub(super) const PROPERTY: f64 = 2.0;
}

/// The first so many APIs are what nearly everybody means.
const EVERYDAY_APIS: usize = 12;

pub(super) struct Index {
    entries: Vec<Entry>,
    words: HashMap<String, Vec<(usize, f64)>>,
}

pub(super) struct Entry {
    pub(super) method: &'static Method,
    /// How likely the method is what people want, all else being equal.
    pub(super) likelihood: f64,
    /// The words of the last two parts of its id.
    name: BTreeSet<String>,
}

impl Entry {
    /// Which share of its name was meant.
    pub(super) fn meant_by(&self, meant: &BTreeSet<String>) -> f64 {
        let both = self.name.intersection(meant).count();
        super::count(both) / super::count(self.name.len().max(1))
    }
}

pub(super) fn get() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(build)
}

impl Index {
    pub(super) fn knows(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// The methods a word leads to, with weights; rare words weigh more.
    pub(super) fn postings(&self, word: &str) -> impl Iterator<Item = (usize, f64)> {
        let postings = self.words.get(word).map(Vec::as_slice).unwrap_or_default();
        let rarity = rarity(self.entries.len(), postings.len());
        postings
            .iter()
            .map(move |(method, weight)| (*method, weight * rarity))
    }

    pub(super) fn entry(&self, position: usize) -> &Entry {
        &self.entries[position]
    }
}

fn rarity(methods: usize, postings: usize) -> f64 {
    let ratio = super::count(methods) / super::count(postings.max(1));
    0.5 + ratio.ln().max(0.0) / 4.0
}

fn build() -> Index {
    let mut entries = Vec::new();
    let mut words: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
    for (circle, source) in SOURCES.iter().enumerate() {
        let Some(api) = catalogue().api(source.name) else {
            continue;
        };
        for method in api.methods.values() {
            let position = entries.len();
            for (word, weight) in words_of(method, source.title) {
                words.entry(word).or_default().push((position, weight));
            }
            entries.push(Entry {
                method,
                likelihood: likelihood(method, circle < EVERYDAY_APIS),
                name: method
                    .id
                    .rsplit('.')
                    .take(2)
                    .flat_map(tokens::of_name)
                    .collect(),
            });
        }
    }
    Index { entries, words }
}

fn likelihood(method: &Method, everyday: bool) -> f64 {
    let nesting = super::count(method.id.split('.').count());
    let base = if everyday { 1.2 } else { 1.0 };
    let old = if method.deprecated || method.id.starts_with("drive.teamdrives.") {
        0.5
    } else {
        1.0
    };
    // Without a verb in the question, people want to look.
    let verb = match method.id.rsplit('.').next() {
        Some("list") => 1.06,
        Some("get" | "search" | "create" | "insert") => 1.03,
        _ => 1.0,
    };
    base * old * verb / (1.0 + 0.04 * nesting)
}

fn words_of(method: &Method, title: &str) -> BTreeMap<String, f64> {
    let mut words: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |text: &str, weight: f64| {
        for word in tokens::of_text(text) {
            let entry = words.entry(word).or_insert(0.0);
            *entry = entry.max(weight);
        }
    };
    add(title, weight::PRODUCT);
    add(method.api_name, weight::PRODUCT);
    let parts: Vec<&str> = method.id.split('.').skip(1).collect();
    for (from_end, part) in parts.iter().rev().enumerate() {
        add(
            part,
            match from_end {
                0 => weight::VERB,
                1 => weight::RESOURCE,
                _ => weight::PARENT,
            },
        );
        // `freebusy` and `coursework` are written together as often as apart.
        add(&part.to_lowercase(), weight::PARENT);
    }
    add(method.path, weight::PARAMETER);
    for parameter in method.parameters.keys() {
        add(parameter, weight::PARAMETER);
    }
    for schema in method
        .request_schema()
        .into_iter()
        .chain(method.response_schema())
    {
        add(schema.name, weight::SCHEMA);
    }
    for (name, field) in method
        .request_schema()
        .into_iter()
        .flat_map(|schema| &schema.fields)
    {
        add(name, weight::PROPERTY);
        if let Some(inner) = field.ty.schema_name() {
            add(inner, weight::PROPERTY);
        }
    }
    words
}
