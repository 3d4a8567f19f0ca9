//! The connections to all servers over HTTP.
//!
//! Invariant: no connection is used for new requests longer than a minute and a half, so that a
//! service that moved to other addresses is found again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, StatusCode, redirect::Policy};
use tokio::time::Instant;

/// How long the same connections are used for new requests.
const TURN: Duration = Duration::from_mins(1);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Redirects of one request, all within its origin.
const REDIRECTS: usize = 5;

/// The connections.
pub(in crate::upstream) struct Pool {
    current: Mutex<Option<(Client, Instant)>>,
    resolver: Option<Arc<dyn reqwest::dns::Resolve>>,
}

impl Pool {
    pub(in crate::upstream) fn new() -> Self {
        Self {
            current: Mutex::new(None),
            resolver: None,
        }
    }

    /// A client whose connections are young. Requests at work keep their older one.
    pub(super) fn client(&self) -> Result<Client, reqwest::Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, since)) = current.as_ref()
            && since.elapsed() < TURN
        {
            return Ok(client.clone());
        }
        let client = self.build()?;
        *current = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    fn build(&self) -> Result<Client, reqwest::Error> {
        // reqwest asks for the process's provider; whoever installed one first keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("core-agent/", env!("CARGO_PKG_VERSION")))
            .redirect(same_origin())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_WITHIN)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(Duration::from_secs(20));
        if let Some(resolver) = &self.resolver {
            builder = builder.dns_resolver(resolver.clone());
        }
        builder.build()
    }
}

/// A redirect is followed when it keeps the message and does not leave the origin.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let keeps = matches!(
            attempt.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let within = attempt
            .previous()
            .iter()
            .all(|before| before.origin() == attempt.url().origin());
        if keeps && within && attempt.previous().len() <= REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}
