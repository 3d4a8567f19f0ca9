//! The end of a sign-in: Google sends the browser back.
//!
//! Invariant: nothing is exchanged or stored for a state that is not ours, not young, or used
//! before; and what is stored belongs to the account Google reports, whatever was asked for.

use std::fmt::Write as _;

use google_api::TokenAnswer;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tracing::{error, info, warn};
use url::Url;

use super::{
    Accounts, CallbackFailure, CallbackOutcome, CallbackQuery, Inner, blank_is_none,
    identity::{self, Expected, Identity},
    own::Book,
    return_url,
};
use crate::{
    Credential, CredentialKey, Principal, PrincipalKind, StoreError, digest::sha256_hex,
    issuer::ClientKeys, pages, scopes, sealed::FlowState, store::Read,
};

/// How often a lost race for the record is run again.
const ROUNDS: usize = 5;

/// Google's error codes that we repeat, and what they mean.
const REFUSALS: &[(&str, &str)] = &[
    (
        "access_denied",
        "The sign-in was cancelled, or access was not granted.",
    ),
    (
        "admin_policy_enforced",
        "An administrator of your organisation does not allow this app or these scopes. Ask for \
         it to be trusted in the Admin console.",
    ),
    (
        "org_internal",
        "This app is open only to accounts of its own organisation. Choose such an account.",
    ),
    (
        "disallowed_useragent",
        "Google does not allow signing in from this browser. Open the link in a common browser.",
    ),
    (
        "redirect_uri_mismatch",
        "This server's address is not registered with Google. The operator must add it to the \
         OAuth client.",
    ),
    (
        "invalid_client",
        "Google does not know this server's OAuth client.",
    ),
    (
        "deleted_client",
        "This server's OAuth client was deleted at Google.",
    ),
    (
        "invalid_scope",
        "One of the scopes asked for does not exist.",
    ),
    (
        "temporarily_unavailable",
        "Google cannot sign anybody in just now. Try again later.",
    ),
    (
        "server_error",
        "Google failed while signing you in. Try again later.",
    ),
];

/// Why a sign-in does not succeed.
struct Failed {
    kind: CallbackFailure,
    /// For the return address.
    code: &'static str,
    /// For the page.
    reason: &'static str,
}

impl Failed {
    const BAD_STATE: Self = Self {
        kind: CallbackFailure::BadState,
        code: "invalid_state",
        reason: "This sign-in link is not valid any more: it was used before, is older than ten \
                 minutes, or did not come from this server.",
    };
    const NO_CODE: Self = Self {
        kind: CallbackFailure::NoCode,
        code: "no_code",
        reason: "Google sent no authorization code.",
    };
    const NOT_CONFIGURED: Self = Self {
        kind: CallbackFailure::NotConfigured,
        code: "config_error",
        reason: "No Google OAuth client is configured on this server. Its operator must set one \
                 up first.",
    };

    fn processing(reason: &'static str) -> Self {
        Self {
            kind: CallbackFailure::Processing,
            code: "auth_failed",
            reason,
        }
    }

    fn refused(code: &str) -> Self {
        let known = REFUSALS.iter().find(|(known, _)| *known == code);
        let (code, reason) = known
            .copied()
            .unwrap_or(("auth_failed", "Google did not complete the sign-in."));
        Self {
            kind: CallbackFailure::Refused,
            code,
            reason,
        }
    }

    fn status(&self) -> u16 {
        match self.kind {
            CallbackFailure::Refused | CallbackFailure::BadState | CallbackFailure::NoCode => 400,
            CallbackFailure::NotConfigured | CallbackFailure::Processing => 500,
        }
    }
}

struct Linked {
    email: String,
    note: Option<String>,
}

impl Accounts {
    /// Finishes a sign-in when Google sends the browser back.
    pub async fn callback(&self, query: CallbackQuery) -> CallbackOutcome {
        self.callback_as(None, query).await
    }

    /// The same when the browser's own identity is known: a sign-in begun by a signed-in person
    /// can be finished only by that person.
    pub async fn callback_as(
        &self,
        opened_by: Option<&Principal>,
        query: CallbackQuery,
    ) -> CallbackOutcome {
        info!("OAuth callback received");
        let sealed = blank_is_none(query.state.as_deref());
        let now = self.inner.config.clock.now();
        let flow = sealed
            .zip(self.inner.sealer.as_ref())
            .and_then(|(text, sealer)| sealer.open(text, now))
            .filter(|flow| may_finish(flow, opened_by));
        let linked = self.finish(sealed, flow.as_ref(), &query).await;
        let back = |parameters: &[(&str, &str)]| {
            let flow = flow.as_ref()?;
            // Checked again: the list may have changed since.
            let allowed = &self.inner.config.allowed_return_urls;
            let url = return_url::checked(flow.return_url.as_deref()?, allowed).ok()?;
            let url = return_url::with(url, parameters);
            Some(match &flow.client_state {
                Some(state) => return_url::with(url, &[("state", state)]),
                None => url,
            })
        };
        match linked {
            Ok(Linked { email, note }) => {
                info!(user_email = email, "OAuth authentication successful");
                let redirect: Option<Url> = back(&[("success", "true"), ("email", &email)]);
                let page = pages::success(&email, note.as_deref());
                CallbackOutcome::Success {
                    email,
                    note,
                    redirect,
                    page,
                }
            }
            Err(failed) => {
                warn!(
                    "OAuth authentication failed: {} ({})",
                    failed.reason, failed.code
                );
                let redirect =
                    back(&[("error", failed.code), ("error_description", failed.reason)]);
                let page = match failed.status() {
                    400 => pages::refused(failed.reason),
                    _ => pages::failed(failed.reason),
                };
                CallbackOutcome::Failure {
                    kind: failed.kind,
                    status: failed.status(),
                    redirect,
                    page,
                }
            }
        }
    }

    async fn finish(
        &self,
        sealed: Option<&str>,
        flow: Option<&FlowState>,
        query: &CallbackQuery,
    ) -> Result<Linked, Failed> {
        let inner = &*self.inner;
        let (Some(client), Some(_)) = (&inner.around.client, &inner.sealer) else {
            return Err(Failed::NOT_CONFIGURED);
        };
        if let Some(code) = blank_is_none(query.error.as_deref()) {
            return Err(Failed::refused(code));
        }
        let (Some(sealed), Some(flow)) = (sealed, flow) else {
            return Err(Failed::BAD_STATE);
        };
        let code = blank_is_none(query.code.as_deref()).ok_or(Failed::NO_CODE)?;
        match inner.config.store.use_up(&marker(sealed)).await {
            Ok(true) => {}
            Ok(false) => return Err(Failed::BAD_STATE),
            Err(error) => {
                error!("OAuth authentication failed: storage error: {error}");
                return Err(Failed::processing(
                    "The credential store cannot be used just now.",
                ));
            }
        }
        let answer = inner
            .around
            .issuer
            .exchange(client, code, &flow.verifier, &flow.redirect_uri)
            .await
            .map_err(|error| {
                error!("OAuth token exchange failed: {error}");
                Failed::processing("Google did not accept the authorization code.")
            })?;
        info!("OAuth token exchange successful");
        let identity = inner.identify(client, flow, &answer).await?;
        inner.link(client, flow, &identity, answer).await
    }
}

impl Inner {
    async fn identify(
        &self,
        client: &ClientKeys,
        flow: &FlowState,
        answer: &TokenAnswer,
    ) -> Result<Identity, Failed> {
        let now = self.config.clock.now();
        let expected = Expected {
            client_id: &client.id,
            nonce: &flow.nonce,
            now,
        };
        let identity = if let Some(token) = &answer.id_token {
            identity::from_id_token(token.expose_secret(), &expected)
        } else {
            let info = self
                .around
                .issuer
                .userinfo(client, &answer.access_token)
                .await;
            info.map_or(
                Err("Google did not say who signed in"),
                identity::from_userinfo,
            )
        };
        identity.map_err(|problem| {
            error!("OAuth authentication failed: {problem}");
            Failed::processing("Google's statement about who signed in cannot be accepted.")
        })
    }

    async fn link(
        &self,
        client: &ClientKeys,
        flow: &FlowState,
        identity: &Identity,
        answer: TokenAnswer,
    ) -> Result<Linked, Failed> {
        let granted = match answer.scopes() {
            scopes if scopes.is_empty() => flow.scopes.clone(),
            scopes => scopes,
        };
        let stored = self.store(client, flow, identity, &answer, &granted).await;
        let (key, read) = stored.map_err(|error| {
            error!("OAuth authentication failed: storage error: {error}");
            Failed::processing("The credentials could not be stored.")
        })?;
        info!(
            user_email = identity.email,
            "credentials stored in {}",
            self.config.store.place()
        );
        let lasting = read
            .credential
            .as_ref()
            .is_some_and(|new| new.refresh_token.is_some());
        self.book.linked(&key).replace(&read);
        self.book.changed();
        let note = note(flow, identity, &granted, lasting);
        Ok(Linked {
            email: identity.email.clone(),
            note,
        })
    }

    /// Writes the credential over whatever is there, keeping what the answer does not replace.
    async fn store(
        &self,
        client: &ClientKeys,
        flow: &FlowState,
        identity: &Identity,
        answer: &TokenAnswer,
        granted: &[String],
    ) -> Result<(CredentialKey, Read), StoreError> {
        let principal = Principal {
            id: flow.principal_id.clone(),
            kind: flow.principal_kind.into(),
        };
        let expected = flow
            .requested_email
            .as_ref()
            .is_none_or(|email| *email == identity.email);
        let mut user_id = flow.user_id.as_deref().filter(|_| expected);
        for _ in 0..ROUNDS {
            let key = Book::key_for(&principal, user_id, &identity.email)?;
            let read = self.config.store.read(&key).await?;
            let former = read.credential.as_ref();
            let foreign = former
                .and_then(|former| former.user_email.as_deref())
                .is_some_and(|email| crate::canonical_email(email) != identity.email);
            if foreign && user_id.is_some() {
                // The identifier names another account: that one stays untouched.
                user_id = None;
                continue;
            }
            let new = self.credential(client, &principal, identity, answer, granted, former);
            match self.config.store.write(&key, &new, read.unchanged()).await {
                Ok(version) => {
                    return Ok((
                        key,
                        Read {
                            credential: Some(new),
                            version: Some(version),
                        },
                    ));
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    fn credential(
        &self,
        client: &ClientKeys,
        principal: &Principal,
        identity: &Identity,
        answer: &TokenAnswer,
        granted: &[String],
        former: Option<&Credential>,
    ) -> Credential {
        let mut new = Credential::new(client.id.clone(), client.secret.clone());
        let life = i64::try_from(answer.expires_in.min(86_400)).unwrap_or(3600);
        new.token = Some(answer.access_token.clone());
        new.expiry = Some(self.config.clock.now() + SignedDuration::from_secs(life));
        new.refresh_token.clone_from(&answer.refresh_token);
        new.scopes = granted.to_vec();
        new.user_email = Some(identity.email.clone());
        new.id_token.clone_from(&answer.id_token);
        new.own.subject = Some(identity.subject.clone());
        if principal.kind == PrincipalKind::User {
            new.own.owner = Some(principal.id.clone());
        }
        if let Some(former) = former {
            let same_person = former
                .own
                .subject
                .as_ref()
                .is_none_or(|subject| *subject == identity.subject);
            new.keep_unknown_fields_of(former);
            // Google repeats the refresh token only on a new consent; the old one stays good, but
            // only for the same person and the same client.
            if new.refresh_token.is_none() && same_person && former.client_id == client.id {
                new.refresh_token.clone_from(&former.refresh_token);
            }
        }
        new
    }
}

fn may_finish(flow: &FlowState, opened_by: Option<&Principal>) -> bool {
    let begun_by = Principal {
        id: flow.principal_id.clone(),
        kind: flow.principal_kind.into(),
    };
    match begun_by.kind {
        PrincipalKind::Local | PrincipalKind::Service => true,
        PrincipalKind::User => opened_by == Some(&begun_by),
    }
}

/// The name under which a state is used up.
fn marker(sealed: &str) -> String {
    sha256_hex(sealed.as_bytes())
}

fn note(
    flow: &FlowState,
    identity: &Identity,
    granted: &[String],
    lasting: bool,
) -> Option<String> {
    let mut note = String::new();
    if let Some(requested) = flow
        .requested_email
        .as_ref()
        .filter(|email| **email != identity.email)
    {
        let _ = write!(
            note,
            "The sign-in was meant for {requested}, but {} was chosen; it is linked under its own \
             address. ",
            identity.email
        );
    }
    let left_out = scopes::left_out(&flow.scopes, granted);
    if !left_out.is_empty() {
        let short: Vec<&str> = left_out
            .iter()
            .map(|scope| {
                scope
                    .rsplit_once("/auth/")
                    .map_or(scope.as_str(), |(_, short)| short)
            })
            .collect();
        let _ = write!(
            note,
            "Not everything was allowed ({} left out); tools that need it will ask again. ",
            short.join(", ")
        );
    }
    if !lasting {
        note.push_str(
            "Google gave no lasting permission: access ends within an hour. To make it last, \
             remove this app under myaccount.google.com/permissions and sign in once more. ",
        );
    }
    let note = note.trim_end();
    (!note.is_empty()).then(|| note.to_owned())
}
