//! `core-agent find`: tools by everyday words.
//!
//! Invariant: no server is started; what they listed last is searched.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{
    Common, Printer,
    known::{Known, configured},
    tools::{described, line},
};
use crate::{
    ServerName,
    catalogue::{Access, Category},
    search::{Ranker, SearchQuery},
};

/// Find tools by what they do, in everyday words.
#[derive(Debug, Args)]
pub(super) struct Find {
    /// What is to be done, such as: send a mail to a colleague.
    #[arg(required = true)]
    words: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Only tools of this server; can be given more than once.
    #[arg(long, value_name = "NAME")]
    server: Vec<ServerName>,
    /// Only tools of this category, such as communication; can be given more than once.
    #[arg(long, value_name = "NAME")]
    category: Vec<Category>,
    /// Only tools that change nothing.
    #[arg(long)]
    read_only: bool,
    /// How they are put in order: best, words, encoder, or bm25 to compare with.
    #[arg(long, default_value = "best")]
    ranker: Ranker,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Find {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let known = Known::open(common)?;
        for server in &self.server {
            configured(&known.config, server)?;
        }
        let hits = known.catalogue.search(&SearchQuery {
            servers: self.server,
            categories: self.category,
            access: self.read_only.then_some(Access::Read),
            limit: self.limit,
            ranker: self.ranker,
            ..SearchQuery::new(self.words.join(" "))
        });
        if self.json {
            let all: Vec<_> = hits
                .iter()
                .map(|hit| json!({ "score": hit.score, "why": hit.why, "tool": described(&hit.tool) }))
                .collect();
            Printer.line(&format!("{:#}", json!(all)));
        } else {
            for hit in &hits {
                Printer.line(&line(&hit.tool));
            }
        }
        if hits.is_empty() {
            let tools = known.catalogue.view().tools.len();
            Printer.problem(&format!(
                "none of {tools} known tools fits: `core-agent tools --refresh` lets servers list anew"
            ));
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}
