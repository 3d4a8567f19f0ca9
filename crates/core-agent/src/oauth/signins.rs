//! Tokens for all servers and everybody: kept, renewed, obtained.
//!
//! The decisions are pure and elsewhere; this is when they are taken, and who waits for whom.
//! Invariant: for one server and person one sign-in or renewal is at work at a time, in all
//! processes together, and it is finished even when whoever asked for it has gone.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use foundation::{
    Clock, Random,
    settings::{Env, Setting},
};
use futures::future::{BoxFuture, FutureExt};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{
    Challenge, Consent, Names, Next, SignIn, SignInError, Vault,
    attempts::Attempts,
    challenge::BearerChallenge,
    decide::{self, Grant, Settings},
    exchange::Desk,
    explore::{WayIn, way_in},
    fetch::{self, FetchError, Fetcher},
    flow::Flow,
    guard::{Reach, SystemNames},
    scopes::Scopes,
    token::{Token, TokenFault},
    vault::{VaultError, Version},
};
use crate::{
    Actor, Fault, ServerName,
    config::{Config, ServerConfig, Template},
    secret::Secrets,
};

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

/// One server and person.
#[derive(Default)]
struct Slot {
    /// Held by whoever signs in or renews.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    loaded: bool,
    token: Option<Token>,
    attempts: Attempts,
}

/// Which token belongs to a server and person.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Binding {
    issuer: String,
    resource: String,
    /// All scopes that were ever needed.
    wanted: Scopes,
    /// Where the server said that its metadata is.
    metadata: Option<String>,
}

/// A server and a person, with all that is configured.
struct Place {
    server: ServerName,
    url: Url,
    person: String,
    settings: Settings,
    port: Option<u16>,
    fetcher: Fetcher,
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
                Some(None) => return Ok(None),
                Some(Some(token)) if !token.is_due(now) => return Ok(Some(token.access)),
                _ => {}
            }
            let (inner, name, actor) = (Arc::clone(&self.0), server.clone(), actor.clone());
            let renewing = tokio::spawn(async move { inner.current(&name, &actor, &slot).await });
            joined(renewing.await).map_err(|error| error.into_fault(server))
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
                return Next::GiveUp(SignInError::NotHttp.into_fault(server));
            };
            let read = BearerChallenge::read(challenge.www_authenticate).unwrap_or_default();
            let error = match (challenge.status, configured_bearer(config, actor)) {
                (403, _) if !read.wants_more_scopes() => Some(SignInError::Forbidden),
                (401 | 403, Configured::Nothing) => None,
                (401 | 403, _) => Some(SignInError::Configured),
                _ => Some(SignInError::Forbidden),
            };
            if let Some(error) = error {
                return Next::GiveUp(error.into_fault(server));
            }
            let (inner, name, actor) = (Arc::clone(&self.0), server.clone(), actor.clone());
            let refusal = Refusal {
                scopes_short: challenge.status == 403,
                read,
                used: challenge.used.cloned(),
                operation: challenge.operation.to_owned(),
            };
            let signing = tokio::spawn(async move { inner.answer(&name, &actor, &refusal).await });
            match joined(signing.await) {
                Ok(()) => Next::Retry,
                Err(error) => Next::GiveUp(error.into_fault(server)),
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

/// Who a token belongs to: the caller, and the end user it calls for.
fn person(actor: &Actor) -> String {
    json!([actor.principal.key(), actor.user.id, actor.user.email]).to_string()
}

fn token_name(issuer: &str, resource: &str, person: &str) -> String {
    format!("token\n{issuer}\n{resource}\n{person}")
}

impl Slot {
    /// The token, as far as it is known; `None` before it was looked for.
    fn token(&self) -> Option<Option<Token>> {
        let state = self.state();
        state.loaded.then(|| state.token.clone())
    }

    fn set(&self, token: Option<Token>) {
        let mut state = self.state();
        state.loaded = true;
        state.token = token;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn binding_name(&self) -> String {
        format!("binding\n{}\n{}", self.url, self.person)
    }
}

impl Inner {
    fn slot(&self, server: &ServerName, actor: &Actor) -> Arc<Slot> {
        self.slots
            .get_with((server.clone(), person(actor)), Arc::default)
    }

    /// The token for a request now, renewed when it is due.
    async fn current(
        &self,
        server: &ServerName,
        actor: &Actor,
        slot: &Slot,
    ) -> Result<Option<SecretString>, SignInError> {
        let _gate = slot.gate.lock().await;
        let place = self.place(server, actor).await?;
        if slot.token().is_none() {
            slot.set(self.kept(&place)?.0);
        }
        let now = self.options.clock.now();
        match slot.token().flatten() {
            None => Ok(None),
            Some(token) if !token.is_due(now) => Ok(Some(token.access)),
            Some(token) => match self.renew(&place, slot, &token).await {
                Ok(renewed) => Ok(renewed.map(|token| token.access)),
                // What fails now may work in a minute, and until then the old one is good.
                Err(error) if token.is_good(now) && passes(&error) => {
                    tracing::warn!(server = %server, %error, "a token could not be renewed yet");
                    Ok(Some(token.access))
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Answers a refusal. `Ok` means that the request is to be sent again.
    async fn answer(
        &self,
        server: &ServerName,
        actor: &Actor,
        refusal: &Refusal,
    ) -> Result<(), SignInError> {
        let slot = self.slot(server, actor);
        let _gate = slot.gate.lock().await;
        let place = self.place(server, actor).await?;
        let same = |token: &Option<Token>| match (token, &refusal.used) {
            (Some(token), Some(used)) => token.access.expose_secret() == used.expose_secret(),
            (None, None) => true,
            // A token that was thrown away meanwhile.
            (None, Some(_)) => true,
            (Some(_), None) => false,
        };
        // Another task, or another process, may have a newer token already.
        let (kept, binding) = self.kept(&place)?;
        let now = self.options.clock.now();
        let usable = |token: &Token| token.is_good(now) || token.renews();
        if kept.as_ref().is_some_and(usable) && !same(&kept) {
            slot.set(kept);
            return Ok(());
        }
        let consent = self.options.consent.clone();
        let done = self
            .sign_in(
                &place,
                &slot,
                refusal,
                kept.as_ref(),
                binding,
                consent.as_deref(),
            )
            .await;
        if let Err(error) = &done {
            tracing::info!(server = %server, %error, "not signed in");
        }
        done.map(|_| ())
    }

    async fn sign_in(
        &self,
        place: &Place,
        slot: &Slot,
        refusal: &Refusal,
        kept: Option<&Token>,
        binding: Binding,
        consent: Option<&dyn Consent>,
    ) -> Result<Token, SignInError> {
        let way = self.way_in(place, &refusal.read, &binding).await?;
        let ours =
            |token: &&Token| token.issuer == way.server.issuer && token.resource == way.resource;
        let before = kept.filter(ours);
        let now = self.options.clock.now();
        let again = slot.state().attempts.of(&refusal.operation);
        if let Some(token) = before
            && !refusal.scopes_short
            && token.refresh.is_some()
            && again == 0
        {
            if !slot
                .state()
                .attempts
                .count(&refusal.operation, "renewal", now)
            {
                return Err(SignInError::Loop);
            }
            match self.renew(place, slot, token).await {
                Ok(Some(token)) => return Ok(token),
                Ok(None)
                | Err(SignInError::Token(TokenFault::InvalidGrant | TokenFault::InvalidClient)) => {
                }
                Err(error) => return Err(error),
            }
        }
        let grant = decide::grant(&place.settings, &way.server)?;
        // What one authorization server was asked for is nothing to another.
        let asked_before = match before {
            Some(token) => token.asked.clone().union(&token.granted),
            None => Scopes::default(),
        };
        let known = (binding.issuer == way.server.issuer).then(|| binding.wanted.clone());
        let wanted =
            decide::first_scopes(&place.settings, &refusal.read.scopes, way.scopes.as_ref())
                .union(&refusal.read.scopes)
                .union(&known.unwrap_or_default());
        let scopes = decide::asked_scopes(wanted, &asked_before, grant, &way.server);
        self.bind(place, &way, &scopes, refusal.read.resource_metadata.clone())?;
        let flow = Flow {
            server: &place.server,
            url: &place.url,
            desk: self.desk(place),
            vault: &self.options.vault,
            way: &way,
            scopes,
            port: place.port,
        };
        let may = || {
            let scopes = flow.scopes.to_string();
            slot.state()
                .attempts
                .count(&refusal.operation, &scopes, now)
        };
        let token = match (grant, consent) {
            (Grant::AuthorizationCode, None) => return Err(SignInError::ConsentDue),
            _ if !may() => return Err(SignInError::Loop),
            (Grant::AuthorizationCode, Some(consent)) => flow.with_consent(consent).await?,
            (Grant::ClientCredentials | Grant::JwtBearer, _) => flow.own_name(grant).await?,
        };
        self.store(place, slot, &token).await?;
        tracing::info!(server = %place.server, issuer = %token.issuer, "signed in");
        Ok(token)
    }

    async fn login(
        &self,
        server: &ServerName,
        actor: &Actor,
        scopes: &Scopes,
    ) -> Result<SignedIn, SignInError> {
        let config = self.options.servers.get(server);
        let config = config.ok_or(SignInError::NotHttp)?;
        if !matches!(configured_bearer(config, actor), Configured::Nothing) {
            return Err(match config.url {
                Some(_) => SignInError::Configured,
                None => SignInError::NotHttp,
            });
        }
        let slot = self.slot(server, actor);
        let _gate = slot.gate.lock().await;
        let place = self.place(server, actor).await?;
        let (kept, binding) = self.kept(&place)?;
        let hello = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "core-agent", "version": env!("CARGO_PKG_VERSION")},
            },
        });
        let knocked = place.fetcher.knock(&place.url, &hello).await?;
        let mut read = BearerChallenge::read(&knocked.challenges).unwrap_or_default();
        if read.resource_metadata.is_none() {
            read.resource_metadata.clone_from(&binding.metadata);
        }
        if knocked.status != reqwest::StatusCode::UNAUTHORIZED
            && read == BearerChallenge::default()
            && kept.is_none()
        {
            let found = self.way_in(&place, &read, &binding).await?;
            if !found.published {
                return Err(SignInError::NotAsked);
            }
        }
        read.scopes = read.scopes.union(scopes);
        slot.state().attempts.clear();
        let refusal = Refusal {
            // A person wants to sign in anew, not the old sign-in renewed.
            scopes_short: true,
            read,
            used: None,
            operation: "login".into(),
        };
        let consent = self.options.consent.clone();
        let token = self
            .sign_in(
                &place,
                &slot,
                &refusal,
                kept.as_ref(),
                binding,
                consent.as_deref(),
            )
            .await?;
        Ok(SignedIn {
            renews: token.renews(),
            issuer: token.issuer,
            scopes: token.granted,
            ends: token.ends,
        })
    }

    async fn logout(&self, server: &ServerName, actor: &Actor) -> Result<SignedOut, SignInError> {
        let slot = self.slot(server, actor);
        let _gate = slot.gate.lock().await;
        let place = self.place(server, actor).await?;
        let (kept, _) = self.kept(&place)?;
        let vault = &self.options.vault;
        let mut was_in = false;
        let mut revoked = Ok(false);
        if let Some(token) = kept {
            was_in = true;
            let name = token_name(&token.issuer, &token.resource, &place.person);
            let _lock = vault.lock(&name).await?;
            let (newest, seen) = vault.read::<Token>(&name)?;
            let newest = newest.unwrap_or(token);
            revoked = self
                .desk(&place)
                .revoke(&newest)
                .await
                .map_err(|error| error.to_string());
            vault.remove(&name, seen)?;
        }
        let (_, seen) = vault.read::<Binding>(&place.binding_name())?;
        vault.remove(&place.binding_name(), seen)?;
        slot.set(None);
        Ok(SignedOut { was_in, revoked })
    }

    /// Renews a token, unless somebody else has.
    async fn renew(
        &self,
        place: &Place,
        slot: &Slot,
        seen: &Token,
    ) -> Result<Option<Token>, SignInError> {
        let vault = &self.options.vault;
        let name = token_name(&seen.issuer, &seen.resource, &place.person);
        let _lock = vault.lock(&name).await?;
        let (kept, version) = vault.read::<Token>(&name)?;
        let Some(token) = kept else {
            // Signed out by another process.
            slot.set(None);
            return Ok(None);
        };
        let newer = token.access.expose_secret() != seen.access.expose_secret();
        if newer && !token.is_due(self.options.clock.now()) {
            slot.set(Some(token.clone()));
            return Ok(Some(token));
        }
        if !token.renews() {
            // Good until it ends; then the server asks for a sign-in.
            let token = token.is_good(self.options.clock.now()).then_some(token);
            slot.set(token.clone());
            return Ok(token);
        }
        match self.desk(place).renew(&token).await {
            Ok(granted) => {
                let token = token.renewed(granted);
                vault.write(&name, &token, version)?;
                slot.set(Some(token.clone()));
                Ok(Some(token))
            }
            Err(error) => {
                if matches!(error, SignInError::Token(TokenFault::InvalidGrant)) {
                    vault.remove(&name, version)?;
                    slot.set(None);
                }
                Err(error)
            }
        }
    }

    async fn store(&self, place: &Place, slot: &Slot, token: &Token) -> Result<(), SignInError> {
        let vault = &self.options.vault;
        let name = token_name(&token.issuer, &token.resource, &place.person);
        let _lock = vault.lock(&name).await?;
        let (_, seen) = vault.read::<Token>(&name)?;
        vault.write(&name, token, seen)?;
        slot.set(Some(token.clone()));
        Ok(())
    }

    /// The kept token of a place, and what is known of the way to it.
    fn kept(&self, place: &Place) -> Result<(Option<Token>, Binding), SignInError> {
        let vault = &self.options.vault;
        let Some(binding) = vault.read::<Binding>(&place.binding_name())?.0 else {
            return Ok((None, Binding::default()));
        };
        let name = token_name(&binding.issuer, &binding.resource, &place.person);
        let (token, _) = vault.read::<Token>(&name)?;
        // The way to it is kept by another file: both must be of one mind.
        let token = token
            .filter(|token| token.issuer == binding.issuer && token.resource == binding.resource);
        Ok((token, binding))
    }

    fn bind(
        &self,
        place: &Place,
        way: &WayIn,
        wanted: &Scopes,
        metadata: Option<String>,
    ) -> Result<(), SignInError> {
        let vault = &self.options.vault;
        let name = place.binding_name();
        let binding = Binding {
            issuer: way.server.issuer.clone(),
            resource: way.resource.clone(),
            wanted: wanted.clone(),
            metadata,
        };
        let write = |seen: Version| vault.write(&name, &binding, seen);
        match write(vault.read::<Binding>(&name)?.1) {
            Err(VaultError::Changed) => write(vault.read::<Binding>(&name)?.1)?,
            other => other?,
        };
        Ok(())
    }

    async fn way_in(
        &self,
        place: &Place,
        read: &BearerChallenge,
        binding: &Binding,
    ) -> Result<WayIn, SignInError> {
        let preferred: Vec<&str> = place
            .settings
            .issuer
            .as_deref()
            .into_iter()
            .chain([binding.issuer.as_str()])
            .collect();
        way_in(
            &place.fetcher,
            &place.url,
            read.resource_metadata.as_deref(),
            &preferred,
        )
        .await
    }

    fn desk<'a>(&'a self, place: &'a Place) -> Desk<'a> {
        Desk {
            fetcher: &place.fetcher,
            settings: &place.settings,
            clock: self.options.clock.as_ref(),
            random: self.options.random.as_ref(),
        }
    }

    async fn place(&self, server: &ServerName, actor: &Actor) -> Result<Place, SignInError> {
        let config = self.options.servers.get(server);
        let config = config.ok_or(SignInError::NotHttp)?;
        let url = config.url.as_ref().ok_or(SignInError::NotHttp)?;
        let secrets = &self.options.secrets;
        let url = secrets.resolve(url).await?;
        let url = Url::parse(url.expose_secret()).map_err(|_| SignInError::BadAddress)?;
        let oauth = &config.oauth;
        let secret = async |template: &Option<Template>| match template {
            Some(template) => secrets.resolve(template).await.map(Some),
            None => Ok(None),
        };
        let settings = Settings {
            client_id: oauth.client_id.clone(),
            client_secret: secret(&oauth.client_secret).await?,
            client_key: secret(&oauth.client_key).await?,
            assertion: secret(&oauth.assertion).await?,
            issuer: oauth.issuer.clone(),
            document: oauth.client_metadata_url.clone(),
            scopes: oauth.scopes.iter().collect(),
            grant: oauth.grant,
        };
        let reach = match oauth.allow_private_addresses {
            true => Reach::Anywhere,
            false => Reach::of_server(url.host()),
        };
        let fetcher = Fetcher::new(
            &url,
            reach,
            self.client(reach)?,
            self.client(Reach::Anywhere)?,
        );
        Ok(Place {
            server: server.clone(),
            url,
            person: person(actor),
            settings,
            port: oauth.callback_port,
            fetcher,
        })
    }

    fn client(&self, reach: Reach) -> Result<reqwest::Client, FetchError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| *known == reach) {
            return Ok(client.clone());
        }
        let client = fetch::client(reach, Arc::clone(&self.options.names))?;
        clients.push((reach, client.clone()));
        Ok(client)
    }
}

/// Whether the same may work later without anybody doing anything.
fn passes(error: &SignInError) -> bool {
    matches!(
        error,
        SignInError::Later(_)
            | SignInError::Fetch(FetchError::Silent(_) | FetchError::TooLarge(_))
            | SignInError::Token(
                TokenFault::Later | TokenFault::Answered(_) | TokenFault::Unreadable
            )
    )
}
