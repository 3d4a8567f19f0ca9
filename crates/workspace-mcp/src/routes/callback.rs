//! `GET /oauth2callback`: where Google sends the browser after consent.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use workspace_auth::{CallbackOutcome, CallbackQuery};

use super::{RouteState, page};

pub(super) async fn callback(
    State(state): State<Arc<RouteState>>,
    Query(query): Query<CallbackQuery>,
) -> Response {
    response(state.accounts.callback(query).await)
}

/// What the browser gets to see.
pub(super) fn response(outcome: CallbackOutcome) -> Response {
    let (status, redirect, html) = match outcome {
        CallbackOutcome::Success { redirect, page, .. } => (200, redirect, page),
        CallbackOutcome::Failure {
            status,
            redirect,
            page,
            ..
        } => (status, redirect, page),
    };
    match redirect {
        Some(url) => Redirect::to(url.as_str()).into_response(),
        None => page(status, html),
    }
}
