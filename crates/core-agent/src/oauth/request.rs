//! The authorization request of a sign-in by a person: PKCE (RFC 7636), state, resource
//! (RFC 8707).
//!
//! Pure. Invariant: verifier and state are 256 random bits each and are used once.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use foundation::Random;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::scopes::Scopes;

/// What is remembered between the question and the answer.
#[derive(Debug)]
pub(super) struct Pending {
    /// The PKCE verifier.
    pub verifier: SecretString,
    /// What the answer must bring back.
    pub state: String,
}

impl Pending {
    /// A new one.
    pub(super) fn new(random: &dyn Random) -> Self {
        let secret = || {
            let mut bytes = [0; 32];
            random.fill(&mut bytes);
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        };
        Self {
            verifier: secret().into(),
            state: secret(),
        }
    }

    /// The address a person's browser is to open.
    pub(super) fn address(
        &self,
        endpoint: &Url,
        client: &str,
        redirect: &str,
        resource: &str,
        scopes: &Scopes,
    ) -> Url {
        let hash = digest(&SHA256, self.verifier.expose_secret().as_bytes());
        let mut address = endpoint.clone();
        {
            let mut query = address.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", client)
                .append_pair("redirect_uri", redirect)
                .append_pair("state", &self.state)
                .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(hash))
                .append_pair("code_challenge_method", "S256")
                .append_pair("resource", resource);
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes.to_string());
            }
            if scopes.contains("offline_access") {
                // OpenID Connect 11: without consent no refresh token is given.
                query.append_pair("prompt", "consent");
            }
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use foundation::SeededRandom;

    use super::*;

    #[test]
    fn the_address_has_everything_and_keeps_what_was_there() {
        let pending = Pending::new(&SeededRandom::new(1));
        let endpoint = Url::parse("https://as/authorize?tenant=x").unwrap();
        let address = pending.address(
            &endpoint,
            "id",
            "http://127.0.0.1:1/callback",
            "https://h/mcp",
            &Scopes::parse("a b"),
        );
        let query: BTreeMap<_, _> = address.query_pairs().into_owned().collect();
        let get = |name: &str| query.get(name).map(String::as_str);
        assert_eq!(get("tenant"), Some("x"));
        assert_eq!(get("resource"), Some("https://h/mcp"));
        assert_eq!(get("scope"), Some("a b"));
        assert_eq!(get("state"), Some(pending.state.as_str()));
        assert_eq!(get("code_challenge_method"), Some("S256"));
        assert_eq!(get("prompt"), None);
        let expected = BASE64_URL_SAFE_NO_PAD
            .encode(digest(&SHA256, pending.verifier.expose_secret().as_bytes()));
        assert_eq!(get("code_challenge"), Some(expected.as_str()));
        assert!(pending.verifier.expose_secret().len() >= 43);
    }

    #[test]
    fn without_scopes_there_is_no_such_parameter() {
        let address = Pending::new(&SeededRandom::new(1)).address(
            &Url::parse("https://as/authorize").unwrap(),
            "id",
            "r",
            "h",
            &Scopes::default(),
        );
        assert!(address.query_pairs().all(|(name, _)| name != "scope"));
    }
}
