//! The shell around any MCP handler: HTTP and stdio, both protocol eras, limits, health,
//! telemetry, shutdown.
//!
//! It knows nothing of what the tools do; a program implements [`Tools`] and hands it to a
//! [`Server`] or to [`serve_stdio`].
//! Invariant: a request passes the same checks whichever path answers it.

mod ask;
mod base;
mod handler;
pub mod http;
mod lean;
mod metrics;
mod one_time;
mod progress;
mod shell;
mod signals;
mod stdio;
pub mod telemetry;
pub mod tools;

pub use base::{BaseError, ExternalBase};
pub use http::{
    config::{AllowedHosts, HttpConfig, LegacySessions, Limits},
    server::{Program, Readiness, ServeError, Server},
};
pub use metrics::Metrics;
pub use one_time::{MemoryOneTime, OneTime};
/// The protocol's own types, for the program that fills them.
pub use rmcp::model;
pub use stdio::{StdioError, serve_stdio, serve_stdio_with_handler};
pub use tools::{
    About, Answer, Beginning, Caller, ClientProgram, Era, HttpReply, Principal, Progress, Question,
    Relayed, Reply, ReplyAction, ToolCall, ToolList, ToolResult, Tools, Transport,
};
