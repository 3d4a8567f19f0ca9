//! The hub as an MCP server: what its own clients see, whatever era they are of.
//!
//! Not how a call is made: that is the pipeline's. Not how a server is spoken to: that is upstream's.
//! Invariant: a client reaches a server's tool only through the pipeline.
#![expect(
    deprecated,
    reason = "sampling, roots, logging and subscriptions are what the handshake era has"
)]

mod bridge;
mod callers;
mod calls;
mod handler;
mod listing;
mod news;
mod own;
mod relay;
mod resources;
mod results;
mod serve;
mod short;
mod tasks;
mod visit;

use std::{collections::HashMap, sync::Arc, time::Duration};

use foundation::{Clock, Random, nearest};
use mcp_service::{About, Metrics, ToolList};
use rmcp::{ErrorData, model::CallToolResult};
use serde_json::{Map, Value};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ServerName,
    approvals::Approvals,
    catalogue::{Catalogue, HubTool, View},
    config::{Config, Listing},
    journal::{Journal, ToolStats, stats},
    pipeline::Pipeline,
    search::{Hit, SearchQuery},
    secret::Secrets,
    store::{Store, StoreError},
    upstream::{Patience, ServerState, Servers},
};

use bridge::{Bridge, States};
use listing::{Lists, Schemas};
use news::News;
use own::{Own, OwnCall, Run, Wrapped};

pub(crate) use callers::principal_of;
pub use callers::{Callers, CallersError};
pub use serve::ServeError;

/// How long a client may have to wait for servers nothing is known of.
const ACQUAINTANCE: Duration = Duration::from_secs(8);
/// Names of servers that a model is told.
const NAMED: usize = 30;

/// What a hub is made of.
pub struct HubOptions {
    /// The configuration.
    pub config: Arc<Config>,
    /// The servers.
    pub servers: Arc<dyn Servers>,
    /// What they offer.
    pub catalogue: Arc<Catalogue>,
    /// The way of every call.
    pub pipeline: Arc<Pipeline>,
    /// What persons decided.
    pub approvals: Approvals,
    /// What was done.
    pub journal: Journal,
    /// Looks secrets up.
    pub secrets: Arc<Secrets>,
    /// The database.
    pub store: Store,
    /// The process's figures.
    pub metrics: Metrics,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// One MCP server in front of all the others.
pub struct Hub {
    options: HubOptions,
    about: About,
    bridge: Bridge,
    lists: Lists,
    news: News,
    /// The calls at work.
    calls: TaskTracker,
    /// One acquaintance with unknown servers at a time.
    acquainting: tokio::sync::Mutex<()>,
    /// Cancelled when the client at the other end of the pipe is gone.
    left: CancellationToken,
}

/// What a called name stands for.
enum Resolved {
    /// A tool of the hub itself.
    Own(OwnCall),
    /// A tool of a server.
    Passed(Wrapped),
    /// Nothing that can be called: this is the answer.
    Answered(Box<CallToolResult>),
}

impl Hub {
    /// Puts the hub together.
    pub async fn new(options: HubOptions) -> Result<Arc<Self>, StoreError> {
        let states =
            States::open_store(&options.store, Arc::clone(&options.clock), &*options.random)
                .await?;
        let calls = TaskTracker::new();
        let same = options.config.callers.is_empty();
        Ok(Arc::new(Self {
            about: about(&options.config),
            bridge: Bridge::new(states, calls.clone()),
            lists: Lists::new(options.config.hub.listing, same),
            news: News::default(),
            calls,
            acquainting: tokio::sync::Mutex::new(()),
            left: CancellationToken::new(),
            options,
        }))
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.options.config
    }

    fn about(&self) -> &About {
        &self.about
    }

    fn view(&self) -> Arc<View> {
        self.options.catalogue.view()
    }

    fn tool_list(&self, schemas: Schemas) -> Arc<ToolList> {
        self.lists.of(&self.view(), schemas)
    }

    /// Whether no caller sees what another does not.
    fn everybody_sees_the_same(&self) -> bool {
        self.options.config.callers.is_empty()
    }

    /// The servers that could be used and of which nothing is known yet.
    fn strangers(&self) -> Vec<ServerName> {
        let catalogue = &self.options.catalogue;
        let mut names = self.options.servers.names();
        names.retain(|name| catalogue.known(name).is_none());
        names.retain(|name| {
            // One that failed is left alone for a while by itself; one that waits for a person is
            // told from its failure only by asking again.
            self.options
                .servers
                .status(name)
                .is_some_and(|status| status.state != ServerState::Disabled)
        });
        names
    }

    /// Lets servers list what they have of which nothing is known yet, each at most once; waits
    /// a moment for them, not for the slowest.
    async fn acquaint(&self) {
        if self.strangers().is_empty() {
            return;
        }
        // Whoever asked and has no more to say still waits for the answer.
        let _at_work = self.calls.token();
        let work = async {
            let _alone = self.acquainting.lock().await;
            let strangers = self.strangers();
            if !strangers.is_empty() {
                tracing::info!(servers = strangers.len(), "getting to know servers");
                own::ensure_all(self, &strangers).await;
            }
        };
        // What is not there by then goes on by itself: an unknown server is asked again later.
        let _ = timeout(ACQUAINTANCE, work).await;
    }

    /// The servers of which nothing is known, and why.
    fn unknown_servers(&self) -> Vec<(ServerName, String)> {
        let servers = &self.options.servers;
        servers
            .names()
            .into_iter()
            .filter(|name| self.options.catalogue.known(name).is_none())
            .filter_map(|name| {
                let status = servers.status(&name)?;
                if status.state == ServerState::Disabled {
                    return None;
                }
                let why = status.last_fault.map_or_else(
                    || "it has not answered yet".to_owned(),
                    |fault| fault.to_string(),
                );
                Some((name, why))
            })
            .collect()
    }

    /// The tool with this name, looked for at servers nothing is known of when it is not known.
    async fn tool(&self, name: &str) -> Option<Arc<HubTool>> {
        let known = self.view().tool(name).cloned();
        if known.is_some() || self.strangers().is_empty() {
            return known;
        }
        self.acquaint().await;
        self.view().tool(name).cloned()
    }

    /// What a called name stands for.
    async fn resolve(
        &self,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Resolved, ErrorData> {
        let merged = self.options.config.hub.listing == Listing::Merged;
        // A server's tool may have the bare name of one of the hub's, where all are listed.
        let own = own::named(name).filter(|_| !merged || self.view().tool(name).is_none());
        if let Some(own) = own {
            return Ok(self.own(own, arguments).await);
        }
        if let Some(tool) = self.tool(name).await {
            return Ok(Resolved::Passed(Wrapped { tool, arguments }));
        }
        let meant = self
            .nearest_tool(name)
            .map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Err(ErrorData::invalid_params(
            format!("unknown tool: {name}{meant}"),
            None,
        ))
    }

    async fn own(&self, own: &'static Own, arguments: Map<String, Value>) -> Resolved {
        match own.run {
            Run::Here(work) => Resolved::Own(OwnCall::new(work, arguments)),
            Run::Passed => match own::unwrap(self, own, arguments).await {
                Ok(wrapped) => Resolved::Passed(wrapped),
                Err(answer) => Resolved::Answered(answer),
            },
        }
    }

    /// The name of the tool that was probably meant.
    fn nearest_tool(&self, name: &str) -> Option<String> {
        let view = self.view();
        let own = own::all().map(|own| own.name);
        let all = view.tools.iter().map(|tool| tool.name()).chain(own);
        // A name without its server is what models forget most.
        let ends = |known: &&str| known.ends_with(name) && known.len() > name.len();
        let longer = view.tools.iter().map(|tool| tool.name()).find(ends);
        longer.or_else(|| nearest(name, all)).map(str::to_owned)
    }

    /// The server of this name, or what to say when there is none.
    fn server_named(&self, name: &str) -> Result<ServerName, Box<CallToolResult>> {
        let names = self.options.servers.names();
        if let Some(server) = names.iter().find(|server| server.as_str() == name) {
            return Ok(server.clone());
        }
        let known: Vec<&str> = names.iter().map(ServerName::as_str).collect();
        Err(Box::new(results::failure(
            &format!("no server {name} is configured"),
            "UNKNOWN_SERVER",
            &["use one of the configured servers"],
            serde_json::json!({ "servers": known }),
        )))
    }

    /// The prompt of this name: its server and its name there.
    async fn prompt(&self, name: &str) -> Option<(ServerName, String)> {
        let find = |view: &View| {
            view.prompt(name)
                .map(|prompt| (prompt.server.clone(), prompt.original.clone()))
        };
        if let Some(found) = find(&self.view()) {
            return Some(found);
        }
        self.acquaint().await;
        find(&self.view())
    }

    /// The tools that fit, best first, of servers met for the first time as well.
    async fn search(&self, query: SearchQuery) -> Vec<Hit> {
        self.acquaint().await;
        let catalogue = self.options.catalogue.clone();
        // After a change all tools are indexed anew: not on a thread that serves others.
        let searched = tokio::task::spawn_blocking(move || catalogue.search(&query)).await;
        searched.unwrap_or_else(|error| {
            tracing::error!(%error, "the search failed");
            Vec::new()
        })
    }

    /// What was measured of each tool, by the hub's name.
    fn tool_stats(&self) -> HashMap<String, ToolStats> {
        stats(&self.options.store)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "the statistics cannot be read");
                Vec::new()
            })
            .into_iter()
            .map(|stats| (stats.tool.clone(), stats))
            .collect()
    }

    /// How long a server may take.
    fn patience_with(&self, server: &ServerName) -> Patience {
        Patience::configured(&self.options.config, server)
    }
}

fn about(config: &Config) -> About {
    let names: Vec<&str> = config
        .servers
        .iter()
        .filter(|(_, server)| server.enabled)
        .map(|(name, _)| name.as_str())
        .take(NAMED)
        .collect();
    let how = match config.hub.listing {
        Listing::Meta => {
            "Find tools with find_tools, look at them with describe_tool, call them with call_read_tool or call_write_tool."
        }
        Listing::Merged => "A tool's name begins with its server's name.",
    };
    let servers = if names.is_empty() {
        "No server is configured yet.".to_owned()
    } else {
        format!("Servers: {}.", names.join(", "))
    };
    About {
        name: "core-agent".into(),
        service: "core-agent".into(),
        title: "Core Agent".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        instructions: format!("One door to the tools of many servers. {how} {servers}"),
        website: None,
        resources: true,
        prompts: true,
    }
}
