//! Which accounts a principal owns, and which one a call means.
//!
//! Invariant: the set a caller chooses from is made from its principal first; the e-mail address
//! and `user_id` of a request only pick from that set.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, future::BoxFuture, stream};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    AuthError, Credential, CredentialKey, Principal, PrincipalKind, StoreError, canonical_email,
    flight::{Crashed, Flight},
    linked::{FRESH, Linked, PATIENCE, Surroundings},
};

const READS_AT_ONCE: usize = 16;
const ACCOUNTS_IN_MEMORY: u64 = 20_000;
const IDLE: Duration = Duration::from_mins(30);

/// The linked accounts of everybody.
pub(super) struct Book {
    around: Arc<Surroundings>,
    linked: moka::sync::Cache<CredentialKey, Arc<Linked>>,
    listing: Arc<Mutex<Option<Listing>>>,
    reading: Flight<Result<Arc<[CredentialKey]>, StoreError>>,
}

#[derive(Clone)]
struct Listing {
    keys: Arc<[CredentialKey]>,
    at: Instant,
}

/// An account and what is known of it.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) linked: Arc<Linked>,
    pub(super) credential: Arc<Credential>,
    pub(super) email: String,
}

/// The accounts of one principal.
pub(super) struct Owned {
    /// One for each address, in the order of the addresses.
    pub(super) accounts: Vec<Found>,
    /// Further documents of the same addresses.
    doubles: Vec<Found>,
    /// Why some could not be read.
    trouble: Option<StoreError>,
}

impl Owned {
    fn all(&self) -> impl Iterator<Item = &Found> {
        self.accounts.iter().chain(&self.doubles)
    }

    /// A refusal, unless the wanted account may be among the unreadable ones.
    fn refuse(self, refusal: impl FnOnce(Vec<String>) -> AuthError) -> AuthError {
        match self.trouble {
            Some(trouble) => AuthError::Store(trouble),
            None => refusal(
                self.accounts
                    .into_iter()
                    .map(|account| account.email)
                    .collect(),
            ),
        }
    }
}

/// What a request says about the account it means.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) email: Option<&'a str>,
    pub(super) user_id: Option<&'a str>,
    pub(super) default_email: Option<&'a str>,
    /// Take any when none is named.
    pub(super) any: bool,
}

impl Book {
    pub(super) fn new(around: Arc<Surroundings>) -> Self {
        let linked = moka::sync::Cache::builder()
            .max_capacity(ACCOUNTS_IN_MEMORY)
            .time_to_idle(IDLE)
            .build();
        Self {
            around,
            linked,
            listing: Arc::default(),
            reading: Flight::default(),
        }
    }

    /// The account under `key`, whoever owns it.
    pub(super) fn linked(&self, key: &CredentialKey) -> Arc<Linked> {
        self.linked.get_with_by_ref(key, || {
            Arc::new(Linked::new(key.clone(), self.around.clone()))
        })
    }

    /// Makes the next look list the store again.
    pub(super) fn changed(&self) {
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The key under which a sign-in of `caller` is stored.
    pub(super) fn key_for(
        caller: &Principal,
        user_id: Option<&str>,
        email: &str,
    ) -> Result<CredentialKey, StoreError> {
        match (caller.kind, user_id) {
            (PrincipalKind::User, _) => CredentialKey::owned(&caller.id, email),
            (_, Some(user_id)) => CredentialKey::for_user_id(user_id),
            (_, None) => CredentialKey::for_email(email),
        }
    }

    /// The account a call is for.
    pub(super) async fn select(
        &self,
        caller: &Principal,
        wanted: Wanted<'_>,
    ) -> Result<Found, AuthError> {
        match self.choose(caller, wanted).await {
            Err(AuthError::NoAccount | AuthError::NotYours { .. }) => {
                // Another task may have linked it a moment ago.
                self.changed();
                self.choose(caller, wanted).await
            }
            chosen => chosen,
        }
    }

    async fn choose(&self, caller: &Principal, wanted: Wanted<'_>) -> Result<Found, AuthError> {
        if caller.kind == PrincipalKind::Service {
            return self.choose_for_service(wanted).await;
        }
        let owned = self.owned(caller).await?;
        pick(owned, wanted)
    }

    /// A service names the account, so only that one is read, and the others are not told.
    async fn choose_for_service(&self, wanted: Wanted<'_>) -> Result<Found, AuthError> {
        let email = wanted.email.or(wanted.default_email);
        let mut keys = Vec::new();
        if let Some(user_id) = wanted.user_id {
            keys.push(CredentialKey::for_user_id(user_id)?);
        }
        if let Some(email) = email {
            keys.push(CredentialKey::for_email(email)?);
        }
        if keys.is_empty() {
            return Err(AuthError::Input {
                problem: "a trusted service must say whose account it means; give \
                          user_google_email or user_id"
                    .to_owned(),
            });
        }
        for key in keys {
            let linked = self.linked(&key);
            let Some(credential) = linked.current().await? else {
                continue;
            };
            let found = found(linked, credential);
            let fits = wanted
                .email
                .is_none_or(|email| canonical_email(email) == found.email);
            if fits && found.credential.own.owner.is_none() {
                return Ok(found);
            }
        }
        // A document may be named by an identifier the caller did not give.
        if let Some(email) = email {
            let owned = self.owned(&Principal::local()).await?;
            return pick(
                owned,
                Wanted {
                    email: Some(email),
                    ..Wanted::default()
                },
            )
            .map_err(|error| match error {
                AuthError::NotYours { .. } => AuthError::NotYours { own: Vec::new() },
                other => other,
            });
        }
        Err(AuthError::NotYours { own: Vec::new() })
    }

    /// All accounts of a principal.
    pub(super) async fn owned(&self, caller: &Principal) -> Result<Owned, AuthError> {
        let keys = self.keys().await?;
        let prefix = match caller.kind {
            PrincipalKind::User => Some(CredentialKey::owned_prefix(&caller.id)),
            PrincipalKind::Local | PrincipalKind::Service => None,
        };
        let mine = keys.iter().filter(|key| {
            prefix
                .as_ref()
                .is_none_or(|prefix| key.as_str().starts_with(prefix.as_str()))
        });
        let linked: Vec<Arc<Linked>> = mine.map(|key| self.linked(key)).collect();
        let reads = linked.into_iter().map(|linked| async move {
            let read = linked.current().await;
            (linked, read)
        });
        let reads: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
        let (mut all, mut trouble) = (Vec::new(), None);
        for (linked, read) in reads {
            match read {
                Ok(Some(credential)) => all.push(found(linked, credential)),
                Ok(None) => {}
                Err(error) => {
                    warn!(credential = %linked.key(), "an account cannot be read: {error}");
                    trouble = Some(error);
                }
            }
        }
        all.retain(|account| match caller.kind {
            PrincipalKind::User => account.credential.own.owner.as_deref() == Some(&caller.id),
            PrincipalKind::Local | PrincipalKind::Service => true,
        });
        Ok(deduplicated(all, trouble))
    }

    /// Every document of the account `chosen`, that one first: an address may have been linked
    /// under several names, each with a token of its own.
    pub(super) async fn documents(
        &self,
        caller: &Principal,
        chosen: Found,
    ) -> Result<Vec<Found>, AuthError> {
        // A service is told of no account but the one it named.
        let looking = match caller.kind {
            PrincipalKind::Service => Principal::local(),
            PrincipalKind::User | PrincipalKind::Local => caller.clone(),
        };
        self.changed();
        let owned = self.owned(&looking).await?;
        let same = |account: &&Found| {
            account.email == chosen.email
                && account.credential.own.owner == chosen.credential.own.owner
                && account.linked.key() != chosen.linked.key()
        };
        let others: Vec<Found> = owned.all().filter(same).cloned().collect();
        Ok(std::iter::once(chosen).chain(others).collect())
    }

    async fn keys(&self) -> Result<Arc<[CredentialKey]>, StoreError> {
        let known = self
            .listing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known {
            Some(listing) if listing.at.elapsed() < FRESH => Ok(listing.keys),
            Some(listing) => {
                let weather = &self.around.weather;
                if !weather.bad()
                    && let Ok(keys) = weather.patiently(PATIENCE, self.list()).await
                {
                    return Ok(keys);
                }
                // What is known does until the store answers; nobody waits again soon.
                let keys = listing.keys.clone();
                let listing = Listing {
                    at: Instant::now(),
                    ..listing
                };
                *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(listing);
                Ok(keys)
            }
            None => self.list().await,
        }
    }

    async fn list(&self) -> Result<Arc<[CredentialKey]>, StoreError> {
        let start = || -> BoxFuture<'static, Result<Arc<[CredentialKey]>, StoreError>> {
            let (around, listing) = (self.around.clone(), self.listing.clone());
            Box::pin(async move {
                let keys: Arc<[CredentialKey]> = around.store.keys().await?.into();
                *listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listing {
                    keys: keys.clone(),
                    at: Instant::now(),
                });
                Ok(keys)
            })
        };
        self.reading.join(start).await.unwrap_or_else(|Crashed| {
            Err(StoreError::Unavailable {
                place: self.around.store.place(),
                problem: "listing it failed unexpectedly".to_owned(),
            })
        })
    }
}

fn pick(owned: Owned, wanted: Wanted<'_>) -> Result<Found, AuthError> {
    if let Some(user_id) = wanted.user_id {
        let named = owned
            .all()
            .find(|account| account.linked.key().identifier() == user_id);
        if let Some(account) = named.cloned() {
            let fits = wanted
                .email
                .is_none_or(|email| canonical_email(email) == account.email);
            return if fits {
                Ok(account)
            } else {
                Err(owned.refuse(|own| AuthError::NotYours { own }))
            };
        }
        if wanted.email.is_none() {
            return Err(owned.refuse(|own| AuthError::NotYours { own }));
        }
    }
    if let Some(email) = wanted.email.map(canonical_email) {
        let named = owned.accounts.iter().find(|account| account.email == email);
        return match named.cloned() {
            Some(account) => Ok(account),
            None => Err(owned.refuse(|own| AuthError::NotYours { own })),
        };
    }
    let default = wanted.default_email.map(canonical_email);
    let preferred = owned
        .accounts
        .iter()
        .find(|account| Some(&account.email) == default.as_ref());
    match (&owned.accounts[..], preferred) {
        (_, Some(account)) => Ok(account.clone()),
        ([], None) => Err(owned.refuse(|_| AuthError::NoAccount)),
        ([only], None) if owned.trouble.is_none() => Ok(only.clone()),
        (all, None) if wanted.any => {
            let lasting = all
                .iter()
                .find(|account| account.credential.refresh_token.is_some());
            Ok(lasting.unwrap_or(&all[0]).clone())
        }
        (_, None) => Err(owned.refuse(|own| AuthError::SeveralAccounts { own })),
    }
}

fn found(linked: Arc<Linked>, credential: Arc<Credential>) -> Found {
    let email = match &credential.user_email {
        Some(email) => canonical_email(email),
        None => canonical_email(&linked.key().identifier()),
    };
    Found {
        linked,
        credential,
        email,
    }
}

/// One account for each address: the one named by the address, else the first that lasts.
fn deduplicated(mut all: Vec<Found>, trouble: Option<StoreError>) -> Owned {
    let rank = |account: &Found| {
        let by_address =
            CredentialKey::for_email(&account.email).ok().as_ref() == Some(account.linked.key());
        (!by_address, account.credential.refresh_token.is_none())
    };
    all.sort_by(|one, other| {
        one.email
            .cmp(&other.email)
            .then_with(|| rank(one).cmp(&rank(other)))
    });
    let (mut accounts, mut doubles): (Vec<Found>, Vec<Found>) = (Vec::new(), Vec::new());
    for account in all {
        if accounts
            .last()
            .is_some_and(|last| last.email == account.email)
        {
            doubles.push(account);
        } else {
            accounts.push(account);
        }
    }
    Owned {
        accounts,
        doubles,
        trouble,
    }
}
