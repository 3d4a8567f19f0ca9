//! What clients are told without having asked: changed lists, changed resources, log messages.
//!
//! Invariant: a client is told what it subscribed to and nothing of other clients' calls.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::{join, join_all};

use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientRequest, LoggingLevel, LoggingMessageNotificationParam,
        ResourceUpdatedNotificationParam, SetLevelRequest, SetLevelRequestParams, SubscribeRequest,
        SubscribeRequestParams, UnsubscribeRequest, UnsubscribeRequestParams,
    },
    service::{Peer, SubscriptionSink},
};
use serde_json::json;
use tokio::{sync::broadcast::error::RecvError, time::timeout};

use super::{Hub, bridge::severity, resources::Place, results, visit::Visit};
use crate::{
    ServerName,
    catalogue::{Standing, View, hub_address},
    upstream::{Scope, ServerEvent, ServerState},
};

/// How long one client may keep the others waiting.
const HEARS_WITHIN: Duration = Duration::from_secs(5);
/// Resources one client may watch.
const WATCHED: usize = 1_000;

/// One client of the handshake era, or the place of one request of the stateless era.
#[derive(Default)]
pub(super) struct Conversation {
    peer: OnceLock<Peer<RoleServer>>,
    level: Mutex<Option<LoggingLevel>>,
    /// The resources it watches, by the address it used.
    watched: Mutex<HashMap<String, Place>>,
}

impl Conversation {
    /// The least level of log messages; everything until the client says.
    pub(super) fn level(&self) -> LoggingLevel {
        self.level
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or(LoggingLevel::Debug)
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<String, Place>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client of the stateless era that listens, and the resources it watches.
type Listener = (SubscriptionSink, HashMap<String, Place>);

/// Everybody who listens.
#[derive(Default)]
pub(super) struct News {
    conversations: Mutex<Vec<Weak<Conversation>>>,
    sinks: Mutex<HashMap<u64, Listener>>,
    next: AtomicU64,
    /// The most talkative level anybody asked for.
    level: Mutex<Option<LoggingLevel>>,
}

/// What of a view clients are told about.
#[derive(Default, PartialEq)]
struct Shown {
    tools: Vec<(String, String)>,
    prompts: Vec<String>,
    resources: Vec<(String, String)>,
}

impl Shown {
    /// `follows` when clients are shown the tools themselves.
    fn of(view: &View, follows: bool) -> Self {
        Self {
            tools: view
                .tools
                .iter()
                .filter(|tool| follows && tool.standing == Standing::Pinned)
                .map(|tool| (tool.name().to_owned(), tool.fingerprint.clone()))
                .collect(),
            prompts: view
                .prompts
                .iter()
                .map(|prompt| prompt.listed.name.clone())
                .collect(),
            resources: view
                .resources
                .iter()
                .map(|(server, resource)| (server.to_string(), resource.uri.clone()))
                .chain(
                    view.templates
                        .iter()
                        .map(|(server, shape)| (server.to_string(), shape.uri_template.clone())),
                )
                .collect(),
        }
    }
}

#[derive(Clone, Copy)]
enum Changed {
    Tools,
    Prompts,
    Resources,
}

impl News {
    /// A client of the handshake era is there.
    pub(super) fn arrived(&self, conversation: &Arc<Conversation>, peer: Peer<RoleServer>) {
        if conversation.peer.set(peer).is_err() {
            return;
        }
        let mut all = self.all();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(conversation));
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Conversation>>> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Vec<(Arc<Conversation>, Peer<RoleServer>)> {
        self.all()
            .iter()
            .filter_map(Weak::upgrade)
            .filter_map(|conversation| {
                let peer = conversation.peer.get()?.clone();
                (!peer.is_transport_closed()).then_some((conversation, peer))
            })
            .collect()
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Listener>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sinks(&self) -> Vec<Listener> {
        self.listeners().values().cloned().collect()
    }

    async fn tell_changed(&self, changed: Changed) {
        let present = self.present().into_iter().map(|(_, peer)| {
            told(async move {
                let _ = match changed {
                    Changed::Tools => peer.notify_tool_list_changed().await,
                    Changed::Prompts => peer.notify_prompt_list_changed().await,
                    Changed::Resources => peer.notify_resource_list_changed().await,
                };
            })
        });
        let listening = self.sinks().into_iter().map(|(sink, _)| {
            told(async move {
                let _ = match changed {
                    Changed::Tools => sink.notify_tool_list_changed().await,
                    Changed::Prompts => sink.notify_prompt_list_changed().await,
                    Changed::Resources => sink.notify_resource_list_changed().await,
                };
            })
        });
        join(join_all(present), join_all(listening)).await;
    }

    async fn tell_updated(&self, server: &ServerName, uri: &str) {
        let addresses = |watched: &HashMap<String, Place>| -> Vec<String> {
            watched
                .iter()
                .filter(|(_, place)| place.server == *server && place.uri == uri)
                .map(|(address, _)| address.clone())
                .collect()
        };
        let present = self.present().into_iter().map(|(conversation, peer)| {
            let addresses = addresses(&conversation.watched());
            told(async move {
                for address in addresses {
                    let params = ResourceUpdatedNotificationParam::new(address);
                    let _ = peer.notify_resource_updated(params).await;
                }
            })
        });
        let listening = self.sinks().into_iter().map(|(sink, watched)| {
            let addresses = addresses(&watched);
            told(async move {
                for address in addresses {
                    let _ = sink.notify_resource_updated(address).await;
                }
            })
        });
        join(join_all(present), join_all(listening)).await;
    }

    async fn tell_log(&self, server: &ServerName, level: &str, data: serde_json::Value) {
        let Ok(level) = serde_json::from_value::<LoggingLevel>(json!(level)) else {
            return;
        };
        let present = self.present().into_iter();
        let wanting = present.filter(|(of, _)| severity(level) >= severity(of.level()));
        let telling = wanting.map(|(_, peer)| {
            let params = LoggingMessageNotificationParam::new(level, data.clone())
                .with_logger(server.to_string());
            told(async move {
                let _ = peer.notify_logging_message(params).await;
            })
        });
        join_all(telling).await;
    }

    /// All resources somebody watches who is still there.
    fn watched(&self) -> HashSet<Place> {
        let mut watched: HashSet<Place> = HashSet::new();
        for (conversation, _) in self.present() {
            watched.extend(conversation.watched().values().cloned());
        }
        for (_, places) in self.sinks() {
            watched.extend(places.into_values());
        }
        watched
    }
}

/// Tells one client. One that does not read hears no more of it, and keeps nobody waiting.
async fn told(telling: impl Future<Output = ()>) {
    let _ = timeout(HEARS_WITHIN, telling).await;
}

impl Hub {
    /// Passes on what servers say by themselves, for as long as the hub is there.
    pub(super) fn pass_on_news(self: &Arc<Self>) {
        let (hub, mut revisions) = (Arc::downgrade(self), self.options.catalogue.revisions());
        let follows = self.lists.follows();
        let mut shown = Shown::of(&self.options.catalogue.view(), follows);
        tokio::spawn(async move {
            while revisions.changed().await.is_ok() {
                let Some(hub) = hub.upgrade() else { return };
                let now = Shown::of(&hub.options.catalogue.view(), follows);
                if now.tools != shown.tools {
                    hub.news.tell_changed(Changed::Tools).await;
                }
                if now.prompts != shown.prompts {
                    hub.news.tell_changed(Changed::Prompts).await;
                }
                if now.resources != shown.resources {
                    hub.news.tell_changed(Changed::Resources).await;
                }
                shown = now;
            }
        });
        let (hub, mut events) = (Arc::downgrade(self), self.options.servers.events());
        tokio::spawn(async move {
            loop {
                let event = match events.recv().await {
                    Ok(event) => event,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "servers said more than could be passed on");
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                };
                let Some(hub) = hub.upgrade() else { return };
                match event {
                    ServerEvent::ResourceUpdated(server, uri) => {
                        hub.news.tell_updated(&server, &uri).await;
                    }
                    ServerEvent::Log {
                        server,
                        level,
                        data,
                    } => hub.news.tell_log(&server, &level, data).await,
                    ServerEvent::State(server, ServerState::Ready) => {
                        hub.remind(&server).await;
                    }
                    _ => {}
                }
            }
        });
    }

    /// Tells a server that has come up again what clients asked of it before.
    async fn remind(&self, server: &ServerName) {
        let level = *self
            .news
            .level
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = level {
            self.set_level_of(server, level).await;
        }
        let watched = self.news.watched();
        for place in watched.iter().filter(|place| place.server == *server) {
            let params = SubscribeRequestParams::new(place.uri.clone());
            let request = SubscribeRequest::new(params);
            let request = ClientRequest::SubscribeRequest(request);
            let _ = self
                .options
                .servers
                .request(server, request, &Scope::background())
                .await;
        }
    }

    /// A client of the handshake era chooses its level of log messages.
    pub(super) async fn set_level(&self, conversation: &Conversation, level: LoggingLevel) {
        *conversation
            .level
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(level);
        let most = self
            .news
            .present()
            .iter()
            .map(|(conversation, _)| conversation.level())
            .chain([level])
            .min_by_key(|level| severity(*level))
            .unwrap_or(level);
        {
            let mut kept = self
                .news
                .level
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if *kept == Some(most) {
                return;
            }
            *kept = Some(most);
        }
        for server in self.options.servers.names() {
            let ready = self
                .options
                .servers
                .status(&server)
                .is_some_and(|status| status.state == ServerState::Ready);
            if ready {
                self.set_level_of(&server, most).await;
            }
        }
    }

    async fn set_level_of(&self, server: &ServerName, level: LoggingLevel) {
        let logs = self
            .options
            .servers
            .status(server)
            .and_then(|status| status.info)
            .is_some_and(|info| info.capabilities.logging.is_some());
        if !logs {
            return;
        }
        let request = SetLevelRequest::new(SetLevelRequestParams::new(level));
        let request = ClientRequest::SetLevelRequest(request);
        let set = self
            .options
            .servers
            .request(server, request, &Scope::background())
            .await;
        if let Err(fault) = set {
            tracing::debug!(%server, %fault, "a server did not take the level of log messages");
        }
    }

    /// A client of the handshake era watches a resource.
    pub(super) async fn watch(
        &self,
        visit: &Visit,
        conversation: &Conversation,
        uri: String,
    ) -> Result<(), ErrorData> {
        if conversation.watched().contains_key(&uri) {
            return Ok(());
        }
        if conversation.watched().len() >= WATCHED {
            return Err(too_many());
        }
        let place = self.place(&uri).await?;
        self.begin_watching(visit, &place).await?;
        conversation.watched().insert(uri, place);
        Ok(())
    }

    /// It watches it no more.
    pub(super) async fn unwatch(&self, visit: &Visit, conversation: &Conversation, uri: &str) {
        let place = conversation.watched().remove(uri);
        if let Some(place) = place {
            self.end_watching(visit, &place).await;
        }
    }

    /// A client of the stateless era listens until it leaves.
    pub(super) async fn listen_with(
        &self,
        visit: &Visit,
        sink: SubscriptionSink,
        left: impl Future<Output = ()>,
    ) -> Result<(), ErrorData> {
        let wanted: HashSet<String> = sink
            .accepted()
            .resource_subscriptions
            .iter()
            .flatten()
            .cloned()
            .collect();
        if wanted.len() > WATCHED {
            return Err(too_many());
        }
        let key = self.news.next.fetch_add(1, Ordering::Relaxed);
        self.news.listeners().insert(key, (sink, HashMap::new()));
        let watching = async {
            for uri in wanted {
                let begun = match self.place(&uri).await {
                    Ok(place) => self.begin_watching(visit, &place).await.map(|()| place),
                    Err(error) => Err(error),
                };
                match (begun, self.news.listeners().get_mut(&key)) {
                    (Ok(place), Some((_, watched))) => {
                        watched.insert(uri, place);
                    }
                    (Ok(_), None) => {}
                    // The protocol has no way to say so once the subscription stands.
                    (Err(error), _) => {
                        tracing::info!(uri, %error, "a resource somebody listens to is not watched");
                    }
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = left => {}
            () = watching => {}
        }
        let mine = self.news.listeners().remove(&key);
        for place in mine.iter().flat_map(|(_, watched)| watched.values()) {
            self.end_watching(visit, place).await;
        }
        Ok(())
    }

    async fn begin_watching(&self, visit: &Visit, place: &Place) -> Result<(), ErrorData> {
        if self.news.watched().contains(place) {
            return Ok(());
        }
        let params = SubscribeRequestParams::new(place.uri.clone());
        let request = ClientRequest::SubscribeRequest(SubscribeRequest::new(params));
        self.ask_server(visit, &place.server, request)
            .await
            .map(|_| ())
            .map_err(|fault| results::error(&fault))
    }

    async fn end_watching(&self, visit: &Visit, place: &Place) {
        if self.news.watched().contains(place) {
            return;
        }
        let params = UnsubscribeRequestParams::new(place.uri.clone());
        let request = ClientRequest::UnsubscribeRequest(UnsubscribeRequest::new(params));
        if let Err(fault) = self.ask_server(visit, &place.server, request).await {
            let uri = hub_address(&place.server, &place.uri);
            tracing::debug!(uri, %fault, "a server did not take the end of a subscription");
        }
    }
}

fn too_many() -> ErrorData {
    ErrorData::invalid_params(
        format!("one client may watch {WATCHED} resources: end a subscription first"),
        None,
    )
}
