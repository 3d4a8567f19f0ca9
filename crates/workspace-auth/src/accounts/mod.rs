//! The front door: which accounts a caller owns, how new ones are linked, how old ones go.
//!
//! Not the HTTP routes and not the tools; both call this. Invariant: every lookup starts from a
//! [`Principal`], an e-mail address only selects among that principal's own accounts.

mod callback;
mod delegated;
mod identity;
mod own;
mod return_url;
mod sign_in;
mod types;

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use secrecy::SecretString;
use tracing::{info, warn};

pub use types::{
    Account, AccountInfo, AccountsConfig, CallbackFailure, CallbackOutcome, CallbackQuery,
    OAuthClientConfig, Revoked, ServiceAccountConfig, SignInLink, SignInRequest,
};

use crate::{
    AuthError, CredentialStore, Principal,
    accounts::{
        delegated::Delegation,
        own::{Book, Found, Wanted},
    },
    digest::sha256_hex,
    issuer::{ClientKeys, GoogleIssuer, Issuer},
    linked::{LinkedTokens, PendingWrites, Surroundings, Weather},
    sealed::Sealer,
    store::Condition,
};

/// How long a shutdown waits for credentials that could not be stored yet.
const FLUSH: Duration = Duration::from_secs(10);

/// The accounts of all principals. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    config: AccountsConfig,
    around: Arc<Surroundings>,
    book: Book,
    sealer: Option<Sealer>,
    delegation: Option<Delegation>,
}

impl Accounts {
    /// Prepares the accounts; nothing is contacted yet.
    pub fn new(config: AccountsConfig) -> Result<Self, AuthError> {
        let issuer = Arc::new(GoogleIssuer(config.google.clone()));
        Self::with_issuer(config, issuer)
    }

    /// The same with another issuer of tokens than Google.
    pub fn with_issuer(config: AccountsConfig, issuer: Arc<dyn Issuer>) -> Result<Self, AuthError> {
        let secret: Option<&SecretString> = config
            .sealing_key
            .as_ref()
            .or(config.oauth.as_ref().map(|client| &client.client_secret));
        let sealer = secret.map(Sealer::new);
        let delegation = config
            .service_account
            .as_ref()
            .map(|service| Delegation::new(&config.google, service, &config.scopes))
            .transpose()?;
        let around = Arc::new(Surroundings {
            store: config.store.clone(),
            issuer,
            client: config.oauth.as_ref().map(|client| ClientKeys {
                id: client.client_id.clone(),
                secret: Some(client.client_secret.clone()),
            }),
            clock: config.clock.clone(),
            random: config.random.clone(),
            pending: PendingWrites::default(),
            weather: Weather::default(),
        });
        let book = Book::new(around.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                around,
                book,
                sealer,
                delegation,
            }),
        })
    }

    /// The caller's own accounts, in the order of their addresses.
    pub async fn list(&self, caller: &Principal) -> Result<Vec<AccountInfo>, AuthError> {
        let owned = self.inner.book.owned(caller).await?;
        let mut infos: Vec<AccountInfo> = owned
            .accounts
            .iter()
            .map(|account| self.info(account))
            .collect();
        if let Some(delegation) = self.delegation_for(caller) {
            infos.extend(delegation.infos());
            infos.sort_by(|one, other| one.email.cmp(&other.email));
            infos.dedup_by(|later, earlier| later.email == earlier.email);
        }
        Ok(infos)
    }

    /// The account a call is for: the named one, the only one, or the default.
    pub async fn select(
        &self,
        caller: &Principal,
        wanted: Option<&str>,
        user_id: Option<&str>,
    ) -> Result<Account, AuthError> {
        let wanted = blank_is_none(wanted);
        let user_id = blank_is_none(user_id);
        if let (Some(delegation), None) = (self.delegation_for(caller), user_id) {
            let default = self.inner.config.default_email.as_deref();
            if let Some(account) = delegation.account(wanted.or(default)) {
                return Ok(account);
            }
        }
        let found = self.found(caller, wanted, user_id).await?;
        Ok(Account {
            key: opaque(found.linked.key().as_str()),
            granted_scopes: found.credential.scopes.clone(),
            tokens: Arc::new(LinkedTokens(found.linked)),
            email: found.email,
        })
    }

    /// One of the caller's accounts, as [`Accounts::list`] shows it.
    pub async fn status(
        &self,
        caller: &Principal,
        email: Option<&str>,
    ) -> Result<AccountInfo, AuthError> {
        let email = blank_is_none(email);
        if let Some(delegation) = self.delegation_for(caller) {
            let default = self.inner.config.default_email.as_deref();
            if let Some(info) = delegation.info(email.or(default)) {
                return Ok(info);
            }
        }
        let found = self.found(caller, email, None).await?;
        Ok(self.info(&found))
    }

    /// Ends the access of one of the caller's accounts, with Google and here: every document of
    /// that address goes.
    pub async fn revoke(&self, caller: &Principal, email: &str) -> Result<Revoked, AuthError> {
        let email = blank_is_none(Some(email)).ok_or_else(|| AuthError::Input {
            problem: "say which account's access to end".to_owned(),
        })?;
        let found = self.found(caller, Some(email), None).await?;
        let email = found.email.clone();
        let documents = self.inner.book.documents(caller, found).await?;
        let mut confirmed = Vec::new();
        for document in &documents {
            confirmed.extend(self.revoke_one(document).await?);
        }
        self.inner.book.changed();
        info!(
            user_email = email,
            documents = documents.len(),
            "OAuth access revoked and credential removed"
        );
        Ok(Revoked {
            email,
            revoked_with_google: !confirmed.is_empty() && confirmed.iter().all(|yes| *yes),
        })
    }

    /// Ends one document's access; whether Google confirmed it, where there was a token to name.
    async fn revoke_one(&self, found: &Found) -> Result<Option<bool>, AuthError> {
        let around = &self.inner.around;
        let credential = found
            .linked
            .reread()
            .await?
            .unwrap_or_else(|| found.credential.clone());
        let client = found.linked.client_of(&credential);
        let token = credential
            .refresh_token
            .as_ref()
            .or(credential.token.as_ref());
        let confirmed = match token {
            Some(token) => match around.issuer.revoke(&client, token).await {
                Ok(()) => Some(true),
                Err(error) => {
                    warn!(
                        user_email = found.email,
                        "Google did not confirm a revocation: {error}"
                    );
                    Some(false)
                }
            },
            None => None,
        };
        around
            .store
            .remove(found.linked.key(), Condition::Always)
            .await?;
        found.linked.forget();
        Ok(confirmed)
    }

    /// Waits a while until refreshed credentials that could not be stored yet are stored, for
    /// shutdown. Says how many were left.
    pub async fn flush(&self) -> usize {
        let pending = &self.inner.around.pending;
        let _ = tokio::time::timeout(FLUSH, pending.drained()).await;
        pending.len()
    }

    /// How many refreshed credentials wait for the store.
    pub fn pending_writes(&self) -> usize {
        self.inner.around.pending.len()
    }

    /// The store, for readiness checks.
    pub fn store(&self) -> &CredentialStore {
        &self.inner.config.store
    }

    async fn found(
        &self,
        caller: &Principal,
        email: Option<&str>,
        user_id: Option<&str>,
    ) -> Result<Found, AuthError> {
        let config = &self.inner.config;
        let wanted = Wanted {
            email,
            user_id,
            default_email: config.default_email.as_deref(),
            any: config.single_user,
        };
        self.inner.book.select(caller, wanted).await
    }

    fn info(&self, account: &Found) -> AccountInfo {
        let credential = &account.credential;
        AccountInfo {
            email: account.email.clone(),
            scopes: credential.scopes.clone(),
            expired: !credential.valid_for(self.inner.config.clock.now(), SignedDuration::ZERO),
            expires_at: credential.expiry,
            refreshable: credential.refresh_token.is_some(),
            delegated: false,
        }
    }

    fn delegation_for(&self, caller: &Principal) -> Option<&Delegation> {
        self.inner
            .delegation
            .as_ref()
            .filter(|_| Delegation::serves(caller))
    }
}

/// Models and query strings send empty texts for what they leave out.
fn blank_is_none(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A name for limits and caches that does not show what it is made from.
fn opaque(key: &str) -> String {
    sha256_hex(key.as_bytes()).chars().take(24).collect()
}
