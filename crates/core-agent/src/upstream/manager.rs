//! All servers together: who there is, how one is reached, how all are ended.
//!
//! Not the life of one server: that is a line's. Invariant: nothing here waits for a server while
//! holding what another server's caller needs.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use foundation::{Clock, Random, settings::Env};
use futures::future::{BoxFuture, FutureExt, join_all};
use rmcp::model::{ClientRequest, ServerResult};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, broadcast},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Fault, FaultKind, ServerName,
    config::{Config, ServerConfig},
    oauth::SignIn,
    secret::Secrets,
    store::Store,
};

use super::{
    Listings, Scope, ServerEvent, ServerInfo, ServerStatus, Servers, http::Pool, memory,
    server::Server,
};

/// Servers coming up at the same time.
const STARTS_AT_ONCE: usize = 8;
/// Events kept for a listener that is behind.
const EVENTS_KEPT: usize = 1_024;
/// How often the wishes of other processes are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long all servers together may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// What the servers need.
pub struct UpstreamOptions {
    /// Which servers there are, and how calls are made.
    pub config: Arc<Config>,
    /// What the program keeps.
    pub store: Store,
    /// Takes what servers list.
    pub listings: Arc<dyn Listings>,
    /// Looks secrets up.
    pub secrets: Arc<Secrets>,
    /// The hub's own variables, of which programs see a few.
    pub variables: Arc<dyn Env + Send + Sync>,
    /// Tokens for servers over HTTP; without it no server is signed in to.
    pub sign_in: Option<Arc<dyn SignIn>>,
    /// Says which commands may be started; without it all may.
    pub command_gate: Option<Arc<dyn CommandGate>>,
    /// The folder of everything kept.
    pub state: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for waiting times.
    pub random: Arc<dyn Random>,
    /// This program, which starts others in its place with less than it may itself.
    pub executable: PathBuf,
}

/// Says whether a command may be started.
pub trait CommandGate: Send + Sync + 'static {
    /// Whether the command of `config`, as it is written, may be started for `server`.
    fn allowed(&self, server: &ServerName, config: &ServerConfig) -> Result<(), Fault>;
}

/// All servers.
pub struct Upstreams {
    servers: BTreeMap<ServerName, Arc<Server>>,
    shared: Arc<Shared>,
}

/// What the servers share.
pub(super) struct Shared {
    pub(super) options: UpstreamOptions,
    pub(super) events: broadcast::Sender<ServerEvent>,
    pub(super) starts: Semaphore,
    pub(super) pool: Arc<Pool>,
    pub(super) surroundings: Arc<BTreeMap<String, String>>,
    pub(super) stopping: CancellationToken,
}

impl Upstreams {
    /// Takes up the configured servers. None is started before it is needed, except those
    /// configured so.
    pub fn start(options: UpstreamOptions) -> Arc<Self> {
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let config = options.config.clone();
        let surroundings = options
            .variables
            .names()
            .into_iter()
            .filter_map(|name| options.variables.get(&name).map(|value| (name, value)))
            .collect();
        let shared = Arc::new(Shared {
            options,
            events: events.clone(),
            starts: Semaphore::new(STARTS_AT_ONCE),
            pool: Arc::new(Pool::new()),
            surroundings: Arc::new(surroundings),
            stopping: CancellationToken::new(),
        });
        let servers: BTreeMap<_, _> = config
            .servers
            .iter()
            .map(|(name, config)| {
                let server = Server::new(name.clone(), config.clone(), shared.clone());
                (name.clone(), Arc::new(server))
            })
            .collect();
        for (name, server) in &servers {
            if config.servers.get(name).is_some_and(|config| config.eager) {
                Server::begin(server);
            }
        }
        let upstreams = Arc::new(Self { servers, shared });
        tokio::spawn(obey(Arc::downgrade(&upstreams)));
        upstreams
    }

    /// Ends every conversation and every program, all at the same time.
    pub async fn stop(&self) {
        self.shared.stopping.cancel();
        let all = join_all(self.servers.values().map(|server| server.stop()));
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some servers did not end in time and are left to the system");
        }
    }

    /// Ends a server and starts it anew, for the hub itself.
    pub async fn restart(&self, name: &ServerName) -> Result<Arc<ServerInfo>, Fault> {
        Servers::restart(self, name, &Scope::background()).await
    }

    /// The last lines a server's program wrote to its standard error, oldest first.
    pub fn last_words(&self, name: &ServerName, lines: usize) -> Vec<String> {
        let server = self.servers.get(name);
        server.map_or_else(Vec::new, |server| server.words().last(lines))
    }

    fn server(&self, name: &ServerName) -> Result<&Arc<Server>, Fault> {
        self.servers.get(name).ok_or_else(|| {
            Fault::before(
                name,
                FaultKind::NotConfigured,
                "no server of this name is configured",
            )
            .hint("see which there are with: core-agent servers list")
        })
    }
}

/// Starts servers anew when another process asks for it, as long as there are servers.
async fn obey(upstreams: Weak<Upstreams>) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = None;
    loop {
        look.tick().await;
        let Some(upstreams) = upstreams.upgrade() else {
            return;
        };
        let options = &upstreams.shared.options;
        if upstreams.shared.stopping.is_cancelled() {
            return;
        }
        let from = *since.get_or_insert_with(|| options.clock.now().as_millisecond());
        let Ok(orders) = memory::restarts_since(&options.store, from) else {
            continue;
        };
        for (server, at) in orders {
            since = Some(at.max(since.unwrap_or(at)));
            if let Ok(name) = server.parse::<ServerName>()
                && let Some(server) = upstreams.servers.get(&name)
                && server.status().starts > 0
            {
                server.stop().await;
                server.begin();
            }
        }
    }
}

impl Servers for Upstreams {
    fn names(&self) -> Vec<ServerName> {
        self.servers.keys().cloned().collect()
    }

    fn status(&self, server: &ServerName) -> Option<ServerStatus> {
        self.servers.get(server).map(|server| server.status())
    }

    fn ensure<'a>(
        &'a self,
        server: &'a ServerName,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>> {
        async move { self.server(server)?.ensure(scope).await }.boxed()
    }

    fn restart<'a>(
        &'a self,
        name: &'a ServerName,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>> {
        async move {
            let server = self.server(name)?;
            server.stop().await;
            server.ensure(scope).await
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        server: &'a ServerName,
        request: ClientRequest,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<ServerResult, Fault>> {
        async move { self.server(server)?.request(request, scope).await }.boxed()
    }

    fn relay<'a>(
        &'a self,
        server: &'a ServerName,
        message: Value,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Value, Fault>> {
        async move { self.server(server)?.relay(message, scope).await }.boxed()
    }

    fn events(&self) -> broadcast::Receiver<ServerEvent> {
        self.shared.events.subscribe()
    }
}
