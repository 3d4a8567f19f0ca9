//! Distrust of servers: what they offer is pinned at first sight, their words are scanned, their
//! commands are approved by a person.
//!
//! Not the policy of calls: that is asked for each call, this for each definition.
//! Invariant: nothing here believes what a server says of itself.

mod canonical;
mod commands;
mod pins;
mod scan;

pub use canonical::{Change, fingerprint};
pub use commands::{CommandPins, CommandReport, CommandVerdict};
pub use pins::{PinReport, Pins, TrustError};
pub use scan::{Finding, FindingKind, Severity, scan};
