//! All parts of the program, put together once.
//!
//! Not the decision what to do with them: that is a command's.
//! Invariant: nothing is started here that a command does not need: servers start when they are
//! first asked.

use std::{path::PathBuf, sync::Arc};

use foundation::{Clock, Random};
use mcp_service::Metrics;

use crate::{
    approvals::Approvals, catalogue::Catalogue, config::Config, hub::Hub, journal::Journal,
    pipeline::Pipeline, policy::Policy, store::Store, telemetry::Spans, trust::CommandPins,
    upstream::Servers,
};

/// The parts.
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The folder of everything kept.
    pub state: PathBuf,
    /// The database.
    pub store: Store,
    /// The servers.
    pub servers: Arc<dyn Servers>,
    /// What they offer.
    pub catalogue: Arc<Catalogue>,
    /// The commands somebody approved.
    pub commands: Arc<CommandPins>,
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// What persons decided.
    pub approvals: Approvals,
    /// What was done.
    pub journal: Journal,
    /// The way of every call.
    pub pipeline: Arc<Pipeline>,
    /// The hub as an MCP server.
    pub hub: Arc<Hub>,
    /// The process's figures.
    pub metrics: Metrics,
    /// Where traces go.
    pub spans: Spans,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}
