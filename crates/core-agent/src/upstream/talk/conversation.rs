//! A conversation: opened with a greeting, asked, listened to, closed.
//!
//! Invariant: every request ends, with an answer or a fault that says what is known of its
//! effect; a caller that gave up is told to the server.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_service::Era;
use rmcp::{
    RoleClient,
    model::{
        CancelledNotification, CancelledNotificationParam, ClientCapabilities, ClientConfig,
        ClientRequest, ElicitationCapability, FormElicitationCapability, GetExtensions,
        Implementation, MetaObject, ProgressToken, RequestId, RequestMetaObject,
        ServerNotification, ServerPeerInfo, ServerResult, SubscriptionFilter,
        UrlElicitationCapability,
    },
    service::{
        Peer, PeerRequestOptions, RequestHandle, RunningService, ServiceError, Subscription,
        serve_directly_with_ct,
    },
    transport::Transport,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Fault, FaultKind, ServerName,
    upstream::{Scope, ServerInfo},
};

use super::{
    Greeting, NoGreeting,
    ear::{Changed, Ear, Heard, Told},
    flights::{Flight, Flights},
    greet::greet,
    tap::Tap,
};

/// How long a word of progress may take to be passed on.
const TELL_WITHIN: Duration = Duration::from_secs(2);
/// How long a cancellation may take to be written.
const CANCEL_WITHIN: Duration = Duration::from_secs(2);
/// How long a conversation may take to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What a conversation is opened with.
pub(in crate::upstream) struct Opening {
    /// The server.
    pub(in crate::upstream) server: ServerName,
    /// The first words.
    pub(in crate::upstream) greeting: Greeting,
    /// How long the first answer may take.
    pub(in crate::upstream) within: Duration,
    /// Turns a carrier's failure into a fault.
    pub(in crate::upstream) explain: Explain,
}

/// Turns a carrier's failure into a fault; the flag says whether the request may have arrived.
pub(in crate::upstream) type Explain =
    Arc<dyn Fn(&ServerName, &(dyn std::error::Error + 'static)) -> Fault + Send + Sync>;

/// Something a server said by itself.
#[derive(Debug)]
pub(in crate::upstream) enum Word {
    /// Some of its lists changed.
    Changed(Changed),
    /// A resource changed.
    Updated(String),
    /// A log message of no request.
    Log {
        /// The level.
        level: String,
        /// What it says.
        data: serde_json::Value,
    },
}

/// A conversation with one server.
pub(in crate::upstream) struct Conversation {
    server: ServerName,
    info: Arc<ServerInfo>,
    peer: Peer<RoleClient>,
    running: Mutex<Option<RunningService<RoleClient, Ear>>>,
    flights: Arc<Flights>,
    heard: Heard,
    told: tokio::sync::Mutex<mpsc::Receiver<Told>>,
    over: CancellationToken,
    explain: Explain,
}

impl Conversation {
    /// Greets the server at the other end of `carrier` and begins.
    pub(in crate::upstream) async fn open<T>(
        mut carrier: T,
        opening: &Opening,
    ) -> Result<Self, NoGreeting<T::Error>>
    where
        T: Transport<RoleClient> + 'static,
    {
        let about = about();
        let greeted = greet(&mut carrier, &about, opening.greeting, opening.within).await;
        let said = match greeted {
            Ok(said) => said,
            Err(no) => {
                let _ = timeout(CLOSE_WITHIN, carrier.close()).await;
                return Err(no);
            }
        };
        let flights = Arc::new(Flights::default());
        let (heard, told) = Heard::new();
        let over = CancellationToken::new();
        let ear = Ear {
            about,
            flights: flights.clone(),
            heard: heard.clone(),
        };
        let tap = Tap::new(carrier, flights.clone(), heard.clone(), over.clone());
        let info = Arc::new(describe(&said, &opening.server));
        let running = serve_directly_with_ct(ear, tap, Some(said), CancellationToken::new());
        Ok(Self {
            server: opening.server.clone(),
            info,
            peer: running.peer().clone(),
            running: Mutex::new(Some(running)),
            flights,
            heard,
            told: tokio::sync::Mutex::new(told),
            over,
            explain: opening.explain.clone(),
        })
    }

    /// The server.
    pub(in crate::upstream) fn server(&self) -> &ServerName {
        &self.server
    }

    /// What the server said of itself.
    pub(in crate::upstream) fn info(&self) -> &Arc<ServerInfo> {
        &self.info
    }

    /// Requests at work.
    pub(in crate::upstream) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing more can be asked.
    pub(in crate::upstream) fn is_over(&self) -> bool {
        self.over.is_cancelled() || self.peer.is_transport_closed()
    }

    /// Waits until nothing more can be asked.
    pub(in crate::upstream) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// The next thing the server says by itself. One listener at a time.
    pub(in crate::upstream) async fn listen(&self) -> Option<Word> {
        let mut told = self.told.lock().await;
        tokio::select! {
            changed = self.heard.changed() => Some(Word::Changed(changed)),
            told = told.recv() => Some(match told? {
                Told::Updated(uri) => Word::Updated(uri),
                Told::Log { level, data } => Word::Log { level, data },
            }),
            () = self.over.cancelled() => None,
        }
    }

    /// Has the server say by itself what `filter` names. For the new era.
    pub(in crate::upstream) async fn subscribe(
        &self,
        filter: SubscriptionFilter,
        within: Duration,
    ) -> Result<Subscription, ServiceError> {
        match timeout(within, self.peer.listen(filter)).await {
            Ok(opened) => opened,
            Err(_) => Err(ServiceError::Timeout { timeout: within }),
        }
    }

    /// Takes what came by a subscription like anything else the server says.
    pub(in crate::upstream) fn hear(&self, notification: ServerNotification) {
        self.heard.notification(notification);
    }

    /// Ends the conversation.
    pub(in crate::upstream) async fn close(&self) {
        self.over.cancel();
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut running) = running {
            let _ = running.close_with_timeout(CLOSE_WITHIN).await;
        }
    }

    /// Asks the server, once.
    pub(in crate::upstream) async fn request(
        &self,
        mut request: ClientRequest,
        scope: &Scope,
    ) -> Result<ServerResult, Fault> {
        let (operation, asks) = describe_request(&request);
        let (flight, mut words) =
            Flight::new(scope.actor.clone(), scope.client.clone(), operation, asks);
        request.extensions_mut().insert(flight.clone());
        let options = PeerRequestOptions::no_options().with_meta(self.meta(scope));
        let began = Instant::now();
        let handle = tokio::select! {
            biased;
            () = scope.cancelled.cancelled() => return Err(self.given_up(&flight)),
            () = self.over.cancelled() => return Err(self.ended(&flight)),
            handle = self.peer.send_request_with_option(request, options) => handle,
        };
        let handle = handle.map_err(|_| self.ended(&flight))?;
        let mut landing = Landing {
            flights: &self.flights,
            peer: &self.peer,
            id: handle.id.clone(),
            token: handle.progress_token.clone(),
            abandoned: true,
        };
        let answer = self.wait(handle, &flight, &mut words, scope, began).await;
        landing.abandoned = false;
        answer
    }

    async fn wait(
        &self,
        mut handle: RequestHandle<RoleClient>,
        flight: &Arc<Flight>,
        words: &mut mpsc::Receiver<ServerNotification>,
        scope: &Scope,
        began: Instant,
    ) -> Result<ServerResult, Fault> {
        let cap = began + scope.patience.cap;
        let mut idle = began + scope.patience.idle;
        let answer = loop {
            tokio::select! {
                biased;
                () = scope.cancelled.cancelled() => {
                    self.cancel(handle, "the caller gave up").await;
                    return Err(self.given_up(flight));
                }
                word = words.recv() => {
                    if let Some(word) = word {
                        idle = Instant::now() + scope.patience.idle;
                        tell(word, scope).await;
                    }
                }
                answer = &mut handle.rx => break answer,
                () = self.over.cancelled() => {
                    // What is already there is still an answer.
                    match handle.rx.try_recv() {
                        Ok(answer) => break Ok(answer),
                        Err(_) => return Err(self.ended(flight)),
                    }
                }
                () = sleep_until(cap) => {
                    self.cancel(handle, "it took too long altogether").await;
                    return Err(self.late(flight, scope.patience.cap, "altogether"));
                }
                () = sleep_until(idle) => {
                    if flight.asking() {
                        idle = Instant::now() + scope.patience.idle;
                        continue;
                    }
                    self.cancel(handle, "no answer and no progress in time").await;
                    return Err(self.late(flight, scope.patience.idle, "without a word"));
                }
            }
        };
        while let Ok(word) = words.try_recv() {
            tell(word, scope).await;
        }
        match answer {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(self.fault(error, flight)),
            Err(_) => Err(self.ended(flight)),
        }
    }

    /// What is said beside the request: what the caller adds, and in the new era what the client
    /// behind it can answer.
    fn meta(&self, scope: &Scope) -> RequestMetaObject {
        let mut meta = RequestMetaObject(MetaObject(scope.meta.clone()));
        if self.info.era == Era::Stateless {
            let can = scope.client.as_ref().map(|client| client.capabilities());
            meta.set_client_capabilities(can.unwrap_or_default());
        }
        meta
    }

    async fn cancel(&self, handle: RequestHandle<RoleClient>, why: &str) {
        let _ = timeout(CANCEL_WITHIN, handle.cancel(Some(why.to_owned()))).await;
    }

    fn effect(flight: &Flight) -> Effect {
        if flight.begun() {
            Effect::Unknown
        } else {
            Effect::None
        }
    }

    fn given_up(&self, flight: &Flight) -> Fault {
        Fault {
            effect: Self::effect(flight),
            ..Fault::before(&self.server, FaultKind::Cancelled, "the caller gave up")
        }
    }

    fn ended(&self, flight: &Flight) -> Fault {
        if let Some(fault) = flight.troubled() {
            return fault;
        }
        let what = if flight.begun() {
            "the conversation broke off before the answer"
        } else {
            "the conversation had ended"
        };
        Fault {
            effect: Self::effect(flight),
            ..Fault::before(&self.server, FaultKind::Closed, what)
        }
    }

    fn late(&self, flight: &Flight, waited: Duration, how: &str) -> Fault {
        let what = format!("no answer after {} s {how}", waited.as_secs_f32());
        Fault {
            effect: Self::effect(flight),
            ..Fault::before(&self.server, FaultKind::TimedOut, what)
        }
    }

    fn fault(&self, error: ServiceError, flight: &Flight) -> Fault {
        match error {
            ServiceError::McpError(error) => Fault::rejected(&self.server, error),
            ServiceError::TransportSend(error) => {
                (self.explain)(&self.server, error.error.as_ref())
            }
            ServiceError::Cancelled { reason } => {
                let why = reason.unwrap_or_else(|| "no reason given".into());
                Fault::after(&self.server, FaultKind::Cancelled, why)
            }
            ServiceError::UnexpectedResponse => Fault {
                effect: Effect::Answered,
                ..Fault::before(
                    &self.server,
                    FaultKind::Protocol,
                    "the answer is not of the kind that was asked for",
                )
            },
            _ => self.ended(flight),
        }
    }
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation")
            .field("server", &self.server)
            .field("era", &self.info.era)
            .finish_non_exhaustive()
    }
}

/// Takes a request off the list of those at work. When its caller was dropped, the server is
/// told.
struct Landing<'a> {
    flights: &'a Flights,
    peer: &'a Peer<RoleClient>,
    id: RequestId,
    token: ProgressToken,
    abandoned: bool,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.landed(&self.id, &self.token);
        if !self.abandoned {
            return;
        }
        let (peer, id) = (self.peer.clone(), self.id.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let why = "the caller gave up".to_owned();
                let params = CancelledNotificationParam::new(Some(id), Some(why));
                let word = CancelledNotification::new(params);
                let _ = timeout(CANCEL_WITHIN, peer.send_notification(word.into())).await;
            });
        }
    }
}

async fn tell(mut word: ServerNotification, scope: &Scope) {
    let Some(client) = &scope.client else { return };
    if let ServerNotification::ProgressNotification(progress) = &mut word
        && let Some(theirs) = scope.meta.get("progressToken")
        && let Ok(token) = serde_json::from_value(theirs.clone())
    {
        progress.params.progress_token = token;
    }
    let _ = timeout(TELL_WITHIN, client.tell(word)).await;
}

/// What a request is, for people, and whether a server may ask something while it works on it.
fn describe_request(request: &ClientRequest) -> (String, bool) {
    let method = request.method();
    match request {
        ClientRequest::CallToolRequest(call) => (format!("{method} {}", call.params.name), true),
        ClientRequest::GetPromptRequest(prompt) => {
            (format!("{method} {}", prompt.params.name), true)
        }
        ClientRequest::ReadResourceRequest(_)
        | ClientRequest::CompleteRequest(_)
        | ClientRequest::GetTaskRequest(_)
        | ClientRequest::CustomRequest(_) => (method.to_owned(), true),
        _ => (method.to_owned(), false),
    }
}

/// What the hub says of itself. In the handshake it must promise beforehand what any client
/// behind it may be able to answer; a question that turns out unanswerable is declined.
fn about() -> ClientConfig {
    let mut elicitation = ElicitationCapability::default();
    elicitation.form = Some(FormElicitationCapability::default());
    elicitation.url = Some(UrlElicitationCapability::default());
    #[expect(deprecated, reason = "servers of the handshake era still use them")]
    let capabilities = ClientCapabilities::builder()
        .enable_elicitation_with(elicitation)
        .enable_sampling()
        .enable_roots()
        .build();
    ClientConfig::new(
        capabilities,
        Implementation::new("core-agent", env!("CARGO_PKG_VERSION")).with_title("core-agent hub"),
    )
}

fn describe(said: &ServerPeerInfo, server: &ServerName) -> ServerInfo {
    let era = if said.protocol_version.has_initialize() {
        Era::Handshake
    } else {
        Era::Stateless
    };
    ServerInfo {
        program: said
            .server_info
            .clone()
            .unwrap_or_else(|| Implementation::new(server.as_str(), "")),
        protocol: said.protocol_version.as_str().to_owned(),
        era,
        capabilities: said.capabilities.clone(),
        instructions: said.instructions.clone(),
    }
}
