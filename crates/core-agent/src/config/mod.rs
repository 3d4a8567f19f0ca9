//! The configuration: what it says, where it is read from, what is wrong with it.
//!
//! Invariant: a [`Config`] in hand is complete and checked; secrets in it are references still.

mod check;
mod check_server;
pub(crate) mod desktop;
mod dotenv;
mod fault;
pub mod keys;
mod load;
mod model;
pub mod programs;
pub(crate) mod shape;
pub(crate) mod show;
pub(crate) mod tree;
pub mod variables;

pub use fault::{Fault, Faults, Place, Severity};
pub use load::{LoadOptions, Loaded, Source, Variables, load, process_variables};
pub use model::*;

#[cfg(test)]
mod tests;
