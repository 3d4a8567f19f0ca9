//! What is remembered of one account.
//!
//! Not the truth: the store is. The one exception is a refreshed credential that the store does
//! not have yet. Invariant: such a credential is never replaced by the one it was made from.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use google_api::TokenError;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::{
    Credential,
    store::{Read, Version},
};

#[derive(Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    credential: Option<Arc<Credential>>,
    checked: Option<Instant>,
    rejected: Option<SecretString>,
    unsaved: Option<Unsaved>,
    pause: Option<(Instant, TokenError)>,
}

/// A credential that is newer than the stored one.
#[derive(Clone)]
pub(super) struct Unsaved {
    /// The credential to store.
    pub(super) fresh: Arc<Credential>,
    /// The ones it was made from, as far as their grants differ.
    ancestors: Vec<Arc<Credential>>,
    /// The stored version it may replace at once.
    pub(super) replaces: Option<Version>,
}

impl Unsaved {
    /// Whether the credential was made from the grant of `stored`.
    pub(super) fn descends_from(&self, stored: &Credential) -> bool {
        self.ancestors
            .iter()
            .any(|ancestor| ancestor.same_grant(stored))
    }
}

/// What memory has to offer.
pub(crate) enum Remembered {
    Fresh(Arc<Credential>),
    Stale(Arc<Credential>),
    Nothing,
}

impl Memory {
    pub(super) fn look(&self, fresh: Duration) -> Remembered {
        let state = self.state();
        let young = state
            .checked
            .is_some_and(|checked| checked.elapsed() < fresh);
        match &state.credential {
            Some(credential) if young => Remembered::Fresh(credential.clone()),
            Some(credential) => Remembered::Stale(credential.clone()),
            None => Remembered::Nothing,
        }
    }

    pub(super) fn credential(&self) -> Option<Arc<Credential>> {
        self.state().credential.clone()
    }

    /// Counts what is remembered as looked up now.
    pub(super) fn touch(&self) {
        self.state().checked = Some(Instant::now());
    }

    /// Makes the next look go to the store.
    pub(super) fn expire(&self) {
        self.state().checked = None;
    }

    pub(super) fn forget(&self) {
        *self.state() = State::default();
    }

    /// Takes over what the store has.
    pub(super) fn adopt(&self, read: &Read) {
        let mut state = self.state();
        state.checked = Some(Instant::now());
        let kept = match (&state.unsaved, &read.credential) {
            (Some(unsaved), Some(stored)) => unsaved.descends_from(stored),
            _ => false,
        };
        if !kept {
            state.unsaved = None;
            state.credential = read.credential.clone().map(Arc::new);
        }
    }

    /// Takes over a credential refreshed from `base`, unless the account changed hands meanwhile.
    pub(super) fn refreshed(
        &self,
        base: &Arc<Credential>,
        fresh: Arc<Credential>,
        replaces: Option<Version>,
    ) {
        let mut state = self.state();
        if !state
            .credential
            .as_ref()
            .is_some_and(|now| now.same_grant(base))
        {
            return;
        }
        let mut ancestors = match state.unsaved.take() {
            Some(former) => former.ancestors,
            None => Vec::new(),
        };
        if !ancestors.iter().any(|ancestor| ancestor.same_grant(base)) {
            ancestors.push(base.clone());
        }
        state.credential = Some(fresh.clone());
        state.pause = None;
        state.unsaved = Some(Unsaved {
            fresh,
            ancestors,
            replaces,
        });
    }

    /// Notes that the record `fresh` was to replace has changed.
    pub(super) fn outdated(&self, fresh: &Arc<Credential>) {
        if let Some(unsaved) = &mut self.state().unsaved
            && Arc::ptr_eq(&unsaved.fresh, fresh)
        {
            unsaved.replaces = None;
        }
    }

    pub(super) fn unsaved(&self) -> Option<Unsaved> {
        self.state().unsaved.clone()
    }

    /// Notes that the store has `fresh` now.
    pub(super) fn saved(&self, fresh: &Arc<Credential>) {
        let mut state = self.state();
        if state
            .unsaved
            .as_ref()
            .is_some_and(|unsaved| Arc::ptr_eq(&unsaved.fresh, fresh))
        {
            state.unsaved = None;
        }
    }

    /// Gives up the wish to store what is not stored yet.
    pub(super) fn give_up(&self) {
        self.state().unsaved = None;
    }

    pub(super) fn reject(&self, token: &SecretString) {
        self.state().rejected = Some(token.clone());
    }

    pub(super) fn was_rejected(&self, token: &SecretString) -> bool {
        let state = self.state();
        state
            .rejected
            .as_ref()
            .is_some_and(|bad| bad.expose_secret() == token.expose_secret())
    }

    /// Answers with `error` for a while instead of asking Google again.
    pub(super) fn pause(&self, length: Duration, error: TokenError) {
        self.state().pause = Some((Instant::now() + length, error));
    }

    pub(super) fn paused(&self) -> Option<TokenError> {
        let state = self.state();
        let (until, error) = state.pause.as_ref()?;
        (Instant::now() < *until).then(|| error.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
