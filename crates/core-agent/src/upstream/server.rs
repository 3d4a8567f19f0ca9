//! One configured server: its lines, how it is doing, what it is asked.
//!
//! Invariant: a person's requests over a bound conversation never meet another person's.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use rmcp::model::{ClientRequest, ServerResult};
use serde_json::Value;
use tokio::time::Instant;

use crate::{Actor, Effect, Fault, FaultKind, ServerName, config::ServerConfig};

use super::{
    Scope, ServerEvent, ServerInfo, ServerState, ServerStatus,
    http::{Bound, HttpDoor, Relay},
    keeper, life,
    line::Line,
    link::Link,
    manager::Shared,
    memory,
    stdio::StderrRing,
};

/// People who may each have a conversation of their own with one server.
const LINES: usize = 2_000;

/// Lists are believed for so long at least, whatever the server says.
const LISTS_HOLD: Duration = Duration::from_secs(2);

/// One configured server.
pub(super) struct Server {
    base: Arc<Base>,
    lines: Arc<Mutex<Lines>>,
}

type Lines = HashMap<Option<Bound>, Arc<Side>>;

/// One person's side of a server, or everybody's.
pub(super) struct Side {
    line: Arc<Line>,
    relay: Option<Relay>,
}

/// What all sides of a server share.
pub(super) struct Base {
    pub(super) name: ServerName,
    pub(super) config: ServerConfig,
    pub(super) shared: Arc<Shared>,
    pub(super) target: String,
    pub(super) http: Option<Arc<HttpDoor>>,
    /// What is wrong with the configuration, when it cannot be used at all.
    wrong: Option<Fault>,
    pub(super) words: Arc<StderrRing>,
    starts: AtomicU64,
    order: Arc<memory::Order>,
    has_listed: AtomicBool,
    said: Mutex<Said>,
    lines: Weak<Mutex<Lines>>,
}

/// How a server is doing, in its own words and ours.
struct Said {
    state: ServerState,
    info: Option<Arc<ServerInfo>>,
    last_fault: Option<Fault>,
    containment: Vec<String>,
    /// When its lists are no longer to be believed.
    stale: Option<Instant>,
}

impl Server {
    pub(super) fn new(name: ServerName, config: ServerConfig, shared: Arc<Shared>) -> Self {
        let lines = Arc::new(Mutex::new(Lines::new()));
        let target = memory::target(&config);
        let options = &shared.options;
        let state = if !config.enabled {
            ServerState::Disabled
        } else if memory::is_known(&options.store, &name, &target) {
            ServerState::Known
        } else {
            ServerState::Configured
        };
        let (http, wrong) = match (&config.url, &config.command) {
            (Some(_), None) => {
                let door = HttpDoor::new(
                    &name,
                    &config,
                    options.secrets.clone(),
                    options.sign_in.clone(),
                    shared.pool.clone(),
                    options.config.calls.answer_bytes,
                    options.clock.clone(),
                );
                match door {
                    Ok(door) => (Some(Arc::new(door)), None),
                    Err(fault) => (None, Some(fault)),
                }
            }
            (None, Some(_)) => (None, None),
            _ => {
                let what = "it needs either a command or a url";
                (
                    None,
                    Some(Fault::before(&name, FaultKind::NotAvailable, what)),
                )
            }
        };
        let redactor = options.secrets.redactor();
        let words = StderrRing::new(
            Arc::new(move |line: &str| redactor.scrub(line).into_owned()),
            options.clock.clone(),
            Some(super::stdio::log_file(&options.state, &name)),
        );
        let base = Base {
            name,
            config,
            target,
            http,
            wrong,
            words,
            starts: AtomicU64::new(0),
            order: Arc::default(),
            has_listed: AtomicBool::new(false),
            said: Mutex::new(Said {
                state,
                info: None,
                last_fault: None,
                containment: Vec::new(),
                stale: None,
            }),
            lines: Arc::downgrade(&lines),
            shared,
        };
        Self {
            base: Arc::new(base),
            lines,
        }
    }

    /// Makes sure that the server is there and its lists are taken up.
    pub(super) async fn ensure(&self, scope: &Scope) -> Result<Arc<ServerInfo>, Fault> {
        let side = self.side(scope).await?;
        let link = side.line.acquire(scope).await?;
        tokio::select! {
            () = link.listed(scope.patience.cap) => {}
            () = scope.cancelled.cancelled() => {}
        }
        if self.base.has_become_stale() {
            keeper::list(&side.line, &link).await;
        }
        Ok(link.conversation.info().clone())
    }

    /// Asks the server. What it did not take is asked once more.
    pub(super) async fn request(
        &self,
        request: ClientRequest,
        scope: &Scope,
    ) -> Result<ServerResult, Fault> {
        let side = self.side(scope).await?;
        let link = ready_for(&side, &request, scope).await?;
        let again = request.clone();
        match link.request(request, scope).await {
            Err(fault) if not_taken(&fault, scope) => {
                side.line.discard(&link);
                let link = ready_for(&side, &again, scope).await?;
                let answer = link.request(again, scope).await;
                answer.inspect_err(|fault| self.base.noted(fault.clone()))
            }
            answer => answer.inspect_err(|fault| self.base.noted(fault.clone())),
        }
    }

    /// Asks the server in the words of somebody else.
    pub(super) async fn relay(&self, message: Value, scope: &Scope) -> Result<Value, Fault> {
        let side = self.side(scope).await?;
        if let Some(relay) = &side.relay {
            let answer = relay.exchange(message, scope).await;
            return answer.inspect_err(|fault| self.base.noted(fault.clone()));
        }
        let link = side.line.acquire(scope).await?;
        match link.relay(message.clone(), scope).await {
            Err(fault) if not_taken(&fault, scope) => {
                side.line.discard(&link);
                side.line.acquire(scope).await?.relay(message, scope).await
            }
            answer => answer,
        }
    }

    /// Ends all conversations. The next request starts anew.
    pub(super) async fn stop(&self) {
        // They stay where they are: whoever waits at one must not start a second server there.
        let all: Vec<_> = lock(&self.lines).values().cloned().collect();
        join_all(all.iter().map(|side| async {
            if let Some(relay) = &side.relay {
                relay.begin_anew();
            }
            side.line.stop().await;
        }))
        .await;
        let (known, starting) = {
            let said = self.base.said();
            (said.info.is_some(), said.state == ServerState::Starting)
        };
        if known {
            self.base.become_state(ServerState::Known);
        } else if starting {
            self.base.become_state(ServerState::Configured);
        }
    }

    /// Starts it without waiting for it.
    pub(super) fn begin(self: &Arc<Self>) {
        if !self.base.config.enabled {
            return;
        }
        let server = self.clone();
        tokio::spawn(async move {
            if let Err(fault) = server.ensure(&Scope::background()).await
                && !server.base.shared.stopping.is_cancelled()
            {
                tracing::warn!(%fault, "a server that starts with the hub did not");
            }
        });
    }

    pub(super) fn status(&self) -> ServerStatus {
        self.base.status()
    }

    /// The last words of its program.
    pub(super) fn words(&self) -> Arc<StderrRing> {
        self.base.words.clone()
    }

    /// The side of the server a request belongs to.
    async fn side(&self, scope: &Scope) -> Result<Arc<Side>, Fault> {
        if !self.base.config.enabled {
            let what = "the configuration switches it off";
            return Err(Fault::before(&self.base.name, FaultKind::Disabled, what)
                .hint("set enabled = true to use it"));
        }
        if let Some(wrong) = &self.base.wrong {
            return Err(wrong.clone());
        }
        let bound = match &self.base.http {
            Some(door) => door.bound(&scope.actor).await?,
            None => None,
        };
        let mut lines = lock(&self.lines);
        if let Some(side) = lines.get(&bound) {
            return Ok(side.clone());
        }
        if !has_room(&mut lines, LINES, |side| side.line.is_idle()) {
            let what = format!("{LINES} people have conversations with it already");
            return Err(Fault::before(&self.base.name, FaultKind::Busy, what));
        }
        let common = bound.is_none();
        let actor = if common {
            Arc::new(Actor::local())
        } else {
            scope.actor.clone()
        };
        let relay = self
            .base
            .http
            .as_ref()
            .map(|door| Relay::new(door.clone(), actor.clone(), self.base.clone()));
        let side = Arc::new(Side {
            line: Arc::new(Line::new(self.base.clone(), actor, common)),
            relay,
        });
        lines.insert(bound, side.clone());
        Ok(side)
    }
}

/// The server, with what it takes to make this request.
async fn ready_for(
    side: &Side,
    request: &ClientRequest,
    scope: &Scope,
) -> Result<Arc<Link>, Fault> {
    let link = side.line.acquire(scope).await?;
    if link.wants_lists() && matches!(request, ClientRequest::CallToolRequest(_)) {
        link.listed(scope.patience.idle).await;
    }
    Ok(link)
}

/// Whether a request that failed so may be asked once more: the server never had it.
fn not_taken(fault: &Fault, scope: &Scope) -> bool {
    fault.kind == FaultKind::Closed
        && fault.effect == Effect::None
        && !scope.cancelled.is_cancelled()
}

impl Base {
    /// Whether this is the first to read the lists since the hub started.
    pub(super) fn first_to_list(&self) -> bool {
        !self.has_listed.load(Ordering::Acquire)
    }

    /// The lists were read and may be believed for so long.
    pub(super) fn listed(&self, keep: Option<Duration>) {
        self.has_listed.store(true, Ordering::Release);
        self.said().stale = keep.map(|keep| Instant::now() + keep.max(LISTS_HOLD));
    }

    /// Whether the lists are to be read again; one caller is told so.
    fn has_become_stale(&self) -> bool {
        let mut said = self.said();
        let due = said.stale.is_some_and(|stale| stale <= Instant::now());
        if due {
            said.stale = None;
        }
        due
    }

    pub(super) fn tell(&self, event: ServerEvent) {
        // Without listeners nobody misses it.
        let _ = self.shared.events.send(event);
    }

    pub(super) fn starting(&self, _: &Line) {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.become_state(ServerState::Starting);
    }

    pub(super) fn ready(&self, line: &Line, link: &Link) {
        {
            let mut said = self.said();
            said.info = Some(link.conversation.info().clone());
            if line.common
                && let Some(program) = &link.program
            {
                said.containment = program.child.containment().to_vec();
            }
        }
        self.become_state(ServerState::Ready);
    }

    pub(super) fn failed(&self, line: &Line, fault: Fault) {
        tracing::warn!(server = %self.name, %fault, "a server is not there");
        let state = life::state_after(fault.kind);
        self.said().last_fault = Some(fault);
        // One person's trouble is not everybody's.
        if line.common || self.links().is_empty() {
            self.become_state(state);
        }
    }

    /// Keeps a failure in mind that does not change what the server is.
    pub(super) fn noted(&self, fault: Fault) {
        if !matches!(fault.kind, FaultKind::Cancelled | FaultKind::Rejected) {
            self.said().last_fault = Some(fault);
        }
    }

    /// A line's link is gone; a line of one person goes with it.
    pub(super) fn gone(&self, line: &Arc<Line>) {
        let Some(lines) = self.lines.upgrade() else {
            return;
        };
        if !line.common {
            lock(&lines).retain(|_, side| {
                // Whoever holds it is about to use it again.
                let unused = Arc::strong_count(side) == 1 && line.is_idle();
                !(Arc::ptr_eq(&side.line, line) && unused)
            });
        }
    }

    pub(super) fn become_state(&self, state: ServerState) {
        let changed = {
            let mut said = self.said();
            std::mem::replace(&mut said.state, state) != state
        };
        if changed {
            self.tell(ServerEvent::State(self.name.clone(), state));
            self.keep_status();
        }
    }

    /// Writes down how it is doing, for other processes.
    pub(super) fn keep_status(&self) {
        let options = &self.shared.options;
        // Numbered before it is looked at: tasks do not run in the order they are spawned.
        let order = (self.order.clone(), self.order.next());
        let (store, status) = (options.store.clone(), self.status());
        let at = options.clock.now().as_millisecond();
        tokio::spawn(async move {
            if let Err(error) = memory::keep_status(&store, status, at, order).await {
                tracing::debug!(%error, "how a server is doing was not written down");
            }
        });
    }

    pub(super) fn status(&self) -> ServerStatus {
        let links = self.links();
        let program = links.iter().find_map(|link| link.program.as_ref());
        let said = self.said();
        ServerStatus {
            server: self.name.clone(),
            state: said.state,
            info: said.info.clone(),
            pid: program.and_then(|program| program.child.pid()),
            starts: self.starts.load(Ordering::Relaxed),
            in_flight: links.iter().map(|link| link.conversation.in_flight()).sum(),
            last_fault: said.last_fault.clone(),
            containment: said.containment.clone(),
        }
    }

    fn links(&self) -> Vec<Arc<Link>> {
        let Some(lines) = self.lines.upgrade() else {
            return Vec::new();
        };
        let sides: Vec<_> = lock(&lines).values().cloned().collect();
        sides
            .iter()
            .filter_map(|side| side.line.current())
            .collect()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one more fits. When there are too many, those nobody uses make room: people whose
/// sign-in failed, or whose messages were only relayed.
fn has_room<K: Eq + std::hash::Hash, V>(
    all: &mut HashMap<K, Arc<V>>,
    most: usize,
    is_idle: impl Fn(&V) -> bool,
) -> bool {
    if all.len() >= most {
        // Clones are made under the lock that is held now: a single owner is the map itself.
        all.retain(|_, one| Arc::strong_count(one) > 1 || !is_idle(one));
    }
    all.len() < most
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_nobody_uses_make_room_and_no_others() {
        let mut all: HashMap<usize, Arc<bool>> = HashMap::new();
        for (number, idle) in [false, true, true].into_iter().enumerate() {
            assert!(has_room(&mut all, 3, |idle| *idle));
            all.insert(number, Arc::new(idle));
        }
        let held = all[&1].clone();
        assert!(has_room(&mut all, 3, |idle| *idle));
        let mut left: Vec<_> = all.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [0, 1]);
        assert!(!has_room(&mut all, 2, |idle| *idle));
        drop(held);
        assert!(has_room(&mut all, 2, |idle| *idle));
    }
}
