//! Who calls the hub over HTTP: a bearer names a caller, a caller may name the person it calls for.
//!
//! Not what a caller may do: that is the policy's.
//! Invariant: without configured callers only this machine's loopback is served, and nobody names
//! another person without being allowed to.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use mcp_service::{HttpReply, Principal};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    Actor, EndUser,
    config::Config,
    secret::{SecretFault, Secrets},
};

const USER_EMAIL: HeaderName = HeaderName::from_static("x-user-google-email");
const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const USER_BEARER: HeaderName = HeaderName::from_static("x-user-authorization");
/// Shorter bearers are guessed.
const SHORTEST: usize = 16;
/// Longer headers are no e-mail and no id.
const LONGEST: usize = 320;

/// The configured callers.
#[derive(Debug, Default)]
pub struct Callers {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    digest: [u8; 32],
    names_users: bool,
    speaks_for_person: bool,
}

/// Why the callers cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum CallersError {
    /// A bearer is not to be had.
    #[error("the token of caller {name} cannot be had: {why}")]
    Token {
        /// The caller.
        name: String,
        /// Why.
        why: SecretFault,
    },
    /// A bearer is too easy.
    #[error("the token of caller {0} is shorter than {SHORTEST} characters: use a long random one")]
    Short(String),
    /// Two callers have one bearer.
    #[error("the callers {0} and {1} have the same token: give each its own")]
    Same(String, String),
}

/// The authority of a caller, for itself or for an end user.
pub(crate) fn principal_of(caller: &str, user: &EndUser) -> Principal {
    // A JSON array keeps the parts apart whatever is in them.
    Principal::new(json!(["caller", caller, user.email, user.id]).to_string())
}

impl Callers {
    /// Looks up the bearers of the configured callers.
    pub async fn resolve(config: &Config, secrets: &Secrets) -> Result<Self, CallersError> {
        let mut known: Vec<Known> = Vec::new();
        for (name, caller) in &config.callers {
            let token =
                secrets
                    .resolve(&caller.token)
                    .await
                    .map_err(|why| CallersError::Token {
                        name: name.clone(),
                        why,
                    })?;
            if token.expose_secret().len() < SHORTEST {
                return Err(CallersError::Short(name.clone()));
            }
            let digest = digest(token.expose_secret());
            if let Some(twin) = known.iter().find(|one| one.digest == digest) {
                return Err(CallersError::Same(twin.name.to_string(), name.clone()));
            }
            known.push(Known {
                name: name.as_str().into(),
                digest,
                names_users: caller.names_users,
                speaks_for_person: caller.speaks_for_person,
            });
        }
        Ok(Self { known })
    }

    /// Whether there are none, so that only this machine is served.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Who sends a request. The actor is found again with [`actor_of`].
    pub(super) fn admit(&self, request: &mut Parts) -> Result<Principal, HttpReply> {
        let actor = Arc::new(self.actor(&request.headers)?);
        let principal = actor.principal.clone();
        request.extensions.insert(actor);
        Ok(principal)
    }

    fn actor(&self, headers: &HeaderMap) -> Result<Actor, HttpReply> {
        if self.known.is_empty() {
            let names_somebody = [USER_EMAIL, USER_ID, USER_BEARER]
                .iter()
                .any(|name| headers.contains_key(name));
            return if names_somebody {
                Err(not_for_others())
            } else {
                Ok(Actor::local())
            };
        }
        let caller = bearer(headers)
            .and_then(|token| self.find(token))
            .ok_or_else(unknown)?;
        let user = user(headers)?;
        let named = user.email.is_some() || user.id.is_some() || user.bearer.is_some();
        if named && !caller.names_users {
            return Err(not_for_others());
        }
        Ok(Actor {
            principal: principal_of(&caller.name, &user),
            name: Arc::clone(&caller.name),
            speaks_for_person: caller.speaks_for_person,
            user,
        })
    }

    /// Compares with all callers, so that the time taken says nothing.
    fn find(&self, token: &str) -> Option<&Known> {
        let digest = digest(token);
        let mut found = None;
        for one in &self.known {
            let difference = one
                .digest
                .iter()
                .zip(digest)
                .fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
            if difference == 0 {
                found = Some(one);
            }
        }
        found
    }
}

/// Who sent an admitted request; the person at this machine when it came another way than HTTP.
pub(super) fn actor_of(parts: Option<&Parts>) -> Arc<Actor> {
    let Some(parts) = parts else {
        return Arc::new(Actor::local());
    };
    // Every HTTP request is admitted first; one that was not has no rights of this machine's person.
    let admitted = parts.extensions.get::<Arc<Actor>>().cloned();
    admitted.unwrap_or_else(|| Arc::new(Actor::nobody()))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    after_bearer(value)
}

fn after_bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn user(headers: &HeaderMap) -> Result<EndUser, HttpReply> {
    let one = |name: &HeaderName| -> Result<Option<&HeaderValue>, HttpReply> {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(unreadable(name)),
        }
    };
    let text = |name: &HeaderName| -> Result<Option<String>, HttpReply> {
        let Some(value) = one(name)? else {
            return Ok(None);
        };
        match value.to_str().map(str::trim) {
            Ok("") => Ok(None),
            Ok(text) if text.len() <= LONGEST => Ok(Some(text.to_owned())),
            _ => Err(unreadable(name)),
        }
    };
    let bearer = one(&USER_BEARER)?
        .map(|value| after_bearer(value).ok_or_else(|| unreadable(&USER_BEARER)))
        .transpose()?;
    Ok(EndUser {
        // Mail addresses differ by case only by mistake.
        email: text(&USER_EMAIL)?.map(|email| email.to_lowercase()),
        id: text(&USER_ID)?,
        bearer: bearer.map(SecretString::from),
    })
}

fn unknown() -> HttpReply {
    let mut reply = HttpReply::refusal(
        StatusCode::UNAUTHORIZED,
        "this hub serves configured callers: send Authorization: Bearer and the caller's token",
    );
    reply
        .headers
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    reply
}

fn not_for_others() -> HttpReply {
    HttpReply::refusal(
        StatusCode::FORBIDDEN,
        "this caller may not name the person it calls for: set names_users for it, or leave out X-User-Google-Email, X-User-Id and X-User-Authorization",
    )
}

fn unreadable(name: &HeaderName) -> HttpReply {
    HttpReply::refusal(
        StatusCode::BAD_REQUEST,
        &format!("the header {name} must be sent once and be short and plain"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use foundation::SystemClock;

    use super::*;
    use crate::config::{CallerConfig, Template};

    const ONE: &str = "a-token-of-the-first-caller";
    const TWO: &str = "a-token-of-the-second-caller";

    async fn callers() -> Callers {
        let caller = |token: &str, names_users| CallerConfig {
            token: Template(token.into()),
            names_users,
            ..CallerConfig::default()
        };
        let config = Config {
            callers: [
                ("one".to_owned(), caller(ONE, false)),
                ("two".to_owned(), caller(TWO, true)),
            ]
            .into(),
            ..Config::default()
        };
        Callers::resolve(&config, &secrets()).await.unwrap()
    }

    fn secrets() -> Secrets {
        let env: BTreeMap<String, String> = BTreeMap::new();
        Secrets::new(Arc::new(env), Arc::new(SystemClock))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_bearer_names_a_caller() {
        let callers = callers().await;
        let who = |pairs: &[(&'static str, &str)]| {
            callers
                .actor(&headers(pairs))
                .map(|actor| actor.name.to_string())
                .map_err(|reply| reply.status.as_u16())
        };
        assert_eq!(
            who(&[("authorization", &format!("Bearer {ONE}"))]),
            Ok("one".into())
        );
        assert_eq!(
            who(&[("authorization", &format!("bearer {TWO}"))]),
            Ok("two".into())
        );
        assert_eq!(who(&[]), Err(401));
        assert_eq!(who(&[("authorization", "Bearer nobody's-token")]), Err(401));
        assert_eq!(who(&[("authorization", &format!("Basic {ONE}"))]), Err(401));
    }

    #[tokio::test]
    async fn only_who_may_names_a_person() {
        let callers = callers().await;
        let actor = |token: &str, user: &str| {
            callers.actor(&headers(&[
                ("authorization", &format!("Bearer {token}")),
                ("x-user-google-email", user),
            ]))
        };
        assert_eq!(
            actor(ONE, "a@b.example").unwrap_err().status,
            StatusCode::FORBIDDEN
        );
        let (first, second) = (
            actor(TWO, "A@b.example").unwrap(),
            actor(TWO, "c@d.example").unwrap(),
        );
        assert_eq!(first.user.email.as_deref(), Some("a@b.example"));
        assert_ne!(first.principal, second.principal);
        let doubled = callers.actor(&headers(&[
            ("authorization", &format!("Bearer {TWO}")),
            ("x-user-authorization", "Bearer one"),
            ("x-user-authorization", "Bearer two"),
        ]));
        assert_eq!(doubled.unwrap_err().status, StatusCode::BAD_REQUEST);
        assert_eq!(
            Callers::default()
                .actor(&headers(&[("x-user-id", "7")]))
                .unwrap_err()
                .status,
            StatusCode::FORBIDDEN
        );
        assert_eq!(
            Callers::default()
                .actor(&HeaderMap::new())
                .unwrap()
                .principal,
            Principal::local()
        );
    }

    #[tokio::test]
    async fn who_was_not_admitted_is_nobody() {
        let (mut request, ()) = http::Request::new(()).into_parts();
        assert_eq!(actor_of(None).principal, Principal::local());
        assert_eq!(actor_of(Some(&request)).principal, Principal::nobody());
        Callers::default().admit(&mut request).unwrap();
        assert_eq!(actor_of(Some(&request)).principal, Principal::local());
    }

    #[tokio::test]
    async fn tokens_are_long_and_different() {
        let with = |tokens: [&str; 2]| Config {
            callers: tokens
                .iter()
                .enumerate()
                .map(|(number, token)| {
                    let token = Template((*token).to_owned());
                    let caller = CallerConfig {
                        token,
                        ..CallerConfig::default()
                    };
                    (format!("c{number}"), caller)
                })
                .collect(),
            ..Config::default()
        };
        let fault = |tokens| async move { Callers::resolve(&with(tokens), &secrets()).await.err() };
        assert!(matches!(
            fault([ONE, "short"]).await,
            Some(CallersError::Short(_))
        ));
        assert!(matches!(
            fault([ONE, ONE]).await,
            Some(CallersError::Same(_, _))
        ));
        assert!(fault([ONE, TWO]).await.is_none());
    }
}
