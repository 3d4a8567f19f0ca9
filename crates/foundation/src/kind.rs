//! The kinds of failure a caller can act on.
//!
//! Closed on purpose: a new kind means that callers must learn a new reaction.

use std::fmt;

/// What a failure means to whoever asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// The request itself is wrong; sending it again unchanged fails again.
    Input,
    /// Somebody has to sign in or grant more access first.
    NeedsConsent,
    /// The caller may not do this, by policy or by permission.
    Forbidden,
    /// The thing does not exist, or the account cannot see it.
    NotFound,
    /// The thing changed meanwhile, or exists already.
    Conflict,
    /// A limit was reached; later it may work.
    Busy,
    /// The other side failed or did not answer in time.
    Upstream,
    /// Whether the request took effect is unknown; look before repeating it.
    Unknown,
    /// A fault of this program.
    Internal,
}

impl Kind {
    /// The name used in results, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::NeedsConsent => "needs_consent",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::Upstream => "upstream",
            Self::Unknown => "unknown",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
