//! What tests and benchmarks share: programs as child processes, a plain MCP client, a world of
//! sandbox and server, a proxy that misbehaves on demand.
//!
//! For development only. Invariant: everything here listens and connects on loopback, and every
//! child ends with the value that holds it.

mod canaries;
mod fault_proxy;
mod mcp;
mod program;
mod world;

pub use canaries::Canaries;
pub use fault_proxy::{Fault, FaultProxy};
pub use mcp::{HttpClient, Mcp, McpError, http};
pub use program::{Program, ProgramError};
pub use world::{EMAIL, SCOPES, World, WorldOptions};
