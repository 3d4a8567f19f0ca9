//! A server and a person, with all that is configured and the client to ask with.
//!
//! Invariant: secrets are looked up when they are needed, so that a rotated one is found.

use std::sync::{Arc, PoisonError};

use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;

use super::Inner;
use crate::{
    Actor, ServerName,
    config::Template,
    oauth::{
        SignInError,
        decide::Settings,
        fetch::{self, FetchError, Fetcher},
        guard::Reach,
    },
};

/// A server and a person, with all that is configured.
pub(super) struct Place {
    pub(super) server: ServerName,
    pub(super) url: Url,
    pub(super) person: String,
    pub(super) settings: Settings,
    pub(super) port: Option<u16>,
    pub(super) fetcher: Fetcher,
}

/// Who a token belongs to: the caller, and the end user it calls for.
pub(super) fn person(actor: &Actor) -> String {
    json!([actor.principal.key(), actor.user.id, actor.user.email]).to_string()
}

impl Inner {
    pub(super) async fn place(
        &self,
        server: &ServerName,
        actor: &Actor,
    ) -> Result<Place, SignInError> {
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
        let reach = if oauth.allow_private_addresses {
            Reach::Anywhere
        } else {
            Reach::of_server(url.host().as_ref())
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
