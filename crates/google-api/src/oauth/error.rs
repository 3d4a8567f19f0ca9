//! Why a token request failed, and whether it can succeed later.
//!
//! Invariant: a refusal that the stored credential caused ([`OAuthError::Grant`]) is never
//! repeated; only [`OAuthError::Unavailable`] may be. No text here contains a token or a code.

use foundation::Kind;
use serde::Deserialize;

/// A failed request to the token endpoint or one of its neighbours.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OAuthError {
    /// `invalid_grant`: the code, the refresh token or the assertion is worth nothing any more.
    #[error("Google ended this sign-in: {}", .0.sentence())]
    Grant(GrantProblem),
    /// The client, its secret or its settings are wrong; no user can mend that.
    #[error("Google refused this OAuth client ({code}): {sentence}")]
    Client {
        /// Google's code, such as `invalid_client`.
        code: String,
        /// What it means.
        sentence: String,
    },
    /// The access token is not valid (any more).
    #[error("the access token is not valid any more")]
    InvalidToken,
    /// The endpoint failed, limited us or could not be reached; later it may work.
    #[error("{problem}")]
    Unavailable {
        /// What failed.
        problem: String,
        /// The HTTP status, when there was an answer.
        status: Option<u16>,
        /// Seconds after which a retry makes sense.
        retry_after: Option<u64>,
    },
    /// The answer was not what the protocol promises.
    #[error("Google's token endpoint answered in an unexpected way: {problem}")]
    Unreadable {
        /// What was wrong with it.
        problem: String,
    },
}

impl OAuthError {
    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What it means to the caller.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Grant(_) | Self::InvalidToken => Kind::NeedsConsent,
            Self::Client { .. } => Kind::Forbidden,
            Self::Unavailable {
                status: Some(429), ..
            } => Kind::Busy,
            Self::Unavailable { .. } | Self::Unreadable { .. } => Kind::Upstream,
        }
    }

    /// Seconds after which a retry makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Reads a refusal. `retry_after` comes from the answer's header.
    pub(crate) fn from_answer(status: u16, body: &[u8], retry_after: Option<u64>) -> Self {
        let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
            return if status == 408 || status == 429 || status >= 500 {
                unavailable(status, retry_after)
            } else {
                Self::Unreadable {
                    problem: format!("status {status} without an OAuth error"),
                }
            };
        };
        let (code, description) = refusal.parts();
        let text = description.to_ascii_lowercase();
        match code.as_str() {
            "invalid_grant" => {
                Self::Grant(GrantProblem::read(refusal.error_subtype.as_deref(), &text))
            }
            "invalid_token" | "UNAUTHENTICATED" => Self::InvalidToken,
            "invalid_request" if status == 401 => Self::InvalidToken,
            "temporarily_unavailable"
            | "server_error"
            | "internal_failure"
            | "backend_error"
            | "slow_down"
            | "rate_limit_exceeded" => unavailable(status, retry_after),
            _ if status == 408 || status == 429 || status >= 500 => {
                unavailable(status, retry_after)
            }
            // tokeninfo reports a dead token as `invalid_token` or with this description only.
            _ if text.contains("invalid value") || text == "invalid token" => Self::InvalidToken,
            other => Self::Client {
                code: other.to_owned(),
                sentence: client_sentence(other).unwrap_or_else(|| shown(&description)),
            },
        }
    }
}

/// Why Google says `invalid_grant`, as far as it tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantProblem {
    /// Revoked by the user, expired, replaced by newer ones or dropped after a password change.
    ExpiredOrRevoked,
    /// The organisation's session control wants the user to sign in again (`invalid_rapt`).
    SessionControl,
    /// An administrator does not allow this app or these scopes.
    AdminPolicy,
    /// The account is disabled.
    AccountDisabled,
    /// The account or the client does not exist any more.
    Deleted,
    /// The one-time code was used before, is too old or was mistyped.
    CodeSpent,
    /// The PKCE verifier does not belong to the code.
    Verifier,
    /// This machine's clock differs too much from Google's.
    ClockSkew,
    /// The user to act as does not exist or belongs to another organisation.
    Subject,
    /// The key of the service account was deleted or does not match.
    Key,
    /// Google did not say.
    Unspecified,
}

impl GrantProblem {
    /// One sentence: what happened and what to do.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ExpiredOrRevoked => {
                "the grant was revoked or expired (by the user, after a password change, after \
                 six months without use, by more than 100 newer sign-ins, or after 7 days while \
                 the Google Cloud project's consent screen is in testing); sign in again"
            }
            Self::SessionControl => {
                "the organisation's session length ended and wants a fresh sign-in; sign in \
                 again, or ask the administrator to exempt this app from reauthentication"
            }
            Self::AdminPolicy => {
                "an administrator of the organisation does not allow this app or these scopes; \
                 ask for it to be trusted in the Admin console under API controls"
            }
            Self::AccountDisabled => {
                "the Google account is disabled; ask the administrator to restore it"
            }
            Self::Deleted => {
                "the Google account or the OAuth client was deleted; sign in with another account \
                 or set up a new client"
            }
            Self::CodeSpent => {
                "the sign-in code was used before, is too old or was cut off; start the sign-in \
                 again"
            }
            Self::Verifier => {
                "the sign-in was finished by somebody who did not start it; start the sign-in again"
            }
            Self::ClockSkew => {
                "this machine's clock differs from Google's by too much; set the clock and try again"
            }
            Self::Subject => {
                "the user to act as does not exist in the organisation that delegated access; \
                 check the e-mail address (accounts outside Workspace cannot be delegated)"
            }
            Self::Key => {
                "the key of the service account is unknown to Google (deleted or of another \
                 account); create a new key file"
            }
            Self::Unspecified => "Google gave no reason; sign in again",
        }
    }

    fn read(subtype: Option<&str>, description: &str) -> Self {
        let has = |part: &str| description.contains(part);
        match subtype.map(str::to_ascii_lowercase).as_deref() {
            Some("invalid_rapt" | "rapt_required") => return Self::SessionControl,
            Some("access_not_configured" | "admin_policy_enforced" | "access_denied") => {
                return Self::AdminPolicy;
            }
            Some("account_disabled") => return Self::AccountDisabled,
            _ => {}
        }
        if has("rapt") || has("reauth") {
            Self::SessionControl
        } else if has("admin_policy") || has("policy_enforced") {
            Self::AdminPolicy
        } else if has("disabled") {
            Self::AccountDisabled
        } else if has("deleted") {
            Self::Deleted
        } else if has("verifier") {
            Self::Verifier
        } else if has("short-lived") || has("reasonable timeframe") || has("iat") {
            Self::ClockSkew
        } else if has("jwt signature") || has("invalid signature") {
            Self::Key
        } else if has("email or user id") || has("account not found") || has("invalid sub") {
            Self::Subject
        } else if has("expired or revoked") || has("expired") || has("revoked") {
            Self::ExpiredOrRevoked
        } else if has("auth code") || has("code was already") || has("malformed") {
            Self::CodeSpent
        } else {
            Self::Unspecified
        }
    }
}

/// `{"error": "invalid_grant", "error_description": …}`, or Google's common shape with an object.
#[derive(Deserialize)]
struct Refusal {
    error: serde_json::Value,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_subtype: Option<String>,
}

impl Refusal {
    fn parts(&self) -> (String, String) {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(code) = self.error.as_str() {
            let description = self.error_description.clone().unwrap_or_default();
            return (code.to_owned(), description);
        }
        (text(&self.error["status"]), text(&self.error["message"]))
    }
}

fn unavailable(status: u16, retry_after: Option<u64>) -> OAuthError {
    let problem = if status == 429 {
        "Google's token endpoint is limiting requests".to_owned()
    } else {
        format!("Google's token endpoint failed with status {status}")
    };
    OAuthError::Unavailable {
        problem,
        status: Some(status),
        retry_after,
    }
}

fn client_sentence(code: &str) -> Option<String> {
    let sentence = match code {
        "invalid_client" => {
            "the client id or its secret is wrong; copy both again from the Google Cloud console \
             (Clients)"
        }
        "deleted_client" => {
            "the OAuth client was deleted; create a new one and configure its id and secret"
        }
        "unauthorized_client" => {
            "the client may not do this: for a service account, an administrator must allow its \
             numeric client id with exactly the scopes asked for (Admin console, Security, API \
             controls, domain-wide delegation; changes take up to a day)"
        }
        "redirect_uri_mismatch" => {
            "the redirect address is not registered; add it, letter for letter, to the client in \
             the Google Cloud console"
        }
        "invalid_scope" => {
            "one of the scopes does not exist or may not be granted to this client; check their \
             spelling and the delegation"
        }
        "org_internal" => {
            "the app is internal to one organisation; sign in with an account of it, or make the \
             consent screen external"
        }
        "admin_policy_enforced" => {
            "an administrator does not allow these scopes; ask for the app to be trusted in the \
             Admin console under API controls"
        }
        "unsupported_grant_type" => "the grant type is not known to the endpoint",
        _ => return None,
    };
    Some(sentence.to_owned())
}

/// Google's own words, on one line and not endless.
fn shown(description: &str) -> String {
    if description.is_empty() {
        return "no description was given".to_owned();
    }
    description
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> OAuthError {
        OAuthError::from_answer(status, body.as_bytes(), None)
    }

    #[test]
    fn each_cause_of_invalid_grant_has_its_own_sentence() {
        let cases = [
            (
                r#""Token has been expired or revoked.""#,
                GrantProblem::ExpiredOrRevoked,
            ),
            (
                r#""reauth related error (invalid_rapt)""#,
                GrantProblem::SessionControl,
            ),
            (r#""Malformed auth code.""#, GrantProblem::CodeSpent),
            (r#""Invalid code verifier.""#, GrantProblem::Verifier),
            (
                r#""Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.""#,
                GrantProblem::ClockSkew,
            ),
            (r#""Invalid JWT Signature.""#, GrantProblem::Key),
            (r#""Invalid email or User ID""#, GrantProblem::Subject),
            (r#""Account has been deleted""#, GrantProblem::Deleted),
            (r#""Bad Request""#, GrantProblem::Unspecified),
        ];
        let mut sentences = std::collections::BTreeSet::new();
        for (description, expected) in cases {
            let body = format!(r#"{{"error":"invalid_grant","error_description":{description}}}"#);
            match read(400, &body) {
                OAuthError::Grant(problem) => assert_eq!(problem, expected, "{description}"),
                other => panic!("{description}: {other:?}"),
            }
            assert!(sentences.insert(expected.sentence()));
        }
        let subtype = r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#;
        assert!(matches!(
            read(400, subtype),
            OAuthError::Grant(GrantProblem::SessionControl)
        ));
    }

    #[test]
    fn only_outages_are_transient() {
        assert!(read(503, "<html>").is_transient());
        assert!(read(429, r#"{"error":"rate_limit_exceeded"}"#).is_transient());
        assert!(read(500, r#"{"error":"internal_failure"}"#).is_transient());
        for body in [
            r#"{"error":"invalid_grant"}"#,
            r#"{"error":"invalid_client"}"#,
            r#"{"error":"unauthorized_client"}"#,
            r#"{"error":"invalid_token"}"#,
            "<html>",
        ] {
            assert!(!read(400, body).is_transient(), "{body}");
        }
    }

    #[test]
    fn the_common_error_shape_is_understood_too() {
        let body = r#"{"error":{"code":401,"message":"Request had invalid credentials","status":"UNAUTHENTICATED"}}"#;
        assert!(matches!(read(401, body), OAuthError::InvalidToken));
    }
}
