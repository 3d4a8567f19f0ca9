//! What can go wrong in a call to Google.

use foundation::Kind;

/// Google's reason, from whichever of its three error shapes carried it.
pub type Reason = String;

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What it means to the caller.
    pub kind: Kind,
    /// The method, such as `gmail.users.labels.list`.
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
}
