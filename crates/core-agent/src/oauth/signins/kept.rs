//! What is kept of sign-ins on disk: a token by issuer, resource and person, and which of them a
//! server's address leads to.
//!
//! Invariant: a token is found only by the person it was made for.

use serde::{Deserialize, Serialize};

use super::{Inner, place::Place, slot::Slot};
use crate::oauth::{
    SignInError,
    explore::WayIn,
    scopes::Scopes,
    token::Token,
    vault::{VaultError, Version},
};

/// Which token belongs to a server and person.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Binding {
    pub(super) issuer: String,
    pub(super) resource: String,
    /// All scopes that were ever needed.
    pub(super) wanted: Scopes,
    /// Where the server said that its metadata is.
    pub(super) metadata: Option<String>,
}

impl Place {
    pub(super) fn binding_name(&self) -> String {
        format!("binding\n{}\n{}", self.url, self.person)
    }
}

pub(super) fn token_name(issuer: &str, resource: &str, person: &str) -> String {
    format!("token\n{issuer}\n{resource}\n{person}")
}

impl Inner {
    pub(super) async fn store(
        &self,
        place: &Place,
        slot: &Slot,
        token: &Token,
    ) -> Result<(), SignInError> {
        let vault = &self.options.vault;
        let name = token_name(&token.issuer, &token.resource, &place.person);
        let _lock = vault.lock(&name).await?;
        let (_, seen) = vault.read::<Token>(&name)?;
        vault.write(&name, token, seen)?;
        slot.set(Some(token.clone()));
        Ok(())
    }

    /// The kept token of a place, and what is known of the way to it.
    pub(super) fn kept(&self, place: &Place) -> Result<(Option<Token>, Binding), SignInError> {
        let vault = &self.options.vault;
        let Some(binding) = vault.read::<Binding>(&place.binding_name())?.0 else {
            return Ok((None, Binding::default()));
        };
        let name = token_name(&binding.issuer, &binding.resource, &place.person);
        let (token, _) = vault.read::<Token>(&name)?;
        // The way to it is kept by another file: both must be of one mind.
        let token = token
            .filter(|token| token.issuer == binding.issuer && token.resource == binding.resource);
        Ok((token, binding))
    }

    pub(super) fn bind(
        &self,
        place: &Place,
        way: &WayIn,
        wanted: &Scopes,
        metadata: Option<String>,
    ) -> Result<(), SignInError> {
        let vault = &self.options.vault;
        let name = place.binding_name();
        let binding = Binding {
            issuer: way.server.issuer.clone(),
            resource: way.resource.clone(),
            wanted: wanted.clone(),
            metadata,
        };
        let write = |seen: Version| vault.write(&name, &binding, seen);
        match write(vault.read::<Binding>(&name)?.1) {
            Err(VaultError::Changed) => write(vault.read::<Binding>(&name)?.1)?,
            other => other?,
        };
        Ok(())
    }
}
