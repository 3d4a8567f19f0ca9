//! One linked account while it is in use: its credential in memory, and its access tokens.
//!
//! The store is asked again every few seconds, so that what other tasks do (a new sign-in, a
//! refresh, a revocation) is seen; while the store does not answer, what is known is used.
//! Refreshing is in `refresh`, late writes in `pending`. Invariant: nobody is refused because of
//! something remembered; a refusal always follows a fresh look at the store.

mod lease;
mod memory;
mod pending;
mod refresh;
mod weather;

use std::{sync::Arc, time::Duration};

use foundation::{Clock, Random};
use futures::future::BoxFuture;
use google_api::{AccessToken, TokenError, TokenSource};
use jiff::SignedDuration;

pub(crate) use memory::Remembered;
pub(crate) use pending::PendingWrites;
pub(crate) use weather::Weather;

use crate::{
    Credential, CredentialKey, CredentialStore, StoreError,
    flight::{Crashed, Flight},
    issuer::{ClientKeys, Issuer},
    linked::memory::Memory,
};

/// How long a look at the store is good for.
pub(crate) const FRESH: Duration = Duration::from_secs(5);
/// How long a caller who could do without waits for the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// How long a caller who cannot do without waits for a store that failed a moment ago.
const BAD_WEATHER_PATIENCE: Duration = Duration::from_secs(2);
/// Access tokens are renewed this long before they end.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// What all accounts share.
pub(crate) struct Surroundings {
    pub(crate) store: CredentialStore,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) client: Option<ClientKeys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) pending: PendingWrites,
    pub(crate) weather: Weather,
}

/// One account of the store.
pub(crate) struct Linked {
    key: CredentialKey,
    around: Arc<Surroundings>,
    memory: Memory,
    reading: Flight<Result<(), StoreError>>,
    refreshing: Flight<Result<(), TokenError>>,
}

impl Linked {
    pub(crate) fn new(key: CredentialKey, around: Arc<Surroundings>) -> Self {
        Self {
            key,
            around,
            memory: Memory::default(),
            reading: Flight::default(),
            refreshing: Flight::default(),
        }
    }

    pub(crate) fn key(&self) -> &CredentialKey {
        &self.key
    }

    /// The credential, at most a few seconds old unless the store does not answer.
    pub(crate) async fn current(self: &Arc<Self>) -> Result<Option<Arc<Credential>>, StoreError> {
        match self.memory.look(FRESH) {
            Remembered::Fresh(credential) => Ok(Some(credential)),
            Remembered::Stale(credential) => {
                let weather = &self.around.weather;
                if !weather.bad() && weather.patiently(PATIENCE, self.read()).await.is_ok() {
                    return Ok(self.memory.credential());
                }
                // Nobody else waits for it again before the time is up.
                self.memory.touch();
                Ok(Some(credential))
            }
            Remembered::Nothing => {
                let weather = &self.around.weather;
                if weather.bad() {
                    weather.patiently(BAD_WEATHER_PATIENCE, self.read()).await?;
                } else {
                    let read = self.read().await;
                    weather.note(&read);
                    read?;
                }
                Ok(self.memory.credential())
            }
        }
    }

    /// The credential as the store has it now.
    pub(crate) async fn reread(self: &Arc<Self>) -> Result<Option<Arc<Credential>>, StoreError> {
        self.memory.expire();
        self.current().await
    }

    /// Replaces what is remembered, after a sign-in.
    pub(crate) fn replace(&self, read: &crate::store::Read) {
        self.memory.forget();
        self.memory.adopt(read);
    }

    /// Forgets the account, after it was unlinked.
    pub(crate) fn forget(&self) {
        self.memory.forget();
    }

    async fn read(self: &Arc<Self>) -> Result<(), StoreError> {
        let start = || -> BoxFuture<'static, Result<(), StoreError>> {
            let this = Arc::clone(self);
            Box::pin(async move {
                let read = this.around.store.read(&this.key).await?;
                this.memory.adopt(&read);
                Ok(())
            })
        };
        self.reading.join(start).await.unwrap_or_else(|Crashed| {
            Err(StoreError::Unavailable {
                place: self.around.store.place(),
                problem: "reading it failed unexpectedly".to_owned(),
            })
        })
    }

    async fn access_token(self: &Arc<Self>, any_of: &[String]) -> Result<AccessToken, TokenError> {
        let credential = self.granting(any_of).await?;
        if let Some(token) = self.usable(&credential, EARLY) {
            return Ok(token);
        }
        let start = || -> BoxFuture<'static, Result<(), TokenError>> {
            Box::pin(Arc::clone(self).refresh())
        };
        let refreshed = self.refreshing.join(start).await.unwrap_or_else(|Crashed| {
            Err(TokenError::Unavailable {
                problem: "refreshing the access token failed unexpectedly; try again".to_owned(),
                retry_after: Some(1),
            })
        });
        // A token in its last minute still does, when a new one is not to be had just now.
        let credential = self.memory.credential();
        let token = credential
            .as_ref()
            .and_then(|now| self.usable(now, SignedDuration::ZERO));
        match (refreshed, token) {
            (Ok(()) | Err(TokenError::Unavailable { .. }), Some(token)) => {
                if credential.is_some_and(|now| now.grants(any_of)) {
                    Ok(token)
                } else {
                    Err(missing(any_of))
                }
            }
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(refresh::ended()),
        }
    }

    /// The credential, if it grants a scope of `any_of`.
    async fn granting(self: &Arc<Self>, any_of: &[String]) -> Result<Arc<Credential>, TokenError> {
        let known = self.current().await.map_err(|error| unavailable(&error))?;
        if let Some(credential) = known.filter(|credential| credential.grants(any_of)) {
            return Ok(credential);
        }
        // Another task may have stored a wider grant a moment ago.
        match self.reread().await.map_err(|error| unavailable(&error))? {
            None => Err(refresh::ended()),
            Some(credential) if credential.grants(any_of) => Ok(credential),
            Some(_) => Err(missing(any_of)),
        }
    }

    fn usable(&self, credential: &Credential, margin: SignedDuration) -> Option<AccessToken> {
        let secret = credential.token.clone()?;
        let good = credential.valid_for(self.around.clock.now(), margin)
            && !self.memory.was_rejected(&secret);
        good.then_some(AccessToken { secret })
    }
}

/// The account's tokens, as clients of Google see them.
pub(crate) struct LinkedTokens(pub(crate) Arc<Linked>);

impl TokenSource for LinkedTokens {
    fn token<'a>(&'a self, any_of: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(self.0.access_token(any_of))
    }

    fn rejected<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()> {
        self.0.memory.reject(&token.secret);
        Box::pin(std::future::ready(()))
    }
}

fn missing(any_of: &[String]) -> TokenError {
    TokenError::NeedsConsent {
        problem: format!(
            "the account did not grant a scope this needs ({}); sign in again with \
             start_google_auth and leave its box ticked",
            any_of.join(" or ")
        ),
        missing: any_of.to_vec(),
    }
}

fn unavailable(error: &StoreError) -> TokenError {
    TokenError::Unavailable {
        problem: error.to_string(),
        retry_after: error.retry_after(),
    }
}
