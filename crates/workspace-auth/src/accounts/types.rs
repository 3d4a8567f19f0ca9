//! The words of the front door: what goes into [`crate::Accounts`] and what comes out.
//!
//! Data only. Invariant: no `Debug` text here shows a secret.

use std::sync::Arc;

use foundation::{Clock, Random};
use google_api::{Google, TokenSource};
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::CredentialStore;

/// What [`Accounts`](super::Accounts) needs.
#[derive(Clone)]
pub struct AccountsConfig {
    /// Where credentials rest.
    pub store: CredentialStore,
    /// The connection to Google.
    pub google: Google,
    /// The OAuth client; without one nobody can sign in, existing accounts still work.
    pub oauth: Option<OAuthClientConfig>,
    /// A service account with domain-wide delegation.
    pub service_account: Option<ServiceAccountConfig>,
    /// Seals one-time state; derived from the client secret when unset, so that all tasks agree.
    pub sealing_key: Option<SecretString>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for secrets.
    pub random: Arc<dyn Random>,
    /// Full scopes of the enabled tools, asked for at sign-in.
    pub scopes: Vec<String>,
    /// Origins (`https://host`) and whole URLs to which a finished sign-in may return, besides
    /// loopback.
    pub allowed_return_urls: Vec<String>,
    /// Use any stored credential when no account is named.
    pub single_user: bool,
    /// The account meant when none is named, if it is one of the caller's.
    pub default_email: Option<String>,
    /// Ask Google to keep what was granted before (`include_granted_scopes`). Off for read-only
    /// servers, which must not inherit old write access.
    pub include_granted_scopes: bool,
}

/// The OAuth client registered with Google.
#[derive(Clone, Debug)]
pub struct OAuthClientConfig {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where Google sends the browser back to: `<base>/oauth2callback`.
    pub redirect_uri: String,
}

/// A service account whose domain administrator delegated scopes to it.
#[derive(Clone, Debug)]
pub struct ServiceAccountConfig {
    /// The JSON key file's content.
    pub key_json: SecretString,
    /// Whom it may act for: whole addresses, or `@domain` for everybody in a domain.
    pub subjects: Vec<String>,
}

/// One account in a listing.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AccountInfo {
    /// Its address.
    pub email: String,
    /// The scopes it was granted.
    pub scopes: Vec<String>,
    /// Whether its access token has run out (it is refreshed on the next call).
    pub expired: bool,
    /// When its access token runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it can be refreshed without its owner.
    pub refreshable: bool,
    /// Whether it is reached through the service account.
    pub delegated: bool,
}

/// An account ready to be used.
#[derive(Clone)]
pub struct Account {
    /// Its address.
    pub email: String,
    /// An opaque key for limits and caches; never an address alone.
    pub key: String,
    /// Its access tokens.
    pub tokens: Arc<dyn TokenSource>,
    /// The scopes it was granted.
    pub granted_scopes: Vec<String>,
}

/// What somebody who wants to sign in asks for.
#[derive(Clone, Debug, Default)]
pub struct SignInRequest {
    /// A service (`gmail`, `drive`, …), for the message and to choose scopes.
    pub service: Option<String>,
    /// Scopes to ask for besides those of the enabled tools; full names, or service names.
    pub scopes: Vec<String>,
    /// The address of the account expected.
    pub login_hint: Option<String>,
    /// The caller's own identifier for the account; names the credential.
    pub user_id: Option<String>,
    /// Where the browser goes afterwards; without one it sees a page.
    pub return_url: Option<String>,
    /// Handed back unchanged with the return.
    pub client_state: Option<String>,
}

/// Where to sign in.
#[derive(Clone, Debug)]
pub struct SignInLink {
    /// The address to open in a browser.
    pub url: Url,
    /// What to tell the person and the model.
    pub message: String,
}

/// The query of `/oauth2callback`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct CallbackQuery {
    /// The sealed state.
    pub state: Option<String>,
    /// Google's one-time code.
    pub code: Option<String>,
    /// Google's refusal.
    pub error: Option<String>,
}

/// What came of a sign-in.
#[derive(Clone, Debug)]
pub enum CallbackOutcome {
    /// The account is linked.
    Success {
        /// The account Google reported.
        email: String,
        /// What its owner should know: another account than expected, or scopes left out.
        note: Option<String>,
        /// Where to send the browser, parameters included; otherwise show the page.
        redirect: Option<Url>,
        /// The page.
        page: String,
    },
    /// Nothing was stored.
    Failure {
        /// What went wrong.
        kind: CallbackFailure,
        /// The page's HTTP status.
        status: u16,
        /// Where to send the browser, error included; otherwise show the page.
        redirect: Option<Url>,
        /// The page.
        page: String,
    },
}

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallbackFailure {
    /// Google or the person refused.
    Refused,
    /// The state is missing, unknown, used or too old.
    BadState,
    /// There is no code.
    NoCode,
    /// No OAuth client is configured.
    NotConfigured,
    /// The code could not be exchanged, or the result not be stored.
    Processing,
}

/// What came of a revocation.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Revoked {
    /// The account.
    pub email: String,
    /// Whether Google confirmed it; the stored credential is gone either way.
    pub revoked_with_google: bool,
}
