//! Taking over the servers that other programs are configured with.
//!
//! Not their settings, nor their approvals. Invariant: nothing is written unless it was asked
//! for, and no secret is printed.

mod clients;
mod plan;
mod read;
mod write;

pub use clients::{Client, ForeignFile, Places};
pub use plan::{Action, Import, ImportError, Taken, Wanted, plan};
pub use write::write;

#[cfg(test)]
mod tests;
