//! Serving over HTTP: listening, guarding, routing, answering.
//!
//! Invariant: every answer made here has a JSON body; nothing here writes what a caller sent into
//! a header.

pub mod config;
pub mod server;
