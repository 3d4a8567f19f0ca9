//! The token endpoint and revocation.
//!
//! Not the judgement of service accounts' assertions. Invariant: a code buys tokens once, and only
//! with the address and verifier it was asked for with.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::{assertion, identity, refuse, state::Refreshed};
use crate::{
    door::{Answer, Incoming},
    shared::SignInKnobs,
    world::World,
};

pub(super) type Owned = (Answer, Option<String>);

/// The fields of a token request.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }
}

/// Answers the token endpoint.
pub(super) fn answer(
    world: &mut World,
    knobs: &SignInKnobs,
    incoming: &Incoming,
    now: Timestamp,
) -> Owned {
    if incoming.method != http::Method::POST {
        let text = "The token endpoint takes POST.";
        return (
            refuse(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", text),
            None,
        );
    }
    let form = Form(fields(incoming));
    let grant_type = form.get("grant_type").unwrap_or_default();
    if grant_type == assertion::GRANT_TYPE {
        return assertion::answer(world, knobs, &form, now);
    }
    let Some((client_id, secret)) = client(incoming, &form) else {
        let text = "Could not determine client ID from request.";
        return (bad("invalid_request", text), None);
    };
    match super::state::client(&client_id, secret.as_deref()) {
        None => {
            let text = "The OAuth client was not found.";
            return (
                refuse(StatusCode::UNAUTHORIZED, "invalid_client", text),
                None,
            );
        }
        Some(false) if secret.is_none() => {
            return (bad("invalid_request", "client_secret is missing."), None);
        }
        Some(false) => {
            let text = "The provided client secret is invalid.";
            return (
                refuse(StatusCode::UNAUTHORIZED, "invalid_client", text),
                None,
            );
        }
        Some(true) => {}
    }
    match grant_type {
        "authorization_code" => exchange(world, knobs, &form, &client_id, now),
        "refresh_token" => refresh(world, knobs, &form, &client_id, now),
        other => (
            bad(
                "unsupported_grant_type",
                &format!("Invalid grant_type: {other}"),
            ),
            None,
        ),
    }
}

/// Revokes the grant behind a token.
pub(super) fn revoke(world: &mut World, incoming: &Incoming) -> Owned {
    let form = Form(fields(incoming));
    let token = form
        .get("token")
        .or_else(|| incoming.query("token"))
        .unwrap_or_default();
    match world.oauth.revoke_token(token) {
        Some(email) => (Answer::json(StatusCode::OK, &json!({})), Some(email)),
        None => (bad("invalid_token", "Token expired or revoked"), None),
    }
}

/// The fields, sent as a form or as JSON, both of which Google takes.
fn fields(incoming: &Incoming) -> Vec<(String, String)> {
    let is_json = incoming
        .header("content-type")
        .is_some_and(|kind| kind.contains("json"));
    if !is_json {
        return incoming.form();
    }
    let parsed: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&incoming.body).unwrap_or_default();
    let text = |(name, value): (String, serde_json::Value)| {
        value.as_str().map(|value| (name.clone(), value.to_owned()))
    };
    parsed.into_iter().filter_map(text).collect()
}

fn client(incoming: &Incoming, form: &Form) -> Option<(String, Option<String>)> {
    if let Some(id) = form.get("client_id") {
        return Some((id.to_owned(), form.get("client_secret").map(str::to_owned)));
    }
    let basic = incoming.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_owned(), Some(secret.to_owned())))
}

fn exchange(
    world: &mut World,
    knobs: &SignInKnobs,
    form: &Form,
    client_id: &str,
    now: Timestamp,
) -> Owned {
    let Some(code) = form.get("code") else {
        return (
            bad("invalid_request", "Missing required parameter: code"),
            None,
        );
    };
    let Some(code) = world.oauth.use_code(code) else {
        return (bad("invalid_grant", "Malformed auth code."), None);
    };
    let grant = world.oauth.at(code.grant);
    let late = now > code.issued + SignedDuration::from_mins(10);
    if code.used || late || grant.revoked || grant.client_id != client_id {
        return (bad("invalid_grant", "Bad Request"), None);
    }
    let email = grant.email.clone();
    if form.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return (bad("redirect_uri_mismatch", "Bad Request"), Some(email));
    }
    match (&code.challenge, form.get("code_verifier")) {
        (None, None) => {}
        (Some(_), None) => return (bad("invalid_grant", "Missing code verifier."), Some(email)),
        (Some((method, challenge)), Some(verifier)) if fits(method, challenge, verifier) => {}
        _ => return (bad("invalid_grant", "Invalid code verifier."), Some(email)),
    }
    let access_token = world.oauth.issue_access(
        &mut world.chance,
        Some(code.grant),
        client_id,
        &email,
        code.scopes.clone(),
        now,
        knobs.access_token_lifetime,
    );
    let mut body = json!({
        "access_token": access_token,
        "expires_in": knobs.access_token_lifetime,
        "scope": code.scopes.join(" "),
        "token_type": "Bearer",
    });
    if code.wants_refresh && !knobs.omit_refresh_token {
        let token = world.oauth.issue_refresh(&mut world.chance, code.grant);
        body["refresh_token"] = json!(token);
    }
    if let Some(token) = identity::id_token(
        world,
        client_id,
        &email,
        &code.scopes,
        code.nonce.as_deref(),
        &access_token,
        now,
    ) {
        body["id_token"] = json!(token);
    }
    (granted(&body), Some(email))
}

fn refresh(
    world: &mut World,
    knobs: &SignInKnobs,
    form: &Form,
    client_id: &str,
    now: Timestamp,
) -> Owned {
    let Some(token) = form.get("refresh_token") else {
        return (
            bad(
                "invalid_request",
                "Missing required parameter: refresh_token",
            ),
            None,
        );
    };
    let gone = "Token has been expired or revoked.";
    let (grant, allowed) = match world.oauth.refresh(token) {
        Refreshed::Good(grant, scopes) => (grant, scopes),
        Refreshed::Reused | Refreshed::Unknown => return (bad("invalid_grant", gone), None),
    };
    let (owner, email) = {
        let grant = world.oauth.at(grant);
        (grant.client_id.clone(), grant.email.clone())
    };
    if owner != client_id {
        return (
            refuse(
                StatusCode::UNAUTHORIZED,
                "unauthorized_client",
                "Unauthorized",
            ),
            None,
        );
    }
    let scopes = match form.get("scope") {
        None => allowed,
        Some(text) => {
            let asked: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let asked = super::state::normalised(&asked);
            if asked.iter().any(|scope| !allowed.contains(scope)) {
                let text = "Some requested scopes were not granted.";
                return (bad("invalid_scope", text), Some(email));
            }
            asked
        }
    };
    let access_token = world.oauth.issue_access(
        &mut world.chance,
        Some(grant),
        client_id,
        &email,
        scopes.clone(),
        now,
        knobs.access_token_lifetime,
    );
    let mut body = json!({
        "access_token": access_token,
        "expires_in": knobs.access_token_lifetime,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    });
    if knobs.rotate_refresh_tokens {
        let fresh = world.oauth.replace_refresh(&mut world.chance, grant, token);
        body["refresh_token"] = json!(fresh);
    }
    if let Some(id_token) =
        identity::id_token(world, client_id, &email, &scopes, None, &access_token, now)
    {
        body["id_token"] = json!(id_token);
    }
    (granted(&body), Some(email))
}

/// Whether a verifier belongs to a challenge (RFC 7636).
fn fits(method: &str, challenge: &str, verifier: &str) -> bool {
    if method == "plain" {
        return challenge == verifier;
    }
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == challenge
}

pub(super) fn granted(body: &serde_json::Value) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, body);
    answer.headers.push(("cache-control", "no-store".into()));
    answer
}

pub(super) fn bad(error: &str, description: &str) -> Answer {
    refuse(StatusCode::BAD_REQUEST, error, description)
}
