//! Tools as they were when they were first seen, or last approved.
//!
//! A server's tools are pinned at first sight. A tool that comes later is pinned as new, unless it
//! is an old one under another name. What differs from its pin waits for a person.
//! Invariant: a tool whose definition differs from its pin is not called before somebody approved
//! the difference.

use std::{collections::BTreeMap, sync::Arc};

use rmcp::model::Tool;
use rusqlite::{Connection, Transaction, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Change, Finding, Severity,
    canonical::{changes, definition, digest, tell, text},
};
use crate::{
    ServerName,
    catalogue::Standing,
    config::{ServerConfig, TrustConfig},
    store::StoreError,
    upstream::ServerInfo,
};

/// Who pins when nobody was asked.
pub(crate) const FIRST_SIGHT: &str = "first sight";

/// A tool as it was pinned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pin {
    pub(crate) fingerprint: String,
    pub(crate) canonical: String,
    pub(crate) marks: Marks,
    pub(crate) pinned_at: i64,
    pub(crate) by: String,
    /// Whether a person has read it, findings included.
    pub(crate) read: bool,
    /// Why a person blocked it.
    pub(crate) blocked: Option<String>,
}

/// A tool's definition in the form that is pinned.
#[derive(Clone, Debug)]
pub(crate) struct Print {
    pub(crate) fingerprint: String,
    pub(crate) canonical: String,
    pub(crate) marks: Marks,
}

/// By what a tool is known again under another name: hashes of parts of its definition.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Marks {
    /// Everything but the name.
    body: String,
    /// The description; empty when there is none.
    description: String,
    /// The input schema; empty when it has no properties.
    schema: String,
}

/// All pins, by server and the server's name of the tool. A clone shares what is not changed.
#[derive(Clone, Debug, Default)]
pub struct Pins(BTreeMap<ServerName, Arc<BTreeMap<String, Arc<Pin>>>>);

/// A pinned tool, for reports.
#[derive(Clone, Debug, Serialize)]
pub struct PinReport {
    /// The server.
    pub server: ServerName,
    /// The server's name of the tool.
    pub tool: String,
    /// The hub's name of the tool.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// The fingerprint it has now.
    pub fingerprint: String,
    /// The pinned fingerprint.
    pub pinned: Option<String>,
    /// When it was pinned, in milliseconds since 1970.
    pub pinned_at: Option<i64>,
    /// Who approved it; `first sight` when nobody did.
    pub by: Option<String>,
    /// What changed since.
    pub changes: Vec<Change>,
    /// What a scan of its words found.
    pub findings: Vec<String>,
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

/// What a server is, for the pins of its tools: its program, and how it is reached. The version
/// does not count: an update that changes no tool is no alarm.
pub fn identity(info: &ServerInfo, config: &ServerConfig) -> Value {
    json!({
        "program": info.program.name,
        "command": config.command.as_deref().map(|command| program(command, config)),
        "url": config.url.as_ref().map(|url| url.0.split(['?', '#']).next().unwrap_or_default()),
    })
}

impl Pin {
    pub(crate) fn new(print: &Print, pinned_at: i64, by: &str) -> Self {
        Self {
            fingerprint: print.fingerprint.clone(),
            canonical: print.canonical.clone(),
            marks: print.marks.clone(),
            pinned_at,
            by: by.to_owned(),
            read: false,
            blocked: None,
        }
    }
}

impl Print {
    pub(crate) fn of(tool: &Tool, identity: &Value) -> Self {
        let mut definition = definition(tool, identity);
        let canonical = text(&definition);
        let described = definition["description"]
            .as_str()
            .is_some_and(|text| !text.trim().is_empty());
        let shaped = definition["inputSchema"]["properties"]
            .as_object()
            .is_some_and(|properties| !properties.is_empty());
        let part = |there: bool, part: &Value| {
            if there {
                digest(&text(part))
            } else {
                String::new()
            }
        };
        let description = part(described, &definition["description"]);
        let schema = part(shaped, &definition["inputSchema"]);
        definition["name"] = Value::Null;
        Self {
            fingerprint: digest(&canonical),
            canonical,
            marks: Marks {
                body: digest(&text(&definition)),
                description,
                schema,
            },
        }
    }
}

impl Marks {
    fn know(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        same(&self.body, &other.body)
            || same(&self.description, &other.description)
            || same(&self.schema, &other.schema)
    }
}

impl Pins {
    /// The pins in a database.
    pub(crate) fn load(db: &Connection) -> rusqlite::Result<Self> {
        let mut statement = db.prepare_cached(
            "SELECT server, tool, fingerprint, canonical, pinned_at, by, read, blocked, body, description, schema FROM pins",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                Pin {
                    fingerprint: row.get(2)?,
                    canonical: row.get(3)?,
                    pinned_at: row.get(4)?,
                    by: row.get(5)?,
                    read: row.get(6)?,
                    blocked: row.get(7)?,
                    marks: Marks {
                        body: row.get(8)?,
                        description: row.get(9)?,
                        schema: row.get(10)?,
                    },
                },
            ))
        })?;
        let mut pins = Self::default();
        for row in rows {
            let (server, tool, pin) = row?;
            if let Ok(server) = server.parse() {
                pins.put(&server, &tool, pin);
            }
        }
        Ok(pins)
    }

    /// The pin of a tool.
    pub(crate) fn of(&self, server: &ServerName, tool: &str) -> Option<&Arc<Pin>> {
        self.0.get(server)?.get(tool)
    }

    /// Puts a pin in place.
    pub(crate) fn put(&mut self, server: &ServerName, tool: &str, pin: Pin) {
        let of_server = self.0.entry(server.clone()).or_default();
        Arc::make_mut(of_server).insert(tool.to_owned(), Arc::new(pin));
    }

    /// Whether any tool of this server is pinned.
    pub(crate) fn knows(&self, server: &ServerName) -> bool {
        self.0.contains_key(server)
    }

    /// The tools of a listing to be pinned without asking: all of a server nobody knows, the new
    /// ones of a server that is known. A known tool under a new name is not among them.
    pub(crate) fn to_pin<'a>(
        &self,
        server: &ServerName,
        listed: &'a BTreeMap<String, Print>,
    ) -> Vec<(&'a str, &'a Print)> {
        let known = self.knows(server);
        let is_listed = |name: &str| listed.contains_key(name);
        listed
            .iter()
            .map(|(name, print)| (name.as_str(), print))
            .filter(|(name, print)| {
                self.of(server, name).is_none()
                    && !(known && self.renamed(server, print, is_listed).is_some())
            })
            .collect()
    }

    /// How a tool stands among those its server lists, asked by name. When pins are switched off,
    /// changes do not count; what a person blocked and what a scan found still do.
    pub(crate) fn standing(
        &self,
        server: &ServerName,
        tool: &str,
        print: &Print,
        listed: impl Fn(&str) -> bool,
        findings: &[Finding],
        config: TrustConfig,
    ) -> Standing {
        let pin = self.of(server, tool);
        if let Some(why) = pin.and_then(|pin| pin.blocked.clone()) {
            return Standing::Blocked { why };
        }
        if config.pins
            && let Some((old, pin)) = self.differs(server, tool, print, listed)
        {
            let head = if old == tool {
                String::new()
            } else {
                format!("the pinned tool {old} has a new name\n")
            };
            let diff = format!("{head}{}", tell(&differences(pin, print)));
            return Standing::Changed { diff };
        }
        let read = pin.is_some_and(|pin| pin.read && pin.fingerprint == print.fingerprint);
        match findings
            .iter()
            .find(|finding| finding.severity == Severity::High)
        {
            Some(finding) if !read => Standing::Blocked {
                why: format!("its description is suspicious: {finding}"),
            },
            _ => Standing::Pinned,
        }
    }

    /// What changed since a tool was pinned.
    pub(crate) fn changes(
        &self,
        server: &ServerName,
        tool: &str,
        print: &Print,
        listed: impl Fn(&str) -> bool,
    ) -> Vec<Change> {
        self.differs(server, tool, print, listed)
            .map_or_else(Vec::new, |(_, pin)| differences(pin, print))
    }

    /// The pin this tool differs from, and the name it is pinned under.
    fn differs<'a>(
        &'a self,
        server: &ServerName,
        tool: &'a str,
        print: &Print,
        listed: impl Fn(&str) -> bool,
    ) -> Option<(&'a str, &'a Arc<Pin>)> {
        match self.of(server, tool) {
            Some(pin) if pin.fingerprint == print.fingerprint => None,
            Some(pin) => Some((tool, pin)),
            None => self.renamed(server, print, listed),
        }
    }

    /// The pinned tool that is gone from the list and was this one but for its name: the same
    /// schema, or the same description.
    fn renamed(
        &self,
        server: &ServerName,
        print: &Print,
        listed: impl Fn(&str) -> bool,
    ) -> Option<(&str, &Arc<Pin>)> {
        self.0
            .get(server)?
            .iter()
            .map(|(tool, pin)| (tool.as_str(), pin))
            .find(|(tool, pin)| !listed(tool) && pin.marks.know(&print.marks))
    }
}

fn differences(pin: &Pin, print: &Print) -> Vec<Change> {
    let value = |canonical: &str| serde_json::from_str(canonical).unwrap_or(Value::Null);
    changes(&value(&pin.canonical), &value(&print.canonical))
}

/// Writes a pin.
pub(crate) fn write_pin(
    tx: &Transaction<'_>,
    server: &ServerName,
    tool: &str,
    pin: &Pin,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO pins (server, tool, fingerprint, canonical, pinned_at, by, read, blocked, body,
             description, schema)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (server, tool) DO UPDATE SET fingerprint = ?3, canonical = ?4, pinned_at = ?5,
             by = ?6, read = ?7, blocked = ?8, body = ?9, description = ?10, schema = ?11",
    )?
    .execute(params![
        server.as_str(),
        tool,
        pin.fingerprint,
        pin.canonical,
        pin.pinned_at,
        pin.by,
        pin.read,
        pin.blocked,
        pin.marks.body,
        pin.marks.description,
        pin.marks.schema,
    ])?;
    Ok(())
}

/// The program behind a command: for a launcher the package it is told to launch, without its
/// version.
fn program(command: &str, config: &ServerConfig) -> String {
    let name = command.rsplit('/').next().unwrap_or(command);
    let launches = matches!(
        name,
        "npx"
            | "bunx"
            | "pnpx"
            | "uvx"
            | "pipx"
            | "node"
            | "bun"
            | "deno"
            | "python"
            | "python3"
            | "uv"
            | "docker"
            | "podman"
            | "npm"
            | "pnpm"
            | "yarn"
    );
    if !launches {
        return name.to_owned();
    }
    let words = ["run", "exec", "dlx", "tool", "x", "-m"];
    let package = config
        .args
        .iter()
        .map(|argument| argument.0.as_str())
        .find(|argument| !argument.starts_with('-') && !words.contains(argument))
        .unwrap_or_default();
    let unversioned = match package.rfind('@') {
        Some(at) if at > 0 => package.get(..at).unwrap_or(package),
        _ => package.split("==").next().unwrap_or(package),
    };
    format!("{name} {unversioned}")
}
