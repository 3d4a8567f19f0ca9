//! Beginning a sign-in: the link a person opens.
//!
//! Invariant: everything the end of the sign-in depends on is sealed in the link's `state`; this
//! process keeps nothing.

use jiff::SignedDuration;
use tracing::info;
use url::Url;

use super::{Accounts, SignInLink, SignInRequest, blank_is_none, own::Wanted, return_url};
use crate::{
    AuthError, CredentialKey, Principal, canonical_email, scopes,
    sealed::{self, FlowState},
};

const LONGEST_CLIENT_STATE: usize = 4096;

impl Accounts {
    /// Prepares a sign-in for `caller`.
    pub async fn start_sign_in(
        &self,
        caller: &Principal,
        request: SignInRequest,
    ) -> Result<SignInLink, AuthError> {
        let config = &self.inner.config;
        let (Some(client), Some(sealer)) = (&config.oauth, &self.inner.sealer) else {
            return Err(AuthError::NotConfigured);
        };
        let service = blank_is_none(request.service.as_deref());
        let email = match blank_is_none(request.login_hint.as_deref())
            .or(blank_is_none(config.default_email.as_deref()))
        {
            Some(email) => Some(checked_email(email)?),
            None => None,
        };
        let user_id = blank_is_none(request.user_id.as_deref());
        if let Some(user_id) = user_id {
            CredentialKey::for_user_id(user_id)?;
        }
        if let Some(url) = blank_is_none(request.return_url.as_deref()) {
            return_url::checked(url, &config.allowed_return_urls)?;
        }
        if request
            .client_state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_CLIENT_STATE)
        {
            return Err(AuthError::Input {
                problem: format!("state may have at most {LONGEST_CLIENT_STATE} bytes"),
            });
        }
        let scopes = scopes::asked(&config.scopes, service, &request.scopes)?;
        info!(
            user_email = email.as_deref().unwrap_or("unknown"),
            "OAuth sign-in started"
        );
        self.sweep();
        let known = self
            .holds_refresh_token(caller, email.as_deref(), user_id, &scopes)
            .await;
        let (verifier, challenge) = sealed::pkce(&*config.random);
        let state = FlowState {
            flow: config.random.hex(16),
            verifier,
            nonce: config.random.hex(16),
            redirect_uri: client.redirect_uri.clone(),
            principal_id: caller.id.clone(),
            principal_kind: caller.kind.into(),
            requested_email: email.clone(),
            user_id: user_id.map(str::to_owned),
            return_url: blank_is_none(request.return_url.as_deref()).map(str::to_owned),
            client_state: request.client_state,
            scopes: scopes.clone(),
            issued: config.clock.now(),
        };
        let mut url = Url::parse(&config.google.hosts().map(google_api::AUTHORIZE_URL))
            .expect("the mapped address of Google's consent page is a URL");
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &client.client_id)
                .append_pair("redirect_uri", &client.redirect_uri)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("access_type", "offline")
                .append_pair("code_challenge", &challenge)
                .append_pair("code_challenge_method", "S256")
                .append_pair("nonce", &state.nonce)
                .append_pair(
                    "include_granted_scopes",
                    bool_text(config.include_granted_scopes),
                );
            // Google gives a refresh token only with a consent, and every one given kills the
            // oldest of a hundred: ask for the consent only when there is none yet.
            match (&email, known) {
                (Some(_), true) => {}
                (Some(_), false) => {
                    query.append_pair("prompt", "consent");
                }
                (None, _) => {
                    query.append_pair("prompt", "select_account consent");
                }
            }
            if let Some(email) = &email {
                query.append_pair("login_hint", email);
            }
            query.append_pair("state", &sealer.seal(&state, &*config.random));
        }
        info!(
            user_email = email.as_deref().unwrap_or("unknown"),
            "OAuth authorization URL generated"
        );
        let message = message(&url, service, email.as_deref());
        Ok(SignInLink { url, message })
    }

    async fn holds_refresh_token(
        &self,
        caller: &Principal,
        email: Option<&str>,
        user_id: Option<&str>,
        scopes: &[String],
    ) -> bool {
        let Some(email) = email else { return false };
        let wanted = Wanted {
            email: Some(email),
            user_id,
            ..Wanted::default()
        };
        let found = self.inner.book.select(caller, wanted).await;
        found.is_ok_and(|found| {
            let granted = &found.credential.scopes;
            found.credential.refresh_token.is_some()
                && scopes.iter().all(|scope| granted.contains(scope))
        })
    }

    /// Removes the markers of sign-ins long over, in the background.
    fn sweep(&self) {
        let (store, clock) = (
            self.inner.config.store.clone(),
            self.inner.config.clock.clone(),
        );
        tokio::spawn(async move {
            let age = sealed::LIFETIME + SignedDuration::from_mins(5);
            // Left over markers are small and harmless; the next sign-in tries again.
            let _ = store.sweep_markers(&*clock, age).await;
        });
    }
}

/// The address in its canonical form, if it looks like one.
fn checked_email(email: &str) -> Result<String, AuthError> {
    let email = canonical_email(email);
    let good = email.split_once('@').is_some_and(|(local, domain)| {
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        (1..=64).contains(&local.len())
            && domain.len() <= 253
            && domain.contains('.')
            && domain.split('.').all(label)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && local
                .chars()
                .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
    });
    if good {
        return Ok(email);
    }
    Err(AuthError::Input {
        problem: "user_google_email is not an e-mail address; give one like name@example.com, or \
                  leave it out to choose the account in the browser"
            .to_owned(),
    })
}

/// What the person and the model should know.
fn message(url: &Url, service: Option<&str>, email: Option<&str>) -> String {
    // Only letters and blanks of the caller's text go into Markdown.
    let service: String = service
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == ' ')
        .take(40)
        .collect();
    let what = if service.is_empty() || service.eq_ignore_ascii_case("google") {
        "Google".to_owned()
    } else {
        format!("Google ({service})")
    };
    let account = email.map_or_else(String::new, |email| format!(" for {email}"));
    let after = match email {
        Some(email) => format!(
            "The account chosen there must be {email}; any other one is linked under its own \
             address. Once the page says that the sign-in was successful, repeat the request."
        ),
        None => "Once the page says that the sign-in was successful, it shows the account's \
                 e-mail address: ask for it and repeat the request with it as \
                 user_google_email."
            .to_owned(),
    };
    format!(
        "**Action required: sign in to {what}{account}.**\n\n\
         Show this link to the user, as a link: [Sign in to Google]({url})\n\n{after}\n\n\
         The link works once, for ten minutes. If it cannot be clicked: {url}"
    )
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_slips_of_the_pen() {
        for good in [
            "a@example.com",
            "A.b+c@Sub.Example.co.uk",
            "o'hara@ex-ample.org",
            "ü@ä.de",
        ] {
            assert!(checked_email(good).is_ok(), "{good}");
        }
        for bad in [
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a@b..c",
            "a@-b.c",
            "a b@c.de",
            "a@b.c\r\nBcc: x@y.z",
            "a@b@c.de",
            "<a@b.de>",
            "a@b.de,c@d.ef",
            ".a@b.de",
        ] {
            let refused = checked_email(bad).unwrap_err().to_string();
            assert!(refused.contains("name@example.com"), "{bad}: {refused}");
        }
    }
}
