//! Recurring events: from `recurrence` lines to moments.
//!
//! Local times recur, not moments: nine o'clock stays nine o'clock across a change of the clocks.
//! A time that the change skips moves on by the gap, a time that happens twice means the first.
//! Invariant: occurrences come in order and none twice.

mod rule;
mod series;

pub(crate) use rule::{Rule, Until};
pub(crate) use series::{Series, Start};

#[cfg(test)]
mod tests;
