//! Requests to Google's token endpoint and its neighbours, one per function.
//!
//! Decides nothing: no storage, no state, no repetition. Who may ask for what, when a token is
//! refreshed and what happens to a dead grant is decided by the caller.
//! Invariant: secrets travel in request bodies and headers, never in a URL.

mod answer;
mod error;

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

pub use answer::{TokenAnswer, TokenInfo, UserInfo};
pub use error::{GrantProblem, OAuthError};

use crate::{Hosts, answer::retry_after_header};

/// Where codes, refresh tokens and assertions become access tokens.
pub const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Where grants are ended.
pub const REVOKE_URL: &str = "https://oauth2.googleapis.com/revoke";
/// Where an access token is described.
pub const TOKEN_INFO_URL: &str = "https://oauth2.googleapis.com/tokeninfo";
/// Where the owner of an access token is described.
pub const USER_INFO_URL: &str = "https://openidconnect.googleapis.com/v1/userinfo";
/// Where people consent.
pub const AUTHORIZE_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";

const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 256 * 1024;

/// An OAuth client registered with Google, able to ask the token endpoint.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// The public id.
    pub client_id: String,
    /// The secret; desktop clients may go without.
    pub client_secret: Option<SecretString>,
    hosts: Hosts,
    http: reqwest::Client,
}

impl OAuthClient {
    /// A client that uses the connections of `http`; see [`crate::Google::oauth`].
    pub fn new(
        hosts: Hosts,
        http: reqwest::Client,
        client_id: impl Into<String>,
        client_secret: Option<SecretString>,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret,
            hosts,
            http,
        }
    }

    /// Turns the one-time `code` of a sign-in into tokens. `verifier` is the PKCE verifier whose
    /// challenge began the sign-in; `redirect_uri` is the one used there, letter for letter.
    pub async fn exchange(
        &self,
        code: &str,
        verifier: Option<&str>,
        redirect_uri: &str,
    ) -> Result<TokenAnswer, OAuthError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        self.token(form).await
    }

    /// A new access token for a refresh token. Repeating it is harmless: Google does not rotate
    /// refresh tokens.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<TokenAnswer, OAuthError> {
        let form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        self.token(form).await
    }

    /// Ends the whole grant a token belongs to, access and refresh tokens together. A token that
    /// is dead already counts as success.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), OAuthError> {
        let url = self.hosts.map(REVOKE_URL);
        let form = [("token", token.expose_secret())];
        match answered(self.http.post(url).form(&form)).await {
            Ok(_) | Err(OAuthError::InvalidToken) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Who the access token belongs to.
    pub async fn userinfo(&self, access_token: &SecretString) -> Result<UserInfo, OAuthError> {
        let url = self.hosts.map(USER_INFO_URL);
        let request = self.http.get(url).bearer_auth(access_token.expose_secret());
        json(&answered(request).await?)
    }

    /// What the access token is good for.
    pub async fn token_info(&self, access_token: &SecretString) -> Result<TokenInfo, OAuthError> {
        let url = self.hosts.map(TOKEN_INFO_URL);
        let form = [("access_token", access_token.expose_secret())];
        json(&answered(self.http.post(url).form(&form)).await?)
    }

    async fn token(&self, mut form: Vec<(&str, &str)>) -> Result<TokenAnswer, OAuthError> {
        form.push(("client_id", &self.client_id));
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        let request = self.http.post(self.hosts.map(TOKEN_URL)).form(&form);
        json(&answered(request).await?)
    }
}

/// Exchanges a signed assertion of a service account for an access token.
pub(crate) async fn jwt_bearer(
    hosts: &Hosts,
    http: &reqwest::Client,
    token_uri: &str,
    assertion: &SecretString,
) -> Result<TokenAnswer, OAuthError> {
    let Some(url) = hosts.follow(token_uri) else {
        return Err(OAuthError::Client {
            code: "token_uri".to_owned(),
            sentence:
                "the key's token address is not Google's; take the key file as Google made it"
                    .to_owned(),
        });
    };
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.expose_secret()),
    ];
    json(&answered(http.post(url).form(&form)).await?)
}

async fn answered(request: RequestBuilder) -> Result<Vec<u8>, OAuthError> {
    let response = request.timeout(TIMEOUT).send().await.map_err(unreachable)?;
    let status = response.status();
    let retry_after = retry_after_header(response.headers());
    let body = limited(response).await?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(OAuthError::from_answer(status.as_u16(), &body, retry_after))
    }
}

async fn limited(mut response: Response) -> Result<Vec<u8>, OAuthError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(OAuthError::Unreadable {
                problem: format!("more than {LARGEST_ANSWER} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, OAuthError> {
    // The parser's own message may quote the answer, which holds tokens.
    serde_json::from_slice(body).map_err(|error| OAuthError::Unreadable {
        problem: format!(
            "its JSON breaks off or misses a field in line {}",
            error.line()
        ),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unreachable(error: reqwest::Error) -> OAuthError {
    let problem = if error.is_timeout() {
        "Google's token endpoint did not answer in time"
    } else {
        "Google's token endpoint could not be reached"
    };
    OAuthError::Unavailable {
        problem: problem.to_owned(),
        status: None,
        retry_after: None,
    }
}
