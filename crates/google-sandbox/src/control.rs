//! The knobs over plain HTTP, under `/sandbox/…`, for tests that drive the program.
//!
//! Not part of Google. Invariant: nothing here counts as a call or meets a fault.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    door::{Answer, Incoming},
    fault::FaultOrder,
    keys, oauth, registry,
    shared::Shared,
};

#[derive(Deserialize)]
struct Mint {
    email: String,
    scopes: Vec<String>,
    #[serde(default)]
    expires_in: Option<i64>,
}

#[derive(Deserialize)]
struct Revoke {
    email: String,
}

#[derive(Deserialize)]
struct Redirect {
    uri: String,
}

#[derive(Deserialize)]
struct Limit {
    api: String,
    per_second: f64,
    burst: f64,
}

#[derive(Deserialize)]
struct SignIn {
    denied_scopes: Option<Vec<String>>,
    omit_refresh_token: Option<bool>,
    rotate_refresh_tokens: Option<bool>,
    access_token_lifetime: Option<i64>,
}

/// Answers a control request.
pub(crate) fn answer(shared: &Arc<Shared>, incoming: &Incoming) -> Answer {
    let path = incoming
        .path
        .trim_start_matches("/sandbox")
        .trim_matches('/');
    let result = match (&incoming.method, path) {
        (&Method::GET, "") => Ok(about(incoming)),
        (&Method::GET, "users") => Ok(shared.world(|world| json!(world.users))),
        (&Method::GET, "calls") => Ok(json!({"calls": shared.calls()})),
        (&Method::GET, "service-account") => Ok(keys::service_account_key(&incoming.base_url)),
        (&Method::POST, "token") => order(incoming).and_then(|order| mint(shared, &order)),
        (&Method::POST, "faults") => order(incoming).and_then(|order: FaultOrder| {
            let rule = order.into_rule()?;
            shared.knobs(|knobs| knobs.faults.push(rule));
            Ok(json!({}))
        }),
        (&Method::DELETE, "faults") => {
            shared.knobs(|knobs| knobs.faults.clear());
            Ok(json!({}))
        }
        (&Method::POST, "limits") => order(incoming).map(|order: Limit| {
            shared.knobs(|knobs| knobs.limits.set(&order.api, order.per_second, order.burst));
            json!({})
        }),
        (&Method::POST, "sign-in") => order(incoming).map(|order| sign_in(shared, order)),
        (&Method::POST, "redirects") => order(incoming).map(|order: Redirect| {
            shared.world(|world| world.oauth.redirects.push(order.uri));
            json!({})
        }),
        (&Method::POST, "expire-tokens") => {
            shared.world(|world| world.oauth.expire_tokens());
            Ok(json!({}))
        }
        (&Method::POST, "revoke") => order(incoming).map(|order: Revoke| {
            json!({"revoked": shared.world(|world| world.oauth.revoke_account(&order.email))})
        }),
        (&Method::POST, "reset") => {
            shared.reset();
            Ok(json!({}))
        }
        _ => {
            let message = "no such knob; GET /sandbox lists them";
            return Answer::json(StatusCode::NOT_FOUND, &json!({"error": message}));
        }
    };
    match result {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(message) => Answer::json(StatusCode::BAD_REQUEST, &json!({"error": message})),
    }
}

fn order<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, String> {
    serde_json::from_slice(&incoming.body).map_err(|error| error.to_string())
}

fn mint(shared: &Arc<Shared>, order: &Mint) -> Result<Value, String> {
    let minted =
        oauth::mint(shared, &order.email, &order.scopes, order.expires_in).ok_or_else(|| {
            format!(
                "there is no account {}; see GET /sandbox/users",
                order.email
            )
        })?;
    Ok(json!({
        "access_token": minted.access_token,
        "refresh_token": minted.refresh_token,
        "expires_in": minted.expires_in,
        "token_type": "Bearer",
        "client_id": oauth::CLIENT_ID,
        "client_secret": oauth::CLIENT_SECRET,
    }))
}

fn sign_in(shared: &Arc<Shared>, order: SignIn) -> Value {
    shared.knobs(|knobs| {
        let knobs = &mut knobs.sign_in;
        if let Some(scopes) = order.denied_scopes {
            knobs.denied_scopes = scopes;
        }
        if let Some(omit) = order.omit_refresh_token {
            knobs.omit_refresh_token = omit;
        }
        if let Some(rotate) = order.rotate_refresh_tokens {
            knobs.rotate_refresh_tokens = rotate;
        }
        if let Some(seconds) = order.access_token_lifetime {
            knobs.access_token_lifetime = seconds;
        }
    });
    json!({})
}

fn about(incoming: &Incoming) -> Value {
    let methods: Vec<&str> = registry::ALL
        .iter()
        .flat_map(|service| service.routes)
        .map(|(id, _)| *id)
        .collect();
    json!({
        "what": "Google Workspace in a box. Point GOOGLE_API_BASE here.",
        "base_url": incoming.base_url,
        "client_id": oauth::CLIENT_ID,
        "client_secret": oauth::CLIENT_SECRET,
        "authorize": format!("{}/accounts.google.com/o/oauth2/v2/auth", incoming.base_url),
        "knobs": {
            "GET /sandbox/users": "the accounts",
            "GET /sandbox/calls": "every request so far: method, owner, status, at",
            "GET /sandbox/service-account": "the demo service account's key file",
            "POST /sandbox/token": "{email, scopes, expires_in?}: tokens without a sign-in",
            "POST /sandbox/faults": "{rule: \"gmail:429=10%,retry-after=1\"} or {target, status | connection: lost|drop, times | rate, reason?, retry_after?}",
            "DELETE /sandbox/faults": "no faults any more",
            "POST /sandbox/limits": "{api, per_second, burst}: for each account",
            "POST /sandbox/sign-in": "{denied_scopes?, omit_refresh_token?, rotate_refresh_tokens?, access_token_lifetime?}",
            "POST /sandbox/redirects": "{uri}: registers a redirect address",
            "POST /sandbox/expire-tokens": "all access tokens end now",
            "POST /sandbox/revoke": "{email}: everything the account has granted",
            "POST /sandbox/reset": "start over",
        },
        "simulated": methods,
    })
}
