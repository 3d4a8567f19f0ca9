//! The short way from an HTTP body to a tool and back.
//!
//! It reads the JSON-RPC envelope itself and writes the answer itself, without a task, a channel
//! or a second parse for each request. It answers what stands alone: `tools/call`, `tools/list`
//! and `ping`; everything else goes the long way.
//! Invariant: what it refuses, the long way would refuse as well.

pub(crate) mod checks;
pub(crate) mod envelope;
pub(crate) mod fault;
pub(crate) mod respond;
