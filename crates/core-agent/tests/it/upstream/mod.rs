//! The servers the hub is a client of, from outside: programs of the zoo and small servers over
//! HTTP.

mod http;
mod stdio;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use core_agent::{
    Actor, ClientSide, Fault, ServerName,
    config::{Config, ServerConfig, Template},
    oauth::SignIn,
    secret::Secrets,
    store::Store,
    upstream::{
        CommandGate, Listing, Listings, Patience, Scope, ServerInfo, Servers, UpstreamOptions,
        Upstreams,
    },
};
use foundation::{SystemClock, SystemRandom, settings::Env};
use futures::future::{BoxFuture, FutureExt};
use mcp_service::Principal;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientCapabilities, ClientRequest,
    ClientResult, ElicitResult, ElicitationAction, ErrorData, ServerNotification, ServerRequest,
    ServerResult,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::keeper::{PROGRAM, zoo};

/// Servers and what they listed.
pub(super) struct Rig {
    pub(super) servers: Arc<Upstreams>,
    pub(super) lists: Mutex<mpsc::UnboundedReceiver<(ServerName, ServerInfo, Listing)>>,
    _folder: Arc<tempfile::TempDir>,
}

struct Taken(mpsc::UnboundedSender<(ServerName, ServerInfo, Listing)>);

impl Listings for Taken {
    fn listed<'a>(
        &'a self,
        server: &'a ServerName,
        info: &'a ServerInfo,
        listing: Listing,
    ) -> BoxFuture<'a, ()> {
        let _ = self.0.send((server.clone(), info.clone(), listing));
        async {}.boxed()
    }
}

/// What a rig is made of.
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) sign_in: Option<Arc<dyn SignIn>>,
    pub(super) gate: Option<Arc<dyn CommandGate>>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) folder: Arc<tempfile::TempDir>,
}

impl Plan {
    pub(super) fn new(servers: impl IntoIterator<Item = (&'static str, ServerConfig)>) -> Self {
        let mut config = Config::default();
        config.servers = servers
            .into_iter()
            .map(|(name, config)| (name.parse().unwrap(), config))
            .collect();
        Self {
            config,
            sign_in: None,
            gate: None,
            variables: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    pub(super) fn start(self) -> Rig {
        let (sender, lists) = mpsc::unbounded_channel();
        let clock = Arc::new(SystemClock);
        let variables: Arc<dyn Env + Send + Sync> = Arc::new(self.variables);
        let servers = Upstreams::start(UpstreamOptions {
            config: Arc::new(self.config),
            store: Store::open(&self.folder.path().join("core-agent.db")).unwrap(),
            listings: Arc::new(Taken(sender)),
            secrets: Arc::new(Secrets::new(variables.clone(), clock.clone())),
            variables,
            sign_in: self.sign_in,
            command_gate: self.gate,
            state: self.folder.path().to_owned(),
            clock,
            random: Arc::new(SystemRandom),
            executable: PROGRAM.into(),
        });
        Rig {
            servers,
            lists: Mutex::new(lists),
            _folder: self.folder,
        }
    }
}

impl Rig {
    pub(super) async fn call(
        &self,
        server: &str,
        tool: &str,
        arguments: Value,
        scope: &Scope,
    ) -> Result<CallToolResult, Fault> {
        match self
            .servers
            .request(&name(server), call(tool, arguments), scope)
            .await?
        {
            ServerResult::CallToolResult(result) => Ok(result),
            other => panic!("{other:?}"),
        }
    }

    /// What `echo` says again.
    pub(super) async fn echo(&self, server: &str, text: &str) -> Result<String, Fault> {
        let scope = Scope::background();
        let result = self
            .call(server, "echo", json!({"text": text}), &scope)
            .await?;
        Ok(words(&result))
    }

    pub(super) async fn listing(&self) -> (ServerName, ServerInfo, Listing) {
        let next = std::future::poll_fn(|context| self.lists.lock().unwrap().poll_recv(context));
        tokio::time::timeout(Duration::from_secs(30), next)
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) fn starts(&self, server: &str) -> u64 {
        self.servers.status(&name(server)).unwrap().starts
    }
}

pub(super) fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

pub(super) fn words(result: &CallToolResult) -> String {
    result.content[0].as_text().unwrap().text.clone()
}

pub(super) fn call(tool: &str, arguments: Value) -> ClientRequest {
    let mut params = CallToolRequestParams::new(tool.to_owned());
    if let Value::Object(arguments) = arguments {
        params.arguments = Some(arguments);
    }
    ClientRequest::CallToolRequest(CallToolRequest::new(params))
}

/// A server of the zoo.
pub(super) fn program(args: &[&str]) -> ServerConfig {
    ServerConfig {
        command: Some(zoo().display().to_string()),
        args: args.iter().map(|arg| Template((*arg).to_owned())).collect(),
        enabled: true,
        ..ServerConfig::default()
    }
}

/// A server over HTTP.
pub(super) fn address(url: &str) -> ServerConfig {
    ServerConfig {
        url: Some(Template(url.to_owned())),
        enabled: true,
        ..ServerConfig::default()
    }
}

pub(super) fn patience(idle: u64, cap: u64) -> Patience {
    Patience {
        idle: Duration::from_millis(idle),
        cap: Duration::from_millis(cap),
    }
}

/// A client that says yes to everything and notes what it is told.
#[derive(Default)]
pub(super) struct Somebody {
    pub(super) told: Mutex<Vec<ServerNotification>>,
    pub(super) asked: Mutex<Vec<ServerRequest>>,
    pub(super) cannot: bool,
}

impl ClientSide for Somebody {
    fn capabilities(&self) -> ClientCapabilities {
        if self.cannot {
            return ClientCapabilities::default();
        }
        ClientCapabilities::builder().enable_elicitation().build()
    }

    fn ask(&self, request: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>> {
        self.asked.lock().unwrap().push(request);
        let mut result = ElicitResult::new(ElicitationAction::Accept);
        result.content = Some(json!({"name": "Ann"}));
        async { Ok(ClientResult::ElicitResult(result)) }.boxed()
    }

    fn tell(&self, notification: ServerNotification) -> BoxFuture<'_, ()> {
        self.told.lock().unwrap().push(notification);
        async {}.boxed()
    }
}

/// A call by somebody.
pub(super) fn scope_of(who: &str, client: Option<Arc<Somebody>>) -> Scope {
    Scope {
        actor: Arc::new(Actor {
            principal: Principal::new(who),
            ..Actor::local()
        }),
        client: client.map(|client| client as Arc<dyn ClientSide>),
        cancelled: CancellationToken::new(),
        patience: patience(20_000, 40_000),
        meta: Map::new(),
    }
}

pub(super) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits until something is so.
pub(super) async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}
