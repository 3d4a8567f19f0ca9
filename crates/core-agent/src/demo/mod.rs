//! The demonstration: what the hub does, shown with real servers.
//!
//! Invariant: nothing is printed that did not come out of a call made at that moment.

pub mod servers;
