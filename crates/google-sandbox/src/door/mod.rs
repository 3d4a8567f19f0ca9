//! The one door for every Google host: reads a request, finds out whose it is, lets it pass or not.
//!
//! Not a socket: `server` owns those. Invariant: faults, latency, records and the catalogue's
//! judgement apply here, so no API can be reached around them.

mod api;
mod batch;
mod mask;
mod multipart;
mod resumable;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

pub(crate) use api::Ticket;
pub(crate) use resumable::Sessions;

use crate::{
    control,
    error::ApiError,
    fault::{self, Fault},
    oauth,
    shared::{CallRecord, Shared},
};

/// A request, read completely.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) method: http::Method,
    /// The Google host it is for, when the path named one.
    pub(crate) host: Option<String>,
    /// The path on that host.
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Where the sandbox is reached, without a slash at the end.
    pub(crate) base_url: String,
}

/// A finished answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// The connection is to be broken without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken on purpose")]
pub(crate) struct Broken;

impl Incoming {
    /// Splits the path after the sandbox's address into Google's host and the path there.
    ///
    /// `/gmail.googleapis.com/gmail/v1/…` names its host; `/gmail/v1/…` leaves it open.
    pub(crate) fn new(
        method: http::Method,
        uri: &str,
        headers: HeaderMap,
        body: Bytes,
        base_url: String,
    ) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (host, path) = split_host(path);
        let query = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Self {
            method,
            host,
            path,
            query,
            headers,
            body,
            base_url,
        }
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    /// The access token: the header first, then the query.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let from_header = self.header("authorization").and_then(|value| {
            let (kind, token) = value.split_once(' ')?;
            kind.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        from_header
            .or_else(|| self.query("access_token"))
            .or_else(|| self.query("oauth_token"))
    }
}

fn split_host(path: &str) -> (Option<String>, String) {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (first, below) = rest.split_once('/').unwrap_or((rest, ""));
    let is_host = [".googleapis.com", ".google.com"]
        .iter()
        .any(|end| first.ends_with(end));
    if is_host {
        (Some(first.to_owned()), format!("/{below}"))
    } else {
        (None, format!("/{rest}"))
    }
}

impl Answer {
    /// JSON with a status.
    pub(crate) fn json(status: StatusCode, value: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json; charset=UTF-8".into())],
            body: value.to_string().into(),
        }
    }

    /// A page.
    pub(crate) fn html(status: StatusCode, page: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", "text/html; charset=utf-8".into())],
            body: page.into(),
        }
    }

    /// A refusal as an API writes it.
    pub(crate) fn refusal(error: &ApiError, api: &str) -> Self {
        let mut answer = Self::json(error.status(), &error.body(api));
        if let Some(seconds) = error.retry_after {
            answer.headers.push(("retry-after", seconds.to_string()));
        }
        if let Some(challenge) = error.challenge {
            answer
                .headers
                .push(("www-authenticate", challenge.to_owned()));
        }
        answer
    }
}

/// Answers one request from the network.
pub(crate) async fn enter(shared: &Arc<Shared>, incoming: Incoming) -> Result<Answer, Broken> {
    if incoming.host.is_none() && (incoming.path == "/" || incoming.path.starts_with("/sandbox")) {
        return Ok(control::answer(shared, &incoming));
    }
    let _guard = shared.enter();
    let latency = shared.knobs(|knobs| knobs.latency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if batch::is_batch(&incoming) {
        return Ok(batch::answer(shared, &incoming));
    }
    one(shared, &incoming)
}

/// Answers one request, whether from the network or from inside a batch.
fn one(shared: &Arc<Shared>, incoming: &Incoming) -> Result<Answer, Broken> {
    let target = Target::of(shared, incoming);
    let id = target.id();
    let planned = shared.knobs(|knobs| fault::choose(&mut knobs.faults, &mut knobs.chance, &id));
    let api = id.split('.').next().unwrap_or_default().to_owned();
    let (answer, owner) = match &planned {
        Some(Fault::Drop) => (Err(Broken), None),
        Some(fault @ Fault::Status { .. }) => {
            let error = fault.error().expect("a status has a body");
            (Ok(faulty(&error, &api)), owner_of(shared, incoming))
        }
        None | Some(Fault::LoseAnswer) => {
            let (answer, owner) = target.answer(shared, incoming);
            let lost = planned.is_some();
            (if lost { Err(Broken) } else { Ok(answer) }, owner)
        }
    };
    shared.record(CallRecord {
        method: id,
        owner,
        status: answer.as_ref().map_or(0, |answer| answer.status.as_u16()),
        at: shared.clock.now(),
    });
    answer
}

/// An injected error in the shape of whoever is asked.
fn faulty(error: &ApiError, api: &str) -> Answer {
    if api == "oauth" {
        oauth::injected(error)
    } else {
        Answer::refusal(error, api)
    }
}

fn owner_of(shared: &Arc<Shared>, incoming: &Incoming) -> Option<String> {
    let token = incoming.bearer()?;
    let now = shared.clock.now();
    shared.world(|world| {
        world
            .oauth
            .bearer(token, now)
            .map(|token| token.email.clone())
    })
}

/// What a request is for.
enum Target {
    SignIn(oauth::Endpoint),
    Api(api::Routed),
    Piece(String, String),
    Nothing,
}

impl Target {
    fn of(shared: &Arc<Shared>, incoming: &Incoming) -> Self {
        if let Some(id) = upload::session_id(incoming) {
            let method = shared.sessions(|sessions| {
                sessions
                    .get(&id)
                    .map(|session| session.ticket.method.id.to_owned())
            });
            return Self::Piece(id, method.unwrap_or_else(|| "upload.unknown".to_owned()));
        }
        if let Some(endpoint) = oauth::Endpoint::of(incoming) {
            return Self::SignIn(endpoint);
        }
        api::route(incoming).map_or(Self::Nothing, Self::Api)
    }

    fn id(&self) -> String {
        match self {
            Self::SignIn(endpoint) => endpoint.id().to_owned(),
            Self::Api(routed) => routed.method.id.to_owned(),
            Self::Piece(_, method) => method.clone(),
            Self::Nothing => "unknown".to_owned(),
        }
    }

    fn answer(self, shared: &Arc<Shared>, incoming: &Incoming) -> (Answer, Option<String>) {
        match self {
            Self::SignIn(endpoint) => oauth::answer(endpoint, shared, incoming),
            Self::Api(routed) => api::answer(shared, incoming, routed),
            Self::Piece(id, _) => upload::piece(shared, incoming, &id),
            Self::Nothing => {
                let message = format!(
                    "The requested URL {} was not found on this server.",
                    incoming.path
                );
                (
                    Answer::refusal(&ApiError::not_found(message), "sandbox"),
                    None,
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_host;

    #[test]
    fn hosts_are_told_from_paths() {
        let split = |path| {
            let (host, path) = split_host(path);
            (host.unwrap_or_default(), path)
        };
        assert_eq!(
            split("/gmail.googleapis.com/gmail/v1/users/me"),
            ("gmail.googleapis.com".into(), "/gmail/v1/users/me".into())
        );
        assert_eq!(
            split("/drive/v3/files/a.b"),
            (String::new(), "/drive/v3/files/a.b".into())
        );
        assert_eq!(
            split("/oauth2.googleapis.com"),
            ("oauth2.googleapis.com".into(), "/".into())
        );
    }
}
