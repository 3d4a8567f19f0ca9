//! What is known without starting anything: the configuration, the catalogue on disk, approvals.
//!
//! Not the whole program: commands that call servers open the application instead.
//! Invariant: nothing here starts a server or waits for one.

use std::sync::Arc;

use anyhow::Context;
use foundation::{Clock, SystemClock};

use super::Common;
use crate::{app::loaded, catalogue::Catalogue, config::Config, store::Store, trust::CommandPins};

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
