//! Grants, codes and tokens.
//!
//! Not the wire format of any of them. Invariant: revoking a grant takes its refresh tokens and its
//! access tokens with it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CLIENT_ID, CLIENT_SECRET};
use crate::world::Chance;

/// Live refresh tokens Google keeps for one account and client; the oldest goes first.
const MOST_REFRESH_TOKENS: usize = 100;

/// Everything about signing in.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    grants: Vec<Grant>,
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Access>,
    /// Redirect addresses registered besides loopback ones.
    pub(crate) redirects: Vec<String>,
}

/// What an account has granted to a client.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) email: String,
    pub(crate) scopes: Vec<String>,
    /// Live refresh tokens, oldest first, each with the scopes it was given for.
    refresh: Vec<Refresh>,
    /// Replaced refresh tokens, whose use betrays a thief.
    replaced: Vec<String>,
    pub(crate) revoked: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Refresh {
    token: String,
    scopes: Vec<String>,
}

/// An authorisation code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Code {
    pub(crate) grant: usize,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    pub(crate) wants_refresh: bool,
    pub(crate) issued: Timestamp,
    pub(crate) used: bool,
}

/// An access token.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Access {
    /// The grant behind it; none for service accounts.
    pub(crate) grant: Option<usize>,
    pub(crate) client_id: String,
    pub(crate) email: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: Timestamp,
}

/// What became of a refresh token.
pub(crate) enum Refreshed {
    /// Good, with its grant and scopes.
    Good(usize, Vec<String>),
    /// Replaced before: the whole grant is gone now.
    Reused,
    /// Never given out, dropped or revoked.
    Unknown,
}

impl State {
    /// Whether codes may be sent to this address.
    pub(crate) fn allows_redirect(&self, uri: &str) -> bool {
        let Ok(parsed) = url::Url::parse(uri) else {
            return false;
        };
        let loopback = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let plain = parsed.fragment().is_none() && parsed.username().is_empty();
        let local = loopback && matches!(parsed.scheme(), "http" | "https");
        plain && (local || self.redirects.iter().any(|known| known == uri))
    }

    /// The grant of a client and account, widened by these scopes.
    pub(crate) fn grant(&mut self, client_id: &str, email: &str, scopes: &[String]) -> usize {
        let known = self.live(client_id, email).unwrap_or_else(|| {
            self.grants.push(Grant {
                client_id: client_id.to_owned(),
                email: email.to_owned(),
                scopes: Vec::new(),
                refresh: Vec::new(),
                replaced: Vec::new(),
                revoked: false,
            });
            self.grants.len() - 1
        });
        for scope in scopes {
            if !self.grants[known].scopes.contains(scope) {
                self.grants[known].scopes.push(scope.clone());
            }
        }
        known
    }

    /// The live grant of a client and account.
    pub(crate) fn live(&self, client_id: &str, email: &str) -> Option<usize> {
        self.grants.iter().position(|grant| {
            !grant.revoked && grant.client_id == client_id && grant.email == email
        })
    }

    /// One grant.
    pub(crate) fn at(&self, grant: usize) -> &Grant {
        &self.grants[grant]
    }

    /// A fresh code.
    pub(crate) fn issue_code(&mut self, chance: &mut Chance, code: Code) -> String {
        let text = format!("4/0Sandbox-{}", chance.word(48));
        self.codes.insert(text.clone(), code);
        text
    }

    /// The code of this text, marked as used from now on.
    pub(crate) fn use_code(&mut self, text: &str) -> Option<Code> {
        let code = self.codes.get_mut(text)?;
        let before = code.clone();
        code.used = true;
        Some(before)
    }

    /// A fresh refresh token for all the grant has now.
    pub(crate) fn issue_refresh(&mut self, chance: &mut Chance, grant: usize) -> String {
        let token = format!("1//0sandbox-{}", chance.word(60));
        let grant = &mut self.grants[grant];
        grant.refresh.push(Refresh {
            token: token.clone(),
            scopes: grant.scopes.clone(),
        });
        if grant.refresh.len() > MOST_REFRESH_TOKENS {
            grant.refresh.remove(0);
        }
        token
    }

    /// What a refresh token is good for.
    pub(crate) fn refresh(&mut self, token: &str) -> Refreshed {
        for (position, grant) in self
            .grants
            .iter_mut()
            .enumerate()
            .filter(|(_, grant)| !grant.revoked)
        {
            if let Some(known) = grant.refresh.iter().find(|known| known.token == token) {
                return Refreshed::Good(position, known.scopes.clone());
            }
            if grant.replaced.iter().any(|known| known == token) {
                self.revoke(position);
                return Refreshed::Reused;
            }
        }
        Refreshed::Unknown
    }

    /// Puts a fresh refresh token in the place of an old one.
    pub(crate) fn replace_refresh(
        &mut self,
        chance: &mut Chance,
        grant: usize,
        old: &str,
    ) -> String {
        let fresh = self.issue_refresh(chance, grant);
        let grant = &mut self.grants[grant];
        grant.refresh.retain(|known| known.token != old);
        grant.replaced.push(old.to_owned());
        fresh
    }

    /// Whether the grant has ever given a refresh token that still lives.
    pub(crate) fn has_refresh(&self, grant: usize) -> bool {
        !self.grants[grant].refresh.is_empty()
    }

    /// A fresh access token.
    #[expect(clippy::too_many_arguments, reason = "each is one column of the token")]
    pub(crate) fn issue_access(
        &mut self,
        chance: &mut Chance,
        grant: Option<usize>,
        client_id: &str,
        email: &str,
        scopes: Vec<String>,
        now: Timestamp,
        lifetime: i64,
    ) -> String {
        let token = format!("ya29.sandbox-{}", chance.word(64));
        let expires = now + SignedDuration::from_secs(lifetime);
        self.access
            .retain(|_, access| access.expires + SignedDuration::from_hours(24) > now);
        self.access.insert(
            token.clone(),
            Access {
                grant,
                client_id: client_id.into(),
                email: email.into(),
                scopes,
                expires,
            },
        );
        token
    }

    /// What a bearer may do now; nothing when the token is unknown, expired or revoked.
    pub(crate) fn bearer(&self, token: &str, now: Timestamp) -> Option<&Access> {
        self.access.get(token).filter(|access| {
            access.expires > now && access.grant.is_none_or(|grant| !self.grants[grant].revoked)
        })
    }

    /// Revokes the grant behind an access or refresh token; gives the account.
    pub(crate) fn revoke_token(&mut self, token: &str) -> Option<String> {
        let of_access = self.access.get(token).and_then(|access| access.grant);
        let grant = of_access.or_else(|| {
            self.grants
                .iter()
                .position(|grant| grant.refresh.iter().any(|known| known.token == token))
        })?;
        if self.grants[grant].revoked {
            return None;
        }
        self.revoke(grant);
        Some(self.grants[grant].email.clone())
    }

    /// Revokes everything an account has granted.
    pub(crate) fn revoke_account(&mut self, email: &str) -> bool {
        let live: Vec<usize> = (0..self.grants.len())
            .filter(|at| {
                !self.grants[*at].revoked && self.grants[*at].email.eq_ignore_ascii_case(email)
            })
            .collect();
        for grant in &live {
            self.revoke(*grant);
        }
        !live.is_empty()
    }

    /// Ends all access tokens.
    pub(crate) fn expire_tokens(&mut self) {
        self.access.clear();
    }

    fn revoke(&mut self, grant: usize) {
        self.grants[grant].revoked = true;
    }
}

/// Whether a client's id and secret fit; nothing when there is no such client.
pub(crate) fn client(id: &str, secret: Option<&str>) -> Option<bool> {
    (id == CLIENT_ID).then(|| secret == Some(CLIENT_SECRET))
}

/// Scopes as Google gives them back: full URLs, each once.
pub(crate) fn normalised(scopes: &[String]) -> Vec<String> {
    let mut full = Vec::new();
    for scope in scopes {
        let scope = match scope.as_str() {
            "email" => "https://www.googleapis.com/auth/userinfo.email",
            "profile" => "https://www.googleapis.com/auth/userinfo.profile",
            other => other,
        };
        if !scope.is_empty() && !full.iter().any(|known| known == scope) {
            full.push(scope.to_owned());
        }
    }
    full
}

/// Whether a scope belongs to signing in itself, so that nobody can untick it.
pub(crate) fn is_identity(scope: &str) -> bool {
    scope == "openid"
        || scope == "https://www.googleapis.com/auth/userinfo.email"
        || scope == "https://www.googleapis.com/auth/userinfo.profile"
}
