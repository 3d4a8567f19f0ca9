//! What is known of servers from before: the era each speaks, and how each was doing.
//!
//! Invariant: a memory belongs to one server as it is configured; another command or address has
//! none.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use mcp_service::Era;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::{
    ServerName,
    config::ServerConfig,
    hex::hex,
    store::{Store, StoreError},
};

use super::{ServerInfo, ServerState, ServerStatus};

/// The server a memory belongs to: its command and arguments, or its address, as written.
pub(super) fn target(config: &ServerConfig) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(config.command.as_deref().unwrap_or_default());
    for argument in &config.args {
        add(&argument.0);
    }
    add(config.url.as_ref().map_or("", |url| &url.0));
    hex(&hash.finalize())
}

/// The era a server spoke when it was last there.
pub(super) fn era(store: &Store, server: &ServerName, target: &str) -> Option<Era> {
    let found = store.read(|db| {
        db.query_row(
            "SELECT era FROM server_era WHERE server = ?1 AND target = ?2",
            params![server.as_str(), target],
            |row| row.get::<_, String>(0),
        )
        .optional()
    });
    match found.ok()??.as_str() {
        "stateless" => Some(Era::Stateless),
        "handshake" => Some(Era::Handshake),
        _ => None,
    }
}

/// Whether a server, as it is configured, was ever there.
pub(super) fn is_known(store: &Store, server: &ServerName, target: &str) -> bool {
    era(store, server, target).is_some()
}

/// Remembers the era of this version of a server.
///
/// A version that was not seen before may speak the newer era, though the older one was asked:
/// then nothing is remembered, so that the next start finds out.
pub(super) async fn remember(
    store: &Store,
    server: &ServerName,
    target: &str,
    info: &ServerInfo,
    probed: bool,
) -> Result<(), StoreError> {
    let server = server.as_str().to_owned();
    let target = target.to_owned();
    let era = era_name(info.era);
    let (program, version) = (info.program.name.clone(), info.program.version.clone());
    store
        .write(move |db| {
            let before: Option<(String, String)> = db
                .query_row(
                    "SELECT program, version FROM server_era WHERE server = ?1 AND target = ?2",
                    params![server, target],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let same = before.is_some_and(|before| before == (program.clone(), version.clone()));
            if !probed && !same {
                db.execute("DELETE FROM server_era WHERE server = ?1", params![server])?;
                return Ok(());
            }
            db.execute(
                "INSERT INTO server_era (server, target, era, program, version) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (server) DO UPDATE SET \
                 target = ?2, era = ?3, program = ?4, version = ?5",
                params![server, target, era, program, version],
            )?;
            Ok(())
        })
        .await
}

/// Numbers what is to be written, so that the newest stays whichever is written last.
#[derive(Debug, Default)]
pub(super) struct Order {
    given: AtomicU64,
    written: AtomicU64,
}

impl Order {
    pub(super) fn next(&self) -> u64 {
        self.given.fetch_add(1, Relaxed) + 1
    }
}

/// Keeps how a server is doing, for other processes to read.
pub(super) async fn keep_status(
    store: &Store,
    status: ServerStatus,
    at: i64,
    (order, number): (Arc<Order>, u64),
) -> Result<(), StoreError> {
    store
        .write(move |db| {
            if order.written.fetch_max(number, Relaxed) > number {
                return Ok(());
            }
            let info = status.info.as_deref();
            let fault = status.last_fault.as_ref();
            db.prepare_cached(
                "INSERT OR REPLACE INTO server_status (server, state, pid, starts, in_flight, \
                 protocol, era, program, version, fault_kind, fault, containment, at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                status.server.as_str(),
                state_name(status.state),
                status.pid,
                i64::try_from(status.starts).unwrap_or(i64::MAX),
                i64::try_from(status.in_flight).unwrap_or(i64::MAX),
                info.map(|info| info.protocol.clone()),
                info.map(|info| era_name(info.era)),
                info.map(|info| info.program.name.clone()),
                info.map(|info| info.program.version.clone()),
                fault.map(|fault| fault.kind.name()),
                fault.map(|fault| fault.message.clone()),
                status.containment.join("\n"),
                at,
            ])?;
            Ok(())
        })
        .await
}

/// How a server was doing when it was last heard of.
#[derive(Clone, Debug, serde::Serialize)]
pub struct KeptStatus {
    /// Its name.
    pub server: String,
    /// Where it was in its life.
    pub state: String,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u64,
    /// Calls at work.
    pub in_flight: u64,
    /// The protocol revision.
    pub protocol: Option<String>,
    /// The kind of conversation.
    pub era: Option<String>,
    /// Its program.
    pub program: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The last failure's kind.
    pub fault_kind: Option<String>,
    /// The last failure.
    pub fault: Option<String>,
    /// How it is contained.
    pub containment: Vec<String>,
    /// When that was, in milliseconds since 1970.
    pub at: i64,
}

/// How all servers were doing when they were last heard of, by whichever process.
pub fn kept_statuses(store: &Store) -> Result<Vec<KeptStatus>, StoreError> {
    store.read(|db| {
        db.prepare(
            "SELECT server, state, pid, starts, in_flight, protocol, era, program, version, \
             fault_kind, fault, containment, at FROM server_status ORDER BY server",
        )?
        .query_map([], |row| {
            let containment: String = row.get(11)?;
            Ok(KeptStatus {
                server: row.get(0)?,
                state: row.get(1)?,
                pid: row.get(2)?,
                starts: row.get::<_, i64>(3)?.try_into().unwrap_or_default(),
                in_flight: row.get::<_, i64>(4)?.try_into().unwrap_or_default(),
                protocol: row.get(5)?,
                era: row.get(6)?,
                program: row.get(7)?,
                version: row.get(8)?,
                fault_kind: row.get(9)?,
                fault: row.get(10)?,
                containment: containment.lines().map(str::to_owned).collect(),
                at: row.get(12)?,
            })
        })?
        .collect()
    })
}

fn era_name(era: Era) -> &'static str {
    match era {
        Era::Handshake => "handshake",
        Era::Stateless => "stateless",
    }
}

/// A state's name, as in reports.
pub(super) fn state_name(state: ServerState) -> &'static str {
    match state {
        ServerState::Configured => "configured",
        ServerState::Known => "known",
        ServerState::Starting => "starting",
        ServerState::Ready => "ready",
        ServerState::Failed => "failed",
        ServerState::SignInRequired => "sign_in_required",
        ServerState::NotApproved => "not_approved",
        ServerState::Disabled => "disabled",
    }
}

/// Has whichever process runs a server start it anew.
pub async fn ask_for_restart(
    store: &Store,
    server: &ServerName,
    at: jiff::Timestamp,
) -> Result<(), StoreError> {
    let server = server.as_str().to_owned();
    store
        .write(move |db| {
            db.execute(
                "INSERT OR REPLACE INTO server_orders (server, at) VALUES (?1, ?2)",
                params![server, at.as_millisecond()],
            )?;
            Ok(())
        })
        .await
}

/// Which servers are to be started anew since a moment, and when that was said.
pub(super) fn restarts_since(store: &Store, since: i64) -> Result<Vec<(String, i64)>, StoreError> {
    store.read(|db| {
        db.prepare_cached("SELECT server, at FROM server_orders WHERE at > ?1")?
            .query_map(params![since], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    })
}
