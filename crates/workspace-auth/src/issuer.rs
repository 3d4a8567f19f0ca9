//! Google's side of OAuth, as this crate uses it.
//!
//! A border, so that tests can play a token service that fails, rotates or revokes behind our
//! back. Decides nothing. Invariant: secrets pass through as secrets.

use futures::future::BoxFuture;
use google_api::{Google, OAuthClient, OAuthError, TokenAnswer, UserInfo};
use secrecy::SecretString;

/// The OAuth client on whose behalf tokens are asked for.
#[derive(Clone, Debug)]
pub struct ClientKeys {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Option<SecretString>,
}

/// Who issues, renews and ends tokens.
pub trait Issuer: Send + Sync + 'static {
    /// Turns the one-time code of a sign-in into tokens.
    fn exchange<'a>(
        &'a self,
        client: &'a ClientKeys,
        code: &'a str,
        verifier: &'a str,
        redirect_uri: &'a str,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>>;

    /// A new access token.
    fn refresh<'a>(
        &'a self,
        client: &'a ClientKeys,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>>;

    /// Ends a grant.
    fn revoke<'a>(
        &'a self,
        client: &'a ClientKeys,
        token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), OAuthError>>;

    /// Whose token it is.
    fn userinfo<'a>(
        &'a self,
        client: &'a ClientKeys,
        token: &'a SecretString,
    ) -> BoxFuture<'a, Result<UserInfo, OAuthError>>;
}

/// Google itself.
pub(crate) struct GoogleIssuer(pub(crate) Google);

impl GoogleIssuer {
    fn client(&self, keys: &ClientKeys) -> OAuthClient {
        self.0.oauth(keys.id.clone(), keys.secret.clone())
    }
}

impl Issuer for GoogleIssuer {
    fn exchange<'a>(
        &'a self,
        client: &'a ClientKeys,
        code: &'a str,
        verifier: &'a str,
        redirect_uri: &'a str,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>> {
        Box::pin(async move {
            self.client(client)
                .exchange(code, Some(verifier), redirect_uri)
                .await
        })
    }

    fn refresh<'a>(
        &'a self,
        client: &'a ClientKeys,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>> {
        Box::pin(async move { self.client(client).refresh(refresh_token).await })
    }

    fn revoke<'a>(
        &'a self,
        client: &'a ClientKeys,
        token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), OAuthError>> {
        Box::pin(async move { self.client(client).revoke(token).await })
    }

    fn userinfo<'a>(
        &'a self,
        client: &'a ClientKeys,
        token: &'a SecretString,
    ) -> BoxFuture<'a, Result<UserInfo, OAuthError>> {
        Box::pin(async move { self.client(client).userinfo(token).await })
    }
}
