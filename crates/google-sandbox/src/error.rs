//! Google's error bodies, in the shapes its APIs really use.
//!
//! Not for faults of the sandbox itself: those are panics or start-up errors. Invariant: a handler
//! never writes an error body; it returns [`ApiError`] and the door renders it for the API asked.

use http::StatusCode;
use serde_json::{Value, json};

/// A refusal as Google would give it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    /// The machine-readable reason of the classic shape, such as `notFound`.
    pub(crate) reason: String,
    pub(crate) message: String,
    /// `global`, `usageLimits`, `calendar`.
    pub(crate) domain: &'static str,
    /// Which parameter or header was wrong.
    pub(crate) location: Option<(&'static str, String)>,
    /// Which fields or parameters were wrong, each with its description.
    pub(crate) violations: Vec<(String, String)>,
    /// Seconds for the `Retry-After` header.
    pub(crate) retry_after: Option<u64>,
    /// The `reason` of an `ErrorInfo` detail, where Google adds one.
    pub(crate) info: Option<Info>,
    /// The `WWW-Authenticate` header.
    pub(crate) challenge: Option<&'static str>,
}

/// An `ErrorInfo` detail.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Info {
    pub(crate) reason: &'static str,
    pub(crate) metadata: Vec<(&'static str, String)>,
}

impl ApiError {
    /// An error with a code, a classic reason and a message.
    pub(crate) fn new(code: u16, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            domain: "global",
            location: None,
            violations: Vec::new(),
            retry_after: None,
            info: None,
            challenge: None,
        }
    }

    /// 404: it does not exist, or the caller may not know that it does.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "notFound", message)
    }

    /// 400 with Google's everyday reason for a wrong value.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalidArgument", message)
    }

    /// 400 for a state that does not allow the call.
    pub(crate) fn failed_precondition(message: impl Into<String>) -> Self {
        Self::new(400, "failedPrecondition", message)
    }

    /// 403 with a reason of its own.
    pub(crate) fn forbidden(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(403, reason, message)
    }

    /// 409: it exists already.
    pub(crate) fn duplicate(message: impl Into<String>) -> Self {
        Self::new(409, "duplicate", message)
    }

    /// 412: the `If-Match` tag is stale.
    pub(crate) fn precondition() -> Self {
        Self::new(412, "conditionNotMet", "Precondition Failed").at("header", "If-Match")
    }

    /// 501: Google has this method, the sandbox does not.
    pub(crate) fn not_simulated(method: &str) -> Self {
        Self::new(
            501,
            "notImplemented",
            format!("The sandbox does not simulate {method}; Google does have this method."),
        )
    }

    /// Names the place of the mistake: `parameter` or `header`, and its name.
    pub(crate) fn at(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.location = Some((kind, name.into()));
        self
    }

    /// Names the place of the mistake, a parameter.
    pub(crate) fn at_parameter(self, name: impl Into<String>) -> Self {
        self.at("parameter", name)
    }

    /// Puts the error in another domain than `global`.
    pub(crate) fn in_domain(mut self, domain: &'static str) -> Self {
        self.domain = domain;
        self
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body as this API writes it.
    pub(crate) fn body(&self, api: &str) -> Value {
        let classic = matches!(api, "gmail" | "drive" | "calendar" | "oauth2");
        let mut error = json!({"code": self.code, "message": self.message});
        let fields = error.as_object_mut().expect("json! built an object");
        if classic {
            let mut entry = json!({
                "message": self.message, "domain": self.domain, "reason": self.reason,
            });
            if let Some((kind, name)) = &self.location {
                entry["location"] = json!(name);
                entry["locationType"] = json!(kind);
            }
            fields.insert("errors".into(), json!([entry]));
        }
        // Drive and Calendar add the canonical status only to errors of the common front end.
        if !matches!(api, "drive" | "calendar") || self.has_details() {
            fields.insert("status".into(), json!(canonical(self.code, &self.reason)));
        }
        if self.has_details() {
            fields.insert("details".into(), Value::Array(self.details(api)));
        }
        json!({ "error": error })
    }

    fn has_details(&self) -> bool {
        !self.violations.is_empty() || self.info.is_some()
    }

    fn details(&self, api: &str) -> Vec<Value> {
        let mut details = Vec::new();
        if let Some(info) = &self.info {
            let mut metadata = json!({"service": format!("{api}.googleapis.com")});
            for (name, value) in &info.metadata {
                metadata[*name] = json!(value);
            }
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": info.reason,
                "domain": "googleapis.com",
                "metadata": metadata,
            }));
        }
        if !self.violations.is_empty() {
            let violations: Vec<Value> = self
                .violations
                .iter()
                .map(|(field, description)| json!({"field": field, "description": description}))
                .collect();
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": violations,
            }));
        }
        if let Some(seconds) = self.retry_after.filter(|_| self.info.is_some()) {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{seconds}s"),
            }));
        }
        details
    }
}

/// The canonical status name of an HTTP code.
fn canonical(code: u16, reason: &str) -> &'static str {
    match (code, reason) {
        (400, "failedPrecondition") | (412, _) => "FAILED_PRECONDITION",
        (400, _) => "INVALID_ARGUMENT",
        (401, _) => "UNAUTHENTICATED",
        (403, "rateLimitExceeded" | "userRateLimitExceeded") | (429, _) => "RESOURCE_EXHAUSTED",
        (403, _) => "PERMISSION_DENIED",
        (404, _) => "NOT_FOUND",
        (409, "aborted") => "ABORTED",
        (409, _) => "ALREADY_EXISTS",
        (499, _) => "CANCELLED",
        (501, _) => "UNIMPLEMENTED",
        (503, _) => "UNAVAILABLE",
        (504, _) => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
