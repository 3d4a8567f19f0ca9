//! Renewing an access token so that nothing is lost and nobody renews twice.
//!
//! The protocol between processes is one record: read it, write a lease into it if it is
//! unchanged, ask Google, write the result if it is still unchanged. Whoever loses a write reads
//! again. Invariant: a credential is removed only when the stored refresh token is the one Google
//! rejected and the record did not change since it was read.

use std::{sync::Arc, time::Duration};

use google_api::{OAuthError, TokenAnswer, TokenError};
use jiff::SignedDuration;
use secrecy::SecretString;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    EARLY, Linked,
    lease::{Claim, STORE_PATIENCE, STORE_PAUSE, Turn},
    memory::Unsaved,
    unavailable,
};
use crate::{
    Credential, StoreError,
    issuer::ClientKeys,
    store::{Condition, Read, Version},
};

/// How long everything may take.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long nobody asks Google again after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(1);

impl Linked {
    /// Makes sure that memory holds a token that is good for a while.
    pub(super) async fn refresh(self: Arc<Self>) -> Result<(), TokenError> {
        let begun = Instant::now();
        let mut turn = Turn::new(self.around.random.hex(16));
        while begun.elapsed() < DEADLINE {
            if self.has_usable() {
                return Ok(());
            }
            if let Some(error) = self.memory.paused() {
                return Err(error);
            }
            let read = self.look_at_store().await?;
            let Some(base) = self.memory.credential() else {
                return Err(ended());
            };
            if self.has_usable() {
                return Ok(());
            }
            let Some(refresh_token) = base.refresh_token.clone() else {
                return Err(no_refresh_token());
            };
            let leased = match turn.claim(&self, read.as_ref()).await {
                Claim::Ours(version) => Some(version),
                Claim::Without => None,
                Claim::Again => continue,
                Claim::Busy => {
                    if self.usable(&base, SignedDuration::ZERO).is_some() {
                        return Ok(());
                    }
                    turn.wait().await;
                    continue;
                }
                Claim::Impossible => return Err(no_store()),
            };
            info!(
                user_email = base.user_email.as_deref().unwrap_or("unknown"),
                "OAuth token expired, initiating refresh"
            );
            match self.ask_google(&base, &refresh_token).await {
                Ok(answer) => {
                    self.keep(&base, answer, leased).await;
                    return Ok(());
                }
                Err(failure) => {
                    if let Some(outcome) = self.failed(&base, failure, leased, &mut turn).await {
                        return Err(outcome);
                    }
                }
            }
        }
        Err(TokenError::Unavailable {
            problem: "another task has been refreshing the access token for too long".to_owned(),
            retry_after: Some(2),
        })
    }

    async fn patiently<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.around.weather.patiently(STORE_PATIENCE, work).await
    }

    fn has_usable(&self) -> bool {
        self.memory
            .credential()
            .is_some_and(|now| self.usable(&now, EARLY).is_some())
    }

    /// Reads the record. Without an answer, `None`, as long as memory can do.
    async fn look_at_store(&self) -> Result<Option<Read>, TokenError> {
        let begun = Instant::now();
        let weather = &self.around.weather;
        let known = self.memory.credential().is_some();
        let patience = if known { STORE_PATIENCE } else { DEADLINE };
        loop {
            if known && weather.outage() {
                return Ok(None);
            }
            match weather
                .patiently(patience, self.around.store.read(&self.key))
                .await
            {
                Ok(read) => {
                    self.memory.adopt(&read);
                    return Ok(Some(read));
                }
                Err(error) if !known => return Err(unavailable(&error)),
                Err(StoreError::Unavailable { .. }) if begun.elapsed() < STORE_PATIENCE => {
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(_) => return Ok(None),
            }
        }
    }

    async fn ask_google(
        &self,
        base: &Credential,
        refresh_token: &SecretString,
    ) -> Result<TokenAnswer, OAuthError> {
        let client = self.client_of(base);
        match self.around.issuer.refresh(&client, refresh_token).await {
            Err(failure) if failure.is_transient() && failure.retry_after().is_none() => {
                tokio::time::sleep(Duration::from_millis(250)).await;
                self.around.issuer.refresh(&client, refresh_token).await
            }
            answered => answered,
        }
    }

    /// The client the tokens belong to. Its configured secret wins over the stored one, which may
    /// have been rotated since.
    pub(crate) fn client_of(&self, credential: &Credential) -> ClientKeys {
        match &self.around.client {
            Some(client)
                if client.id == credential.client_id || credential.client_id.is_empty() =>
            {
                client.clone()
            }
            _ => ClientKeys {
                id: credential.client_id.clone(),
                secret: credential.client_secret.clone(),
            },
        }
    }

    /// Uses the answer at once and stores it, later if it must be.
    async fn keep(
        self: &Arc<Self>,
        base: &Arc<Credential>,
        answer: TokenAnswer,
        leased: Option<Version>,
    ) {
        let mut fresh = Credential::clone(base);
        let seconds = i64::try_from(answer.expires_in)
            .unwrap_or(i64::MAX)
            .min(86_400);
        let scopes = answer.scopes();
        fresh.expiry = Some(self.around.clock.now() + SignedDuration::from_secs(seconds));
        fresh.token = Some(answer.access_token);
        if let Some(rotated) = answer.refresh_token {
            fresh.refresh_token = Some(rotated);
        }
        if !scopes.is_empty() {
            fresh.scopes = scopes;
        }
        if answer.id_token.is_some() {
            fresh.id_token = answer.id_token;
        }
        fresh.own.lease = None;
        let email = base.user_email.as_deref().unwrap_or("unknown");
        info!(user_email = email, "OAuth token refresh successful");
        self.memory.refreshed(base, Arc::new(fresh), leased);
        let saved = if self.around.weather.bad() {
            Err(StoreError::Unavailable {
                place: self.around.store.place(),
                problem: "it did not answer a moment ago".to_owned(),
            })
        } else {
            self.patiently(self.save()).await
        };
        match saved {
            Ok(()) => {}
            Err(error) => {
                error!(
                    user_email = email,
                    "{}: storage error: {error}; the refreshed credential is kept in memory and \
                     stored as soon as possible",
                    self.around.store.place()
                );
                self.around.pending.add(self);
            }
        }
    }

    /// Stores what is not stored yet, unless the record belongs to somebody newer.
    pub(super) async fn save(&self) -> Result<(), StoreError> {
        while let Some(unsaved) = self.memory.unsaved() {
            let mut replaces = unsaved.replaces.clone();
            if replaces.is_none() {
                replaces = self.reconcile(&unsaved).await?;
            }
            let Some(version) = replaces else {
                return Ok(());
            };
            let condition = Condition::Unchanged(version);
            match self
                .around
                .store
                .write(&self.key, &unsaved.fresh, condition)
                .await
            {
                Ok(_) => {
                    info!(
                        "updated credentials stored in {}",
                        self.around.store.place()
                    );
                    self.memory.saved(&unsaved.fresh);
                }
                Err(StoreError::Conflict) => {
                    self.memory.outdated(&unsaved.fresh);
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The version that the unsaved credential may replace; `None` when it need not be stored.
    async fn reconcile(&self, unsaved: &Unsaved) -> Result<Option<Version>, StoreError> {
        let read = self.around.store.read(&self.key).await?;
        let replaceable = read.credential.as_ref().is_some_and(|stored| {
            let rotated = !unsaved.fresh.same_grant(stored);
            let newer = stored.expiry > unsaved.fresh.expiry;
            unsaved.descends_from(stored) && (rotated || !newer)
        });
        if replaceable {
            return Ok(read.version);
        }
        self.memory.give_up();
        self.memory.adopt(&read);
        Ok(None)
    }

    /// Deals with Google's refusal. `None`: there is something newer to try.
    async fn failed(
        &self,
        base: &Credential,
        failure: OAuthError,
        leased: Option<Version>,
        turn: &mut Turn,
    ) -> Option<TokenError> {
        let email = base.user_email.as_deref().unwrap_or("unknown");
        if !matches!(failure, OAuthError::Grant(_)) {
            warn!(user_email = email, "OAuth token refresh failed: {failure}");
            self.release(base, leased).await;
            let pause = failure
                .retry_after()
                .map_or(PAUSE, |after| Duration::from_secs(after.clamp(1, 60)));
            let error = TokenError::Unavailable {
                problem: failure.to_string(),
                retry_after: failure
                    .is_transient()
                    .then(|| failure.retry_after().unwrap_or(2)),
            };
            self.memory.pause(pause, error.clone());
            return Some(error);
        }
        self.memory.give_up();
        let read = match self.around.store.read(&self.key).await {
            Ok(read) => read,
            Err(error) => return Some(unavailable(&error)),
        };
        self.memory.adopt(&read);
        let (stored, version) = match (&read.credential, &read.version) {
            (Some(stored), Some(version)) => (stored, version.clone()),
            _ => return Some(ended()),
        };
        if !stored.same_grant(base) {
            info!(
                user_email = email,
                "OAuth refresh: a newer credential is stored, using it"
            );
            return None;
        }
        if leased.is_none() {
            // Another process may be about to store what replaced this token.
            turn.indispensable = true;
            return None;
        }
        match self
            .around
            .store
            .remove(&self.key, Condition::Unchanged(version))
            .await
        {
            Ok(()) => {
                error!(
                    user_email = email,
                    "OAuth token refresh failed for good: {failure}"
                );
                self.memory.forget();
                Some(TokenError::NeedsConsent {
                    problem: format!("{failure}; call start_google_auth to link the account again"),
                    missing: Vec::new(),
                })
            }
            Err(StoreError::Conflict) => None,
            Err(error) => Some(unavailable(&error)),
        }
    }

    /// Gives the lease back so that nobody waits for it to run out. Failing that, it does.
    async fn release(&self, base: &Credential, leased: Option<Version>) {
        if let Some(version) = leased {
            let mut free = base.clone();
            free.own.lease = None;
            let condition = Condition::Unchanged(version);
            let _ = self
                .patiently(self.around.store.write(&self.key, &free, condition))
                .await;
        }
    }
}

/// The account is not linked any more.
pub(super) fn ended() -> TokenError {
    TokenError::NeedsConsent {
        problem: "this account is not signed in any more; call start_google_auth to link it again"
            .to_owned(),
        missing: Vec::new(),
    }
}

/// Google refused, but whether for good cannot be told without the store.
fn no_store() -> TokenError {
    TokenError::Unavailable {
        problem: "Google refused to renew the access token, and the credential store does not \
                  answer to see whether there is a newer one; try again"
            .to_owned(),
        retry_after: Some(2),
    }
}

fn no_refresh_token() -> TokenError {
    TokenError::NeedsConsent {
        problem: "the account's access has ended and Google gave no refresh token for it; call \
                  start_google_auth to link it again"
            .to_owned(),
        missing: Vec::new(),
    }
}
