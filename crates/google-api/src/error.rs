//! What can go wrong in a call to Google.
//!
//! Invariant: no text here holds a token, a key or a URL with parameters.

use foundation::Kind;

/// Google's reason, from whichever of its three error shapes carried it.
pub type Reason = String;

/// A failed call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What it means to the caller.
    pub kind: Kind,
    /// The method, such as `gmail.users.messages.list`.
    pub method: &'static str,
    /// The HTTP status, when Google answered.
    pub status: Option<u16>,
    /// Google's reason, such as `rateLimitExceeded`.
    pub reason: Option<Reason>,
    /// One sentence for people and models, without secrets.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
    /// Scopes of which any one would have sufficed, when that was the problem.
    pub missing_scopes: Vec<String>,
    /// A repeat was refused because an earlier try of the same call had taken effect although its
    /// answer was lost: what was asked for exists, read it by its id.
    pub took_effect: bool,
}

impl ApiError {
    /// An error that does not come out of an answer.
    pub fn new(kind: Kind, method: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            method,
            status: None,
            reason: None,
            message: message.into(),
            hint: None,
            retry_after: None,
            missing_scopes: Vec::new(),
            took_effect: false,
        }
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with a time to wait.
    #[must_use]
    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}
