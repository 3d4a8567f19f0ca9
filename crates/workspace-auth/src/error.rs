//! Why an account cannot be used, or a sign-in cannot be started.
//!
//! Not the failures of Google's API (`google_api::ApiError`). Invariant: no message names an
//! account that does not belong to the caller, and none contains a secret.

use foundation::Kind;

use crate::store::StoreError;

/// Why an account cannot be used or a sign-in cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The caller owns no account yet.
    #[error("no Google account is signed in; call start_google_auth to link one")]
    NoAccount,
    /// Several accounts and none was named.
    #[error(
        "{} Google accounts are signed in; say which one with user_google_email: {}",
        own.len(), own.join(", ")
    )]
    SeveralAccounts {
        /// The caller's own accounts.
        own: Vec<String>,
    },
    /// The named account is not one of the caller's.
    #[error("{}", not_yours(own))]
    NotYours {
        /// The caller's own accounts.
        own: Vec<String>,
    },
    /// An argument cannot be used.
    #[error("{problem}")]
    Input {
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// No OAuth client is configured.
    #[error(
        "no Google OAuth client is configured; set GOOGLE_OAUTH_CLIENT_ID and \
         GOOGLE_OAUTH_CLIENT_SECRET, or name a client file with GOOGLE_CLIENT_SECRET_PATH \
         (default ./client_secret.json)"
    )]
    NotConfigured,
    /// The credential store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token source of the account failed, for instance because access was revoked.
    #[error(transparent)]
    Token(#[from] google_api::TokenError),
}

impl AuthError {
    /// What the failure means to the caller.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SeveralAccounts { .. } | Self::Input { .. } => Kind::Input,
            Self::NotYours { .. } => Kind::Forbidden,
            Self::NotConfigured => Kind::Internal,
            Self::Store(error) => error.kind(),
            Self::Token(google_api::TokenError::Unavailable { .. }) => Kind::Upstream,
            Self::NoAccount | Self::Token(_) => Kind::NeedsConsent,
        }
    }

    /// Seconds after which a retry makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Store(error) => error.retry_after(),
            Self::Token(google_api::TokenError::Unavailable { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }
}

fn not_yours(own: &[String]) -> String {
    if own.is_empty() {
        return "this account is not linked to you and you have none yet; \
                call start_google_auth to link it"
            .to_owned();
    }
    format!(
        "this account is not linked to you; your own: {}; leave user_google_email out to use \
         yours, or call start_google_auth to link another one",
        own.join(", ")
    )
}
