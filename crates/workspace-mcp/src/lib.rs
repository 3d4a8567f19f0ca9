//! `workspace-mcp`: the Google Workspace server for AI assistants over MCP.
//!
//! Wires the crates below together: configuration, the gateway every tool call passes, the routes
//! for signing in, and the commands. Invariant: what a tool or a protocol does is decided below;
//! this crate only joins.

pub mod app;
mod client;
pub mod commands;
pub mod config;
mod demo;
pub mod gateway;
pub mod listen;
mod routes;
