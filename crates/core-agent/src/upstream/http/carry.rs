//! rmcp's border to HTTP, on our requests.
//!
//! rmcp keeps sessions and streams; this sends its messages and says what became of them.
//! Invariant: a message is sent for the actor of its request, or for the one the conversation is
//! bound to.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use rmcp::{
    model::{
        ClientJsonRpcMessage, ClientRequest, ErrorData, GetExtensions, GetMeta, RequestId,
        RequestMetaObject, ServerJsonRpcMessage,
    },
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::Sse;
use tokio::time::Instant;

use crate::{
    Actor, Effect, Fault, FaultKind, ServerName,
    upstream::{
        answer::{self, Asked},
        talk::Flight,
    },
};

use super::{
    HttpDoor,
    events::{events, is_too_large},
    send::Letter,
};

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
pub(super) const JSON: &str = "application/json";
pub(super) const EVENTS: &str = "text/event-stream";
pub(super) const BOTH: HeaderValue =
    HeaderValue::from_static("application/json, text/event-stream");

/// Bounds, in milliseconds, of the wait a server may ask for before its stream is taken up again.
const SOONEST: u64 = 100;
const LATEST: u64 = 60_000;
/// How far back taking up streams is counted.
const LATELY: Duration = Duration::from_mins(1);
/// Streams that may be taken up in that time without waiting.
const FREELY_RESUMED: usize = 10;
/// Times that are kept in mind.
const MOST_RESUMED: usize = 64;

/// Sends a conversation's messages.
#[derive(Clone)]
pub(in crate::upstream) struct Carrier {
    door: Arc<HttpDoor>,
    actor: Arc<Actor>,
    /// When streams were taken up again lately.
    resumed: Arc<Mutex<VecDeque<Instant>>>,
}

/// A fault on its way through rmcp.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::upstream) struct Carried(Box<Fault>);

type Failure = StreamableHttpError<Carried>;

impl From<Fault> for Carried {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

fn failure(fault: Fault) -> Failure {
    StreamableHttpError::Client(fault.into())
}

/// What a failure of this carrier means.
pub(in crate::upstream) fn explain(
    server: &ServerName,
    error: &(dyn std::error::Error + 'static),
) -> Fault {
    match error.downcast_ref::<Failure>() {
        Some(StreamableHttpError::Client(Carried(fault))) => fault.as_ref().clone(),
        Some(StreamableHttpError::SessionExpired) => Fault::before(
            server,
            FaultKind::Closed,
            "it has forgotten the session, and did nothing",
        ),
        Some(StreamableHttpError::TransportChannelClosed) => {
            Fault::before(server, FaultKind::Closed, "the conversation had ended")
        }
        _ => Fault::after(server, FaultKind::Protocol, error.to_string()),
    }
}

impl Carrier {
    pub(super) fn new(door: Arc<HttpDoor>, actor: Arc<Actor>) -> Self {
        Self {
            door,
            actor,
            resumed: Arc::default(),
        }
    }

    async fn post(
        &self,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        extra: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let flight = match &message {
            ClientJsonRpcMessage::Request(request) => {
                request.request.extensions().get::<Arc<Flight>>().cloned()
            }
            _ => None,
        };
        let mut headers: HeaderMap = extra.into_iter().collect();
        headers.insert(header::ACCEPT, BOTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        self.session(&mut headers, session.as_deref())?;
        if let ClientJsonRpcMessage::Request(request) = &message {
            trace_context(&mut headers, request.request.get_meta());
        }
        let body = serde_json::to_vec(&message).map_err(StreamableHttpError::Deserialize)?;
        let letter = Letter {
            method: Method::POST,
            body: body.into(),
            headers,
            actor: flight
                .as_ref()
                .map_or(&*self.actor, |flight| &*flight.actor),
            operation: flight
                .as_ref()
                .map_or("conversation", |flight| &flight.operation),
        };
        let response = self.door.send(letter).await.map_err(failure)?;
        let ClientJsonRpcMessage::Request(request) = &message else {
            return self.taken(response, session.is_some()).await;
        };
        if !response.status().is_success() {
            let discover = matches!(request.request, ClientRequest::DiscoverRequest(_));
            return self
                .refused(response, &request.id, session.is_some(), discover)
                .await;
        }
        let id = session_of(&response);
        let kind = content_type(&response);
        if kind.starts_with(EVENTS) {
            return Ok(StreamableHttpPostResponse::Sse(
                self.stream(response, flight),
                id,
            ));
        }
        if matches!(
            response.status(),
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT
        ) {
            // The answer may come on the session's own stream.
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !kind.starts_with(JSON) {
            let what = format!("its answer is of the type {kind:?}, not JSON and not events");
            return Err(failure(self.door.not_mcp(what)));
        }
        let body = self.door.body(response).await.map_err(failure)?;
        let asked = match &request.request {
            ClientRequest::CallToolRequest(_) => Asked::Call,
            _ => Asked::Other,
        };
        let answer = self.read(&body, asked, &request.id)?;
        Ok(StreamableHttpPostResponse::Json(answer, id))
    }

    fn read(
        &self,
        body: &[u8],
        asked: Asked,
        id: &RequestId,
    ) -> Result<ServerJsonRpcMessage, Failure> {
        let odd = |what: String| failure(self.door.not_mcp(what));
        let answer = answer::read(body, asked)
            .map_err(|error| odd(format!("its answer is no JSON-RPC message: {error}")))?;
        match answer {
            ServerJsonRpcMessage::Response(response) if same(&response.id, id) => {
                Ok(ServerJsonRpcMessage::Response(response))
            }
            // A server that could not read the request has no id to answer with.
            ServerJsonRpcMessage::Error(error)
                if error.id.as_ref().is_none_or(|theirs| same(theirs, id)) =>
            {
                Ok(ServerJsonRpcMessage::error(error.error, Some(id.clone())))
            }
            _ => Err(odd("its answer is not one to this question".into())),
        }
    }

    /// Whether a message that expects no answer was taken.
    async fn taken(
        &self,
        response: Response,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        if response.status().is_success() {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if in_session && response.status() == StatusCode::NOT_FOUND {
            return Err(StreamableHttpError::SessionExpired);
        }
        let (fault, _) = self
            .door
            .refusal(response, self.door.clock().as_ref())
            .await;
        Err(failure(fault))
    }

    /// What a request that was not answered with success means.
    async fn refused(
        &self,
        response: Response,
        asked: &RequestId,
        in_session: bool,
        discover: bool,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let status = response.status();
        if in_session && status == StatusCode::NOT_FOUND {
            return Err(StreamableHttpError::SessionExpired);
        }
        let credential = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let (fault, body) = self
            .door
            .refusal(response, self.door.clock().as_ref())
            .await;
        if credential || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(failure(fault));
        }
        // A JSON-RPC error says more than the status it came with.
        let said = match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
            Ok(ServerJsonRpcMessage::Error(error)) => Some(error.error),
            _ => None,
        };
        // A server without the new era refuses its first question in many ways.
        let said = said.or_else(|| {
            (discover && status.is_client_error()).then(|| {
                ErrorData::invalid_request(format!("refused with HTTP {}", status.as_u16()), None)
            })
        });
        match said {
            Some(error) if fault.effect != Effect::None => Ok(StreamableHttpPostResponse::Json(
                ServerJsonRpcMessage::error(error, Some(asked.clone())),
                None,
            )),
            _ => Err(failure(fault)),
        }
    }

    fn stream(
        &self,
        response: Response,
        flight: Option<Arc<Flight>>,
    ) -> BoxStream<'static, Result<Sse, SseError>> {
        let fault = self.door.too_large();
        let most = self.door.answer_bytes;
        let stream = events(response.bytes_stream(), most);
        stream
            .map(move |mut event| {
                match &mut event {
                    Ok(event) => event.retry = event.retry.map(|wait| wait.clamp(SOONEST, LATEST)),
                    Err(SseError::Body(error)) if is_too_large(error.as_ref()) => {
                        if let Some(flight) = &flight {
                            flight.trouble(fault.clone());
                        }
                    }
                    Err(_) => {}
                }
                event
            })
            .boxed()
    }

    /// Waits before a stream is taken up again when that happens all the time.
    async fn pace(&self) {
        let wait = {
            let mut resumed = self.resumed.lock().unwrap_or_else(PoisonError::into_inner);
            while resumed.front().is_some_and(|then| then.elapsed() > LATELY) {
                resumed.pop_front();
            }
            if resumed.len() >= MOST_RESUMED {
                resumed.pop_front();
            }
            resumed.push_back(Instant::now());
            pace(resumed.len())
        };
        tokio::time::sleep(wait).await;
    }

    fn session(&self, headers: &mut HeaderMap, session: Option<&str>) -> Result<(), Failure> {
        if let Some(session) = session {
            let value = self
                .door
                .value("mcp-session-id", session, true)
                .map_err(failure)?;
            headers.insert(SESSION, value);
        }
        Ok(())
    }
}

/// The trace's context for whoever stands between, who reads headers only.
fn trace_context(headers: &mut HeaderMap, meta: &RequestMetaObject) {
    for name in ["traceparent", "tracestate"] {
        let value = meta.0.0.get(name).and_then(serde_json::Value::as_str);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// How long to wait before a stream is taken up again for the so many-th time lately.
fn pace(times: usize) -> Duration {
    let beyond = u32::try_from(times.saturating_sub(FREELY_RESUMED)).unwrap_or(u32::MAX);
    Duration::from_secs(1)
        .saturating_mul(beyond)
        .min(Duration::from_secs(30))
}

/// Whether an answer's id is the question's, also when the server made a text of the number.
fn same(answer: &RequestId, asked: &RequestId) -> bool {
    answer == asked || answer.to_string() == asked.to_string()
}

pub(super) fn session_of(response: &Response) -> Option<String> {
    let value = response.headers().get(SESSION)?;
    value.to_str().ok().map(str::to_owned)
}

pub(super) fn content_type(response: &Response) -> String {
    let value = response.headers().get(header::CONTENT_TYPE);
    let text = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.trim_start().to_ascii_lowercase()
}

impl StreamableHttpClient for Carrier {
    type Error = Carried;

    async fn post_message(
        &self,
        _: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.post(message, session_id, custom_headers).await
    }

    async fn delete_session(
        &self,
        _: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let mut headers: HeaderMap = custom_headers.into_iter().collect();
        self.session(&mut headers, Some(&session_id))?;
        let letter = Letter {
            method: Method::DELETE,
            body: Bytes::new(),
            headers,
            actor: &self.actor,
            operation: "end of the session",
        };
        // Servers may keep their sessions; either answer is fine.
        self.door.send(letter).await.map(drop).map_err(failure)
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        self.pace().await;
        let mut headers: HeaderMap = custom_headers.into_iter().collect();
        headers.insert(header::ACCEPT, HeaderValue::from_static(EVENTS));
        self.session(&mut headers, session_id.as_deref())?;
        if let Some(last) = last_event_id {
            let value = self
                .door
                .value("last-event-id", &last, false)
                .map_err(failure)?;
            headers.insert(LAST_EVENT, value);
        }
        let letter = Letter {
            method: Method::GET,
            body: Bytes::new(),
            headers,
            actor: &self.actor,
            operation: "what the server says by itself",
        };
        let response = self.door.send(letter).await.map_err(failure)?;
        let status = response.status();
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        if !status.is_success() {
            let (fault, _) = self
                .door
                .refusal(response, self.door.clock().as_ref())
                .await;
            return Err(failure(fault));
        }
        if !content_type(&response).starts_with(EVENTS) {
            return Err(StreamableHttpError::UnexpectedServerResponse(
                Cow::Borrowed("the stream is not one of events"),
            ));
        }
        Ok(self.stream(response, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_ends_all_the_time_is_taken_up_ever_less_often() {
        assert_eq!(pace(1), Duration::ZERO);
        assert_eq!(pace(FREELY_RESUMED), Duration::ZERO);
        assert_eq!(pace(FREELY_RESUMED + 3), Duration::from_secs(3));
        assert_eq!(pace(MOST_RESUMED), Duration::from_secs(30));
    }

    #[test]
    fn ids_may_come_back_as_text() {
        assert!(same(&RequestId::String("7".into()), &RequestId::Number(7)));
        assert!(!same(&RequestId::Number(8), &RequestId::Number(7)));
    }
}
