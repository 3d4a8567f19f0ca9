//! Whether the process lives, whether it can work, and its figures.
//!
//! Invariant: `/health` depends on nothing; `/ready` says no from the moment the end begins.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{
    reply::{json_bytes, json_value},
    server::Readiness,
};
use crate::{About, Metrics};

/// The answer of `/health`, written once.
pub(crate) fn health_body(about: &About) -> Vec<u8> {
    json!({
        "status": "healthy",
        "service": about.service,
        "version": about.version,
        "transport": "streamable-http",
    })
    .to_string()
    .into_bytes()
}

/// The answer of `/health`.
pub(crate) fn health(body: &bytes::Bytes) -> Response<Body> {
    uncached(json_bytes(StatusCode::OK, body.clone()))
}

/// The answer of `/ready`.
pub(crate) async fn ready(stopping: bool, readiness: &Readiness) -> Response<Body> {
    let not = |why: &str| {
        json_value(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "status": "not ready", "reason": why }),
        )
    };
    uncached(if stopping {
        not("the server is stopping")
    } else {
        match readiness().await {
            Ok(()) => json_value(StatusCode::OK, &json!({ "status": "ready" })),
            Err(why) => not(&why),
        }
    })
}

/// The answer of `/metrics`.
pub(crate) fn metrics(metrics: &Metrics) -> Response<Body> {
    let mut response = Response::new(Body::from(metrics.render()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    );
    uncached(response)
}

fn uncached(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
