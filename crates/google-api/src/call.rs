//! One call of one Google method, from parameters to answer.
//!
//! Not how it is sent: that is `send`. Invariant: a call that does not fit Google's description of
//! the method is refused before anything is sent.

use std::{borrow::Cow, time::Duration};

use foundation::Kind;
use google_discovery::{Access, Method};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    ApiError, Client,
    request::{self, Door, Parameters, Wire},
    send::{Plan, Reply},
};

/// Longer than any call; keeps sums of times in range.
const LONGEST: Duration = Duration::from_hours(24);

/// Whether repeating a call whose answer was lost is safe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Idempotency {
    /// As the method says: what sets or reads is repeated, what creates or sends is not.
    ByVerb,
    /// The request carries a client-chosen id or key, so a repeat cannot happen twice.
    Keyed,
    /// Never repeated after an ambiguous failure.
    Never,
}

/// A call being prepared. Nothing is sent before one of the finishing methods is awaited.
#[must_use = "a call does nothing until it is sent"]
#[derive(Clone)]
pub struct Call {
    pub(crate) client: Client,
    method: Result<&'static Method, String>,
    pub(crate) parameters: Parameters,
    pub(crate) body: Option<Value>,
    headers: HeaderMap,
    idempotency: Idempotency,
    deadline: Option<Duration>,
}

impl Call {
    pub(crate) fn new(client: Client, method: Result<&'static Method, String>) -> Self {
        Self {
            client,
            method,
            parameters: Vec::new(),
            body: None,
            headers: HeaderMap::new(),
            idempotency: Idempotency::ByVerb,
            deadline: None,
        }
    }

    /// Adds a path or query parameter; repeat for repeated parameters.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over numbers and text alike"
    )]
    pub fn param(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.parameters.push((name.into(), value.to_string()));
        self
    }

    /// Adds a parameter when there is a value.
    pub fn param_opt<T: ToString>(
        self,
        name: impl Into<Cow<'static, str>>,
        value: Option<T>,
    ) -> Self {
        match value {
            Some(value) => self.param(name, value),
            None => self,
        }
    }

    /// Adds a parameter once per value.
    pub fn params<T: ToString>(
        self,
        name: impl Into<Cow<'static, str>>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let name = name.into();
        values
            .into_iter()
            .fold(self, |call, value| call.param(name.clone(), value))
    }

    /// The fields of the answer that are wanted (Google's partial response syntax).
    pub fn fields(self, mask: impl ToString) -> Self {
        self.param("fields", mask)
    }

    /// The JSON body.
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Makes a change apply only to the version with this etag (Calendar); otherwise it fails
    /// with [`Kind::Conflict`].
    pub fn if_match(self, etag: &str) -> Self {
        self.header(header::IF_MATCH, etag)
    }

    /// The keys of links to old files, `file id/resource key` with commas between (Drive).
    pub fn resource_keys(self, keys: &str) -> Self {
        self.header(HeaderName::from_static("x-goog-drive-resource-keys"), keys)
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        // Google's own values always fit; others could not be meant.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Says whether a repeat is safe when an answer is lost.
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// How long the call may take in all, instead of the configured time.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends and reads the answer as JSON; an empty answer is `null`.
    pub async fn send(self) -> Result<Value, ApiError> {
        self.send_as().await
    }

    /// Sends and reads the answer as `T`; an empty answer is read as `null`.
    pub async fn send_as<T: DeserializeOwned>(mut self) -> Result<T, ApiError> {
        let method = self.checked()?;
        let wire = self.wire(method, Door::Json)?;
        let plan = self.plan(method, self.client.google.shared.config.deadline);
        read(method, self.client.transmit(&plan, wire).await?)
    }

    /// The method, once everything fits it.
    pub(crate) fn checked(&mut self) -> Result<&'static Method, ApiError> {
        let method = self.method.clone().map_err(|problem| {
            ApiError::new(Kind::Internal, "unknown", problem)
                .hint("look the method up by its id in the catalogue")
        })?;
        request::check(method, &mut self.parameters, self.body.as_mut())?;
        Ok(method)
    }

    /// As [`Call::checked`], when content goes along, which may stand for parts of the body.
    pub(crate) fn checked_upload(&mut self) -> Result<&'static Method, ApiError> {
        if !self.parameters.iter().any(|(name, _)| name == "uploadType") {
            self.parameters
                .push(("uploadType".into(), "media".to_owned()));
        }
        self.checked()
    }

    /// The method, before anything is checked; none when it does not exist.
    pub(crate) fn method(&self) -> Option<&'static Method> {
        self.method.as_ref().ok().copied()
    }

    pub(crate) fn wire(&self, method: &'static Method, door: Door) -> Result<Wire, ApiError> {
        let mut wire = request::build(method, door, &self.parameters, self.body.as_ref())?;
        wire.headers.extend(self.headers.clone());
        Ok(wire)
    }

    /// How to send it, with `usual` time when the call sets none of its own.
    pub(crate) fn plan(&self, method: &'static Method, usual: Duration) -> Plan {
        Plan {
            method,
            repeatable: match self.idempotency {
                Idempotency::ByVerb => method.idempotent(),
                Idempotency::Keyed => true,
                Idempotency::Never => false,
            },
            deadline: Instant::now() + self.deadline.unwrap_or(usual).min(LONGEST),
            streamed: false,
            charged: true,
        }
    }
}

/// Reads a JSON answer.
pub(crate) fn read<T: DeserializeOwned>(
    method: &'static Method,
    reply: Reply,
) -> Result<T, ApiError> {
    let status = reply.status.as_u16();
    let failed = |message: String| ApiError {
        status: Some(status),
        ..ApiError::new(Kind::Upstream, method.id, message)
    };
    if !reply.status.is_success() {
        let message = format!("Google answered {} with status {status}", method.id);
        return Err(failed(message).hint("read it again"));
    }
    let bytes = reply.bytes();
    let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| {
        // The parser's own words can quote content, so only the place is told.
        let place = format!("line {}, column {}", error.line(), error.column());
        let unread = failed(format!(
            "Google's answer to {} could not be read at {place}",
            method.id
        ));
        if method.access == Access::Read {
            return unread.hint("try again in a minute");
        }
        ApiError {
            kind: Kind::Unknown,
            ..unread.hint("it was probably done; look before repeating it")
        }
    })
}
