//! Service accounts: a signed assertion buys an access token, for a delegated user or for itself.
//!
//! Not a key store: there is one service account, with one key. Invariant: no refresh token comes
//! out of here.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    refuse,
    token::{Form, Owned, bad, granted},
};
use crate::{
    keys::{self, SERVICE_ACCOUNT_EMAIL},
    shared::SignInKnobs,
    world::World,
};

/// The grant type of assertions (RFC 7523).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Judges an assertion.
pub(super) fn answer(world: &mut World, knobs: &SignInKnobs, form: &Form, now: Timestamp) -> Owned {
    let assertion = form.get("assertion").unwrap_or_default();
    let Some(claims) = keys::read_assertion(assertion) else {
        return (bad("invalid_grant", "Invalid JWT Signature."), None);
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
    if text("iss") != Some(SERVICE_ACCOUNT_EMAIL) {
        return (
            bad("invalid_grant", "Invalid grant: account not found"),
            None,
        );
    }
    if !text("aud").is_some_and(|audience| audience.ends_with("/token")) {
        return (bad("invalid_grant", "Failed audience check"), None);
    }
    let (issued, expires, now_seconds) = (number("iat"), number("exp"), now.as_second());
    if expires <= now_seconds || issued > now_seconds + 300 || expires - issued > 3600 {
        let text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
                    timeframe. Check your iat and exp values in the JWT claim.";
        return (bad("invalid_grant", text), None);
    }
    let scopes: Vec<String> = text("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let scopes = super::state::normalised(&scopes);
    if scopes.is_empty() {
        let text = "Invalid OAuth scope or ID token audience provided.";
        return (bad("invalid_scope", text), None);
    }
    let email = match text("sub") {
        None => SERVICE_ACCOUNT_EMAIL.to_owned(),
        Some(subject) => match world.user(subject) {
            Some(user) => user.email.clone(),
            None => return (bad("invalid_grant", "Invalid email or User ID"), None),
        },
    };
    if scopes
        .iter()
        .any(|scope| knobs.denied_scopes.contains(scope))
    {
        let text = "Client is unauthorized to retrieve access tokens using this method, or client \
                    not authorized for any of the scopes requested.";
        return (
            refuse(StatusCode::UNAUTHORIZED, "unauthorized_client", text),
            None,
        );
    }
    let access_token = world.oauth.issue_access(
        &mut world.chance,
        None,
        SERVICE_ACCOUNT_EMAIL,
        &email,
        scopes,
        now,
        knobs.access_token_lifetime,
    );
    let body = json!({
        "access_token": access_token,
        "expires_in": knobs.access_token_lifetime,
        "token_type": "Bearer",
    });
    (granted(&body), Some(email))
}
