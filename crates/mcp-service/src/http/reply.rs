//! Answers with a JSON body.
//!
//! Invariant: a body made here is valid JSON whatever the words in it are.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::HttpReply;

/// The type of a JSON body.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `body`, which is JSON already.
pub(crate) fn json_bytes(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// `value` as JSON.
pub(crate) fn json_value(status: StatusCode, value: &Value) -> Response<Body> {
    json_bytes(status, value.to_string())
}

/// A refusal: what is wrong and what to do.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    answered_by_program(HttpReply::refusal(status, message))
}

/// An answer the program made itself.
pub(crate) fn answered_by_program(reply: HttpReply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// 405 with the methods that are allowed.
pub(crate) fn wrong_method(allowed: &'static str) -> Response<Body> {
    let mut response = refusal(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("this path takes {allowed}"),
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 503 with a hint when to come back.
pub(crate) fn busy(message: &str) -> Response<Body> {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, message);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
