//! What is remembered of one server and person while the program runs.
//!
//! Invariant: the lock is held for no longer than it takes to copy.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::oauth::{attempts::Attempts, token::Token};

/// One server and person.
#[derive(Default)]
pub(super) struct Slot {
    /// Held by whoever signs in or renews.
    pub(super) gate: tokio::sync::Mutex<()>,
    state: Mutex<SlotState>,
}

#[derive(Default)]
pub(super) struct SlotState {
    pub(super) loaded: bool,
    pub(super) token: Option<Token>,
    pub(super) attempts: Attempts,
}

impl Slot {
    /// The token, as far as it is known; `None` before it was looked for.
    pub(super) fn token(&self) -> Option<Option<Token>> {
        let state = self.state();
        state.loaded.then(|| state.token.clone())
    }

    pub(super) fn set(&self, token: Option<Token>) {
        let mut state = self.state();
        state.loaded = true;
        state.token = token;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
