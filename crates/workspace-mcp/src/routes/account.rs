//! `/auth/status` and `/auth/revoke`: one's own accounts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use foundation::Kind;
use serde::Deserialize;
use serde_json::{Value, json};
use workspace_auth::{AuthError, Principal};

use super::RouteState;
use crate::gateway;

/// Which account is meant; may be left out with one account.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WhichAccount {
    email: Option<String>,
}

pub(super) async fn status(
    State(state): State<Arc<RouteState>>,
    Query(which): Query<WhichAccount>,
    headers: HeaderMap,
) -> Response {
    let Some(principal) = principal(&state, &headers) else {
        let body = json!({"authenticated": false, "error": "No bearer token provided"});
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    match state
        .accounts
        .status(&principal, which.email.as_deref())
        .await
    {
        Ok(account) => Json(json!({
            "authenticated": true,
            "email": account.email,
            "valid": !account.expired || account.refreshable,
            "expired": account.expired,
            "expires_at": account.expires_at,
            "scopes": account.scopes,
        }))
        .into_response(),
        Err(error) => {
            let body = json!({"authenticated": false, "error": error.to_string()});
            (code(&error), Json(body)).into_response()
        }
    }
}

pub(super) async fn revoke(
    State(state): State<Arc<RouteState>>,
    headers: HeaderMap,
    body: Option<Json<WhichAccount>>,
) -> Response {
    let Some(principal) = principal(&state, &headers) else {
        let body = json!({"success": false, "error": "No bearer token provided"});
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    // A browser sends a foreign page's empty request without asking first, its JSON not.
    if body.is_none() && headers.contains_key(header::ORIGIN) {
        let body = json!({"success": false, "error": "web pages must send a JSON body"});
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    let which = body.map(|Json(which)| which).unwrap_or_default();
    // Without an address the only account is meant; with several, the error lists them.
    let email = match which.email {
        Some(email) => Ok(email),
        None => state
            .accounts
            .status(&principal, None)
            .await
            .map(|account| account.email),
    };
    let revoked = match email {
        Ok(email) => state.accounts.revoke(&principal, &email).await,
        Err(error) => Err(error),
    };
    match revoked {
        Ok(revoked) => Json(success(&revoked)).into_response(),
        Err(error) => {
            let body = json!({"success": false, "error": error.to_string()});
            (code(&error), Json(body)).into_response()
        }
    }
}

fn success(revoked: &workspace_auth::Revoked) -> Value {
    let message = if revoked.revoked_with_google {
        "the credential was deleted and Google confirmed the revocation"
    } else {
        "the credential was deleted; Google did not confirm, see https://myaccount.google.com/permissions"
    };
    json!({
        "success": true,
        "email": revoked.email,
        "revoked_with_google": revoked.revoked_with_google,
        "message": message,
    })
}

fn principal(state: &RouteState, headers: &HeaderMap) -> Option<Principal> {
    let admitted = gateway::admit(state.service_token.as_ref(), headers).ok()?;
    Some(gateway::owner(&admitted))
}

fn code(error: &AuthError) -> StatusCode {
    match error.kind() {
        Kind::NeedsConsent => StatusCode::UNAUTHORIZED,
        Kind::Input | Kind::Forbidden | Kind::NotFound => StatusCode::BAD_REQUEST,
        Kind::Busy | Kind::Upstream => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
