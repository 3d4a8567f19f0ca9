//! Secrets: looked up where the configuration says they are, when they are needed.
//!
//! Invariant: a resolved secret is in a [`SecretString`] or on its way to the one who asked; no
//! error, `Debug` or `Display` of this module contains one.

mod literal;
mod lookup;
mod redact;
mod template;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use foundation::{Clock, settings::Env};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

pub use literal::{looks_secret, secret_arguments, without_secrets};
pub use lookup::{NotThere, check};
pub use redact::Redactor;
pub use template::{BadTemplate, Part, Reference, is_name};

use crate::config::Template;

/// How long a file, a command's answer or a keyring's entry is believed.
const KEEP: SignedDuration = SignedDuration::from_secs(60);
/// How many are kept at most.
const MOST: usize = 256;

/// Why a secret is not to be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SecretFault {
    /// The reference cannot be read.
    #[error(transparent)]
    Template(#[from] BadTemplate),
    /// What it refers to is not there.
    #[error(transparent)]
    NotThere(#[from] NotThere),
}

/// Looks secrets up.
pub struct Secrets {
    env: Arc<dyn Env + Send + Sync>,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<Reference, (Timestamp, SecretString)>>,
    redactor: Redactor,
}

impl Secrets {
    /// Looks into this environment.
    pub fn new(env: Arc<dyn Env + Send + Sync>, clock: Arc<dyn Clock>) -> Self {
        Self {
            env,
            clock,
            kept: Mutex::default(),
            redactor: Redactor::default(),
        }
    }

    /// The text with its references replaced by what they refer to.
    ///
    /// A file, a command or a keyring is asked again after a minute, so that a rotated secret
    /// is found without a restart.
    pub async fn resolve(&self, template: &Template) -> Result<SecretString, SecretFault> {
        let mut text = Zeroizing::new(String::new());
        for part in template.parts()? {
            match part {
                Part::Text(plain) => text.push_str(&plain),
                Part::Reference(reference) => {
                    text.push_str(self.look_up(&reference).await?.expose_secret());
                }
            }
        }
        Ok(SecretString::from(text.as_str()))
    }

    /// Forgets what was looked up, such as after a server said that a token is not valid.
    pub fn forget(&self) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Takes every secret that was resolved out of texts.
    pub fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    async fn look_up(&self, reference: &Reference) -> Result<SecretString, NotThere> {
        if let Reference::Env { .. } = reference {
            let found = lookup::look_up(reference, self.env.as_ref()).await?;
            self.learn(reference, &found);
            return Ok(found);
        }
        if let Some(kept) = self.kept(reference) {
            return Ok(kept);
        }
        let found = lookup::look_up(reference, self.env.as_ref()).await?;
        self.learn(reference, &found);
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(reference.clone(), (now, found.clone()));
        Ok(found)
    }

    fn kept(&self, reference: &Reference) -> Option<SecretString> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, secret) = kept.get(reference)?;
        let age = self.clock.now().duration_since(*since);
        // A clock that went backwards makes nothing young.
        (age >= SignedDuration::ZERO && age < KEEP).then(|| secret.clone())
    }

    fn learn(&self, reference: &Reference, found: &SecretString) {
        if let Reference::Env { name, default } = reference
            && (HARMLESS.contains(&name.as_str())
                || default.as_deref() == Some(found.expose_secret()))
        {
            return;
        }
        self.redactor.learn(found.expose_secret());
    }
}

/// Variables that are in every log anyway.
const HARMLESS: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "PWD",
    "PATH",
    "SHELL",
    "LANG",
    "TMPDIR",
    "HOSTNAME",
    "TZ",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
];

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
