//! Asking a token endpoint, a registration endpoint and a revocation endpoint.
//!
//! Invariant: a client's secret is sent to the endpoints of the issuer it belongs to.

use foundation::{Clock, Random};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{
    SignInError, assertion,
    callback::error_code,
    decide::{AuthMethod, Grant, Settings, auth_method, wished_method},
    discovery::AuthorizationServer,
    fetch::Fetcher,
    scopes::Scopes,
    token::{self, Client, Granted, Token, TokenFault, authentication},
};

/// What the requests need besides their own contents.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    /// Sends them.
    pub fetcher: &'a Fetcher,
    /// What is configured.
    pub settings: &'a Settings,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub random: &'a dyn Random,
}

impl Desk<'_> {
    /// Exchanges a code.
    pub(super) async fn code(
        &self,
        issuer: &str,
        endpoint: &str,
        client: &Client,
        code: &SecretString,
        verifier: &SecretString,
        (redirect, resource): (&str, &str),
    ) -> Result<Granted, SignInError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.expose_secret()),
            ("resource", resource),
        ];
        self.token(issuer, endpoint, client, &form).await
    }

    /// A token in this program's own name.
    pub(super) async fn own_name(
        &self,
        grant: Grant,
        issuer: &str,
        endpoint: &str,
        client: &Client,
        (resource, scopes): (&str, &Scopes),
    ) -> Result<Granted, SignInError> {
        let scopes = scopes.to_string();
        let mut form = vec![("resource", resource)];
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        match (grant, &self.settings.assertion) {
            (Grant::JwtBearer, Some(assertion)) => {
                form.push(("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
                form.push(("assertion", assertion.expose_secret()));
            }
            _ => form.push(("grant_type", "client_credentials")),
        }
        self.token(issuer, endpoint, client, &form).await
    }

    /// Renews a token: by its refresh token, or anew when it is in this program's own name.
    pub(super) async fn renew(&self, token: &Token) -> Result<Granted, SignInError> {
        let Some(refresh) = &token.refresh else {
            return self
                .own_name(
                    token.grant,
                    &token.issuer,
                    &token.token_endpoint,
                    &token.client,
                    (&token.resource, &token.asked),
                )
                .await;
        };
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
            ("resource", &token.resource),
        ];
        self.token(&token.issuer, &token.token_endpoint, &token.client, &form)
            .await
    }

    /// Revokes a token (RFC 7009), the one that renews it first.
    pub(super) async fn revoke(&self, token: &Token) -> Result<bool, SignInError> {
        let Some(endpoint) = &token.revocation_endpoint else {
            return Ok(false);
        };
        let secrets = [
            (token.refresh.as_ref(), "refresh_token"),
            (Some(&token.access), "access_token"),
        ];
        for (secret, kind) in secrets {
            let Some(secret) = secret else { continue };
            let form = [("token", secret.expose_secret()), ("token_type_hint", kind)];
            let answer = self
                .send(
                    "the revocation endpoint",
                    &token.issuer,
                    endpoint,
                    &token.client,
                    &form,
                )
                .await?;
            if !answer.status.is_success() {
                return Err(TokenFault::Answered(answer.status.as_u16().to_string()).into());
            }
        }
        Ok(true)
    }

    /// Registers this program (RFC 7591).
    pub(super) async fn register(
        &self,
        server: &AuthorizationServer,
        redirect: &str,
    ) -> Result<Client, SignInError> {
        #[derive(Deserialize)]
        struct Registered {
            client_id: String,
            #[serde(default)]
            client_secret: Option<SecretString>,
            #[serde(default)]
            token_endpoint_auth_method: Option<String>,
        }
        let endpoint = server.registration_endpoint.as_deref();
        let endpoint = endpoint.ok_or(super::decide::Impossible::NoClient)?;
        let body = json!({
            "client_name": "core-agent",
            "redirect_uris": [redirect],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": wished_method(server).name(),
            "application_type": "native",
            "software_id": "core-agent",
            "software_version": env!("CARGO_PKG_VERSION"),
        });
        let answer = self
            .fetcher
            .json("the registration endpoint", endpoint, &body)
            .await?;
        let refused = |json: Option<&serde_json::Value>| {
            let error = json.and_then(|json| json["error"].as_str());
            SignInError::NotRegistered(
                error.map_or_else(|| answer.status.as_u16().to_string(), error_code),
            )
        };
        if !answer.status.is_success() {
            return Err(refused(answer.json.as_ref()));
        }
        let registered = answer
            .json
            .as_ref()
            .and_then(|json| Registered::deserialize(json).ok())
            .ok_or_else(|| refused(None))?;
        let method = match registered.token_endpoint_auth_method.as_deref() {
            Some("none") => AuthMethod::None,
            Some("client_secret_basic") => AuthMethod::Basic,
            Some("client_secret_post") => AuthMethod::Post,
            // RFC 7591 3.2.1 lets servers leave it out; then their list decides.
            _ => auth_method(server, registered.client_secret.is_some(), false)?,
        };
        Ok(Client {
            id: registered.client_id,
            secret: registered.client_secret,
            method,
        })
    }

    async fn token(
        &self,
        issuer: &str,
        endpoint: &str,
        client: &Client,
        form: &[(&str, &str)],
    ) -> Result<Granted, SignInError> {
        let answer = self
            .send("the token endpoint", issuer, endpoint, client, form)
            .await?;
        let granted = token::read_answer(answer.status, answer.json.as_ref(), self.clock.now())?;
        Ok(granted)
    }

    async fn send(
        &self,
        what: &'static str,
        issuer: &str,
        endpoint: &str,
        client: &Client,
        form: &[(&str, &str)],
    ) -> Result<super::fetch::Answer, SignInError> {
        let (own, header) = authentication(client);
        let signed = match (client.method, &self.settings.client_key) {
            (AuthMethod::SignedAssertion, Some(key)) => Some(assertion::signed(
                key,
                &client.id,
                issuer,
                self.clock.now(),
                self.random,
            )?),
            (AuthMethod::SignedAssertion, None) => {
                return Err(super::decide::Impossible::Missing("oauth.client_key").into());
            }
            _ => None,
        };
        let mut all = form.to_vec();
        all.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        if let Some(signed) = &signed {
            all.push(("client_assertion_type", assertion::ASSERTION_TYPE));
            all.push(("client_assertion", signed.expose_secret()));
        }
        Ok(self.fetcher.form(what, endpoint, &all, header).await?)
    }
}
