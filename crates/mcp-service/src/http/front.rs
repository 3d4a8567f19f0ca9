//! The first to see a request and the last to see its answer.
//!
//! Invariant: every request is counted, named and logged, whatever becomes of it; a panic behind
//! this point costs one answer and nothing else.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{Router, body::Body, extract::OriginalUri};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
    request::Parts,
};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower_service::Service;
use tracing::Instrument;

use super::{
    config::Limits,
    cors,
    guard::Guard,
    health,
    limits::{CountedBody, InFlight, TimedBody},
    mcp::Endpoint,
    prefix::Prefixes,
    reply::{busy, refusal, wrong_method},
    server::Readiness,
    watch::Beating,
};
use crate::{
    Metrics,
    lean::fault::Fault,
    shell::{Peer, RequestId, RequestIds, Shell},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The id a load balancer gave.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Everything behind a connection.
pub(crate) struct Front {
    pub(crate) guard: Guard,
    pub(crate) prefixes: Prefixes,
    pub(crate) endpoint: Endpoint,
    pub(crate) routes: Router,
    pub(crate) health: Bytes,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) shell: Arc<Shell>,
    /// Requests whose answer is not sent yet, streams that only wait for news apart.
    pub(crate) in_flight: InFlight,
    pub(crate) slots: Semaphore,
    pub(crate) stopping: AtomicBool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Route {
    Mcp,
    Health,
    Ready,
    Metrics,
    Program,
}

impl Route {
    fn of(path: &str) -> Self {
        match path {
            "/mcp" => Self::Mcp,
            "/health" | "/health/" => Self::Health,
            "/ready" | "/ready/" => Self::Ready,
            "/metrics" => Self::Metrics,
            path if path.starts_with("/mcp/") => Self::Mcp,
            _ => Self::Program,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Metrics => "metrics",
            Self::Program => "program",
        }
    }
}

impl Front {
    /// Answers one request. `beating` lives until the answer is sent.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        beating: Beating,
    ) -> Response<Body> {
        let begun = Instant::now();
        let (mut parts, body) = request.into_parts();
        let id = RequestIds::accepted(&parts.headers).unwrap_or_else(|| self.shell.ids.next());
        let waits_for_news = parts.method == Method::GET;
        let in_flight = (!waits_for_news).then(|| self.in_flight.begin());
        let stripped = self.prefixes.strip_uri(&parts.uri);
        parts.extensions.insert(OriginalUri(parts.uri.clone()));
        if let Some(stripped) = stripped {
            parts.uri = stripped;
        }
        parts.extensions.insert(peer);
        parts.extensions.insert(RequestId(Arc::clone(&id)));
        let route = Route::of(parts.uri.path());
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let origin = parts.headers.get(header::ORIGIN).cloned();
        let span = tracing::error_span!("request", request_id = %id, trace = tracing::field::Empty);
        if let Some(trace) = sane(&parts.headers, TRACE) {
            span.record("trace", trace);
        }
        let work: BoxFuture<'_, Response<Body>> = Box::pin(self.answer(route, parts, body));
        let answer = AssertUnwindSafe(work)
            .catch_unwind()
            .instrument(span.clone())
            .await;
        let mut response = answer.unwrap_or_else(|_| {
            if route == Route::Mcp {
                Fault::internal().response(None)
            } else {
                refusal(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the server failed while it worked on this request; its log says more under the request id",
                )
            }
        });
        response = explained(response);
        cors::expose(&self.guard, origin, &mut response);
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, value);
        }
        let status = response.status().as_u16();
        let taken = begun.elapsed();
        self.metrics
            .answered(route.name(), status, taken.as_secs_f64());
        span.in_scope(|| log(route, &method, &path, status, taken));
        response.map(|body| Body::new(CountedBody::new(body, (beating, in_flight))))
    }

    async fn answer(&self, route: Route, parts: Parts, body: Incoming) -> Response<Body> {
        // Load balancers check the health of a task by its bare address.
        if !matches!(route, Route::Health | Route::Ready)
            && let Err(refused) = self.guard.check_host(&parts)
        {
            self.metrics.refused(refused.reason);
            return refusal(refused.status, refused.message);
        }
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        match route {
            Route::Health if reads => health::health(&self.health),
            Route::Ready if reads => {
                health::ready(self.stopping.load(Ordering::Acquire), &self.readiness).await
            }
            Route::Metrics if reads => health::metrics(&self.metrics),
            Route::Health | Route::Ready | Route::Metrics => wrong_method("GET, HEAD"),
            Route::Mcp => self.mcp(parts, body).await,
            Route::Program => self.program(parts, body).await,
        }
    }

    async fn mcp(&self, parts: Parts, body: Incoming) -> Response<Body> {
        if let Err(refused) = self.guard.check_origin(&parts.headers) {
            self.metrics.refused(refused.reason);
            return refusal(refused.status, refused.message);
        }
        if cors::is_preflight(&parts.method, &parts.headers) {
            return cors::preflight(&parts.headers);
        }
        let Ok(_slot) = self.slots.try_acquire() else {
            return self.overloaded();
        };
        let body = TimedBody::new(body, self.limits.body_time);
        self.endpoint.answer(parts, body).await
    }

    async fn program(&self, parts: Parts, body: Incoming) -> Response<Body> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return self.overloaded();
        };
        // A page of another site may link here, but not change anything here.
        if !parts.method.is_safe()
            && let Err(refused) = self.guard.check_origin(&parts.headers)
        {
            self.metrics.refused(refused.reason);
            return refusal(refused.status, refused.message);
        }
        let preflight = (cors::is_preflight(&parts.method, &parts.headers)
            && self.guard.allows_origin(&parts.headers))
        .then(|| cors::preflight(&parts.headers));
        let body = Body::new(TimedBody::new(body, self.limits.body_time));
        let response = match self
            .routes
            .clone()
            .call(Request::from_parts(parts, body))
            .await
        {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match preflight {
            Some(preflight) if response.status() == StatusCode::METHOD_NOT_ALLOWED => preflight,
            _ => response,
        }
    }

    fn overloaded(&self) -> Response<Body> {
        self.metrics.refused("overload");
        busy("this server has as much work as it can do; come back in a second")
    }
}

impl RequestIds {
    /// The id a caller or a proxy gave, if it is one that may stand in a log and a header.
    fn accepted(headers: &HeaderMap) -> Option<Arc<str>> {
        sane(headers, REQUEST_ID).map(Arc::from)
    }
}

/// The value of a header that names a request, if it is short and plain.
fn sane(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=;".contains(&byte);
    ((1..=128).contains(&value.len()) && value.bytes().all(plain)).then_some(value)
}

/// Gives an answer without words the words its status has.
fn explained(response: Response<Body>) -> Response<Body> {
    let wordless = response.body().size_hint().exact() == Some(0);
    let words = match response.status() {
        StatusCode::NOT_FOUND => "there is nothing at this path; MCP is at /mcp",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method; see Allow",
        _ => return response,
    };
    if !wordless {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut explained = refusal(parts.status, words);
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            explained.headers_mut().append(name, value.clone());
        }
    }
    explained
}

/// One line per request: no query, no header, no body.
fn log(route: Route, method: &Method, path: &str, status: u16, taken: std::time::Duration) {
    let duration_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    // Only methods HTTP knows stand in the log; others are an invention of the caller.
    let method = match *method {
        Method::GET
        | Method::POST
        | Method::DELETE
        | Method::OPTIONS
        | Method::HEAD
        | Method::PUT
        | Method::PATCH => method.as_str(),
        _ => "other",
    };
    if matches!(route, Route::Health | Route::Ready | Route::Metrics) {
        tracing::debug!(method, path, status, duration_ms, "Request answered");
    } else {
        tracing::info!(method, path, status, duration_ms, "Request answered");
    }
}
