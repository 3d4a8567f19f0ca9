//! The way into the protocol library for what does not stand alone.
//!
//! Invariant: whatever the library answers with words alone leaves here as JSON, and no caller
//! meets a session of somebody else.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited, combinators::BoxBody};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{SessionManager, never::NeverSessionManager},
    },
};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::ownership::Sessions;
use crate::{
    Principal,
    lean::fault::{BUSY, Fault, INVALID_REQUEST, METHOD_NOT_FOUND, SESSION_NOT_FOUND},
};

type Library = Arc<
    dyn Fn(
            Request<Full<Bytes>>,
        ) -> BoxFuture<'static, Response<BoxBody<Bytes, std::convert::Infallible>>>
        + Send
        + Sync,
>;

pub(crate) const SESSION_HEADER: &str = "mcp-session-id";
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The library, with and without sessions.
pub(crate) struct Door {
    stateless: Library,
    sessions: Option<(Library, Arc<Sessions>)>,
}

/// What the client can read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Readable {
    /// Whether it takes a stream of events.
    pub(crate) events: bool,
}

impl Door {
    pub(crate) fn new<H: ServerHandler + Clone>(
        handler: &H,
        sessions: Option<Arc<Sessions>>,
        body_bytes: usize,
        stop: &CancellationToken,
    ) -> Self {
        let config = || {
            // Hosts, origins and sizes were checked before; the library must not judge again by
            // other rules.
            StreamableHttpServerConfig::default()
                .disable_allowed_hosts()
                .disable_allowed_origins()
                .with_max_request_body_bytes(body_bytes)
                .with_json_response(true)
                .with_cancellation_token(stop.clone())
        };
        let stateless = library(
            handler,
            Arc::new(NeverSessionManager::default()),
            config().with_legacy_session_mode(false),
        );
        let sessions = sessions.map(|sessions| {
            let library = library(
                handler,
                Arc::clone(&sessions),
                config().with_legacy_session_mode(true),
            );
            (library, sessions)
        });
        Self {
            stateless,
            sessions,
        }
    }

    /// Whether sessions are offered at all.
    pub(crate) fn has_sessions(&self) -> bool {
        self.sessions.is_some()
    }

    /// Whether the request names a session that is its own; `Err` when it names one that is not.
    pub(crate) async fn session(
        &self,
        parts: &Parts,
        principal: &Principal,
    ) -> Result<bool, Fault> {
        let Some((_, sessions)) = &self.sessions else {
            return Ok(false);
        };
        let mut ids = parts.headers.get_all(SESSION_HEADER).iter();
        let (id, more) = (ids.next(), ids.next());
        let Some(id) = id else { return Ok(false) };
        let own = match (id.to_str(), more) {
            (Ok(id), None) => sessions.belongs(id, principal).await,
            _ => false,
        };
        if own {
            Ok(true)
        } else {
            Err(Fault::new(
                StatusCode::NOT_FOUND,
                SESSION_NOT_FOUND,
                "there is no such session; start one with initialize",
            ))
        }
    }

    /// Answers a request that stands alone.
    pub(crate) async fn alone(
        &self,
        parts: &Parts,
        body: Bytes,
        id: Option<&RawValue>,
        readable: Readable,
    ) -> Response<Body> {
        let mut request = request(parts, body);
        request.headers_mut().insert(header::ACCEPT, BOTH);
        request.headers_mut().remove(SESSION_HEADER);
        request.headers_mut().remove("last-event-id");
        tidy((self.stateless)(request).await, id, readable).await
    }

    /// Answers a request within a session of its own.
    pub(crate) async fn within(
        &self,
        parts: &Parts,
        body: Bytes,
        id: Option<&RawValue>,
    ) -> Response<Body> {
        let Some((library, _)) = &self.sessions else {
            return Fault::internal().response(id);
        };
        let response = tidy(
            library(request(parts, body)).await,
            id,
            Readable { events: true },
        )
        .await;
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
            // The session ended between the look and the knock.
            return Fault::new(
                StatusCode::NOT_FOUND,
                SESSION_NOT_FOUND,
                "the session has ended; start one with initialize",
            )
            .response(id);
        }
        response
    }

    /// Opens a session.
    pub(crate) async fn open(
        &self,
        parts: &Parts,
        body: Bytes,
        id: Option<&RawValue>,
        principal: &Principal,
    ) -> Response<Body> {
        let Some((library, sessions)) = &self.sessions else {
            return Fault::internal().response(id);
        };
        if !sessions.have_room().await {
            let fault = Fault::new(
                StatusCode::SERVICE_UNAVAILABLE,
                BUSY,
                "this server has as many sessions as it can hold; come back later",
            );
            let mut response = fault.response(id);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            return response;
        }
        let mut request = request(parts, body);
        request.headers_mut().remove(SESSION_HEADER);
        let response = tidy(library(request).await, id, Readable { events: true }).await;
        if let Some(session) = response.headers().get(SESSION_HEADER)
            && let Ok(session) = session.to_str()
        {
            sessions.claim(session, principal.clone());
        }
        response
    }
}

fn library<H, M>(handler: &H, manager: Arc<M>, config: StreamableHttpServerConfig) -> Library
where
    H: ServerHandler + Clone,
    M: SessionManager,
{
    let handler = handler.clone();
    let service = StreamableHttpService::new(move || Ok(handler.clone()), manager, config);
    Arc::new(move |request| {
        let mut service = service.clone();
        Box::pin(async move {
            match service.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    })
}

fn request(parts: &Parts, body: Bytes) -> Request<Full<Bytes>> {
    let mut parts = parts.clone();
    parts.headers.remove(header::CONTENT_LENGTH);
    Request::from_parts(parts, Full::new(body))
}

/// Turns words into JSON and keeps streams from those who cannot read them.
async fn tidy(
    response: Response<BoxBody<Bytes, std::convert::Infallible>>,
    id: Option<&RawValue>,
    readable: Readable,
) -> Response<Body> {
    let status = response.status();
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let (json, events) = (
        kind.starts_with("application/json"),
        kind.starts_with("text/event-stream"),
    );
    if events && !readable.events {
        return Fault::new(
            StatusCode::NOT_ACCEPTABLE,
            INVALID_REQUEST,
            "this answer is a stream; send Accept: application/json, text/event-stream",
        )
        .response(id);
    }
    if json || status.is_success() {
        return response.map(Body::new);
    }
    let (parts, body) = response.into_parts();
    let words = match Limited::new(body, 16 * 1024).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    // The library calls a body it cannot place an unsupported media type; its type was right.
    let status = if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        StatusCode::BAD_REQUEST
    } else {
        status
    };
    let code = match status {
        StatusCode::NOT_FOUND => SESSION_NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_FOUND,
        _ => INVALID_REQUEST,
    };
    let mut tidied = Fault::new(status, code, words).response(id);
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        tidied.headers_mut().insert(header::ALLOW, allow.clone());
    }
    tidied
}
