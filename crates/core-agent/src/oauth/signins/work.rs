//! What is done about a missing, ending or refused token, and who waits for whom.
//!
//! The decisions are pure and elsewhere; this is when they are taken.
//! Invariant: for one server and person one sign-in or renewal is at work at a time, in all
//! processes together.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    Configured, Inner, Refusal, SignedIn, SignedOut, configured_bearer,
    kept::{Binding, token_name},
    place::Place,
    slot::{Remembered, Slot},
};
use crate::{
    Actor, ServerName,
    oauth::{
        Consent, SignInError,
        challenge::BearerChallenge,
        decide::{self, Grant},
        exchange::Desk,
        explore::{WayIn, way_in},
        fetch::FetchError,
        flow::Flow,
        scopes::Scopes,
        token::{Token, TokenFault},
    },
};

impl Inner {
    /// The token for a request now, renewed when it is due.
    pub(super) async fn current(
        &self,
        server: &ServerName,
        actor: &Actor,
        slot: &Slot,
    ) -> Result<Option<SecretString>, SignInError> {
        let _gate = slot.gate.lock().await;
        let place = self.place(server, actor).await?;
        let token = match slot.token() {
            Remembered::Token(token) => Some(*token),
            Remembered::Nothing => None,
            Remembered::NotYet => {
                let kept = self.kept(&place)?.0;
                slot.set(kept.clone());
                kept
            }
        };
        let now = self.options.clock.now();
        match token {
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
    pub(super) async fn answer(
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
            // Nothing, or a token that was thrown away meanwhile.
            (None, _) => true,
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
        let scopes = decide::asked_scopes(&wanted, &asked_before, grant, &way.server);
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

    pub(super) async fn login(
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

    pub(super) async fn logout(
        &self,
        server: &ServerName,
        actor: &Actor,
    ) -> Result<SignedOut, SignInError> {
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
