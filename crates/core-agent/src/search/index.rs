//! The index of a view: SQLite's full-text search, in memory.
//!
//! Made when it is first asked for a view, and again when the view changed.
//! Invariant: an index answers for exactly one view.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, params};
use serde_json::Value;

use super::{
    Hit, Ranker, SearchQuery, ToolUses,
    encoder::{Encoder, nearness},
    request::{Concept, concepts},
    words::{of_text, plain, split},
};
use crate::catalogue::{HubTool, View};

/// The longest request, in words; the rest says nothing new.
const MOST_WORDS: usize = 40;

/// How deep two lists are read when they are fused, and how much the first places stand out.
const DEEP: usize = 100;
const DAMPING: f64 = 10.0;
/// What the encoder's list counts against the list by words.
const NEAR: f64 = 0.5;
/// What a word counts at least to be encoded.
const HEARD: f64 = 0.3;

/// How much each part of a tool's definition weighs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) server: f64,
    pub(super) name: f64,
    pub(super) title: f64,
    pub(super) first: f64,
    pub(super) description: f64,
    pub(super) arguments: f64,
    pub(super) argument_words: f64,
    /// A word that means the same, against the word itself.
    pub(super) synonym: f64,
    /// A tool all words are found in, against one that has one of them.
    pub(super) coverage: f64,
    /// A name all words of which were asked for.
    pub(super) named: f64,
    /// The power a score is taken to: less than one, so that one rare word does not decide alone.
    pub(super) rarity: f64,
    /// A tool that is called often and well, at most.
    pub(super) used: f64,
}

impl Weights {
    /// Tuned on the training half of the requests in `tests/data/search`.
    pub(super) const TUNED: Self = Self {
        server: 0.5,
        name: 3.0,
        title: 2.0,
        first: 1.0,
        description: 0.5,
        arguments: 1.0,
        argument_words: 0.5,
        synonym: 0.5,
        coverage: 1.0,
        named: 2.0,
        rarity: 0.55,
        used: 0.05,
    };
}

/// One view, ready to be searched.
pub(super) struct Index {
    view: Arc<View>,
    texts: Mutex<Connection>,
    /// The plain words of each tool's name.
    names: Vec<Vec<String>>,
    /// The plain words of all names, of tools and of servers.
    known: HashSet<String>,
    /// Each tool's direction, when there is an encoder.
    meanings: Vec<Option<Vec<f32>>>,
}

/// What the words of the request found in a tool.
#[derive(Default)]
struct Found {
    score: f64,
    covered: f64,
    words: BTreeSet<String>,
}

/// A word that was asked for, in plain forms.
struct Asked {
    own: String,
    same: BTreeSet<String>,
    weight: f64,
}

impl Asked {
    fn new(concept: &Concept) -> Self {
        Self {
            own: plain(&concept.word),
            same: concept.same.iter().map(|word| plain(word)).collect(),
            weight: concept.weight,
        }
    }
}

impl Index {
    /// The index of a view.
    pub(super) fn new(view: Arc<View>, encoder: Option<&Encoder>) -> rusqlite::Result<Self> {
        let mut texts = Connection::open_in_memory()?;
        texts.set_prepared_statement_cache_capacity(16);
        texts.execute_batch(
            "CREATE VIRTUAL TABLE plain USING fts5(name, description, content='', tokenize='porter unicode61');
             CREATE VIRTUAL TABLE tools USING fts5(server, name, title, first, description, arguments, argument_words,
                 content='', tokenize='porter unicode61');",
        )?;
        let transaction = texts.transaction()?;
        let mut names = Vec::with_capacity(view.tools.len());
        let mut meanings = Vec::new();
        {
            let mut simple = transaction
                .prepare("INSERT INTO plain (rowid, name, description) VALUES (?1, ?2, ?3)")?;
            let mut full = transaction.prepare(
                "INSERT INTO tools (rowid, server, name, title, first, description, arguments, argument_words)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for (at, tool) in view.tools.iter().enumerate() {
                let row = i64::try_from(at).unwrap_or(i64::MAX);
                let words = split(&tool.original.name);
                let description = tool.original.description.as_deref().unwrap_or_default();
                simple.execute(params![row, tool.original.name, description])?;
                let (first, rest) = first_sentence(description);
                let (arguments, argument_words) = arguments(tool);
                full.execute(params![
                    row,
                    split(tool.server.as_str()).join(" "),
                    words.join(" "),
                    title(tool),
                    first,
                    rest,
                    arguments,
                    argument_words,
                ])?;
                if let Some(encoder) = encoder {
                    let name = words.join(" ");
                    let server = split(tool.server.as_str()).join(" ");
                    // The name twice: it says more than as many words of the description.
                    let first: String = first.chars().take(300).collect();
                    meanings.push(encoder.embed(&format!("{server} {name} {name}. {first}")));
                }
                names.push(words.iter().map(|word| plain(word)).collect());
            }
        }
        transaction.commit()?;
        let servers = view
            .tools
            .iter()
            .flat_map(|tool| split(tool.server.as_str()));
        let known = names
            .iter()
            .flatten()
            .cloned()
            .chain(servers.map(|word| plain(&word)))
            .collect();
        Ok(Self {
            view,
            texts: Mutex::new(texts),
            names,
            known,
            meanings,
        })
    }

    /// The view this is the index of.
    pub(super) fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The tools that fit, best first.
    pub(super) fn search(
        &self,
        query: &SearchQuery,
        weights: &Weights,
        encoder: Option<&Encoder>,
        uses: Option<&dyn ToolUses>,
    ) -> rusqlite::Result<Vec<Hit>> {
        let ranked = match query.ranker {
            Ranker::Bm25 => self.plain(&query.words)?,
            Ranker::Words => self.words(&query.words, weights, uses)?,
            Ranker::Encoder => {
                encoder.map_or_else(Vec::new, |encoder| self.near(&query.words, encoder))
            }
            Ranker::Best => {
                let words = self.words(&query.words, weights, uses)?;
                match encoder {
                    Some(encoder) => fused(words, self.near(&query.words, encoder)),
                    None => words,
                }
            }
        };
        let fits = |tool: &HubTool| {
            (query.servers.is_empty() || query.servers.contains(&tool.server))
                && (query.categories.is_empty()
                    || tool
                        .categories
                        .iter()
                        .any(|category| query.categories.contains(category)))
                && query.access.is_none_or(|most| tool.access <= most)
        };
        Ok(ranked
            .into_iter()
            .filter_map(|(at, score, why)| {
                let tool = self.view.tools.get(at)?;
                fits(tool).then(|| Hit {
                    tool: tool.clone(),
                    score,
                    why,
                })
            })
            .take(query.limit)
            .collect())
    }

    /// What everybody gets from the library without a thought.
    fn plain(&self, words: &str) -> rusqlite::Result<Vec<(usize, f64, String)>> {
        let words: BTreeSet<String> = of_text(words).take(MOST_WORDS).collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let any: Vec<&str> = words.iter().map(String::as_str).collect();
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = texts.prepare_cached(
            "SELECT rowid, -bm25(plain) FROM plain WHERE plain MATCH ?1 ORDER BY bm25(plain), rowid",
        )?;
        let rows = statement.query_map([any_of(&any)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
        })?;
        rows.map(|row| {
            row.map(|(at, score)| {
                (
                    usize::try_from(at).unwrap_or(usize::MAX),
                    score,
                    String::new(),
                )
            })
        })
        .collect()
    }

    fn words(
        &self,
        words: &str,
        weights: &Weights,
        uses: Option<&dyn ToolUses>,
    ) -> rusqlite::Result<Vec<(usize, f64, String)>> {
        let concepts = concepts(words, &self.known);
        if concepts.is_empty() {
            let everything = self.view.tools.iter().enumerate();
            return Ok(everything.map(|(at, _)| (at, 0.0, String::new())).collect());
        }
        let mut found: HashMap<usize, Found> = HashMap::new();
        for concept in &concepts {
            for (at, score, why) in self.one(concept, weights)? {
                let found = found.entry(at).or_default();
                found.score += score.powf(weights.rarity) * concept.weight;
                found.covered += concept.weight;
                found.words.insert(why);
            }
        }
        let all: f64 = concepts.iter().map(|concept| concept.weight).sum();
        let asked: Vec<Asked> = concepts.iter().map(Asked::new).collect();
        let mut ranked: Vec<(usize, f64, String)> = found
            .into_iter()
            .map(|(at, found)| {
                let named = self
                    .names
                    .get(at)
                    .map_or(0.0, |name| named(name, &asked, weights));
                let mut score = found.score
                    * (1.0 + weights.coverage * found.covered / all)
                    * (1.0 + weights.named * named);
                if let (Some(uses), Some(tool)) = (uses, self.view.tools.get(at)) {
                    let of = uses.of(&tool.server, &tool.original.name);
                    score *= 1.0 + weights.used * of.worth();
                }
                let why: Vec<String> = found.words.into_iter().collect();
                (at, score, why.join(", "))
            })
            .collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        Ok(ranked)
    }

    /// The tools one word is found in, by itself or by another that means the same.
    fn one(
        &self,
        concept: &Concept,
        weights: &Weights,
    ) -> rusqlite::Result<Vec<(usize, f64, String)>> {
        let word = &concept.word;
        let own = self.ask(&any_of(&[word.as_str()]), weights)?;
        let mut best: BTreeMap<usize, (f64, String)> = own
            .into_iter()
            .map(|(at, score)| (at, (score, word.clone())))
            .collect();
        if !concept.same.is_empty() {
            for (at, score) in self.ask(&any_of(&concept.same), weights)? {
                let entry = best
                    .entry(at)
                    .or_insert_with(|| (0.0, format!("{word} (by another word)")));
                entry.0 = entry.0.max(score * weights.synonym);
            }
        }
        Ok(best
            .into_iter()
            .map(|(at, (score, why))| (at, score.max(0.0), why))
            .collect())
    }

    /// The tools whose meaning is nearest.
    fn near(&self, words: &str, encoder: &Encoder) -> Vec<(usize, f64, String)> {
        let concepts = concepts(words, &self.known);
        let said: Vec<&str> = concepts
            .iter()
            .filter(|concept| concept.weight >= HEARD)
            .map(|concept| concept.word.as_str())
            .collect();
        let Some(wanted) = encoder.embed(&said.join(" ")) else {
            return Vec::new();
        };
        let mut ranked: Vec<(usize, f64, String)> = self
            .meanings
            .iter()
            .enumerate()
            .filter_map(|(at, meaning)| {
                let near = f64::from(nearness(&wanted, meaning.as_ref()?));
                Some((at, near, "near in meaning".to_owned()))
            })
            .collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        ranked
    }

    fn ask(&self, words: &str, weights: &Weights) -> rusqlite::Result<Vec<(usize, f64)>> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = texts.prepare_cached(
            "SELECT rowid, -bm25(tools, ?2, ?3, ?4, ?5, ?6, ?7, ?8) FROM tools WHERE tools MATCH ?1",
        )?;
        let rows = statement.query_map(
            params![
                words,
                weights.server,
                weights.name,
                weights.title,
                weights.first,
                weights.description,
                weights.arguments,
                weights.argument_words,
            ],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)),
        )?;
        rows.map(|row| row.map(|(at, score)| (usize::try_from(at).unwrap_or(usize::MAX), score)))
            .collect()
    }
}

/// Both orders in one: the reciprocal places added, those of the encoder at a lower weight.
fn fused(
    words: Vec<(usize, f64, String)>,
    near: Vec<(usize, f64, String)>,
) -> Vec<(usize, f64, String)> {
    let mut sums: BTreeMap<usize, (f64, String)> = BTreeMap::new();
    for (list, weight) in [(words, 1.0), (near, NEAR)] {
        for (place, (at, _, why)) in (0_u32..).zip(list.into_iter().take(DEEP)) {
            let sum = sums.entry(at).or_insert_with(|| (0.0, why));
            sum.0 += weight / (DAMPING + f64::from(place));
        }
    }
    let mut ranked: Vec<(usize, f64, String)> = sums
        .into_iter()
        .map(|(at, (score, why))| (at, score, why))
        .collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    ranked
}

/// How much of a name was asked for.
fn named(name: &[String], asked: &[Asked], weights: &Weights) -> f64 {
    let sum: f64 = name
        .iter()
        .map(|word| {
            let weights = asked.iter().map(|asked| {
                if asked.own == *word {
                    asked.weight
                } else if asked.same.contains(word) {
                    asked.weight * weights.synonym
                } else {
                    0.0
                }
            });
            weights.fold(0.0, f64::max)
        })
        .sum();
    sum / f64::from(u32::try_from(name.len()).unwrap_or(u32::MAX).max(1))
}

/// An expression that matches any of the words.
fn any_of(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("\"{}\"", word.replace('"', " ")))
        .collect::<Vec<_>>()
        .join(" OR ")
}

fn first_sentence(text: &str) -> (&str, &str) {
    let end = text
        .find(". ")
        .into_iter()
        .chain(text.find('\n'))
        .min()
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn title(tool: &HubTool) -> &str {
    let annotated = || {
        tool.original
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.title.as_deref())
    };
    tool.original
        .title
        .as_deref()
        .or_else(annotated)
        .unwrap_or_default()
}

/// The names of a tool's arguments, and what is said of them.
fn arguments(tool: &HubTool) -> (String, String) {
    let mut names = Vec::new();
    let mut words = Vec::new();
    let properties = tool.listed.input_schema.get("properties");
    for (name, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
        names.extend(split(name));
        if let Some(text) = schema.get("description").and_then(Value::as_str) {
            words.push(text);
        }
        for choice in schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .take(20)
        {
            words.extend(choice.as_str());
        }
    }
    (names.join(" "), words.join(" "))
}
