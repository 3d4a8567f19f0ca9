//! How one try failed, and what that leaves for the caller.
//!
//! Invariant: whatever may have taken effect is marked ambiguous here; the loop only reads the
//! mark.

use std::fmt::Write as _;

use bytes::Bytes;
use foundation::Kind;
use google_discovery::{HttpMethod, Method};
use http::{HeaderMap, StatusCode};

use crate::{
    ApiError, TokenError,
    explain::{self, Repeat},
    send::{Content, Plan, Reply},
};

/// How one try failed.
pub(crate) struct Failed {
    pub(crate) error: ApiError,
    pub(crate) repeat: Repeat,
    /// Whether it may have taken effect.
    pub(crate) ambiguous: bool,
    pub(crate) rate_limited: bool,
}

/// What a refusal of a repeat says about the earlier try whose answer was lost.
pub(crate) fn settled(method: &'static Method, failed: &Failed) -> Option<Result<Reply, ApiError>> {
    match failed.error.status? {
        // Deleted by the earlier try.
        status @ (404 | 410) if method.http_method == HttpMethod::Delete => {
            tracing::debug!(
                google.method = method.id,
                status,
                "deleted by an earlier try"
            );
            let content = Content::Whole(Bytes::new());
            Some(Ok(Reply {
                status: StatusCode::NO_CONTENT,
                headers: HeaderMap::new(),
                content,
            }))
        }
        // Created by the earlier try under the id the caller chose.
        409 => {
            let error = ApiError {
                took_effect: true,
                hint: Some("an earlier try of this call created it: read it by its id".to_owned()),
                ..failed.error.clone()
            };
            Some(Err(error))
        }
        _ => None,
    }
}

pub(crate) fn given_up(plan: &Plan, failed: Failed, attempts: u32) -> ApiError {
    let mut error = failed.error;
    if failed.ambiguous && !plan.repeatable {
        return explain::ambiguous(plan.method, error);
    }
    if attempts > 1 {
        let _ = write!(error.message, " (tried {attempts} times)");
    }
    error
}

pub(crate) fn no_token(method: &'static Method, error: TokenError) -> ApiError {
    match error {
        TokenError::NeedsConsent { problem, missing } => ApiError {
            missing_scopes: missing,
            ..ApiError::new(Kind::NeedsConsent, method.id, problem).hint("sign in again")
        },
        TokenError::Unavailable {
            problem,
            retry_after,
        } => ApiError {
            retry_after,
            ..ApiError::new(Kind::Upstream, method.id, problem)
        },
        TokenError::NoAccount => ApiError::new(
            Kind::NeedsConsent,
            method.id,
            TokenError::NoAccount.to_string(),
        )
        .hint("sign in first, or name one of your accounts"),
    }
}

/// A failure before anything was sent.
pub(crate) fn unsent(error: ApiError) -> Failed {
    Failed {
        error,
        repeat: Repeat::Useless,
        ambiguous: false,
        rate_limited: false,
    }
}

pub(crate) fn late(method: &'static Method, doing: &str) -> ApiError {
    ApiError::new(
        Kind::Busy,
        method.id,
        format!("time was up while {doing}; nothing was sent"),
    )
    .hint("try again, or do less at once")
}

/// The deadline passed while Google was working.
pub(crate) fn overdue(method: &'static Method) -> Failed {
    let error = ApiError::new(Kind::Upstream, method.id, "Google did not answer in time")
        .hint("try again in a minute, or ask for less");
    // Time is up, so the loop will not send again; ambiguity decides what the caller is told.
    Failed {
        error,
        repeat: Repeat::IfIdempotent,
        ambiguous: true,
        rate_limited: false,
    }
}

pub(crate) fn broken(method: &'static Method, error: &reqwest::Error) -> Failed {
    // The error's own text holds the URL, which may hold a key.
    let never_sent = error.is_connect() || error.is_builder();
    let message = if error.is_connect() {
        "no connection to Google could be made"
    } else if error.is_builder() {
        "the request could not be made"
    } else {
        "the connection to Google broke before the answer was there"
    };
    let kind = if error.is_builder() {
        Kind::Internal
    } else {
        Kind::Upstream
    };
    Failed {
        error: ApiError::new(kind, method.id, message).hint("try again in a minute"),
        repeat: match () {
            () if error.is_builder() => Repeat::Useless,
            () if never_sent => Repeat::Safe,
            () => Repeat::IfIdempotent,
        },
        ambiguous: !never_sent,
        rate_limited: false,
    }
}
