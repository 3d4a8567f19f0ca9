//! The real tool definitions of `tests/data/tools`, as servers that have listed.
//!
//! Invariant: nothing is changed on the way from the file to the catalogue.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use core_agent::{
    ServerName,
    catalogue::Catalogue,
    config::{Config, ServerConfig, Template},
    store::Store,
    upstream::{Listing, Listings, ServerInfo},
};
use flate2::read::GzDecoder;
use foundation::ManualClock;
use jiff::Timestamp;
use mcp_service::Era;
use rmcp::model::{Implementation, ServerCapabilities, Tool};
use serde::Deserialize;

/// One server and what it listed.
#[derive(Deserialize)]
pub(crate) struct Real {
    pub(crate) server: ServerName,
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) program: String,
    pub(crate) tools: Vec<serde_json::Value>,
}

impl Real {
    /// Its tools.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.tools
            .iter()
            .map(|tool| serde_json::from_value(tool.clone()).unwrap())
            .collect()
    }

    /// What it said of itself.
    pub(crate) fn info(&self) -> ServerInfo {
        ServerInfo {
            program: Implementation::new(self.program.clone(), self.version.clone()),
            protocol: "2025-06-18".into(),
            era: Era::Handshake,
            capabilities: ServerCapabilities::default(),
            instructions: None,
        }
    }

    /// Its tools as a listing.
    pub(crate) fn listing(&self) -> Listing {
        Listing {
            tools: self.tools(),
            ..Listing::default()
        }
    }
}

/// All servers of the file.
pub(crate) fn real() -> Vec<Real> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tools/definitions.jsonl.gz");
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A configuration with these servers.
pub(crate) fn configured(servers: &[Real]) -> Config {
    let mut config = Config::default();
    for real in servers {
        config.servers.insert(
            real.server.clone(),
            ServerConfig {
                command: Some("npx".into()),
                args: vec![Template("-y".into()), Template(real.package.clone())],
                enabled: true,
                ..ServerConfig::default()
            },
        );
    }
    config
}

/// A catalogue in a folder.
pub(crate) fn open(folder: &Path, config: Config) -> Arc<Catalogue> {
    let store = Store::open(&folder.join("store.db")).unwrap();
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    Catalogue::open(store, Arc::new(config), Arc::new(clock)).unwrap()
}

/// A catalogue in which all these servers have listed.
pub(crate) async fn listed(folder: &Path, servers: &[Real]) -> Arc<Catalogue> {
    let catalogue = open(folder, configured(servers));
    for real in servers {
        catalogue
            .listed(&real.server, &real.info(), real.listing())
            .await;
    }
    catalogue
}
