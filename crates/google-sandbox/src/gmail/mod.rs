//! Gmail in a box.
//!
//! Not a transport and not an authority on rights of tokens: the door has checked both.
//! Invariant: state is plain data.

use serde::{Deserialize, Serialize};

use crate::call::Service;

/// The state of all mailboxes.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {}

pub(crate) const SERVICE: Service = Service {
    name: "gmail",
    routes: &[],
    open: |_, _| {},
    seed: |_, _| {},
};

pub(crate) fn deliver_notice(
    _world: &mut crate::world::World,
    _notice: &crate::call::Notice,
    _now: jiff::Timestamp,
) {
}
