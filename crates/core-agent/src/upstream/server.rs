//! One server.

use std::sync::Arc;

use rmcp::model::{ClientRequest, ServerResult};
use serde_json::Value;

use crate::{Fault, FaultKind, ServerName, config::ServerConfig};

use super::{Scope, ServerInfo, ServerState, ServerStatus, manager::Shared};

/// One configured server.
pub(super) struct Server {
    name: ServerName,
    config: ServerConfig,
    shared: Arc<Shared>,
}

impl Server {
    pub(super) fn new(name: ServerName, config: ServerConfig, shared: Arc<Shared>) -> Self {
        Self {
            name,
            config,
            shared,
        }
    }

    pub(super) async fn ensure(&self, _: &Scope) -> Result<Arc<ServerInfo>, Fault> {
        let _ = (
            &self.shared.starts,
            &self.shared.options.state,
            &self.shared.events,
        );
        Err(self.missing())
    }

    pub(super) async fn request(&self, _: ClientRequest, _: &Scope) -> Result<ServerResult, Fault> {
        Err(self.missing())
    }

    pub(super) async fn relay(&self, _: Value, _: &Scope) -> Result<Value, Fault> {
        Err(self.missing())
    }

    pub(super) async fn stop(&self) {}

    pub(super) fn status(&self) -> ServerStatus {
        ServerStatus {
            server: self.name.clone(),
            state: if self.config.enabled {
                ServerState::Configured
            } else {
                ServerState::Disabled
            },
            info: None,
            pid: None,
            starts: 0,
            in_flight: 0,
            last_fault: None,
            containment: Vec::new(),
        }
    }

    fn missing(&self) -> Fault {
        Fault::before(&self.name, FaultKind::Unreachable, "not connected")
    }
}
