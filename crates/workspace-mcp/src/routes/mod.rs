//! The server's own HTTP routes: signing in with a browser, and the state of one's accounts.
//!
//! Decisions are made in `workspace-auth`; a route only translates. Invariant: no route shows a
//! token, a code or a state.

mod account;
mod authorize;
mod callback;

use std::sync::Arc;

use axum::{
    Router,
    extract::Query,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use tokio::sync::mpsc;
use workspace_auth::{Accounts, CallbackFailure, CallbackOutcome, CallbackQuery, pages};

/// What the routes need.
#[derive(Clone)]
pub(crate) struct RouteState {
    /// The callers' accounts.
    pub accounts: Accounts,
    /// What callers beyond loopback must send, except for signing in.
    pub service_token: Option<SecretString>,
}

/// All routes of the program.
pub(crate) fn routes(state: RouteState) -> Router {
    Router::new()
        .route("/oauth2/authorize", get(authorize::authorize))
        .route("/oauth2callback", get(callback::callback))
        .route("/auth/status", get(account::status))
        .route("/auth/revoke", post(account::revoke))
        .with_state(Arc::new(state))
}

/// Only the page Google sends the browser back to, for use beside a stdio server.
pub(crate) fn callback_only(accounts: Accounts) -> Router {
    let state = RouteState {
        accounts,
        service_token: None,
    };
    Router::new()
        .route("/oauth2callback", get(callback::callback))
        .with_state(Arc::new(state))
}

/// The same, telling `finished` the account's address or why there is none.
pub(crate) fn callback_reporting(
    accounts: Accounts,
    finished: mpsc::Sender<Result<String, CallbackFailure>>,
) -> Router {
    let report = move |Query(query): Query<CallbackQuery>| async move {
        let outcome = accounts.callback(query).await;
        let told = match &outcome {
            CallbackOutcome::Success { email, .. } => Ok(email.clone()),
            CallbackOutcome::Failure { kind, .. } => Err(*kind),
        };
        // A visit that belongs to no sign-in of ours is no reason to stop waiting for the one
        // that does. Nobody listens any more once the command has its answer.
        if told != Err(CallbackFailure::BadState) {
            let _ = finished.try_send(told);
        }
        callback::response(outcome)
    };
    Router::new().route("/oauth2callback", get(report))
}

/// A page with the headers every page has.
fn page(status: u16, html: String) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in pages::HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let status = axum::http::StatusCode::from_u16(status).expect("statuses of pages are constants");
    (status, headers, Html(html)).into_response()
}
