//! What was done: calls, and the audit of decisions.
//!
//! Invariant: a call that may have an effect is in the journal before it reaches a server.

use std::{path::Path, sync::Arc};

use foundation::{Clock, Random};

use crate::store::{Store, StoreError};

/// The journal.
#[derive(Clone)]
pub struct Journal {
    _store: Store,
}

impl Journal {
    /// Opens it for writing. Calls that processes now dead left open are marked so.
    pub async fn open(
        store: Store,
        _state: &Path,
        _clock: Arc<dyn Clock>,
        _random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        Ok(Self { _store: store })
    }
}
