//! Alerts: what operators are told when a figure passes a threshold.
//!
//! Not the figures themselves: those are the journal's and the pipeline's.
//! Invariant: an alert that goes on is said once in its cool-down, however often it is looked at.

mod judge;
mod watch;

pub use judge::{Alert, Event, Observation, Standing, defaults, judge};
pub use watch::{Watch, firing};
