//! What is known without starting anything: the configuration, the catalogue on disk, approvals.
//!
//! Not the whole program: commands that call servers open the application instead.
//! Invariant: nothing here starts a server or waits for one.

use std::sync::Arc;

use anyhow::{Context, bail};
use foundation::{Clock, SystemClock, nearest};

use super::Common;
use crate::{
    ServerName,
    app::loaded,
    catalogue::Catalogue,
    config::{Config, ServerConfig},
    store::Store,
    trust::CommandPins,
};

/// What is known.
pub(super) struct Known {
    pub(super) config: Arc<Config>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) commands: CommandPins,
}

impl Known {
    pub(super) fn open(common: &Common) -> anyhow::Result<Self> {
        let (loaded, _) = loaded(common)?;
        let state = loaded
            .state_folder()
            .context("the folder of everything kept cannot be made: name another with --state")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = Arc::clone(&loaded.config);
        let store = Store::open(&state.join("core-agent.db"))?;
        Ok(Self {
            catalogue: Catalogue::open(store.clone(), Arc::clone(&config), Arc::clone(&clock))?,
            commands: CommandPins::open(store, config.trust, clock)?,
            config,
        })
    }
}

/// A server as it is configured, or what to say when it is not.
pub(super) fn configured<'c>(
    config: &'c Config,
    name: &ServerName,
) -> anyhow::Result<&'c ServerConfig> {
    if let Some(found) = config.servers.get(name) {
        return Ok(found);
    }
    match nearest(name.as_str(), config.servers.keys().map(ServerName::as_str)) {
        Some(near) => bail!("no server {name} is configured; did you mean {near}?"),
        None => bail!(
            "no server {name} is configured; see which there are with: core-agent servers list"
        ),
    }
}
