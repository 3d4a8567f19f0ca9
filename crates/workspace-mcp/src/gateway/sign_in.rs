//! Who may come in, and how a caller links an account.

use foundation::Kind;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mcp_service::{HttpReply, Principal as McpPrincipal};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use workspace_auth::{Accounts, Principal, SignInRequest};
use workspace_tools::{SignIn, SignInLink, ToolError};

use super::auth_error;

/// The accounts of one caller, as tools may know of them.
pub(super) struct CallerSignIn {
    pub accounts: Accounts,
    pub principal: Principal,
}

impl SignIn for CallerSignIn {
    fn start<'a>(
        &'a self,
        service: Option<&'a str>,
        email: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SignInLink, ToolError>> {
        Box::pin(async move {
            if email.is_some_and(|email| !is_address(email)) {
                return Err(
                    ToolError::new(Kind::Input, "user_google_email is no e-mail address")
                        .hint("write it like name@example.com, or leave it out"),
                );
            }
            let request = SignInRequest {
                service: service.map(str::to_owned),
                login_hint: email.map(str::to_owned),
                ..SignInRequest::default()
            };
            let started = self.accounts.start_sign_in(&self.principal, request).await;
            let link = started.map_err(|error| auth_error(&error))?;
            Ok(SignInLink {
                authorization_url: link.url.into(),
                message: link.message,
            })
        })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<String>, ToolError>> {
        Box::pin(async {
            let listed = self.accounts.list(&self.principal).await;
            let accounts = listed.map_err(|error| auth_error(&error))?;
            Ok(accounts.into_iter().map(|account| account.email).collect())
        })
    }
}

/// The principal of an HTTP request: whoever holds the service token, or the local owner when
/// there is none, which the configuration allows on loopback only.
pub(crate) fn admit(
    token: Option<&SecretString>,
    headers: &HeaderMap,
) -> Result<McpPrincipal, HttpReply> {
    let Some(token) = token else {
        return Ok(McpPrincipal::local());
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, second) = (values.next(), values.next());
    let sent = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, sent) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(sent.trim())
        });
    match (sent, second) {
        (Some(sent), None) if same(sent, token.expose_secret()) => Ok(McpPrincipal::new("service")),
        _ => Err(unauthorized()),
    }
}

/// Compares digests, so that the time it takes says nothing about the token.
fn same(sent: &str, token: &str) -> bool {
    digest(&SHA256, sent.as_bytes()).as_ref() == digest(&SHA256, token.as_bytes()).as_ref()
}

fn unauthorized() -> HttpReply {
    let mut reply = HttpReply::json(
        StatusCode::UNAUTHORIZED,
        &json!({
            "error": "invalid_token",
            "error_description": "send the service token as Authorization: Bearer TOKEN",
        }),
    );
    reply
        .headers
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    reply
}

fn is_address(text: &str) -> bool {
    let text = text.trim();
    text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !text.contains(char::is_whitespace)
            && !domain.contains('@')
            && !text.contains(char::is_control)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_service_token_opens_the_door() {
        let token = SecretString::from("0123456789abcdef0123456789abcdef");
        let right = "Bearer 0123456789abcdef0123456789abcdef";
        assert!(admit(Some(&token), &with(&[right])).is_ok());
        assert!(admit(Some(&token), &with(&[&right.replace("Bearer", "bearer")])).is_ok());
        let wrong: &[&[&str]] = &[
            &[],
            &["Bearer 0123456789abcdef"],
            &["Basic 0123456789abcdef0123456789abcdef"],
            &[right, right],
        ];
        for headers in wrong {
            let reply = admit(Some(&token), &with(headers)).unwrap_err();
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(admit(None, &with(&[])).unwrap(), McpPrincipal::local());
    }

    #[test]
    fn addresses_have_the_shape_of_addresses() {
        assert!(is_address("kim@sandbox.example"));
        for wrong in [
            "",
            "kim",
            "kim@",
            "@x.example",
            "kim@x",
            "a b@x.example",
            "a@b@c.example",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
