//! One sign-in from beginning to end, given the way in.
//!
//! Not when to sign in, nor what becomes of the token: that is [`super::signins`].
//! Invariant: everything that can be refused is refused before a person is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use url::Url;

use super::{
    SignInError, callback,
    consent::Consent,
    decide::{self, AuthMethod, Grant, Identity, Impossible},
    discovery::AuthorizationServer,
    exchange::Desk,
    explore::WayIn,
    guard::{browser_url, flow_url},
    loopback::Loopback,
    request::Pending,
    scopes::Scopes,
    token::{Client, Granted, Token},
    vault::{Vault, VaultError},
};
use crate::ServerName;

const PERSON_WITHIN: Duration = Duration::from_mins(5);

/// One sign-in.
pub(super) struct Flow<'a> {
    /// The server.
    pub server: &'a ServerName,
    /// Its address.
    pub url: &'a Url,
    /// Sends requests.
    pub desk: Desk<'a>,
    /// Keeps registered clients.
    pub vault: &'a Vault,
    /// The way in.
    pub way: &'a WayIn,
    /// The scopes to ask for.
    pub scopes: Scopes,
    /// The port of the callback, when it must be a certain one.
    pub port: Option<u16>,
}

/// A client this program has registered.
#[derive(Deserialize, Serialize)]
struct Registered {
    client: Client,
    redirect: String,
}

impl Flow<'_> {
    /// Obtains a token without a person.
    pub(super) async fn own_name(&self, grant: Grant) -> Result<Token, SignInError> {
        let endpoint = self.endpoint()?;
        let client = match grant {
            // The assertion says who this is; an id besides is sent when there is one.
            Grant::JwtBearer if self.desk.settings.client_id.is_none() => Client {
                id: String::new(),
                secret: None,
                method: AuthMethod::None,
            },
            _ => self.configured()?,
        };
        let granted = self
            .desk
            .own_name(
                grant,
                &self.way.server.issuer,
                endpoint,
                &client,
                (&self.way.resource, &self.scopes),
            )
            .await?;
        Ok(self.keep(grant, client, endpoint, granted))
    }

    /// Obtains a token with a person's consent.
    pub(super) async fn with_consent(&self, consent: &dyn Consent) -> Result<Token, SignInError> {
        let server = &self.way.server;
        if !server.checks_pkce() {
            return Err(Impossible::NoPkce.into());
        }
        let authorize = server
            .authorization_endpoint
            .as_deref()
            .ok_or(Impossible::NoEndpoint("authorization endpoint"))?;
        let fetcher = self.desk.fetcher;
        let authorize = browser_url(authorize, fetcher.reach_of(authorize))?;
        let endpoint = self.endpoint()?;
        let (client, loopback) = self.client().await?;
        let redirect = loopback.redirect();
        let pending = Pending::new(self.desk.random);
        let address = pending.address(
            &authorize,
            &client.id,
            &redirect,
            &self.way.resource,
            &self.scopes,
        );
        let query = async {
            tokio::select! {
                query = loopback.answer(&pending.state) => {
                    query.map_err(|error| SignInError::NoCallback(format!(": {error}")))
                }
                brought = consent.ask(self.server, &address) => {
                    query_of(&brought?, &redirect)
                }
            }
        };
        let query = timeout(PERSON_WITHIN, query)
            .await
            .map_err(|_| SignInError::NobodyCame)??;
        let code = callback::code(
            &query,
            &callback::Expected {
                state: &pending.state,
                issuer: &server.issuer,
                promises_iss: server.authorization_response_iss_parameter_supported,
            },
        )?;
        let granted = self
            .desk
            .code(
                &server.issuer,
                endpoint,
                &client,
                &code,
                &pending.verifier,
                (&redirect, &self.way.resource),
            )
            .await?;
        Ok(self.keep(Grant::AuthorizationCode, client, endpoint, granted))
    }

    /// This program as a client, and the address for the answer that fits it.
    async fn client(&self) -> Result<(Client, Loopback), SignInError> {
        let listen = async |port| {
            Loopback::listen(port)
                .await
                .map_err(|error| SignInError::NoCallback(format!(": {error}")))
        };
        let identity = decide::identity(
            self.desk.settings,
            &self.way.server,
            self.bound()?.as_deref(),
        )?;
        match identity {
            Identity::Configured => Ok((self.configured()?, listen(self.port).await?)),
            Identity::Document(id) => {
                let method = decide::auth_method(
                    &self.way.server,
                    false,
                    self.desk.settings.client_key.is_some(),
                )?;
                let client = Client {
                    id,
                    secret: None,
                    method,
                };
                Ok((client, listen(self.port).await?))
            }
            Identity::Registered => self.registered(listen).await,
        }
    }

    /// The client registered with this issuer before, when the address it was registered with is
    /// free; a new one otherwise.
    async fn registered(
        &self,
        listen: impl AsyncFn(Option<u16>) -> Result<Loopback, SignInError>,
    ) -> Result<(Client, Loopback), SignInError> {
        let server = &self.way.server;
        if let Some(endpoint) = &server.registration_endpoint {
            flow_url(
                "the registration endpoint",
                endpoint,
                self.desk.fetcher.reach_of(endpoint),
            )?;
        }
        let name = client_name(&server.issuer);
        let (kept, seen) = self.vault.read::<Registered>(&name)?;
        if let Some(kept) = kept {
            let port = Url::parse(&kept.redirect).ok().and_then(|url| url.port());
            let fits = self.port.is_none_or(|wanted| port == Some(wanted));
            if fits
                && let Some(port) = port
                && let Ok(loopback) = listen(Some(port)).await
            {
                return Ok((kept.client, loopback));
            }
        }
        let loopback = listen(self.port).await?;
        let client = self.desk.register(server, &loopback.redirect()).await?;
        let document = Registered {
            client,
            redirect: loopback.redirect(),
        };
        match self.vault.write(&name, &document, seen) {
            // Another process has registered meanwhile; both clients are good.
            Ok(_) | Err(VaultError::Changed) => Ok((document.client, loopback)),
            Err(error) => Err(error.into()),
        }
    }

    fn configured(&self) -> Result<Client, SignInError> {
        let settings = self.desk.settings;
        let bound = self.bound()?;
        decide::identity(settings, &self.way.server, bound.as_deref())?;
        let id = settings
            .client_id
            .clone()
            .ok_or(Impossible::Missing("oauth.client_id"))?;
        let method = decide::auth_method(
            &self.way.server,
            settings.client_secret.is_some(),
            settings.client_key.is_some(),
        )?;
        if bound.is_none() && settings.issuer.is_none() {
            // From now on this id belongs to this issuer.
            let name = self.bound_name(&id);
            let (_, seen) = self.vault.read::<String>(&name)?;
            match self.vault.write(&name, &self.way.server.issuer, seen) {
                Ok(_) | Err(VaultError::Changed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Client {
            id,
            secret: settings.client_secret.clone(),
            method,
        })
    }

    /// The issuer the configured client id was used with before.
    fn bound(&self) -> Result<Option<String>, SignInError> {
        match &self.desk.settings.client_id {
            Some(id) => Ok(self.vault.read::<String>(&self.bound_name(id))?.0),
            None => Ok(None),
        }
    }

    fn bound_name(&self, id: &str) -> String {
        format!("issuer of\n{}\n{id}", self.url)
    }

    fn endpoint(&self) -> Result<&str, SignInError> {
        let AuthorizationServer { token_endpoint, .. } = &self.way.server;
        let endpoint = token_endpoint
            .as_deref()
            .ok_or(Impossible::NoEndpoint("token endpoint"))?;
        flow_url(
            "the token endpoint",
            endpoint,
            self.desk.fetcher.reach_of(endpoint),
        )?;
        Ok(endpoint)
    }

    fn keep(&self, grant: Grant, client: Client, endpoint: &str, granted: Granted) -> Token {
        Token {
            issuer: self.way.server.issuer.clone(),
            resource: self.way.resource.clone(),
            grant,
            client,
            token_endpoint: endpoint.to_owned(),
            revocation_endpoint: self.way.server.revocation_endpoint.clone(),
            access: granted.access,
            refresh: granted.refresh,
            ends: granted.ends,
            asked: self.scopes.clone(),
            granted: granted.scopes.unwrap_or_else(|| self.scopes.clone()),
        }
    }
}

fn client_name(issuer: &str) -> String {
    format!("client\n{issuer}")
}

/// The query of an address a person brought back.
fn query_of(brought: &str, redirect: &str) -> Result<String, SignInError> {
    brought
        .trim()
        .strip_prefix(redirect)
        .and_then(|rest| rest.strip_prefix('?'))
        .map(|query| query.split('#').next().unwrap_or_default().to_owned())
        .ok_or_else(|| SignInError::OtherRedirect(redirect.to_owned()))
}
