//! Between clients and servers of different eras.
//!
//! A call runs in a task of its own and asks its client through a [`Line`]. A client of the
//! handshake era is asked while its request is open. A client of the stateless era gets
//! `input_required`: the server's own, when the server is of that era too; otherwise the call
//! waits here until the client comes back with the answers.
//! Invariant: a call is made once however many rounds its questions take.

mod line;
mod states;
mod waiting;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, join_all},
    stream::FuturesUnordered,
};
use mcp_service::Era;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientResult, CreateMessageResult, ElicitResult, Extensions, GetExtensions, InputRequest,
        InputRequests, InputRequiredResult, InputResponses, ListRootsResult, ServerRequest,
        ServerResult,
    },
    service::{Peer, PeerRequestOptions, RequestContext, ServiceError},
};
use serde_json::{Map, Value};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::visit::Visit;
use crate::{ClientSide, pipeline::Round};
use line::Asked;

pub(super) use line::{Ear, Line, severity};
pub(super) use states::{PATIENCE, State, States, Subject, TaskName};
use waiting::Waiting;

/// How long a person at a client of the handshake era may think.
const ANSWER_WITHIN: Duration = Duration::from_mins(10);
/// How often a server may ask within one call.
const ROUNDS: usize = 8;

/// What a request ends with.
pub(super) type Ended = Result<ServerResult, ErrorData>;

/// Brings calls to their end over as many rounds as it takes.
pub(super) struct Bridge {
    states: States,
    waiting: Waiting<Suspended>,
    calls: TaskTracker,
}

/// What a client sends along when it comes back.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<String>,
}

/// What a call is begun with.
pub(super) struct Start {
    /// The client's end.
    pub(super) client: Arc<Line>,
    /// The client's answers to an earlier round of the server itself.
    pub(super) round: Option<Round>,
    /// Cancelled when the client gave up.
    pub(super) cancelled: CancellationToken,
}

/// A call at work.
struct Running {
    ended: JoinHandle<Ended>,
    line: Arc<Line>,
    questions: mpsc::Receiver<Asked>,
    cancelled: CancellationToken,
}

/// A call that waits for answers.
struct Suspended {
    running: Running,
    asked: HashMap<String, Asked>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to hear the end.
        self.cancelled.cancel();
    }
}

impl Bridge {
    /// `calls` are told of every call at work.
    pub(super) fn new(states: States, calls: TaskTracker) -> Self {
        Self {
            states,
            waiting: Waiting::new(PATIENCE.unsigned_abs()),
            calls,
        }
    }

    /// The seals.
    pub(super) fn states(&self) -> &States {
        &self.states
    }

    /// Begins or goes on with a request that may need the client's answers.
    pub(super) async fn run<F>(
        &self,
        visit: &Visit,
        context: &RequestContext<RoleServer>,
        ear: Ear,
        subject: &Subject,
        answers: Answers,
        begin: impl FnOnce(Start) -> F,
    ) -> Ended
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let opened = match answers.state.as_deref() {
            None => None,
            Some(text) => Some(self.states.open(subject, text).ok_or_else(not_this_call)?),
        };
        let running = match opened {
            Some(State::Waiting(number)) => {
                let responses = answers.responses.unwrap_or_default();
                match self.resume(visit, number, responses, subject)? {
                    Resumed::AskAgain(required) => return Ok(required.into()),
                    Resumed::GoesOn(running) => {
                        running.line.listen(Some(ear));
                        running
                    }
                }
            }
            own => {
                let state = own.map(|state| match state {
                    State::Server(state) => state,
                    State::Waiting(_) => unreachable!("waiting calls are taken above"),
                });
                let round = (state.is_some() || answers.responses.is_some()).then(|| Round {
                    responses: answers.responses.unwrap_or_default(),
                    state,
                });
                self.start(visit, ear, round, begin)
            }
        };
        match visit.era {
            Era::Handshake => with_peer(running, context).await,
            Era::Stateless => self.with_rounds(visit, running, context, subject).await,
        }
    }

    fn resume(
        &self,
        visit: &Visit,
        number: u64,
        mut responses: InputResponses,
        subject: &Subject,
    ) -> Result<Resumed, ErrorData> {
        let mut suspended = self
            .waiting
            .take(&visit.actor.principal, number)
            .ok_or_else(not_this_call)?;
        let mut open = HashMap::new();
        for (key, asked) in suspended.asked.drain() {
            match responses.remove(&key) {
                Some(response) => {
                    let answer = answer(&asked.request, response);
                    let _ = asked.answer.send(answer);
                }
                None => {
                    open.insert(key, asked);
                }
            }
        }
        if open.is_empty() {
            Ok(Resumed::GoesOn(suspended.running))
        } else {
            suspended.asked = open;
            self.suspend(visit, suspended, subject)
                .map(Resumed::AskAgain)
        }
    }

    /// Runs a call for a client that cannot be asked while its request is open.
    async fn with_rounds(
        &self,
        visit: &Visit,
        mut running: Running,
        context: &RequestContext<RoleServer>,
        subject: &Subject,
    ) -> Ended {
        tokio::select! {
            ended = &mut running.ended => Ok(self.sealed(ended_well(ended)?, subject)),
            Some(first) = running.questions.recv() => {
                let mut asked = HashMap::from([("question-1".to_owned(), first)]);
                while let Ok(more) = running.questions.try_recv() {
                    asked.insert(format!("question-{}", asked.len() + 1), more);
                }
                let suspended = Suspended { running, asked };
                self.suspend(visit, suspended, subject).map(Into::into)
            }
            () = context.ct.cancelled() => Err(left()),
        }
    }

    fn suspend(
        &self,
        visit: &Visit,
        suspended: Suspended,
        subject: &Subject,
    ) -> Result<InputRequiredResult, ErrorData> {
        let requests: InputRequests = suspended
            .asked
            .iter()
            .filter_map(|(key, asked)| Some((key.clone(), input_request(&asked.request)?)))
            .collect();
        suspended.running.line.listen(None);
        let number = self
            .waiting
            .put(&visit.actor.principal, suspended)
            .map_err(|_| {
                ErrorData::internal_error(
                    "too many of your calls wait for answers: answer or abandon some first",
                    None,
                )
            })?;
        let state = self.states.seal(subject, State::Waiting(number));
        Ok(InputRequiredResult::new(Some(requests), Some(state)))
    }

    fn start<F>(
        &self,
        visit: &Visit,
        ear: Ear,
        round: Option<Round>,
        begin: impl FnOnce(Start) -> F,
    ) -> Running
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let (line, questions) = Line::new(visit.capabilities.clone(), Some(ear));
        let (line, cancelled) = (Arc::new(line), CancellationToken::new());
        let work = begin(Start {
            client: Arc::clone(&line),
            round,
            cancelled: cancelled.clone(),
        });
        Running {
            ended: self.calls.spawn(work),
            line,
            questions,
            cancelled,
        }
    }

    /// Seals the server's own state to this request.
    fn sealed(&self, result: ServerResult, subject: &Subject) -> ServerResult {
        match result {
            ServerResult::InputRequiredResult(mut required) => {
                required.request_state = required
                    .request_state
                    .map(|state| self.states.seal(subject, State::Server(state)));
                ServerResult::InputRequiredResult(required)
            }
            other => other,
        }
    }
}

enum Resumed {
    GoesOn(Running),
    AskAgain(InputRequiredResult),
}

/// Runs a call for a client that is asked while its request is open.
///
/// Questions are sent from the task of the request: that is how the library finds the stream they
/// belong to.
async fn with_peer(mut running: Running, context: &RequestContext<RoleServer>) -> Ended {
    let mut asking = FuturesUnordered::new();
    loop {
        tokio::select! {
            ended = &mut running.ended => return ended_well(ended),
            Some(asked) = running.questions.recv() => asking.push(put(&context.peer, asked)),
            Some(()) = asking.next(), if !asking.is_empty() => {}
            () = context.ct.cancelled() => return Err(left()),
        }
    }
}

/// Puts one question to a client of the handshake era.
async fn put(peer: &Peer<RoleServer>, asked: Asked) {
    let Asked {
        mut request,
        answer,
    } = asked;
    // What the library noted about the other conversation means nothing in this one.
    *request.extensions_mut() = Extensions::new();
    let options = PeerRequestOptions::with_timeout(ANSWER_WITHIN);
    let answered = async {
        peer.send_request_with_option(request, options)
            .await?
            .await_response()
            .await
    };
    let _ = answer.send(answered.await.map_err(|error| match error {
        ServiceError::McpError(error) => error,
        error => ErrorData::internal_error(format!("the client did not answer: {error}"), None),
    }));
}

/// Asks a server again and again with the client's answers, when the client's era has no rounds.
pub(super) async fn rounds(
    era: Era,
    client: &dyn ClientSide,
    first: Option<Round>,
    attempt: impl Fn(Option<Round>) -> BoxFuture<'static, Ended>,
) -> Ended {
    let mut round = first;
    for _ in 0..ROUNDS {
        let required = match attempt(round.take()).await? {
            ServerResult::InputRequiredResult(required) if era == Era::Handshake => required,
            other => return Ok(other),
        };
        let requests = required.input_requests.unwrap_or_default();
        if requests.is_empty() {
            // The server only wants to be asked again, a little later.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let answers = join_all(requests.into_iter().map(|(key, request)| {
            client
                .ask(server_request(request))
                .map(move |answer| (key, answer))
        }));
        let mut responses = InputResponses::new();
        for (key, answer) in answers.await {
            let answer = serde_json::to_value(answer?)
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            responses.insert(key, answer);
        }
        round = Some(Round {
            responses,
            state: required.request_state,
        });
    }
    Err(ErrorData::internal_error(
        format!("the server asked more than {ROUNDS} times within one call"),
        None,
    ))
}

/// A question as a round carries it; pings and the like need no person.
fn input_request(request: &ServerRequest) -> Option<InputRequest> {
    let mut plain = request.clone();
    *plain.extensions_mut() = Extensions::new();
    Some(match plain {
        ServerRequest::CreateMessageRequest(request) => InputRequest::CreateMessage(request),
        ServerRequest::ListRootsRequest(request) => InputRequest::ListRoots(request),
        ServerRequest::ElicitRequest(request) => InputRequest::Elicitation(request),
        _ => return None,
    })
}

fn server_request(request: InputRequest) -> ServerRequest {
    match request {
        InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
        InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
        InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
        other => ServerRequest::CustomRequest(rmcp::model::CustomRequest::new(
            "unknown",
            serde_json::to_value(other).ok(),
        )),
    }
}

/// Reads an answer as what was asked for.
fn answer(request: &ServerRequest, response: Value) -> Result<ClientResult, ErrorData> {
    let misfit = |error: serde_json::Error| {
        ErrorData::invalid_params(
            format!("an answer does not fit what was asked: {error}"),
            None,
        )
    };
    Ok(match request {
        ServerRequest::CreateMessageRequest(_) => {
            let result: CreateMessageResult = serde_json::from_value(response).map_err(misfit)?;
            ClientResult::CreateMessageResult(Box::new(result))
        }
        ServerRequest::ListRootsRequest(_) => {
            let result: ListRootsResult = serde_json::from_value(response).map_err(misfit)?;
            ClientResult::ListRootsResult(result)
        }
        _ => {
            let result: ElicitResult = serde_json::from_value(response).map_err(misfit)?;
            ClientResult::ElicitResult(result)
        }
    })
}

fn ended_well(ended: Result<Ended, tokio::task::JoinError>) -> Ended {
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, "a call broke off");
        Err(ErrorData::internal_error(
            "the hub failed while it worked on this call; its log says more",
            None,
        ))
    })
}

fn not_this_call() -> ErrorData {
    ErrorData::invalid_params(
        "the requestState is altered, expired, used before or belongs to another request; send the request again without requestState and inputResponses",
        None,
    )
}

fn left() -> ErrorData {
    ErrorData::internal_error("the client cancelled the request", None)
}

/// The members of a JSON object, or none.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
