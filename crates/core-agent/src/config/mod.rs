//! The configuration: what it says, where it is read from, what is wrong with it.
//!
//! Invariant: a [`Config`] in hand is complete and checked; secrets in it are references still.

mod fault;
mod load;
mod model;

pub use fault::{Fault, Faults, Place, Severity};
pub use load::{LoadOptions, Loaded, Source, Variables, load, process_variables};
pub use model::*;
