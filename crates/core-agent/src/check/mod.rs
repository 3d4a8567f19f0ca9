//! Checking real servers: does one speak the protocol, are its tools well declared, do they work?
//!
//! Not a conformance suite of a library, and not a load test. A server is asked over the hub's own
//! connection, in raw messages, so that what a typed client would forgive is seen.
//! Invariant: nothing is called that may change anything, and a server that could not be asked is
//! never counted as good.

mod arguments;
mod calls;
mod conversation;
mod definitions;
mod fields;
mod listing;
mod protocol;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod text;

#[cfg(test)]
pub(crate) use definitions::judge as judge_definitions;
pub use report::{
    Area, CallReport, Counts, Ended, Finding, Report, ServerReport, Severity, Skipped, Standing,
    Timings, Totals,
};
pub use run::{CheckOptions, all};
pub use text::render;
