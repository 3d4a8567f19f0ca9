//! Accounts reached through a service account with domain-wide delegation.
//!
//! Nobody signs in; an administrator delegated scopes once. Invariant: only configured subjects
//! are acted for, and only on behalf of the local owner or a trusted service.

use std::sync::Arc;

use google_api::{Google, ServiceAccount, ServiceAccountKey};
use secrecy::ExposeSecret as _;

use crate::{
    Account, AccountInfo, AuthError, Principal, PrincipalKind, ServiceAccountConfig,
    canonical_email,
};

pub(super) struct Delegation {
    service: ServiceAccount,
    scopes: Vec<String>,
    subjects: Vec<String>,
}

impl Delegation {
    pub(super) fn new(
        google: &Google,
        config: &ServiceAccountConfig,
        scopes: &[String],
    ) -> Result<Self, AuthError> {
        let key = ServiceAccountKey::parse(config.key_json.expose_secret()).map_err(|error| {
            AuthError::Input {
                problem: error.to_string(),
            }
        })?;
        let subjects: Vec<String> = config
            .subjects
            .iter()
            .map(|subject| canonical_email(subject))
            .collect();
        if !subjects.iter().any(|subject| subject.contains('@')) {
            return Err(AuthError::Input {
                problem: "name whom the service account may act for: addresses, or @domain for \
                          everybody in a domain"
                    .to_owned(),
            });
        }
        let service = ServiceAccount::new(google, key, scopes.to_vec());
        Ok(Self {
            service,
            scopes: scopes.to_vec(),
            subjects,
        })
    }

    /// Whether the caller may act through the service account.
    pub(super) fn serves(caller: &Principal) -> bool {
        matches!(caller.kind, PrincipalKind::Local | PrincipalKind::Service)
    }

    /// The account with this address; without one, the only configured one.
    pub(super) fn account(&self, email: Option<&str>) -> Option<Account> {
        let email = self.subject(email)?;
        Some(Account {
            key: super::opaque(&format!("delegated/{email}")),
            tokens: Arc::clone(&self.service.act_as(&email)),
            granted_scopes: self.scopes.clone(),
            email,
        })
    }

    pub(super) fn info(&self, email: Option<&str>) -> Option<AccountInfo> {
        self.subject(email).map(|email| self.described(email))
    }

    /// The subjects that are named one by one.
    pub(super) fn infos(&self) -> impl Iterator<Item = AccountInfo> {
        self.people().map(|email| self.described(email.clone()))
    }

    fn people(&self) -> impl Iterator<Item = &String> {
        self.subjects
            .iter()
            .filter(|subject| !subject.starts_with('@'))
    }

    fn subject(&self, email: Option<&str>) -> Option<String> {
        let Some(email) = email.map(canonical_email) else {
            let mut people = self.people();
            let everyone = self.subjects.iter().any(|subject| subject.starts_with('@'));
            return match (people.next(), people.next(), everyone) {
                (Some(only), None, false) => Some(only.clone()),
                _ => None,
            };
        };
        let (local, domain) = email.split_once('@')?;
        let allowed = !local.is_empty()
            && self
                .subjects
                .iter()
                .any(|subject| match subject.strip_prefix('@') {
                    Some(whole) => whole == domain,
                    None => *subject == email,
                });
        allowed.then_some(email)
    }

    fn described(&self, email: String) -> AccountInfo {
        AccountInfo {
            email,
            scopes: self.scopes.clone(),
            expired: false,
            expires_at: None,
            refreshable: true,
            delegated: true,
        }
    }
}
