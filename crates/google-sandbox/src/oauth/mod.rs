//! Signing in with Google: consent, codes, tokens, identity.
//!
//! Not the check of scopes on API calls: the door does that. Invariant: a token is good exactly as
//! long as the grant behind it.

mod assertion;
mod authorize;
mod consent;
mod identity;
mod state;
mod token;

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

pub(crate) use state::State;

use crate::{
    call::Service,
    door::{Answer, Incoming},
    error::ApiError,
    sandbox::Minted,
    shared::Shared,
};

/// The client id of the sandbox's registered client.
pub const CLIENT_ID: &str = "sandbox-client.apps.googleusercontent.com";

/// Its secret, which guards nothing.
pub const CLIENT_SECRET: &str = "sandbox-client-secret";

/// The part of signing in that the catalogue describes as API methods.
pub(crate) const SERVICE: Service = Service {
    name: "oauth2",
    routes: &[
        ("oauth2.userinfo.get", identity::userinfo_v2),
        ("oauth2.userinfo.v2.me.get", identity::userinfo_v2),
    ],
    open: |_, _| {},
    seed: |_, _| {},
};

/// One address of the sign-in hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    Authorize,
    Token,
    Revoke,
    TokenInfo,
    UserInfo,
    Keys,
    Configuration,
}

impl Endpoint {
    /// The endpoint of a request, whether it names its host or not.
    pub(crate) fn of(incoming: &Incoming) -> Option<Self> {
        Some(match incoming.path.trim_end_matches('/') {
            "/o/oauth2/v2/auth" | "/o/oauth2/auth" | "/oauth2/auth" => Self::Authorize,
            "/token" | "/oauth2/v4/token" | "/o/oauth2/token" | "/oauth2/token" => Self::Token,
            "/revoke" | "/o/oauth2/revoke" | "/oauth2/revoke" => Self::Revoke,
            "/tokeninfo"
            | "/oauth2/v1/tokeninfo"
            | "/oauth2/v2/tokeninfo"
            | "/oauth2/v3/tokeninfo" => Self::TokenInfo,
            "/v1/userinfo" | "/oauth2/v3/userinfo" => Self::UserInfo,
            "/oauth2/v3/certs" => Self::Keys,
            "/.well-known/openid-configuration" => Self::Configuration,
            _ => return None,
        })
    }

    /// The name used by faults and records.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Authorize => "oauth.authorize",
            Self::Token => "oauth.token",
            Self::Revoke => "oauth.revoke",
            Self::TokenInfo => "oauth.tokeninfo",
            Self::UserInfo => "oauth.userinfo",
            Self::Keys => "oauth.certs",
            Self::Configuration => "oauth.configuration",
        }
    }
}

/// Answers a sign-in request; says whose it was, where that is known.
pub(crate) fn answer(
    endpoint: Endpoint,
    shared: &Arc<Shared>,
    incoming: &Incoming,
) -> (Answer, Option<String>) {
    let knobs = shared.knobs(|knobs| knobs.sign_in.clone());
    let now = shared.clock.now();
    let result = shared.world(|world| match endpoint {
        Endpoint::Authorize => (authorize::answer(world, &knobs, incoming, now), None),
        Endpoint::Token => token::answer(world, &knobs, incoming, now),
        Endpoint::Revoke => token::revoke(world, incoming),
        Endpoint::TokenInfo => identity::tokeninfo(world, incoming, now),
        Endpoint::UserInfo => identity::userinfo(world, incoming, now),
        Endpoint::Keys => (identity::keys(), None),
        Endpoint::Configuration => (identity::configuration(&incoming.base_url), None),
    });
    if matches!(
        endpoint,
        Endpoint::Authorize | Endpoint::Token | Endpoint::Revoke
    ) {
        shared.changed.notify_one();
    }
    result
}

/// Gives tokens without a sign-in; nothing when there is no such account.
pub(crate) fn mint(
    shared: &Arc<Shared>,
    email: &str,
    scopes: &[String],
    lifetime: Option<i64>,
) -> Option<Minted> {
    let usual = shared.knobs(|knobs| knobs.sign_in.access_token_lifetime);
    let expires_in = lifetime.unwrap_or(usual);
    let now = shared.clock.now();
    let minted = shared.world(|world| {
        let email = world.user(email)?.email.clone();
        let scopes = state::normalised(scopes);
        let grant = world.oauth.grant(CLIENT_ID, &email, &scopes);
        let refresh_token = world.oauth.issue_refresh(&mut world.chance, grant);
        let access_token = world.oauth.issue_access(
            &mut world.chance,
            Some(grant),
            CLIENT_ID,
            &email,
            scopes,
            now,
            expires_in,
        );
        Some(Minted {
            access_token,
            refresh_token,
            expires_in,
        })
    });
    shared.changed.notify_one();
    minted
}

/// An injected error as the sign-in hosts write it; `reason` may be `error:subtype`.
pub(crate) fn injected(error: &ApiError) -> Answer {
    let (reason, subtype) = match error.reason.split_once(':') {
        Some((reason, subtype)) => (reason, Some(subtype)),
        None => (error.reason.as_str(), None),
    };
    let reason = match reason {
        "badRequest" => "invalid_grant",
        "backendError" => "internal_failure",
        "rateLimitExceeded" => "rate_limit_exceeded",
        other => other,
    };
    let mut answer = refuse(error.status(), reason, &error.message);
    if let Some(subtype) = subtype {
        answer = Answer::json(
            error.status(),
            &json!({"error": reason, "error_description": error.message, "error_subtype": subtype}),
        );
    }
    if let Some(seconds) = error.retry_after {
        answer.headers.push(("retry-after", seconds.to_string()));
    }
    answer
}

/// A refusal of the token endpoint and its neighbours.
fn refuse(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}
