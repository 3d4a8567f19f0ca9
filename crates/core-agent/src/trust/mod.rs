//! Distrust of servers: what they offer is pinned at first sight, their words are scanned, their
//! commands are approved by a person.
//!
//! Not the policy of calls: that is asked for each call, this for each definition.
//! Invariant: nothing here believes what a server says of itself.

mod canonical;
mod commands;
mod phrases;
mod pins;
mod scan;

pub use canonical::{Change, fingerprint};
pub use commands::{
    CommandPins, CommandReport, CommandVerdict, report as command_report, shown as shown_command,
};
pub(crate) use pins::{FIRST_SIGHT, Pin, Print, write_pin};
pub use pins::{PinReport, Pins, TrustError, identity};
pub(crate) use scan::scan_tool;
pub use scan::{Finding, FindingKind, Severity, scan};
