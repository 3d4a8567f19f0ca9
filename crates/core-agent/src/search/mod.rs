//! Finds tools by everyday words.
//!
//! Not a conversation: one request, one ranked list.
//! Invariant: the same view, the same words and the same statistics give the same list.

mod encoder;
mod index;
mod request;
pub(crate) mod words;

use std::{
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use serde::Serialize;

use crate::{
    ServerName,
    catalogue::{Access, Category, HubTool, View},
    config::SearchConfig,
};
use encoder::Encoder;
use index::{Index, Weights};

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
    /// The best there is: words, fused with the encoder when one is configured.
    #[default]
    Best,
    /// Weighted fields, everyday synonyms, statistics.
    Words,
    /// Nearness of meaning alone; finds nothing when no encoder is configured.
    Encoder,
    /// Plain BM25 over names and descriptions, to compare with.
    Bm25,
}

/// A name that is no ranker's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0:?} is no ranker: use best, words, encoder or bm25")]
pub struct BadRanker(pub String);

impl FromStr for Ranker {
    type Err = BadRanker;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "bm25" => Self::Bm25,
            "best" => Self::Best,
            "encoder" => Self::Encoder,
            "words" => Self::Words,
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

impl ToolUse {
    /// Between nothing and one: much used, and well.
    fn worth(self) -> f64 {
        let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if self.calls == 0 {
            return 0.0;
        }
        let well = 1.0 - number(self.failures.min(self.calls)) / number(self.calls);
        let much = (number(self.calls).ln_1p() / 1000_f64.ln_1p()).min(1.0);
        well * much
    }
}

/// Searches views; keeps the index of the last one.
pub struct Searcher {
    /// The folder of the encoder, and the encoder once it was needed.
    folder: Option<PathBuf>,
    encoder: OnceLock<Option<Encoder>>,
    index: Mutex<Option<Arc<Index>>>,
}

impl Searcher {
    /// A searcher as it is configured. An encoder is read with the first search.
    pub fn new(config: &SearchConfig) -> Self {
        Self {
            folder: config.encoder.clone(),
            encoder: OnceLock::new(),
            index: Mutex::default(),
        }
    }

    /// The tools of a view that fit, best first.
    pub fn search(
        &self,
        view: &Arc<View>,
        query: &SearchQuery,
        uses: Option<&dyn ToolUses>,
    ) -> Vec<Hit> {
        let index = match self.index(view) {
            Ok(index) => index,
            Err(error) => {
                tracing::error!(%error, "the tools cannot be indexed");
                return Vec::new();
            }
        };
        index
            .search(query, &Weights::TUNED, self.encoder(), uses)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the search failed");
                Vec::new()
            })
    }

    fn index(&self, view: &Arc<View>) -> rusqlite::Result<Arc<Index>> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = index.as_ref()
            && Arc::ptr_eq(index.view(), view)
        {
            return Ok(index.clone());
        }
        let made = Arc::new(Index::new(view.clone(), self.encoder())?);
        *index = Some(made.clone());
        Ok(made)
    }

    fn encoder(&self) -> Option<&Encoder> {
        self.encoder
            .get_or_init(|| {
                let folder = self.folder.as_ref()?;
                Encoder::load(folder)
                    .map_err(|error| tracing::warn!("{error}; tools are found by words alone"))
                    .ok()
            })
            .as_ref()
    }
}
