//! The process-wide connection to Google and its view for one account.

use std::{sync::Arc, time::Duration};

use foundation::{Clock, Random};

use crate::{Call, Hosts, TokenSource};

/// What a [`Google`] needs.
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
    /// How many calls one account may have under way at once.
    pub per_account_concurrency: usize,
    /// Sent as `x-goog-user-project` when set.
    pub quota_project: Option<String>,
    /// An API key for the APIs that want one (Custom Search).
    pub api_key: Option<secrecy::SecretString>,
}

/// The process-wide part: HTTP connections, limits, retry budget.
#[derive(Clone)]
pub struct Google {
    config: GoogleConfig,
}

impl Google {
    /// Prepares connections; none is opened yet.
    pub fn new(config: GoogleConfig) -> Self {
        Self { config }
    }

    /// Where Google's hosts are.
    pub fn hosts(&self) -> &Hosts {
        &self.config.hosts
    }

    /// A client that acts as one account. `account` keys rate limits and logs; it is an opaque id.
    pub fn client(&self, account: &str, tokens: Arc<dyn TokenSource>) -> Client {
        Client { google: self.clone(), account: account.into(), tokens }
    }

    /// A client without an account: every call fails with [`crate::TokenError::NoAccount`].
    pub fn unbound(&self) -> Client {
        unimplemented!()
    }
}

/// Google as one account sees it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    google: Google,
    account: Arc<str>,
    tokens: Arc<dyn TokenSource>,
}

impl Client {
    /// Prepares a call of `method`, such as `gmail.users.labels.list`.
    pub fn call(&self, method: &'static str) -> Call {
        let _ = (&self.google, &self.account, &self.tokens);
        Call::new(self.clone(), method)
    }
}
