//! Why a tool did not do its work.
//!
//! A message says what failed, for what, and what to do now. Invariant: no secret and no content
//! of mail or files is ever part of an error.

use std::error::Error;

use foundation::Kind;
use google_api::ApiError;

/// A confirmation that a person has to give before the tool may go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// Names the action; the same for the same action.
    pub key: String,
    /// What the person reads: what will happen, to whom.
    pub message: String,
}

/// A failed tool call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// What it means to the caller.
    pub kind: Kind,
    /// What failed, lower-case and without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Google's reason, when Google said no.
    pub reason: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
    /// Scopes of which any one would have sufficed, when that was the problem.
    pub missing_scopes: Vec<String>,
    /// The confirmation that is missing, when that was the problem.
    pub question: Option<Question>,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl ToolError {
    /// An error of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            reason: None,
            retry_after: None,
            missing_scopes: Vec::new(),
            question: None,
            source: None,
        }
    }

    /// The caller's arguments are wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// A person has to confirm first.
    pub fn ask(question: Question) -> Self {
        let message = format!("this needs a person's confirmation: {}", question.message);
        Self {
            question: Some(question),
            ..Self::new(Kind::Forbidden, message)
        }
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, "this is a fault of the server").caused_by(source)
    }

    pub(crate) fn arguments(error: &serde_json::Error) -> Self {
        Self::input(format!("the arguments do not fit: {error}"))
            .hint("compare them with the tool's input schema")
    }
}

impl From<ApiError> for ToolError {
    fn from(error: ApiError) -> Self {
        Self {
            kind: error.kind,
            message: error.message.clone(),
            hint: error.hint.clone(),
            reason: error.reason.clone(),
            retry_after: error.retry_after,
            missing_scopes: error.missing_scopes.clone(),
            question: None,
            source: Some(Box::new(error)),
        }
    }
}
