//! Who a call is made for, and the client program behind it.
//!
//! Invariant: what belongs to one principal (sessions, cached results, pending questions,
//! approvals) is never reached by another.

use std::sync::Arc;

use futures::future::BoxFuture;
use mcp_service::Principal;
use rmcp::{
    ErrorData,
    model::{ClientCapabilities, ClientResult, ServerNotification, ServerRequest},
};
use secrecy::SecretString;

/// Who a call is made for.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The authority; sessions, caches and budgets are kept by it.
    pub principal: Principal,
    /// The configured caller's name, for policies and journals; `local` on stdio.
    pub name: Arc<str>,
    /// Whether this caller may answer approvals in a person's name.
    pub speaks_for_person: bool,
    /// The end user, when the caller said so and may.
    pub user: EndUser,
}

/// The person at the far end, as passed on to servers that ask for it.
#[derive(Clone, Debug, Default)]
pub struct EndUser {
    /// The person's e-mail, `X-User-Google-Email` and `user_google_email`.
    pub email: Option<String>,
    /// The person's id, `X-User-Id`.
    pub id: Option<String>,
    /// The person's own bearer for the server, passed on to servers configured to take it.
    pub bearer: Option<SecretString>,
}

impl Actor {
    /// The person at this machine.
    pub fn local() -> Self {
        Self {
            principal: Principal::local(),
            name: "local".into(),
            speaks_for_person: false,
            user: EndUser::default(),
        }
    }

    /// Nobody: a request that was not admitted, to which nothing belongs.
    pub fn nobody() -> Self {
        Self {
            principal: Principal::nobody(),
            name: "nobody".into(),
            ..Self::local()
        }
    }
}

/// The client program at the other end of a call: what it can do, and how to ask and tell it.
///
/// The bridge makes one for each downstream request, whatever era the client is of.
pub trait ClientSide: Send + Sync {
    /// What the client said it can do.
    fn capabilities(&self) -> ClientCapabilities;

    /// Puts a server's request (elicitation, sampling, roots) to the client.
    fn ask(&self, request: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>>;

    /// Passes a notification on: progress, log messages.
    fn tell(&self, notification: ServerNotification) -> BoxFuture<'_, ()>;
}
