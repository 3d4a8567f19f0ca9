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

/// What is known of a token.
pub(super) enum Remembered {
    /// Nobody has looked for one.
    NotYet,
    /// There is none.
    Nothing,
    /// This one.
    Token(Box<Token>),
}

impl Slot {
    /// What is known.
    pub(super) fn token(&self) -> Remembered {
        let state = self.state();
        match (&state.token, state.loaded) {
            (Some(token), true) => Remembered::Token(Box::new(token.clone())),
            (None, true) => Remembered::Nothing,
            (_, false) => Remembered::NotYet,
        }
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
