//! What a tool may use while it works: one account's Google, the time, the rules.
//!
//! Invariant: there is no way from here to a token or to another account.

use std::{path::PathBuf, sync::Arc};

use foundation::{Clock, Random};
use futures::future::BoxFuture;
use google_api::{Call, Client};
use jiff::Timestamp;

use crate::{Policy, Service, ToolError, documents::PdfText, policy::Action};

/// Where a person goes to grant access.
#[derive(Clone, Debug)]
pub struct SignInLink {
    /// The address to open in a browser.
    pub authorization_url: String,
    /// What to tell the person, the link included.
    pub message: String,
}

/// The caller's own accounts, as far as tools may know of them.
pub trait SignIn: Send + Sync {
    /// Begins to link an account; `service` names what it is wanted for; all offered
    /// services without one.
    fn start<'a>(
        &'a self,
        service: Option<&'a str>,
        email: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SignInLink, ToolError>>;

    /// The addresses of the caller's accounts.
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<String>, ToolError>>;
}

/// Files of the machine the server runs on, for local use only.
#[derive(Clone, Debug, Default)]
pub struct LocalFiles {
    /// Directories from which uploads may be read; empty means none.
    pub roots: Vec<PathBuf>,
}

/// What a tool may use. Made by the server for one call of one tool.
#[derive(Clone)]
pub struct ToolCx {
    /// Google, as the selected account sees it.
    pub google: Client,
    /// The selected account's address; empty for tools that need none.
    pub email: String,
    /// The caller's accounts.
    pub sign_in: Arc<dyn SignIn>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for boundaries and ids.
    pub random: Arc<dyn Random>,
    /// The rules of this server.
    pub policy: Arc<Policy>,
    /// Local files that may be read.
    pub files: Arc<LocalFiles>,
    /// The services on offer; files of others are not read, whichever tool asks.
    pub services: Arc<[Service]>,
    /// The reader of PDF files.
    pub pdf: Arc<dyn PdfText>,
    /// The key of the question a person has said yes to.
    pub confirmed: Option<String>,
}

impl ToolCx {
    /// Prepares a call of a Google method, such as `gmail.users.labels.list`.
    pub fn call(&self, method: &'static str) -> Call {
        self.google.call(method)
    }

    /// The current moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks the policy; an error ends the tool.
    pub(crate) fn permit(&self, action: &Action<'_>) -> Result<(), ToolError> {
        self.policy
            .permit(&self.email, self.confirmed.as_deref(), action)
    }
}
