//! The hub: one MCP server in front of every MCP server a team uses.
//!
//! It knows MCP and nothing of what any server does. The parts, lowest first:
//! [`config`] says which servers there are, [`upstream`] talks to them, [`catalogue`] knows what
//! they offer, [`pipeline`] makes every call. Invariant: no call reaches a server by another way
//! than the pipeline.

mod actor;
pub mod alerts;
pub mod app;
pub mod approvals;
pub mod catalogue;
pub mod check;
pub mod commands;
pub mod config;
pub mod demo;
mod fault;
mod hex;
pub mod hub;
pub mod import;
pub mod journal;
pub mod metrics;
mod name;
pub mod oauth;
pub mod overview;
pub mod pipeline;
pub mod policy;
pub mod search;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod trust;
pub mod upstream;

pub use actor::{Actor, ClientSide, EndUser};
pub use fault::{Effect, Fault, FaultKind};
pub use name::{BadServerName, ServerName};
