//! Signing in to servers over HTTP.
//!
//! Not authentication of the hub's own callers: that is the hub's.
//! Invariant: a token is sent to the server it was made for and to the authorization server that
//! made it, and to nobody else.

mod assertion;
mod attempts;
mod callback;
mod challenge;
mod consent;
mod decide;
mod discovery;
mod error;
mod exchange;
mod explore;
mod fetch;
mod flow;
mod guard;
mod loopback;
mod request;
mod scopes;
mod signins;
mod token;
mod vault;

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::{Actor, Fault, ServerName};

pub use consent::{Consent, NoConsent};
pub use error::SignInError;
pub use guard::{Names, SystemNames};
pub use scopes::Scopes;
pub use signins::{KEY, SignInOptions, SignIns, SignedIn, SignedOut};
pub use vault::{Vault, VaultError};

/// Tokens for servers over HTTP, as the conversations with servers see them.
pub trait SignIn: Send + Sync + 'static {
    /// The bearer of the next request to `server` made for `actor`; `None` when there is none
    /// (yet), in which case the request is made without and the server says whether it minds.
    fn bearer<'a>(
        &'a self,
        server: &'a ServerName,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<Option<SecretString>, Fault>>;

    /// The server answered 401, or 403 with `insufficient_scope`: what to do.
    fn challenged<'a>(
        &'a self,
        server: &'a ServerName,
        actor: &'a Actor,
        challenge: Challenge<'a>,
    ) -> BoxFuture<'a, Next>;
}

/// A server's refusal of a request.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// 401 or 403.
    pub status: u16,
    /// The values of all `WWW-Authenticate` headers.
    pub www_authenticate: &'a [String],
    /// The bearer that was refused.
    pub used: Option<&'a SecretString>,
    /// What was asked, such as `tools/call send_mail`: widening of scopes is counted by it.
    pub operation: &'a str,
}

/// What to do after a refusal.
#[derive(Clone, Debug)]
pub enum Next {
    /// Ask [`SignIn::bearer`] again and send the request again: it was not taken.
    Retry,
    /// Report the fault.
    GiveUp(Fault),
}
