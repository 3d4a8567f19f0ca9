//! Why somebody is not signed in, and what that means to a caller.
//!
//! Invariant: no text of an authorization server is in a message, but for plain error codes.

use super::{
    assertion::BadKey, callback::Refused, consent::NoConsent, decide::Impossible,
    discovery::BadMetadata, fetch::FetchError, guard::BadUrl, token::TokenFault, vault::VaultError,
};
use crate::{Actor, Fault, FaultKind, ServerName, secret::SecretFault, trust::shown_command};

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The server has no address to sign in to.
    #[error("this server is not reached over http, so there is nothing to sign in to")]
    NotHttp,
    /// Its address is none.
    #[error("the server's url cannot be used")]
    BadAddress,
    /// Its credentials are configured.
    #[error(
        "the credentials configured for this server (its Authorization header, or the user's own \
         bearer) were refused"
    )]
    Configured,
    /// Somebody has to consent first.
    #[error("a sign-in is due")]
    ConsentDue,
    /// Every token was refused.
    #[error(
        "the server goes on refusing after three sign-ins; nothing more is tried for ten minutes"
    )]
    Loop,
    /// It does not ask for a sign-in.
    #[error("this server does not ask for a sign-in")]
    NotAsked,
    /// The server refuses what was asked, whoever asks.
    #[error("the server refuses this request with this sign-in")]
    Forbidden,
    /// Nothing published where it should be.
    #[error("the authorization server's metadata is nowhere to be found")]
    NoMetadata,
    /// A failure that passes.
    #[error("{0} cannot be had now")]
    Later(&'static str),
    /// Registration was refused.
    #[error(
        "the authorization server refused to register this program ({0}); register a client there \
         and set oauth.client_id for this server"
    )]
    NotRegistered(String),
    /// Nobody answered in time.
    #[error("nobody finished the sign-in within five minutes")]
    NobodyCame,
    /// The address for the answer cannot be listened on.
    #[error("cannot listen on this machine for the browser's answer{0}")]
    NoCallback(String),
    /// What was brought back is not where the browser was sent.
    #[error("this is not the address the browser was sent to: it begins with {0}")]
    OtherRedirect(String),
    /// Nobody consents.
    #[error(transparent)]
    NoConsent(#[from] NoConsent),
    /// A request failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A URL is not used.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// Metadata is not used.
    #[error(transparent)]
    Metadata(#[from] BadMetadata),
    /// There is no way.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// The answer of the browser is not used.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// No key.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Nothing can be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A configured secret is not there.
    #[error(transparent)]
    Secret(#[from] SecretFault),
}

impl SignInError {
    /// The failure as callers of a server see it.
    pub fn into_fault(self, server: &ServerName, actor: &Actor) -> Fault {
        let kind = match &self {
            Self::ConsentDue
            | Self::Configured
            | Self::NobodyCame
            | Self::NoConsent(_)
            | Self::Token(TokenFault::InvalidGrant | TokenFault::InvalidClient) => {
                FaultKind::SignInRequired
            }
            Self::Later(_)
            | Self::Fetch(FetchError::Silent(_))
            | Self::Token(TokenFault::Later) => FaultKind::Unreachable,
            Self::NotHttp
            | Self::BadAddress
            | Self::NotAsked
            | Self::NoCallback(_)
            | Self::Impossible(_)
            | Self::NotRegistered(_)
            | Self::Key(_)
            | Self::Vault(_)
            | Self::Secret(_)
            | Self::Fetch(FetchError::NoClient) => FaultKind::NotAvailable,
            Self::Loop
            | Self::Forbidden
            | Self::NoMetadata
            | Self::OtherRedirect(_)
            | Self::Fetch(_)
            | Self::Url(_)
            | Self::Metadata(_)
            | Self::Refused(_)
            | Self::Token(_) => FaultKind::Forbidden,
        };
        let fault = Fault::before(server, kind, self.to_string());
        match kind {
            FaultKind::SignInRequired if !matches!(self, Self::Configured) => {
                fault.hint(format!("run: {}", login(server, actor)))
            }
            _ => fault,
        }
    }
}

/// The command by which this actor's sign-in is done: one done for somebody else does not help.
fn login(server: &ServerName, actor: &Actor) -> String {
    let mut words = vec![
        "core-agent".to_owned(),
        "login".to_owned(),
        server.to_string(),
    ];
    let local = Actor::local();
    let whose = [
        (
            "--caller",
            (actor.name != local.name).then_some(&*actor.name),
        ),
        ("--user-email", actor.user.email.as_deref()),
        ("--user-id", actor.user.id.as_deref()),
    ];
    for (option, value) in whose {
        if let Some(value) = value {
            words.extend([option.to_owned(), value.to_owned()]);
        }
    }
    shown_command(&words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndUser;

    #[test]
    fn the_hint_says_whose_sign_in_is_due() {
        let server: ServerName = "far".parse().unwrap();
        let hint = |actor: &Actor| {
            let fault = SignInError::ConsentDue.into_fault(&server, actor);
            fault.hint.unwrap()
        };
        assert_eq!(hint(&Actor::local()), "run: core-agent login far");
        let caller = Actor {
            name: "the app".into(),
            user: EndUser {
                email: Some("ann@example.com".into()),
                ..EndUser::default()
            },
            ..Actor::local()
        };
        assert_eq!(
            hint(&caller),
            "run: core-agent login far --caller 'the app' --user-email ann@example.com"
        );
    }
}
