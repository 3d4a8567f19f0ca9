//! Tools for the caller's own accounts. They call no Google API.

use crate::{Entry, tool::entry};

mod list_accounts;
mod start_google_auth;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[
    entry::<start_google_auth::StartGoogleAuth>(),
    entry::<list_accounts::ListAccounts>(),
];
