//! Where access tokens come from.
//!
//! A source belongs to one account. It is asked before every call with the scopes of which any
//! one suffices, and told when Google refused a token. Invariant: a token never appears in a log,
//! an error or a `Debug` text.

use futures::future::BoxFuture;
use secrecy::SecretString;

/// A token Google may accept, and what it was granted for.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The bearer value.
    pub secret: SecretString,
}

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The account never consented, its grant ended, or it lacks the scopes: somebody must sign in.
    #[error("{problem}")]
    NeedsConsent {
        /// What is missing, in a sentence for people.
        problem: String,
        /// Scopes of which any one would do; empty when the whole grant is gone.
        missing: Vec<String>,
    },
    /// The credential store or Google's token endpoint is not reachable now.
    #[error("{problem}")]
    Unavailable {
        /// What failed, in a sentence for people.
        problem: String,
        /// Seconds after which a retry makes sense.
        retry_after: Option<u64>,
    },
    /// The client is bound to no account.
    #[error("no Google account is selected")]
    NoAccount,
}

/// Supplies access tokens of one account.
pub trait TokenSource: Send + Sync + 'static {
    /// A token that satisfies at least one of `any_of` (empty: any token of the account).
    fn token<'a>(&'a self, any_of: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>>;

    /// Google answered 401 to `token`: do not hand it out again. The next [`TokenSource::token`]
    /// refreshes.
    fn rejected<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()>;
}

/// One fixed token, for tests and service credentials handed in from outside.
#[derive(Clone, Debug)]
pub struct StaticToken(pub SecretString);

impl TokenSource for StaticToken {
    fn token<'a>(&'a self, _: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async {
            Ok(AccessToken {
                secret: self.0.clone(),
            })
        })
    }

    fn rejected<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}
