//! Servers over HTTP: how a message is sent, with whose identity, and what an answer means.
//!
//! Sessions and streams are rmcp's; connections, headers, sign-in and faults are here. Invariant:
//! a credential goes to the configured origin and nowhere else: no redirect leads away from it.

mod carry;
mod events;
mod pool;
mod relay;
mod send;
mod status;

use std::{sync::Arc, time::Duration};

use foundation::Clock;
use futures::future::OptionFuture;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rmcp::transport::{
    StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    Actor, Fault, FaultKind, ServerName,
    config::{IdentityConfig, ServerConfig, Template},
    oauth::SignIn,
    secret::Secrets,
};

pub(super) use carry::{Carrier, explain};
pub(super) use pool::Pool;
pub(super) use relay::Relay;

/// Requests of one conversation that wait for the head of their answer.
const AT_ONCE: usize = 64;

/// One server over HTTP.
pub(super) struct HttpDoor {
    server: ServerName,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    identity: IdentityConfig,
    secrets: Arc<Secrets>,
    sign_in: Option<Arc<dyn SignIn>>,
    pool: Arc<Pool>,
    answer_bytes: usize,
    clock: Arc<dyn Clock>,
}

/// Whose conversation it is, where it matters: two people never share one that is bound.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Bound {
    principal: String,
    email: Option<String>,
    id: Option<String>,
    /// A different bearer is a different person, whatever else is said.
    bearer: Option<[u8; 32]>,
}

impl HttpDoor {
    pub(super) fn new(
        server: &ServerName,
        config: &ServerConfig,
        secrets: Arc<Secrets>,
        sign_in: Option<Arc<dyn SignIn>>,
        pool: Arc<Pool>,
        answer_bytes: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let url = config.url.clone().unwrap_or_default();
        let headers = config
            .headers
            .iter()
            .map(|(name, value)| {
                let parsed: HeaderName = name.parse().map_err(|_| {
                    let what = format!("{name:?} cannot name a header");
                    Fault::before(server, FaultKind::NotAvailable, what)
                })?;
                Ok((parsed, value.clone()))
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Self {
            server: server.clone(),
            url,
            headers,
            identity: config.identity.clone(),
            secrets,
            sign_in,
            pool,
            answer_bytes,
            clock,
        })
    }

    /// Whose conversation a request for `actor` belongs into; `None` is everybody's.
    pub(super) async fn bound(&self, actor: &Actor) -> Result<Option<Bound>, Fault> {
        let passes = self.identity.pass_user || self.identity.pass_bearer;
        if !passes && self.bearer(actor).await?.is_none() {
            return Ok(None);
        }
        let bearer = actor
            .user
            .bearer
            .as_ref()
            .filter(|_| self.identity.pass_bearer);
        Ok(Some(Bound {
            principal: actor.principal.key().to_owned(),
            email: actor.user.email.clone(),
            id: actor.user.id.clone(),
            bearer: bearer.map(|bearer| {
                use sha2::Digest as _;
                sha2::Sha256::digest(bearer.expose_secret().as_bytes()).into()
            }),
        }))
    }

    /// A carrier for one conversation, of `actor` when it is bound.
    pub(super) async fn carrier(
        self: &Arc<Self>,
        actor: Arc<Actor>,
    ) -> Result<StreamableHttpClientTransport<Carrier>, Fault> {
        let url = self.url().await?;
        let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
            .max_concurrent_requests(AT_ONCE)
            .max_sse_event_size(self.answer_bytes)
            .session_recovery_timeout(Duration::from_secs(5))
            // A new session is a new conversation: nothing of the old one is sent into it.
            .reinit_on_expired_session(false);
        let carrier = Carrier::new(self.clone(), actor);
        Ok(StreamableHttpClientTransport::with_client(carrier, config))
    }

    async fn url(&self) -> Result<Url, Fault> {
        let text = self.resolve(&self.url, "its url").await?;
        let url = Url::parse(text.expose_secret()).map_err(|_| {
            self.unavailable("its url is none; it must look like https://example.com/mcp")
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(self.unavailable("its url must begin with http:// or https://"));
        }
        Ok(url)
    }

    async fn resolve(&self, template: &Template, what: &str) -> Result<SecretString, Fault> {
        self.secrets.resolve(template).await.map_err(|fault| {
            let message = format!("{what} needs a secret that is not there: {fault}");
            self.unavailable(message)
        })
    }

    /// The configured headers and those that say for whom a request is.
    async fn headers(&self, actor: &Actor) -> Result<HeaderMap, Fault> {
        let mut all = HeaderMap::with_capacity(self.headers.len() + 3);
        for (name, template) in &self.headers {
            let text = self
                .resolve(template, &format!("its header {name}"))
                .await?;
            all.insert(
                name.clone(),
                self.value(name.as_str(), text.expose_secret(), true)?,
            );
        }
        if self.identity.pass_user {
            let user = [
                ("x-user-google-email", &actor.user.email),
                ("x-user-id", &actor.user.id),
            ];
            for (name, value) in user {
                if let Some(value) = value {
                    let name = HeaderName::from_static(name);
                    let value = self.value(name.as_str(), value, false)?;
                    all.insert(name, value);
                }
            }
        }
        if self.identity.pass_bearer
            && let Some(bearer) = &actor.user.bearer
        {
            let text = format!("Bearer {}", bearer.expose_secret());
            all.insert(
                header::AUTHORIZATION,
                self.value("authorization", &text, true)?,
            );
        }
        Ok(all)
    }

    fn value(&self, name: &str, text: &str, secret: bool) -> Result<HeaderValue, Fault> {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            self.unavailable(format!(
                "the value of the header {name} has a line break or such"
            ))
        })?;
        value.set_sensitive(secret);
        Ok(value)
    }

    /// The token of a sign-in, unless the credential comes from elsewhere.
    async fn bearer(&self, actor: &Actor) -> Result<Option<SecretString>, Fault> {
        if self.has_credential(actor) {
            return Ok(None);
        }
        let asked = self
            .sign_in
            .as_ref()
            .map(|sign_in| sign_in.bearer(&self.server, actor));
        OptionFuture::from(asked)
            .await
            .transpose()
            .map(Option::flatten)
    }

    fn has_credential(&self, actor: &Actor) -> bool {
        let passed = self.identity.pass_bearer && actor.user.bearer.is_some();
        passed
            || self
                .headers
                .iter()
                .any(|(name, _)| name == header::AUTHORIZATION)
    }

    fn unavailable(&self, message: impl Into<String>) -> Fault {
        Fault::before(&self.server, FaultKind::NotAvailable, message)
            .hint("see what is wrong with: core-agent validate")
    }
}
