//! Finds tools by everyday words.
//!
//! Not a conversation: one request, one ranked list.
//! Invariant: the same view, the same words and the same statistics give the same list.

use std::{str::FromStr, sync::Arc};

use serde::Serialize;

use crate::{
    ServerName,
    catalogue::{Access, Category, HubTool},
};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// Everyday words; everything matches when there are none.
    pub words: String,
    /// Only tools of these servers; all when empty.
    pub servers: Vec<ServerName>,
    /// Only tools of one of these categories; all when empty.
    pub categories: Vec<Category>,
    /// Only tools that do no more than this.
    pub access: Option<Access>,
    /// How many at most.
    pub limit: usize,
    /// How they are put in order.
    pub ranker: Ranker,
}

impl SearchQuery {
    /// The ten best tools for these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            servers: Vec::new(),
            categories: Vec::new(),
            access: None,
            limit: 10,
            ranker: Ranker::default(),
        }
    }
}

/// How tools are put in order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ranker {
    /// The best there is: words, fused with the encoder when one is loaded.
    #[default]
    Best,
    /// Plain BM25 over names and descriptions, to compare with.
    Bm25,
    /// Weighted fields, everyday synonyms, statistics.
    Words,
    /// Nearness of meaning alone; nothing without an encoder.
    Encoder,
    /// The reciprocal ranks of `words` and `encoder` added.
    Fused,
}

/// A name that is no ranker's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0:?} is no ranker: use best, bm25, words, encoder or fused")]
pub struct BadRanker(pub String);

impl FromStr for Ranker {
    type Err = BadRanker;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "best" => Self::Best,
            "bm25" => Self::Bm25,
            "words" => Self::Words,
            "encoder" => Self::Encoder,
            "fused" => Self::Fused,
            _ => return Err(BadRanker(text.to_owned())),
        })
    }
}

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The tool.
    pub tool: Arc<HubTool>,
    /// How well it fits; comparable within one answer only.
    pub score: f64,
    /// Which words were found where, for people.
    pub why: String,
}

/// What is known of a tool's use, from the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ToolUse {
    /// How often it was called.
    pub calls: u64,
    /// How many of the calls failed.
    pub failures: u64,
}

/// Tells how tools were used.
pub trait ToolUses: Send + Sync + 'static {
    /// The use of a tool, by its server and the server's name of it.
    fn of(&self, server: &ServerName, tool: &str) -> ToolUse;
}
