//! Takes secrets out of texts.
//!
//! Not a search for things that look like secrets: it knows those that were resolved.
//! Invariant: its own `Debug` shows how many it knows, never which.

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, RwLock},
};

use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret was.
const MARK: &str = "[secret]";
/// Shorter texts are too likely to be something else.
const SHORTEST: usize = 6;
/// Lines of a secret of several lines that are known by themselves, since logs come line by line.
const SHORTEST_LINE: usize = 16;
/// The oldest is forgotten first.
const MOST: usize = 1024;

/// Knows the resolved secrets. Clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<SecretString>>>);

impl Redactor {
    /// Learns a secret.
    pub fn learn(&self, secret: &str) {
        let secret = secret.trim();
        self.remember(secret, SHORTEST);
        if secret.contains('\n') {
            for line in secret.lines() {
                self.remember(line.trim(), SHORTEST_LINE);
            }
        }
    }

    /// The text without any secret.
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for secret in known.iter() {
            if clean.contains(secret.expose_secret()) {
                clean = Cow::Owned(clean.replace(secret.expose_secret(), MARK));
            }
        }
        clean
    }

    fn remember(&self, secret: &str, shortest: usize) {
        if secret.len() < shortest {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|one| one.expose_secret() == secret) {
            return;
        }
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(SecretString::from(secret));
        // A secret that contains another is taken out whole.
        known.sort_by_key(|one| std::cmp::Reverse(one.expose_secret().len()));
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Redactor({} secrets)", known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_vanish_and_the_rest_stays() {
        let redactor = Redactor::default();
        redactor.learn("hunter2-canary\n");
        redactor.learn("hunter2-canary-longer");
        redactor.learn("short");
        assert_eq!(
            redactor.scrub("a short hunter2-canary, hunter2-canary-longer"),
            "a short [secret], [secret]"
        );
        assert!(matches!(redactor.scrub("nothing here"), Cow::Borrowed(_)));
        assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    }

    #[test]
    fn lines_of_long_secrets_vanish() {
        let redactor = Redactor::default();
        redactor.learn("-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwxyz\n-----END KEY-----\n");
        assert_eq!(
            redactor.scrub("got abcdefghijklmnopqrstuvwxyz"),
            "got [secret]"
        );
    }

    #[test]
    fn it_is_bounded() {
        let redactor = Redactor::default();
        for number in 0..MOST + 10 {
            redactor.learn(&format!("secret-number-{number}"));
        }
        assert_eq!(format!("{redactor:?}"), format!("Redactor({MOST} secrets)"));
    }
}
