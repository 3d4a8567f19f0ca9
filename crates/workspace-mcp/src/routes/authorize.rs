//! `GET /oauth2/authorize`: begin a sign-in with a browser.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use workspace_auth::{Principal, SignInRequest};

use super::RouteState;
use crate::gateway;

/// What a link to this route may carry; everything is optional.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AuthorizeQuery {
    /// Scopes or service names, separated by blanks.
    scope: Option<String>,
    /// The account expected.
    login_hint: Option<String>,
    /// The same under an older name.
    user_email: Option<String>,
    /// The caller's own identifier for the account.
    user_id: Option<String>,
    /// Where the browser goes afterwards.
    return_url: Option<String>,
    /// Handed back unchanged.
    state: Option<String>,
}

pub(super) async fn authorize(
    State(state): State<Arc<RouteState>>,
    headers: HeaderMap,
    Query(query): Query<AuthorizeQuery>,
) -> Response {
    // Whoever chooses the identifier of an account decides whom the service means by it.
    if query.user_id.is_some() && gateway::admit(state.service_token.as_ref(), &headers).is_err() {
        return refused("user_id needs the service token; leave it out");
    }
    let principal = match &state.service_token {
        None => Principal::local(),
        Some(_) => Principal::service("service"),
    };
    let request = SignInRequest {
        service: None,
        scopes: query
            .scope
            .iter()
            .flat_map(|scope| scope.split_whitespace())
            .map(str::to_owned)
            .collect(),
        login_hint: query.login_hint.or(query.user_email),
        user_id: query.user_id,
        return_url: query.return_url,
        client_state: query.state,
    };
    match state.accounts.start_sign_in(&principal, request).await {
        Ok(link) => (
            StatusCode::FOUND,
            [(header::LOCATION, String::from(link.url))],
        )
            .into_response(),
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(why: &str) -> Response {
    let body = json!({"error": "invalid_request", "error_description": why});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
