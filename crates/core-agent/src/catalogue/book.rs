//! The catalogue: takes what servers list, keeps it on disk, makes views of it.
//!
//! Not a cache of answers: a listing stands until the server lists anew.
//! Invariant: after a restart the view is what it was, before any server is started.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use foundation::Clock;
use futures::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::{HubTool, View, kept, shelf, shelf::Shelf};
use crate::{
    ServerName,
    config::Config,
    journal::{AuditKind, append_audit},
    search::{Hit, SearchQuery, Searcher, ToolUses},
    store::{Store, StoreError},
    trust::{FIRST_SIGHT, Pin, PinReport, Pins, TrustError, write_pin},
    upstream::{Listing, Listings, ServerInfo},
};

/// The row of `meta` that counts decisions, so that other processes see them.
const DECISIONS: &str = "trust_decisions";
/// How often the catalogue looks whether another process decided or listed.
const LOOK: Duration = Duration::from_secs(1);

/// Everything all servers offer, kept up to date.
pub struct Catalogue {
    store: Store,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    state: ArcSwap<State>,
    view: ArcSwap<View>,
    revision: watch::Sender<u64>,
    /// Held while the state changes.
    changing: Mutex<()>,
    searcher: Searcher,
    uses: ArcSwap<Option<Arc<dyn ToolUses>>>,
}

/// What is known of a server without asking it.
#[derive(Clone, Debug)]
pub struct KnownServer {
    /// What it said of itself when it last listed.
    pub info: ServerInfo,
    /// What it listed, unfiltered.
    pub listing: Listing,
    /// When, in milliseconds since 1970.
    pub listed_at: i64,
}

#[derive(Default)]
struct State {
    shelves: BTreeMap<ServerName, Arc<Shelf>>,
    pins: Pins,
    decisions: i64,
}

impl Catalogue {
    /// The catalogue as it is kept in the store.
    pub fn open(
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let catalogue = Self {
            store,
            searcher: Searcher::new(&config.search),
            config,
            clock,
            state: ArcSwap::default(),
            view: ArcSwap::default(),
            revision: watch::Sender::new(0),
            changing: Mutex::new(()),
            uses: ArcSwap::default(),
        };
        let state = catalogue.read_all()?;
        catalogue.publish(state);
        Ok(Arc::new(catalogue))
    }

    /// The catalogue of this moment.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The revision of the view, to be told of changes.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// What is known of a server, from this run or from before.
    pub fn known(&self, server: &ServerName) -> Option<Arc<KnownServer>> {
        let state = self.state.load();
        state.shelves.get(server).map(|shelf| shelf.known.clone())
    }

    /// Whether what is known of a server is as young as the server wants it to be.
    pub fn fresh(&self, server: &ServerName) -> bool {
        let now = self.clock.now().as_millisecond();
        self.known(server).is_some_and(|known| {
            known.listing.keep.is_none_or(|keep| {
                let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
                now.saturating_sub(known.listed_at) < keep
            })
        })
    }

    /// From now on searches know how tools were used.
    pub fn learn(&self, uses: Arc<dyn ToolUses>) {
        self.uses.store(Arc::new(Some(uses)));
    }

    /// The tools that fit, best first.
    pub fn search(&self, query: &SearchQuery) -> Vec<Hit> {
        let uses = self.uses.load_full();
        self.searcher
            .search(&self.view(), query, (*uses).as_deref())
    }

    /// All pinned tools, and how they stand.
    pub fn pins(&self) -> Vec<PinReport> {
        let state = self.state.load();
        let view = self.view();
        view.tools
            .iter()
            .filter_map(|tool| report(&state, tool))
            .collect()
    }

    /// How one tool stands; by the hub's name or by `server/tool`.
    pub fn pin(&self, tool: &str) -> Result<PinReport, TrustError> {
        let tool = self.find(tool)?;
        let state = self.state.load();
        report(&state, &tool).ok_or_else(|| TrustError::Unknown(tool.name().to_owned()))
    }

    /// Pins a tool as it is now, with everything a scan found in it.
    pub async fn approve_tool(&self, tool: &str, by: &str) -> Result<(), TrustError> {
        let tool = self.find(tool)?;
        self.decide(vec![tool], by, None).await
    }

    /// Pins all tools of a server as they are now. Returns how many.
    pub async fn approve_server(&self, server: &ServerName, by: &str) -> Result<usize, TrustError> {
        let view = self.view();
        let tools: Vec<_> = view
            .tools
            .iter()
            .filter(|tool| tool.server == *server)
            .cloned()
            .collect();
        let count = tools.len();
        self.decide(tools, by, None).await?;
        Ok(count)
    }

    /// Blocks a tool until it is approved.
    pub async fn block_tool(&self, tool: &str, why: &str, by: &str) -> Result<(), TrustError> {
        let tool = self.find(tool)?;
        self.decide(vec![tool], by, Some(why.to_owned())).await
    }

    /// Reads again what other processes listed and decided, when there is anything new.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let _changing = self.changing.lock().await;
        let state = self.state.load_full();
        let newest = state
            .shelves
            .values()
            .map(|shelf| shelf.known.listed_at)
            .max()
            .unwrap_or_default();
        let (decisions, listed): (i64, Option<i64>) = self.store.read(|db| {
            let listed =
                db.query_row("SELECT max(listed_at) FROM listings", [], |row| row.get(0))?;
            Ok((decisions(db)?, listed))
        })?;
        if decisions == state.decisions && listed.unwrap_or_default() <= newest {
            return Ok(false);
        }
        let state = self.read_all()?;
        self.publish(state);
        Ok(true)
    }

    /// Keeps up with other processes until it is cancelled.
    pub async fn follow(self: Arc<Self>, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancelled.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "the catalogue cannot be read again");
            }
        }
    }

    async fn take(&self, server: &ServerName, info: &ServerInfo, listing: Listing) {
        let Some(config) = self.config.servers.get(server) else {
            return;
        };
        let _changing = self.changing.lock().await;
        let now = self.clock.now().as_millisecond();
        let state = self.state.load_full();
        // Later than what was known, so that other processes see it whatever the clock does.
        let before = state.shelves.get(server).map(|shelf| shelf.known.listed_at);
        let listed_at = now.max(before.map_or(now, |before| before + 1));
        let known = Arc::new(KnownServer {
            info: info.clone(),
            listing,
            listed_at,
        });
        let shelf = Arc::new(Shelf::new(server, known.clone(), config));
        let mut pins = state.pins.clone();
        let known_before = pins.knows(server);
        let new: Vec<(String, Pin)> = pins
            .to_pin(server, &shelf.prints)
            .into_iter()
            .map(|(tool, print)| {
                let by = if known_before {
                    "new tool of a known server"
                } else {
                    FIRST_SIGHT
                };
                (tool.to_owned(), Pin::new(print, listed_at, by))
            })
            .collect();
        for (tool, pin) in &new {
            pins.put(server, tool, pin.clone());
        }
        self.keep(server, &known, new).await;
        let mut shelves = state.shelves.clone();
        shelves.insert(server.clone(), shelf);
        self.publish(State {
            shelves,
            pins,
            decisions: state.decisions,
        });
    }

    /// Writes a listing and the pins that come with it. What cannot be written is used all the
    /// same, and said.
    async fn keep(&self, server: &ServerName, known: &KnownServer, new: Vec<(String, Pin)>) {
        let rows = match kept::rows(&known.info, &known.listing) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%server, %error, "what the server lists cannot be kept");
                return;
            }
        };
        let name = server.clone();
        let listed_at = known.listed_at;
        let written = self
            .store
            .write(move |tx| {
                kept::write(tx, &name, &rows.0, &rows.1, listed_at)?;
                for (tool, pin) in &new {
                    write_pin(tx, &name, tool, pin)?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(%server, %error, "what the server lists is not kept");
        }
    }

    /// Approves tools as they are, or blocks them.
    async fn decide(
        &self,
        tools: Vec<Arc<HubTool>>,
        by: &str,
        blocked: Option<String>,
    ) -> Result<(), TrustError> {
        let _changing = self.changing.lock().await;
        let state = self.state.load_full();
        let now = self.clock.now().as_millisecond();
        let mut pins = state.pins.clone();
        let mut decided = Vec::new();
        for tool in tools {
            let own = tool.original.name.to_string();
            let before = state.pins.of(&tool.server, &own).cloned();
            let shelf = state.shelves.get(&tool.server);
            let Some(print) = shelf.and_then(|shelf| shelf.prints.get(&own)) else {
                return Err(TrustError::Unknown(tool.name().to_owned()));
            };
            let pin = match (&blocked, &before) {
                // What was pinned stays the measure of a later approval.
                (Some(why), Some(before)) => Pin {
                    blocked: Some(why.clone()),
                    ..before.as_ref().clone()
                },
                (Some(why), None) => Pin {
                    blocked: Some(why.clone()),
                    ..Pin::new(print, now, by)
                },
                (None, _) => Pin {
                    read: true,
                    ..Pin::new(print, now, by)
                },
            };
            pins.put(&tool.server, &own, pin.clone());
            decided.push((tool.server.clone(), own, pin, before));
        }
        let kind = if blocked.is_some() {
            AuditKind::ToolBlocked
        } else {
            AuditKind::ToolApproved
        };
        let by = by.to_owned();
        let decisions = self
            .store
            .write(move |tx| {
                for (server, tool, pin, before) in &decided {
                    write_pin(tx, server, tool, pin)?;
                    let detail = json!({
                        "before": before.as_ref().map(|before| &before.fingerprint),
                        "after": pin.fingerprint,
                        "why": pin.blocked,
                    });
                    let subject = format!("{server}/{tool}");
                    append_audit(tx, now, kind, &by, &subject, &detail.to_string())?;
                }
                tx.execute(
                    "INSERT INTO meta (name, value) VALUES (?1, '1')
                     ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
                    [DECISIONS],
                )?;
                decisions(tx)
            })
            .await?;
        self.publish(State {
            shelves: state.shelves.clone(),
            pins,
            decisions,
        });
        Ok(())
    }

    fn find(&self, tool: &str) -> Result<Arc<HubTool>, TrustError> {
        let view = self.view();
        let by_server = || {
            let (server, own) = tool.split_once('/')?;
            view.tool_of(&server.parse().ok()?, own)
        };
        view.tool(tool)
            .or_else(by_server)
            .cloned()
            .ok_or_else(|| TrustError::Unknown(tool.to_owned()))
    }

    fn read_all(&self) -> Result<State, StoreError> {
        let (known, pins, decisions) = self
            .store
            .read(|db| Ok((kept::read(db)?, Pins::load(db)?, decisions(db)?)))?;
        let before = self.state.load_full();
        let known: Vec<(ServerName, KnownServer)> = known
            .into_iter()
            // A server that left the configuration leaves the catalogue.
            .filter(|(server, _)| self.config.servers.contains_key(server))
            .collect();
        // Each shelf depends on its own server alone, so that all processors can help.
        let share = known.len().div_ceil(processors()).max(1);
        let mut parts: Vec<Vec<(ServerName, KnownServer)>> = Vec::new();
        for one in known {
            match parts.last_mut().filter(|part| part.len() < share) {
                Some(part) => part.push(one),
                None => parts.push(vec![one]),
            }
        }
        let work = |part: Vec<(ServerName, KnownServer)>| -> Vec<(ServerName, Arc<Shelf>)> {
            part.into_iter()
                .filter_map(|(server, known)| {
                    let same = before
                        .shelves
                        .get(&server)
                        .filter(|shelf| shelf.known.listed_at == known.listed_at)
                        .cloned();
                    let config = self.config.servers.get(&server)?;
                    let shelf = same
                        .unwrap_or_else(|| Arc::new(Shelf::new(&server, Arc::new(known), config)));
                    Some((server, shelf))
                })
                .collect()
        };
        let work = &work;
        let shelves = std::thread::scope(|scope| {
            let workers: Vec<_> = parts
                .into_iter()
                .map(|part| scope.spawn(move || work(part)))
                .collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_default())
                .collect()
        });
        Ok(State {
            shelves,
            pins,
            decisions,
        })
    }

    fn publish(&self, state: State) {
        let revision = self.view.load().revision + 1;
        let view = shelf::view(&state.shelves, &self.config, &state.pins, revision);
        for note in &view.notes {
            tracing::warn!("{note}");
        }
        self.state.store(Arc::new(state));
        self.view.store(Arc::new(view));
        self.revision.send_replace(revision);
    }
}

impl Listings for Catalogue {
    fn listed<'a>(
        &'a self,
        server: &'a ServerName,
        info: &'a ServerInfo,
        listing: Listing,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.take(server, info, listing))
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let view = self.view();
        f.debug_struct("Catalogue")
            .field("revision", &view.revision)
            .field("tools", &view.tools.len())
            .finish_non_exhaustive()
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn report(state: &State, tool: &HubTool) -> Option<PinReport> {
    let shelf = state.shelves.get(&tool.server)?;
    let own = &*tool.original.name;
    let print = shelf.prints.get(own)?;
    let pin = state.pins.of(&tool.server, own);
    Some(PinReport {
        server: tool.server.clone(),
        tool: own.to_owned(),
        name: tool.name().to_owned(),
        standing: tool.standing.clone(),
        fingerprint: tool.fingerprint.clone(),
        pinned: pin.map(|pin| pin.fingerprint.clone()),
        pinned_at: pin.map(|pin| pin.pinned_at),
        by: pin.map(|pin| pin.by.clone()),
        changes: state.pins.changes(&tool.server, own, print, |name| {
            shelf.prints.contains_key(name)
        }),
        findings: tool.findings.clone(),
    })
}

fn decisions(db: &Connection) -> rusqlite::Result<i64> {
    let value: Option<String> = db
        .query_row(
            "SELECT value FROM meta WHERE name = ?1",
            [DECISIONS],
            |row| row.get(0),
        )
        .optional()?;
    Ok(value
        .and_then(|value| value.parse().ok())
        .unwrap_or_default())
}
