//! The hub as an MCP server: what its own clients see, whatever era they are of.
//!
//! Not how a call is made: that is the pipeline's. Not how a server is spoken to: that is upstream's.
//! Invariant: a client reaches a server's tool only through the pipeline.

use std::sync::Arc;

use foundation::{Clock, Random};
use mcp_service::Metrics;

use crate::{
    approvals::Approvals, catalogue::Catalogue, config::Config, journal::Journal,
    pipeline::Pipeline, store::Store, upstream::Servers,
};

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
}

impl Hub {
    /// Puts the hub together.
    pub fn new(options: HubOptions) -> Arc<Self> {
        Arc::new(Self { options })
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.options.config
    }
}
