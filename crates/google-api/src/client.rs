//! The process-wide connection to Google and its view for one account.
//!
//! Not how a call runs: that is `send`. Invariant: what one account does never counts against the
//! limits of another, except the retry budget and the breakers, which protect Google from all.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use foundation::{Clock, Random};
use futures::future::BoxFuture;
use google_discovery::{Method, catalogue};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::{
    AccessToken, Call, Hosts, HttpClientError, OAuthClient, Observer, TokenError, TokenSource,
    breaker::Breakers, budget::RetryBudget, http_client, limiter::Limiter,
};

/// What a [`Google`] needs. Make one with [`GoogleConfig::new`] and change what differs.
#[derive(Clone)]
pub struct GoogleConfig {
    /// Where Google's hosts are.
    pub hosts: Hosts,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter.
    pub random: Arc<dyn Random>,
    /// How long one call may take in all, retries included.
    pub deadline: Duration,
    /// How long an upload or download may take in all.
    pub transfer_deadline: Duration,
    /// How many calls one account may have under way at once.
    pub per_account_concurrency: usize,
    /// Whether to keep below the quotas that Google publishes for each user and API. Needless
    /// behind a base, which has no such quotas.
    pub keep_quotas: bool,
    /// Sent as `x-goog-user-project` when set.
    pub quota_project: Option<String>,
    /// An API key for the APIs that want one (Custom Search).
    pub api_key: Option<SecretString>,
    /// Told of each finished call.
    pub observer: Option<Observer>,
}

impl GoogleConfig {
    /// The defaults: 50 s for a call, 10 min for a transfer, 8 calls at once for an account.
    pub fn new(hosts: Hosts, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            keep_quotas: !hosts.replaced(),
            hosts,
            clock,
            random,
            deadline: Duration::from_secs(50),
            transfer_deadline: Duration::from_mins(10),
            per_account_concurrency: 8,
            quota_project: None,
            api_key: None,
            observer: None,
        }
    }

    /// The same configuration with an observer.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }
}

/// The process-wide part: HTTP connections, limits, retry budget. Cheap to clone.
#[derive(Clone)]
pub struct Google {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: GoogleConfig,
    pub(crate) http: reqwest::Client,
    pub(crate) limiter: Limiter,
    pub(crate) breakers: Breakers,
    pub(crate) budget: RetryBudget,
    gates: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
    scopes: Mutex<HashMap<&'static str, Arc<[String]>>>,
}

/// How many accounts are remembered before idle ones are forgotten.
const MANY_ACCOUNTS: usize = 1024;

impl Google {
    /// Prepares connections; none is opened yet.
    pub fn open(config: GoogleConfig) -> Result<Self, HttpClientError> {
        let http = http_client(&config.hosts)?;
        let shared = Shared {
            config,
            http,
            limiter: Limiter::new(),
            breakers: Breakers::default(),
            budget: RetryBudget::new(),
            gates: Mutex::default(),
            scopes: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// As [`Google::open`], for places where a machine without certificate authorities cannot be.
    ///
    /// # Panics
    ///
    /// When TLS cannot be prepared; never with a base that starts with `http://`.
    pub fn new(config: GoogleConfig) -> Self {
        Self::open(config).expect("this machine has certificate authorities")
    }

    /// Where Google's hosts are.
    pub fn hosts(&self) -> &Hosts {
        &self.shared.config.hosts
    }

    /// The connections, for requests to Google that are no API calls.
    pub fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    /// The token endpoint, as seen by one registered client.
    pub fn oauth(
        &self,
        client_id: impl Into<String>,
        client_secret: Option<SecretString>,
    ) -> OAuthClient {
        OAuthClient::new(
            self.hosts().clone(),
            self.http().clone(),
            client_id,
            client_secret,
        )
    }

    /// A client that acts as one account. `account` keys rate limits and logs; it is an opaque id.
    pub fn client(&self, account: &str, tokens: Arc<dyn TokenSource>) -> Client {
        Client {
            gate: self.shared.gate(account),
            google: self.clone(),
            account: account.into(),
            tokens,
        }
    }

    /// A client without an account: every call fails with [`TokenError::NoAccount`].
    pub fn unbound(&self) -> Client {
        self.client("", Arc::new(NoTokens))
    }
}

impl Shared {
    /// The scopes of a method as a token source wants them, narrowest first.
    pub(crate) fn scopes_of(&self, method: &'static Method) -> Arc<[String]> {
        let mut known = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.entry(method.id).or_insert_with(|| {
            method
                .scopes_narrowest_first()
                .into_iter()
                .map(ToOwned::to_owned)
                .collect()
        });
        Arc::clone(found)
    }

    /// The gate of an account: one for all of its clients.
    fn gate(&self, account: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(account) {
            return Arc::clone(gate);
        }
        if gates.len() >= MANY_ACCOUNTS {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let gate = Arc::new(Semaphore::new(self.config.per_account_concurrency.max(1)));
        gates.insert(account.into(), Arc::clone(&gate));
        gate
    }
}

/// Google as one account sees it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) google: Google,
    pub(crate) account: Arc<str>,
    pub(crate) tokens: Arc<dyn TokenSource>,
    pub(crate) gate: Arc<Semaphore>,
}

impl Client {
    /// Prepares a call of `method`, such as `gmail.users.labels.list`.
    pub fn call(&self, method: impl Into<Cow<'static, str>>) -> Call {
        let id = method.into();
        Call::new(
            self.clone(),
            catalogue()
                .method(&id)
                .map_err(|unknown| unknown.to_string()),
        )
    }

    /// Prepares a call of a method that was looked up already.
    pub fn call_method(&self, method: &'static Method) -> Call {
        Call::new(self.clone(), Ok(method))
    }

    /// The whole of Google this client belongs to.
    pub fn google(&self) -> &Google {
        &self.google
    }
}

struct NoTokens;

impl TokenSource for NoTokens {
    fn token<'a>(&'a self, _: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async { Err(TokenError::NoAccount) })
    }

    fn rejected<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}
