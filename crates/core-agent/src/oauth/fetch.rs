//! Requests of the flows: to where the guards allow, without redirects, bounded in bytes and time.
//!
//! Not the conversation with MCP servers. Invariant: every request of a flow is made here.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde_json::Value;
use url::{Origin, Url};

use super::guard::{BadUrl, GuardedNames, Names, Reach, flow_url};

const LARGEST_BODY: usize = 256 << 10;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The client of one server's flows.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    guarded: Client,
    /// For the server's own origin, which is configured: a private name is meant there.
    own: Client,
    origin: Origin,
    reach: Reach,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not asked.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// Its name leads inside.
    #[error(
        "{0} is at a name that leads into a private network; set oauth.allow_private_addresses \
         for this server when that is meant"
    )]
    Inside(&'static str),
    /// It did not answer.
    #[error("{0} did not answer")]
    Silent(&'static str),
    /// It answered too much.
    #[error("{0} answered with more than 256 KiB")]
    TooLarge(&'static str),
    /// No TLS.
    #[error("no client for https can be made: are the system's certificates installed?")]
    NoClient,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// The values of `WWW-Authenticate`.
    pub challenges: Vec<String>,
    /// Its body, when it is JSON.
    pub json: Option<Value>,
}

/// A client that goes as near as `reach` says.
pub(super) fn client(reach: Reach, names: Arc<dyn Names>) -> Result<Client, FetchError> {
    // reqwest asks for the process's provider; whoever installed one first keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("core-agent/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // A proxy would look names up itself, unguarded.
        .no_proxy()
        .gzip(false)
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(GuardedNames { names, reach }))
        .build()
        .map_err(|_| FetchError::NoClient)
}

impl Fetcher {
    /// The client of the flows of `server`: `guarded` goes as near as `reach`, `own` anywhere.
    pub(super) fn new(server: &Url, reach: Reach, guarded: Client, own: Client) -> Self {
        Self {
            guarded,
            own,
            origin: server.origin(),
            reach,
        }
    }

    /// How near it goes when it asks for `url`.
    pub(super) fn reach_of(&self, url: &str) -> Reach {
        match Url::parse(url) {
            Ok(url) if url.origin() == self.origin => Reach::Anywhere,
            _ => self.reach,
        }
    }

    /// Asks for a document.
    pub(super) async fn get(&self, what: &'static str, url: &str) -> Result<Answer, FetchError> {
        let url = flow_url(what, url, self.reach_of(url))?;
        self.send(what, self.client(&url).get(url)).await
    }

    /// Sends a form.
    pub(super) async fn form(
        &self,
        what: &'static str,
        url: &str,
        form: &[(&str, &str)],
        authorization: Option<header::HeaderValue>,
    ) -> Result<Answer, FetchError> {
        let url = flow_url(what, url, self.reach_of(url))?;
        let mut request = self.client(&url).post(url).form(form);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.send(what, request).await
    }

    /// Sends JSON.
    pub(super) async fn json(
        &self,
        what: &'static str,
        url: &str,
        body: &Value,
    ) -> Result<Answer, FetchError> {
        let url = flow_url(what, url, self.reach_of(url))?;
        self.send(what, self.client(&url).post(url).json(body))
            .await
    }

    /// What the server itself answers to somebody unknown.
    pub(super) async fn knock(&self, server: &Url, body: &Value) -> Result<Answer, FetchError> {
        let what = "the server";
        let request = self
            .own
            .post(server.clone())
            .json(body)
            .header(header::ACCEPT, "application/json, text/event-stream");
        let response = request.send().await.map_err(|error| why(what, &error))?;
        Ok(Answer {
            status: response.status(),
            challenges: challenges(response.headers()),
            json: None,
        })
    }

    fn client(&self, url: &Url) -> &Client {
        if url.origin() == self.origin {
            &self.own
        } else {
            &self.guarded
        }
    }

    async fn send(
        &self,
        what: &'static str,
        request: RequestBuilder,
    ) -> Result<Answer, FetchError> {
        let mut response = request
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| why(what, &error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| why(what, &error))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(FetchError::TooLarge(what));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status(),
            challenges: challenges(response.headers()),
            json: serde_json::from_slice(&body).ok(),
        })
    }
}

fn challenges(headers: &header::HeaderMap) -> Vec<String> {
    headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect()
}

/// What went wrong, without saying to which address: that would tell a server about the inside.
fn why(what: &'static str, error: &reqwest::Error) -> FetchError {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<super::guard::LeadsInside>() {
            return FetchError::Inside(what);
        }
        source = cause.source();
    }
    FetchError::Silent(what)
}
