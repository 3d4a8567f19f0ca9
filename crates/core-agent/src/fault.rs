//! What can go wrong with a server, typed, and what is known of the effect it may have had.
//!
//! Invariant: whether a request may be sent again is decided from [`Effect`] and the tool's own
//! promises, never from words in a message.

use std::{fmt, time::Duration};

use foundation::Kind;
use rmcp::model::ErrorData;
use serde::Serialize;

use crate::ServerName;

/// What is known of a failed request's effect on the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The server never had the request, or said that it did nothing: sending again is safe.
    None,
    /// The server may have done the work and the answer was lost.
    Unknown,
    /// The server answered; the failure is its answer.
    Answered,
}

impl Effect {
    /// What is known of two failed requests of one call together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Answered, _) | (_, Self::Answered) => Self::Answered,
            (Self::None, Self::None) => Self::None,
        }
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No server of this name is configured.
    NotConfigured,
    /// The configuration says not to use it.
    Disabled,
    /// Something it needs is not there: a credential, a runtime, a file.
    NotAvailable,
    /// Its command is not approved, or has changed since it was.
    NotApproved,
    /// It was started and did not come up.
    StartFailed,
    /// There is no connection to it.
    Unreachable,
    /// It wants to know who asks: a sign-in is due.
    SignInRequired,
    /// It knows who asks and refuses.
    Forbidden,
    /// It did not answer in time.
    TimedOut,
    /// The conversation broke off.
    Closed,
    /// What it said is not MCP.
    Protocol,
    /// What it said is larger than allowed.
    TooLarge,
    /// It answered with a JSON-RPC error.
    Rejected,
    /// It answered with an HTTP error.
    Http,
    /// It asked to be called less often.
    RateLimited,
    /// Its circuit is open: it failed too often lately.
    CircuitOpen,
    /// Too many calls to it are at work.
    Busy,
    /// The caller gave up.
    Cancelled,
}

impl FaultKind {
    /// The name in logs, metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::Disabled => "disabled",
            Self::NotAvailable => "not_available",
            Self::NotApproved => "not_approved",
            Self::StartFailed => "start_failed",
            Self::Unreachable => "unreachable",
            Self::SignInRequired => "sign_in_required",
            Self::Forbidden => "forbidden",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Http => "http",
            Self::RateLimited => "rate_limited",
            Self::CircuitOpen => "circuit_open",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::StartFailed
                | Self::Unreachable
                | Self::TimedOut
                | Self::Closed
                | Self::Protocol
                | Self::Http
                | Self::RateLimited
                | Self::CircuitOpen
                | Self::Busy
        )
    }

    /// The kind in the words all programs share.
    pub fn kind(self) -> Kind {
        match self {
            Self::NotConfigured => Kind::NotFound,
            Self::Disabled | Self::NotApproved | Self::Forbidden => Kind::Forbidden,
            Self::SignInRequired => Kind::NeedsConsent,
            Self::RateLimited | Self::Busy => Kind::Busy,
            Self::Rejected => Kind::Input,
            _ => Kind::Upstream,
        }
    }
}

/// A failure of a server.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The server.
    pub server: ServerName,
    /// The kind.
    pub kind: FaultKind,
    /// What failed, for people and models; no secrets.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What is known of the effect.
    pub effect: Effect,
    /// When to try again, if the server said.
    pub retry_after: Option<Duration>,
    /// The server's own JSON-RPC error, to be passed on unchanged.
    pub rpc: Option<Box<ErrorData>>,
}

impl Fault {
    /// A failure before anything was sent.
    pub fn before(server: &ServerName, kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            server: server.clone(),
            kind,
            message: message.into(),
            hint: None,
            effect: Effect::None,
            retry_after: None,
            rpc: None,
        }
    }

    /// A failure after the request may have arrived.
    pub fn after(server: &ServerName, kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            effect: Effect::Unknown,
            ..Self::before(server, kind, message)
        }
    }

    /// The server's own error.
    pub fn rejected(server: &ServerName, error: ErrorData) -> Self {
        Self {
            effect: Effect::Answered,
            rpc: Some(Box::new(error.clone())),
            ..Self::before(server, FaultKind::Rejected, error.message.into_owned())
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}: {}", self.server, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, ": {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
