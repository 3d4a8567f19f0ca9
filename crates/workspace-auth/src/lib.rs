//! Who may act as whom: principals, the accounts they own, sign-in, tokens and where they rest.
//!
//! Knows neither MCP nor tools nor HTTP routes: a program calls [`Accounts`]. Invariant: an
//! account is reached only through the [`Principal`] that owns it.

mod accounts;
mod credential;
mod digest;
mod error;
mod flight;
mod issuer;
mod key;
mod linked;
pub mod pages;
mod principal;
mod scopes;
mod sealed;
pub mod store;

pub use accounts::{
    Account, AccountInfo, Accounts, AccountsConfig, CallbackFailure, CallbackOutcome,
    CallbackQuery, OAuthClientConfig, Revoked, ServiceAccountConfig, SignInLink, SignInRequest,
};
pub use credential::{Credential, Lease, OwnFields};
pub use error::AuthError;
pub use issuer::{ClientKeys, Issuer};
pub use key::{CredentialKey, canonical_email};
pub use principal::{Principal, PrincipalKind};
pub use scopes::IDENTITY as IDENTITY_SCOPES;
pub use store::{CredentialStore, StoreConfig, StoreError};
