//! What observers learn of each call.
//!
//! Not logging: the send loop logs by itself. Invariant: a record holds no parameter, no content
//! and no token.

use std::{sync::Arc, time::Duration};

use foundation::Kind;

/// One finished call, after all of its tries.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The method, such as `gmail.users.labels.list`.
    pub method: &'static str,
    /// The API, such as `gmail`.
    pub api: &'static str,
    /// The last HTTP status; none when Google did not answer.
    pub status: Option<u16>,
    /// What the failure meant; none for success.
    pub failure: Option<Kind>,
    /// Google's reason for the failure.
    pub reason: Option<String>,
    /// How many requests were sent.
    pub attempts: u32,
    /// How many of the answers said that a rate limit was reached.
    pub rate_limited: u32,
    /// From the start of the call to its end, waiting included.
    pub duration: Duration,
}

/// Called once after each call.
pub type Observer = Arc<dyn Fn(&CallRecord) + Send + Sync>;
