//! How a person is asked to consent.
//!
//! Invariant: nothing opens a browser unless the person started the sign-in.

use futures::future::BoxFuture;
use url::Url;

use crate::ServerName;

/// Brings an address before a person.
pub trait Consent: Send + Sync + 'static {
    /// Shows `address`. Ends with the address the browser was sent back to when the person brings
    /// it; does not end while it is expected to arrive by itself.
    fn ask<'a>(
        &'a self,
        server: &'a ServerName,
        address: &'a Url,
    ) -> BoxFuture<'a, Result<String, NoConsent>>;
}

/// Nobody can be asked, or nobody wants to be.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoConsent(pub String);
