//! Demo mail.
//!
//! Invariant: the same seed and time give the same mailboxes.

use jiff::Timestamp;
use crate::world::World;

pub(super) fn fill(world: &mut World, now: Timestamp) {
    super::open(world, now);
}
