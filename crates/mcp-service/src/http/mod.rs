//! Serving over HTTP: listening, guarding, routing, answering.
//!
//! Invariant: every error made here has a JSON body; nothing here writes what a caller sent into
//! a header.

mod accept;
mod batch;
pub mod config;
mod cors;
mod front;
mod guard;
mod health;
mod limits;
mod mcp;
mod ownership;
mod prefix;
pub(crate) mod reply;
mod rmcp_door;
pub mod server;
mod watch;
