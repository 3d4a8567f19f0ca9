//! `calendar.events`: reading and changing events.
//!
//! Invariant: whatever changes an event also brings the copies of its guests up to date.

mod check;
mod list;
mod remove;
mod write;

pub(super) use list::{get, instances, list};
pub(super) use remove::{delete, relocate};
pub(super) use write::{import, insert, patch, quick_add, update};
