//! Who an account is: id tokens, token and user information, keys, configuration.
//!
//! Not the check of passwords; there are none. Invariant: the e-mail address is given only to
//! tokens that may see it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{
    refuse,
    token::{Owned, bad},
};
use crate::{
    call::{Call, Reply},
    door::{Answer, Incoming},
    error::ApiError,
    keys,
    world::{User, World},
};

const ISSUER: &str = "https://accounts.google.com";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

/// An id token, when `openid` was granted.
pub(super) fn id_token(
    world: &World,
    client_id: &str,
    email: &str,
    scopes: &[String],
    nonce: Option<&str>,
    access_token: &str,
    now: Timestamp,
) -> Option<String> {
    let has = |scope: &str| scopes.iter().any(|granted| granted == scope);
    let user = world.user(email).filter(|_| has("openid"))?;
    let half = digest(&SHA256, access_token.as_bytes());
    let mut claims = json!({
        "iss": ISSUER,
        "azp": client_id,
        "aud": client_id,
        "sub": user.sub,
        "hd": user.domain(),
        "at_hash": URL_SAFE_NO_PAD.encode(&half.as_ref()[..16]),
        "iat": now.as_second(),
        "exp": now.as_second() + 3600,
    });
    if has(EMAIL) {
        claims["email"] = json!(user.email);
        claims["email_verified"] = json!(true);
    }
    if has(PROFILE) {
        let (given, family) = user.given_and_family();
        claims["name"] = json!(user.name);
        claims["given_name"] = json!(given);
        claims["family_name"] = json!(family);
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    Some(keys::id_token(&claims))
}

/// What a token is good for.
pub(super) fn tokeninfo(world: &World, incoming: &Incoming, now: Timestamp) -> Owned {
    let form = incoming.form();
    let given = |name: &str| {
        let posted = form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        posted.or_else(|| incoming.query(name))
    };
    if let Some(token) = given("id_token") {
        let fresh = |claims: &Value| {
            claims["exp"]
                .as_i64()
                .is_some_and(|exp| exp > now.as_second())
        };
        return match keys::read_id_token(token).filter(fresh) {
            Some(mut claims) => {
                for number in ["iat", "exp", "email_verified"] {
                    if let Some(value) = claims.get(number).map(ToString::to_string) {
                        claims[number] = json!(value);
                    }
                }
                (Answer::json(StatusCode::OK, &claims), None)
            }
            None => (bad("invalid_token", "Invalid Value"), None),
        };
    }
    let token = given("access_token").unwrap_or_default();
    let Some(access) = world.oauth.bearer(token, now) else {
        return (bad("invalid_token", "Invalid Value"), None);
    };
    let left = access.expires.as_second() - now.as_second();
    let sub = world
        .user(&access.email)
        .map_or("", |user| user.sub.as_str());
    let offline = if access.grant.is_some() {
        "offline"
    } else {
        "online"
    };
    let sees_email = access.scopes.iter().any(|scope| scope == EMAIL);
    let mut body = if incoming.path.contains("/v2/") || incoming.path.contains("/v1/") {
        json!({
            "issued_to": access.client_id, "audience": access.client_id, "user_id": sub,
            "scope": access.scopes.join(" "), "expires_in": left, "access_type": offline,
        })
    } else {
        json!({
            "azp": access.client_id, "aud": access.client_id, "sub": sub,
            "scope": access.scopes.join(" "), "exp": access.expires.as_second().to_string(),
            "expires_in": left.to_string(), "access_type": offline,
        })
    };
    if sees_email {
        body["email"] = json!(access.email);
        if body.get("issued_to").is_some() {
            body["verified_email"] = json!(true);
        } else {
            body["email_verified"] = json!("true");
        }
    }
    (
        Answer::json(StatusCode::OK, &body),
        Some(access.email.clone()),
    )
}

/// The OpenID user information endpoint.
pub(super) fn userinfo(world: &World, incoming: &Incoming, now: Timestamp) -> Owned {
    let refused = || {
        refuse(
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            "Invalid Credentials",
        )
    };
    let Some(access) = incoming
        .bearer()
        .and_then(|token| world.oauth.bearer(token, now))
    else {
        return (refused(), None);
    };
    let Some(user) = world
        .user(&access.email)
        .filter(|_| has_identity(&access.scopes))
    else {
        return (refused(), Some(access.email.clone()));
    };
    let mut body = profile(user, &access.scopes);
    body["sub"] = json!(user.sub);
    if access.scopes.iter().any(|scope| scope == EMAIL) {
        body["email"] = json!(user.email);
        body["email_verified"] = json!(true);
    }
    (
        Answer::json(StatusCode::OK, &body),
        Some(user.email.clone()),
    )
}

/// The older user information method, which the catalogue knows.
pub(super) fn userinfo_v2(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let user = call
        .world
        .user(&call.user)
        .ok_or_else(|| ApiError::new(401, "authError", "Invalid Credentials"))?;
    let mut body = profile(user, &call.scopes);
    body["id"] = json!(user.sub);
    if call.has_scope(&[EMAIL]) {
        body["email"] = json!(user.email);
        body["verified_email"] = json!(true);
    }
    Ok(Reply::json(body))
}

/// The public keys of id tokens.
pub(super) fn keys() -> Answer {
    let mut answer = Answer::json(StatusCode::OK, &keys::key_set());
    answer.headers.push((
        "cache-control",
        "public, max-age=21600, must-revalidate".into(),
    ));
    answer
}

/// The discovery document of OpenID Connect, its addresses on this sandbox.
pub(super) fn configuration(base: &str) -> Answer {
    Answer::json(
        StatusCode::OK,
        &json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{base}/accounts.google.com/o/oauth2/v2/auth"),
            "token_endpoint": format!("{base}/oauth2.googleapis.com/token"),
            "userinfo_endpoint": format!("{base}/openidconnect.googleapis.com/v1/userinfo"),
            "revocation_endpoint": format!("{base}/oauth2.googleapis.com/revoke"),
            "jwks_uri": format!("{base}/www.googleapis.com/oauth2/v3/certs"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": [
                "aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss",
                "name", "sub"
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", super::assertion::GRANT_TYPE
            ],
        }),
    )
}

fn has_identity(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| super::state::is_identity(scope))
}

fn profile(user: &User, scopes: &[String]) -> Value {
    if !scopes.iter().any(|scope| scope == PROFILE) {
        return json!({ "hd": user.domain() });
    }
    let (given, family) = user.given_and_family();
    json!({"name": user.name, "given_name": given, "family_name": family, "hd": user.domain()})
}
