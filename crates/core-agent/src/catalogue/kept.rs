//! What servers listed, on disk.
//!
//! Invariant: what is read is what was written; a row nobody can read any more is left out, and
//! the server lists anew.

use std::{collections::BTreeMap, time::Duration};

use mcp_service::Era;
use rmcp::model::{Implementation, Prompt, Resource, ResourceTemplate, ServerCapabilities, Tool};
use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};

use super::KnownServer;
use crate::{
    ServerName,
    upstream::{Listing, ServerInfo},
};

#[derive(Deserialize, Serialize)]
struct KeptInfo {
    program: Implementation,
    protocol: String,
    stateless: bool,
    capabilities: ServerCapabilities,
    instructions: Option<String>,
}

#[derive(Deserialize)]
struct KeptListing {
    tools: Vec<Tool>,
    resources: Vec<Resource>,
    templates: Vec<ResourceTemplate>,
    prompts: Vec<Prompt>,
    keep_ms: Option<u64>,
    dropped: Vec<String>,
}

/// The same, of what is still needed.
#[derive(Serialize)]
struct ListingToKeep<'l> {
    tools: &'l [Tool],
    resources: &'l [Resource],
    templates: &'l [ResourceTemplate],
    prompts: &'l [Prompt],
    keep_ms: Option<u64>,
    dropped: &'l [String],
}

/// The two texts of a server's row.
pub(super) fn rows(info: &ServerInfo, listing: &Listing) -> serde_json::Result<(String, String)> {
    let info = serde_json::to_string(&KeptInfo {
        program: info.program.clone(),
        protocol: info.protocol.clone(),
        stateless: info.era == Era::Stateless,
        capabilities: info.capabilities.clone(),
        instructions: info.instructions.clone(),
    })?;
    let listing = serde_json::to_string(&ListingToKeep {
        tools: &listing.tools,
        resources: &listing.resources,
        templates: &listing.templates,
        prompts: &listing.prompts,
        keep_ms: listing
            .keep
            .map(|keep| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX)),
        dropped: &listing.dropped,
    })?;
    Ok((info, listing))
}

/// Writes what a server listed.
pub(super) fn write(
    tx: &Transaction<'_>,
    server: &ServerName,
    info: &str,
    listing: &str,
    listed_at: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO listings (server, info, listing, listed_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (server) DO UPDATE SET info = ?2, listing = ?3, listed_at = ?4",
    )?
    .execute(params![server.as_str(), info, listing, listed_at])?;
    Ok(())
}

/// Reads what the servers listed.
pub(super) fn read(db: &Connection) -> rusqlite::Result<BTreeMap<ServerName, KnownServer>> {
    let mut statement =
        db.prepare_cached("SELECT server, info, listing, listed_at FROM listings")?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, i64>(3)?,
        ))
    })?;
    let mut known = BTreeMap::new();
    for row in rows {
        let (server, info, listing, listed_at) = row?;
        match (server.parse::<ServerName>(), parse(&info, &listing)) {
            (Ok(server), Ok((info, listing))) => {
                known.insert(
                    server,
                    KnownServer {
                        info,
                        listing,
                        listed_at,
                    },
                );
            }
            (_, Err(error)) => {
                tracing::warn!(server, %error, "what this server listed earlier cannot be read; it will be asked again");
            }
            (Err(_), _) => {}
        }
    }
    Ok(known)
}

fn parse(info: &str, listing: &str) -> serde_json::Result<(ServerInfo, Listing)> {
    let info: KeptInfo = serde_json::from_str(info)?;
    let listing: KeptListing = serde_json::from_str(listing)?;
    let info = ServerInfo {
        program: info.program,
        protocol: info.protocol,
        era: if info.stateless {
            Era::Stateless
        } else {
            Era::Handshake
        },
        capabilities: info.capabilities,
        instructions: info.instructions,
    };
    let listing = Listing {
        tools: listing.tools,
        resources: listing.resources,
        templates: listing.templates,
        prompts: listing.prompts,
        keep: listing.keep_ms.map(Duration::from_millis),
        dropped: listing.dropped,
    };
    Ok((info, listing))
}
