//! Tokens for all servers and everybody: kept, renewed, obtained.
//!
//! Not the work itself, which is in [`work`].
//! Invariant: what was begun is finished even when whoever asked for it has gone: an answer with a
//! rotated token comes once.

mod kept;
mod place;
mod slot;
mod work;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use foundation::{
    Clock, Random,
    settings::{Env, Setting},
};
use futures::future::{BoxFuture, FutureExt};
use moka::sync::Cache;
use secrecy::SecretString;

use super::{
    Challenge, Consent, Names, Next, SignIn, SignInError, Vault,
    challenge::BearerChallenge,
    guard::{Reach, SystemNames},
    scopes::Scopes,
};
use crate::{
    Actor, Fault, ServerName,
    config::{Config, ServerConfig, Template},
    secret::Secrets,
};
use place::person;
use slot::{Remembered, Slot};

/// What tokens are encrypted with.
pub const KEY: Setting = Setting::new(
    "CORE_AGENT_KEY",
    "a key of its own, kept in the folder of everything kept",
    "What the tokens of signed-in servers are encrypted with, or a reference to it such as ${keyring:core-agent/key}; long and random.",
)
.secret();

/// Sign-ins remembered in memory; the others are read again.
const MOST_SLOTS: u64 = 10_000;

/// What sign-ins need.
pub struct SignInOptions {
    /// The servers.
    pub servers: BTreeMap<ServerName, ServerConfig>,
    /// Where tokens are kept.
    pub vault: Vault,
    /// Looks configured secrets up.
    pub secrets: Arc<Secrets>,
    /// Looks names up.
    pub names: Arc<dyn Names>,
    /// How a person is asked; without it a sign-in that needs one is reported as due.
    pub consent: Option<Arc<dyn Consent>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// Tokens for all servers.
#[derive(Clone)]
pub struct SignIns(Arc<Inner>);

/// A sign-in, as a person is told of it.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who made the token.
    pub issuer: String,
    /// The scopes it has.
    pub scopes: Scopes,
    /// Until when it is good.
    pub ends: Option<jiff::Timestamp>,
    /// Whether it is renewed by itself.
    pub renews: bool,
}

/// What became of a signing out.
#[derive(Clone, Debug)]
pub struct SignedOut {
    /// Whether there was anything to sign out of.
    pub was_in: bool,
    /// Whether the authorization server took the token back; why not otherwise.
    pub revoked: Result<bool, String>,
}

struct Inner {
    options: SignInOptions,
    slots: Cache<(ServerName, String), Arc<Slot>>,
    clients: Mutex<Vec<(Reach, reqwest::Client)>>,
}

impl SignIns {
    /// The sign-ins of a configuration, kept under the folder `state`. `CORE_AGENT_KEY` in
    /// `variables`, or what it refers to, is what they are encrypted with.
    pub async fn open(
        config: &Config,
        state: &Path,
        variables: &dyn Env,
        secrets: Arc<Secrets>,
        consent: Option<Arc<dyn Consent>>,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
    ) -> Result<Self, SignInError> {
        let key = match KEY.text(variables) {
            Some(text) => Some(secrets.resolve(&Template(text)).await?),
            None => None,
        };
        Ok(Self::new(SignInOptions {
            servers: config.servers.clone(),
            vault: Vault::open(state, key.as_ref(), Arc::clone(&random))?,
            secrets,
            names: Arc::new(SystemNames),
            consent,
            clock,
            random,
        }))
    }

    /// Sign-ins with these options.
    pub fn new(options: SignInOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            slots: Cache::new(MOST_SLOTS),
            clients: Mutex::default(),
        }))
    }

    /// Signs in because a person says so, with these scopes besides those known to be needed.
    pub async fn login(
        &self,
        server: &ServerName,
        actor: &Actor,
        scopes: &Scopes,
    ) -> Result<SignedIn, SignInError> {
        self.0.login(server, actor, scopes).await
    }

    /// Signs out: the token is revoked where that is possible, and forgotten in any case.
    pub async fn logout(
        &self,
        server: &ServerName,
        actor: &Actor,
    ) -> Result<SignedOut, SignInError> {
        self.0.logout(server, actor).await
    }
}

impl SignIn for SignIns {
    fn bearer<'a>(
        &'a self,
        server: &'a ServerName,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<Option<SecretString>, Fault>> {
        async move {
            let Some(config) = self.0.options.servers.get(server) else {
                return Ok(None);
            };
            match configured_bearer(config, actor) {
                Configured::Bearer(bearer) => return Ok(Some(bearer)),
                Configured::Elsewhere => return Ok(None),
                Configured::Nothing => {}
            }
            let slot = self.0.slot(server, actor);
            let now = self.0.options.clock.now();
            match slot.token() {
                Remembered::Nothing => return Ok(None),
                Remembered::Token(token) if !token.is_due(now) => return Ok(Some(token.access)),
                Remembered::Token(_) | Remembered::NotYet => {}
            }
            let (inner, name, actor) = (Arc::clone(&self.0), server.clone(), actor.clone());
            let person = actor.clone();
            let renewing = tokio::spawn(async move { inner.current(&name, &person, &slot).await });
            joined(renewing.await).map_err(|error| error.into_fault(server, &actor))
        }
        .boxed()
    }

    fn challenged<'a>(
        &'a self,
        server: &'a ServerName,
        actor: &'a Actor,
        challenge: Challenge<'a>,
    ) -> BoxFuture<'a, Next> {
        async move {
            let Some(config) = self.0.options.servers.get(server) else {
                return Next::GiveUp(SignInError::NotHttp.into_fault(server, actor));
            };
            let read = BearerChallenge::read(challenge.www_authenticate).unwrap_or_default();
            let error = match (challenge.status, configured_bearer(config, actor)) {
                (403, _) if !read.wants_more_scopes() => Some(SignInError::Forbidden),
                (401 | 403, Configured::Nothing) => None,
                (401 | 403, _) => Some(SignInError::Configured),
                _ => Some(SignInError::Forbidden),
            };
            if let Some(error) = error {
                return Next::GiveUp(error.into_fault(server, actor));
            }
            let (inner, name, actor) = (Arc::clone(&self.0), server.clone(), actor.clone());
            let refusal = Refusal {
                scopes_short: challenge.status == 403,
                read,
                used: challenge.used.cloned(),
                operation: challenge.operation.to_owned(),
            };
            let person = actor.clone();
            let signing = tokio::spawn(async move { inner.answer(&name, &person, &refusal).await });
            match joined(signing.await) {
                Ok(()) => Next::Retry,
                Err(error) => Next::GiveUp(error.into_fault(server, &actor)),
            }
        }
        .boxed()
    }
}

/// A refusal, kept while it is answered.
struct Refusal {
    scopes_short: bool,
    read: BearerChallenge,
    used: Option<SecretString>,
    operation: String,
}

impl Inner {
    fn slot(&self, server: &ServerName, actor: &Actor) -> Arc<Slot> {
        self.slots
            .get_with((server.clone(), person(actor)), Arc::default)
    }
}

enum Configured {
    /// The user's own bearer goes along.
    Bearer(SecretString),
    /// The configuration has an `Authorization` header.
    Elsewhere,
    Nothing,
}

fn configured_bearer(config: &ServerConfig, actor: &Actor) -> Configured {
    if config.url.is_none() {
        return Configured::Elsewhere;
    }
    if config.identity.pass_bearer
        && let Some(bearer) = &actor.user.bearer
    {
        return Configured::Bearer(bearer.clone());
    }
    let header = |name: &String| name.eq_ignore_ascii_case("authorization");
    if config.headers.keys().any(header) {
        return Configured::Elsewhere;
    }
    Configured::Nothing
}

fn joined<T>(
    done: Result<Result<T, SignInError>, tokio::task::JoinError>,
) -> Result<T, SignInError> {
    done.unwrap_or(Err(SignInError::Later("the sign-in")))
}
