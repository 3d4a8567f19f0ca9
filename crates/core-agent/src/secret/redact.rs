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
pub struct Redactor(Arc<RwLock<Known>>);

/// The secrets, the longest first: one that contains another is taken out whole.
#[derive(Default)]
struct Known {
    secrets: Vec<(u64, SecretString)>,
    /// How many were ever learnt; the number of the next.
    learnt: u64,
}

impl Known {
    fn has(&self, secret: &str) -> bool {
        let mut all = self.secrets.iter();
        all.any(|(_, known)| known.expose_secret() == secret)
    }
}

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
        for (_, secret) in &known.secrets {
            if clean.contains(secret.expose_secret()) {
                clean = Cow::Owned(clean.replace(secret.expose_secret(), MARK));
            }
        }
        clean
    }

    fn remember(&self, secret: &str, shortest: usize) {
        let known = || self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Secrets are resolved for every call, and nearly always known.
        if secret.len() < shortest || known().has(secret) {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.has(secret) {
            return;
        }
        if known.secrets.len() == MOST {
            let oldest = known.secrets.iter().map(|(number, _)| *number).min();
            known.secrets.retain(|(number, _)| Some(*number) != oldest);
        }
        let number = known.learnt;
        known.learnt += 1;
        let longer = |one: &(u64, SecretString)| one.1.expose_secret().len() >= secret.len();
        let at = known.secrets.partition_point(longer);
        known
            .secrets
            .insert(at, (number, SecretString::from(secret)));
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Redactor({} secrets)", known.secrets.len())
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
    fn it_is_bounded_and_the_oldest_is_forgotten_first() {
        let redactor = Redactor::default();
        redactor.learn("oldest");
        // Long ones, such as tokens, are forgotten no sooner than others.
        redactor.learn("the-longest-secret-of-them-all");
        for number in 2..=MOST {
            redactor.learn(&format!("secret-number-{number}"));
        }
        assert_eq!(format!("{redactor:?}"), format!("Redactor({MOST} secrets)"));
        assert_eq!(
            redactor.scrub("oldest, the-longest-secret-of-them-all"),
            "oldest, [secret]"
        );
        redactor.learn("another-one");
        assert_eq!(
            redactor.scrub("the-longest-secret-of-them-all, secret-number-2"),
            "the-longest-secret-of-them-all, [secret]"
        );
    }
}
