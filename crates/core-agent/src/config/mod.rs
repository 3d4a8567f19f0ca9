//! The configuration: what it says, where it is read from, what is wrong with it.
//!
//! Invariant: a [`Config`] in hand is complete and checked; secrets in it are references still.

mod model;

pub use model::*;
