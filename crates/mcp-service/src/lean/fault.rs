//! Protocol errors: a JSON-RPC code, words, and the HTTP status they travel with.
//!
//! Not failures of tools, which are results.
//! Invariant: the id in an answer is the request's own text, or null when it could not be read.

use axum::body::Body;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::http::reply::json_bytes;

/// A protocol error.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

pub(crate) const PARSE_ERROR: i32 = -32_700;
pub(crate) const INVALID_REQUEST: i32 = -32_600;
pub(crate) const METHOD_NOT_FOUND: i32 = -32_601;
pub(crate) const INVALID_PARAMS: i32 = -32_602;
pub(crate) const INTERNAL_ERROR: i32 = -32_603;
pub(crate) const SESSION_NOT_FOUND: i32 = -32_001;
pub(crate) const BUSY: i32 = -32_000;
pub(crate) const HEADER_MISMATCH: i32 = -32_020;
pub(crate) const UNSUPPORTED_VERSION: i32 = -32_022;

impl Fault {
    pub(crate) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            data: None,
        }
    }

    /// The body is no JSON.
    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message)
    }

    /// The body is JSON but no JSON-RPC message.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    /// The parameters do not fit the method.
    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::OK, INVALID_PARAMS, message)
    }

    /// A header contradicts the body or is missing.
    pub(crate) fn header(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
    }

    /// A revision this server does not speak.
    pub(crate) fn version(requested: &str) -> Self {
        let supported: Vec<_> = rmcp::model::ProtocolVersion::KNOWN_VERSIONS
            .iter()
            .map(rmcp::model::ProtocolVersion::as_str)
            .collect();
        Self {
            data: Some(json!({ "requested": requested, "supported": supported })),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                UNSUPPORTED_VERSION,
                "unsupported protocol version",
            )
        }
    }

    /// A fault of this program.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            INTERNAL_ERROR,
            "the server failed while it worked on this request; its log says more under the request id",
        )
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The JSON-RPC error object for the request `id`.
    pub(crate) fn body(&self, id: Option<&RawValue>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Wire<'a> {
            jsonrpc: &'static str,
            id: Option<&'a RawValue>,
            error: ErrorWire<'a>,
        }
        #[derive(Serialize)]
        struct ErrorWire<'a> {
            code: i32,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a Value>,
        }
        serde_json::to_vec(&Wire {
            jsonrpc: "2.0",
            id,
            error: ErrorWire {
                code: self.code,
                message: &self.message,
                data: self.data.as_ref(),
            },
        })
        .expect("the parts of an error are JSON")
    }

    /// The HTTP answer for the request `id`.
    pub(crate) fn response(&self, id: Option<&RawValue>) -> Response<Body> {
        json_bytes(self.status, self.body(id))
    }
}
