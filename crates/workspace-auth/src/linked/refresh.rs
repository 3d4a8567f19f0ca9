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

use super::{EARLY, Linked, memory::Unsaved, unavailable};
use crate::{
    Credential, Lease, StoreError,
    issuer::ClientKeys,
    store::{Condition, Read, Version},
};

/// How long one process may take: two attempts at Google and a write.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
const LEASE_WAIT: Duration = Duration::from_secs(30);
/// How often a record leased to somebody else is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How long everything may take.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long the store may take while its answer is not indispensable.
const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// How long nobody asks Google again after a failure that may pass.
const PAUSE: Duration = Duration::from_secs(1);

enum LeaseOutcome {
    /// Ours; the version of the record that says so.
    Ours(Version),
    /// Somebody else's.
    Busy(String),
    /// The record changed.
    Changed,
    /// The store does not answer; go without.
    NoStore,
}

impl Linked {
    /// Makes sure that memory holds a token that is good for a while.
    pub(super) async fn refresh(self: Arc<Self>) -> Result<(), TokenError> {
        let begun = Instant::now();
        let mut waiting_for: Option<(String, Instant)> = None;
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
            let ignore = waiting_for
                .as_ref()
                .filter(|(_, since)| since.elapsed() > LEASE_WAIT)
                .map(|(holder, _)| holder.as_str());
            let leased = match self.lease(read.as_ref(), ignore).await {
                LeaseOutcome::Ours(version) => Some(version),
                LeaseOutcome::NoStore => None,
                LeaseOutcome::Changed => continue,
                LeaseOutcome::Busy(holder) => {
                    if self.usable(&base, SignedDuration::ZERO).is_some() {
                        return Ok(());
                    }
                    if waiting_for
                        .as_ref()
                        .is_none_or(|(known, _)| *known != holder)
                    {
                        waiting_for = Some((holder, Instant::now()));
                    }
                    tokio::time::sleep(POLL).await;
                    continue;
                }
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
                    if let Some(outcome) = self.failed(&base, failure, leased).await {
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

    fn has_usable(&self) -> bool {
        self.memory
            .credential()
            .is_some_and(|now| self.usable(&now, EARLY).is_some())
    }

    /// Reads the record. Without an answer, `None`, as long as memory can do.
    async fn look_at_store(&self) -> Result<Option<Read>, TokenError> {
        let reading = self.around.store.read(&self.key);
        let known = self.memory.credential().is_some();
        let read = if known {
            patiently(reading).await
        } else {
            reading.await
        };
        match read {
            Ok(read) => {
                self.memory.adopt(&read);
                Ok(Some(read))
            }
            Err(_) if known => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn lease(&self, read: Option<&Read>, ignore: Option<&str>) -> LeaseOutcome {
        let Some((stored, version)) =
            read.and_then(|read| Some((read.credential.as_ref()?, read.version.as_ref()?)))
        else {
            return LeaseOutcome::NoStore;
        };
        let now = self.around.clock.now();
        if let Some(lease) = &stored.own.lease {
            if lease.until > now && ignore != Some(lease.holder.as_str()) {
                return LeaseOutcome::Busy(lease.holder.clone());
            }
        }
        let mut leased = stored.clone();
        leased.own.lease = Some(Lease {
            holder: self.around.random.hex(16),
            until: now + LEASE,
        });
        let condition = Condition::Unchanged(version.clone());
        match patiently(self.around.store.write(&self.key, &leased, condition)).await {
            Ok(version) => LeaseOutcome::Ours(version),
            Err(StoreError::Conflict) => LeaseOutcome::Changed,
            Err(_) => LeaseOutcome::NoStore,
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
        match patiently(self.save()).await {
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
            let _ = patiently(self.around.store.write(&self.key, &free, condition)).await;
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

fn no_refresh_token() -> TokenError {
    TokenError::NeedsConsent {
        problem: "the account's access has ended and Google gave no refresh token for it; call \
                  start_google_auth to link it again"
            .to_owned(),
        missing: Vec::new(),
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STORE_PATIENCE, work)
        .await
        .unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                place: "the credential store".to_owned(),
                problem: "no answer in time".to_owned(),
            })
        })
}
