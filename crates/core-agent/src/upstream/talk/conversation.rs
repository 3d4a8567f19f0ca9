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

/// How long a word of progress may take to be passed on, and those that came before an answer
/// together.
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
            flight: &flight,
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
                // Before the words: a server that never stops talking is given up too.
                () = sleep_until(cap) => {
                    self.cancel(handle, "it took too long altogether").await;
                    return Err(self.late(flight, scope.patience.cap, "altogether"));
                }
                answer = &mut handle.rx => break answer,
                word = words.recv() => {
                    if let Some(word) = word {
                        idle = Instant::now() + scope.patience.idle;
                        tell(word, scope).await;
                    }
                }
                () = self.over.cancelled() => {
                    // What is already there is still an answer.
                    match handle.rx.try_recv() {
                        Ok(answer) => break Ok(answer),
                        Err(_) => return Err(self.ended(flight)),
                    }
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
        // What was said before the answer, and nothing that is said after it.
        words.close();
        let rest = async {
            while let Ok(word) = words.try_recv() {
                tell(word, scope).await;
            }
        };
        let _ = timeout(TELL_WITHIN, rest).await;
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
        if flight.give_up() {
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
        let effect = Self::effect(flight);
        let what = match effect {
            Effect::None => "the conversation had ended",
            _ => "the conversation broke off before the answer",
        };
        Fault {
            effect,
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
    flight: &'a Flight,
    peer: &'a Peer<RoleClient>,
    id: RequestId,
    token: ProgressToken,
    abandoned: bool,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.landed(&self.id, &self.token, self.flight);
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

#[cfg(test)]
mod tests {
    use futures::future::{BoxFuture, FutureExt};
    use rmcp::{
        model::{
            CallToolRequest, CallToolRequestParams, ClientResult, ErrorData, ServerJsonRpcMessage,
            ServerRequest,
        },
        service::{RxJsonRpcMessage, TxJsonRpcMessage},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::{ClientSide, upstream::Patience};

    /// A server that never stops telling its progress, and answers after so many words or never.
    struct Talker {
        answers_after: u64,
        said: u64,
        call: Option<Value>,
        next: Option<Value>,
    }

    impl Transport<RoleClient> for Talker {
        type Error = std::io::Error;

        fn send(
            &mut self,
            item: TxJsonRpcMessage<RoleClient>,
        ) -> impl Future<Output = std::io::Result<()>> + Send + 'static {
            let message = serde_json::to_value(&item).unwrap();
            match message["method"].as_str() {
                Some("initialize") => {
                    self.next = Some(json!({"jsonrpc": "2.0", "id": message["id"], "result": {
                        "protocolVersion": "2025-11-25",
                        "capabilities": {},
                        "serverInfo": {"name": "talker", "version": "1"},
                    }}));
                }
                Some("tools/call") => self.call = Some(message),
                _ => {}
            }
            std::future::ready(Ok(()))
        }

        async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
            loop {
                tokio::task::yield_now().await;
                let next = match (self.next.take(), &self.call) {
                    (Some(next), _) => next,
                    (None, Some(call)) => {
                        self.said += 1;
                        if self.said == self.answers_after {
                            json!({"jsonrpc": "2.0", "id": call["id"], "result": {"content": []}})
                        } else {
                            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
                                "progressToken": call["params"]["_meta"]["progressToken"],
                                "progress": self.said,
                            }})
                        }
                    }
                    (None, None) => continue,
                };
                return Some(serde_json::from_value::<ServerJsonRpcMessage>(next).unwrap());
            }
        }

        async fn close(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A client that takes its time to hear.
    struct Slow;

    impl ClientSide for Slow {
        fn capabilities(&self) -> ClientCapabilities {
            ClientCapabilities::default()
        }
        fn ask(&self, _: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>> {
            async { Ok(ClientResult::empty(())) }.boxed()
        }
        fn tell(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
            tokio::time::sleep(Duration::from_millis(5)).boxed()
        }
    }

    /// What a call to such a server comes to.
    async fn call(answers_after: u64, cap: Duration) -> Result<ServerResult, Fault> {
        let talker = Talker {
            answers_after,
            said: 0,
            call: None,
            next: None,
        };
        let opening = Opening {
            server: "talker".parse().unwrap(),
            greeting: Greeting::Handshake,
            within: Duration::from_secs(30),
            explain: Arc::new(|server, error| {
                Fault::after(server, FaultKind::Closed, error.to_string())
            }),
        };
        let conversation = Conversation::open(talker, &opening).await.unwrap();
        let scope = Scope {
            client: Some(Arc::new(Slow)),
            patience: Patience { idle: cap, cap },
            ..Scope::background()
        };
        let request = CallToolRequest::new(CallToolRequestParams::new("talk"));
        let asked = conversation.request(ClientRequest::CallToolRequest(request), &scope);
        let answer = timeout(Duration::from_mins(1), asked).await;
        assert_eq!(conversation.in_flight(), 0);
        answer.expect("the call has an end")
    }

    #[tokio::test]
    async fn a_server_that_never_stops_talking_is_given_up_in_time() {
        let fault = call(u64::MAX, Duration::from_millis(300))
            .await
            .unwrap_err();
        assert_eq!(
            (fault.kind, fault.effect),
            (FaultKind::TimedOut, Effect::Unknown)
        );
    }

    #[tokio::test]
    async fn an_answer_counts_though_the_server_goes_on_talking() {
        let answer = call(400, Duration::from_secs(50)).await.unwrap();
        assert!(matches!(answer, ServerResult::CallToolResult(_)));
    }
}
