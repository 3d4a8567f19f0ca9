//! Makes the attempts of a call: place, circuit, time, repetition, hedge.
//!
//! Not the decision whether to repeat: that is [`super::retry`]'s.
//! Invariant: every request that is sent is counted in the call's trail.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use futures::{FutureExt, future::select_ok};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, CreateTaskResult,
    InputRequiredResult, ServerResult,
};
use serde_json::{Map, Value};
use tokio::time::{Duration, sleep};

use super::{
    Pipeline, Round, Words,
    breaker::Sign,
    bulkhead::{Place, gave_up},
    lines::Line,
    retry::{self, Next, Repeatable, Situation},
    trail::Trail,
};
use crate::{
    Effect, Fault, FaultKind, ServerName,
    catalogue::{Access, HubTool},
    metrics::ServerLabel,
    telemetry::{Side, TraceContext},
    upstream::{Patience, Scope},
};

/// How long a server may take to let go of a call that was given up.
const LETTING_GO: Duration = Duration::from_secs(2);

/// What is to be done.
pub(super) struct Job<'a> {
    pub(super) tool: &'a Arc<HubTool>,
    pub(super) arguments: &'a Map<String, Value>,
    pub(super) scope: &'a Scope,
    pub(super) round: Option<&'a Round>,
    pub(super) words: Option<&'a Words>,
    pub(super) repeatable: Repeatable,
    pub(super) ends: Instant,
    pub(super) trace: Option<&'a TraceContext>,
}

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answered {
    Result(Box<CallToolResult>),
    InputRequired(Box<InputRequiredResult>),
    Task(Box<CreateTaskResult>),
}

/// Why there is no answer that can be used.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) fault: Box<Fault>,
    /// The answer that cannot be used.
    pub(super) raw: Option<Box<CallToolResult>>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            fault: Box::new(fault),
            raw: None,
        }
    }
}

impl Pipeline {
    /// Makes attempts until one succeeds or no other may be made.
    pub(super) async fn execute(&self, job: &Job<'_>, trail: &Trail) -> Result<Answered, Failure> {
        let line = self.lines.get(&job.tool.server);
        // Reads that began during a write are not known to have seen it.
        let _writing = (job.tool.access != Access::Read).then(|| line.writing());
        let ended = self.attempts(job, &line, trail).await;
        self.note_breaker(&line);
        ended
    }

    async fn attempts(
        &self,
        job: &Job<'_>,
        line: &Line,
        trail: &Trail,
    ) -> Result<Answered, Failure> {
        self.retries.earn();
        let mut made = 0;
        let mut known = Effect::None;
        loop {
            made += 1;
            let mut failure = match self.attempt(job, line, trail).await {
                Ok(answered) => return Ok(answered),
                Err(failure) => failure,
            };
            // That the last request did nothing says nothing of those before it.
            known = known.and(failure.fault.effect);
            failure.fault.effect = known;
            let next = retry::decide(
                &failure.fault,
                Situation {
                    repeatable: job.repeatable,
                    made,
                    allowed: self.options.config.calls.attempts.max(1),
                    left: job.ends.saturating_duration_since(Instant::now()),
                    chance: self.options.random.fraction(),
                },
            );
            let Next::Again(pause) = next else {
                return Err(failure);
            };
            if !self.retries.spend(Instant::now()) {
                return Err(failure);
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = job.scope.cancelled.cancelled() => return Err(failure),
            }
            self.options
                .metrics
                .retries
                .get_or_create(&label(job))
                .inc();
        }
    }

    /// One attempt, with a second request beside the first when it is slow and may be sent.
    async fn attempt(
        &self,
        job: &Job<'_>,
        line: &Line,
        trail: &Trail,
    ) -> Result<Answered, Failure> {
        let left = job.ends.saturating_duration_since(Instant::now());
        let waiting = left.min(job.scope.patience.idle);
        let server = &job.tool.server;
        let place = line
            .bulkhead
            .enter(server, waiting, &job.scope.cancelled)
            .await?;
        let hedge = self
            .options
            .config
            .calls
            .hedge_millis
            .filter(|_| job.tool.access == Access::Read && job.round.is_none());
        let Some(hedge) = hedge else {
            return self.request(job, line, place, trail, false).await;
        };
        let mut first = self.request(job, line, place, trail, false).boxed();
        tokio::select! {
            answered = &mut first => return answered,
            () = sleep(Duration::from_millis(hedge)) => {}
        }
        // Only where there is room: a second request must not take a caller's place.
        let Some(place) = line.bulkhead.try_enter() else {
            return first.await;
        };
        if !self.retries.spend(Instant::now()) {
            drop(place);
            return first.await;
        }
        trail.hedged();
        self.options.metrics.hedges.get_or_create(&label(job)).inc();
        let second = self.request(job, line, place, trail, true).boxed();
        select_ok([first, second])
            .await
            .map(|(answered, _)| answered)
    }

    /// Sends one request.
    async fn request(
        &self,
        job: &Job<'_>,
        line: &Line,
        _place: Place,
        trail: &Trail,
        beside: bool,
    ) -> Result<Answered, Failure> {
        let server = &job.tool.server;
        if job.scope.cancelled.is_cancelled() {
            return Err(gave_up(server).into());
        }
        let leave = line.leave(Instant::now())?;
        let number = trail.attempted();
        let mut span = self.options.spans.span(
            format!("attempt {number} {}", job.tool.name()),
            Side::Client,
            job.trace,
        );
        span.set("mcp.method.name", "tools/call");
        span.set("mcp.server.name", server.as_str().to_owned());
        span.set("gen_ai.tool.name", job.tool.original.name.to_string());
        span.set("core_agent.attempt", i64::from(number));
        let mut scope = job.scope.clone();
        // Whoever drops this call, or gave it up, tells the server so.
        scope.cancelled = job.scope.cancelled.child_token();
        let _let_go = scope.cancelled.clone().drop_guard();
        let left = job.ends.saturating_duration_since(Instant::now());
        scope.patience = Patience {
            idle: job.scope.patience.idle.min(left),
            cap: left,
        };
        if beside {
            // Asked once is enough: only the first request may put questions to the client.
            scope.client = None;
        }
        if let Some(context) = span.context() {
            context.put(&mut scope.meta);
        }
        let servers = &self.options.servers;
        let asked = async {
            match job.words {
                None => servers.request(server, request(job), &scope).await,
                Some(words) => {
                    let request = words.with(job.arguments);
                    let answer = servers.relay(server, request, &scope).await?;
                    words.heard(server, answer)
                }
            }
        };
        let answered = tokio::select! {
            answered = asked => answered,
            () = patient_end(job) => Err(Fault::after(
                server,
                FaultKind::Cancelled,
                "the caller gave up while it was at work",
            )),
        };
        let sign = match &answered {
            Ok(_) => Sign::Alive,
            Err(fault) => Sign::of(fault),
        };
        leave.tell(sign, Instant::now());
        let judged = answered
            .map_err(Failure::from)
            .and_then(|answer| self.judge(job, answer, trail));
        if let Err(failure) = &judged {
            span.set("error.type", failure.fault.kind.name());
            span.fail(&failure.fault.message);
        }
        judged
    }

    /// Whether an answer is one.
    fn judge(
        &self,
        job: &Job<'_>,
        answer: ServerResult,
        trail: &Trail,
    ) -> Result<Answered, Failure> {
        let server = &job.tool.server;
        let result = match answer {
            ServerResult::CallToolResult(result) => result,
            ServerResult::InputRequiredResult(asked) => {
                return Ok(Answered::InputRequired(Box::new(asked)));
            }
            ServerResult::CreateTaskResult(task) => return Ok(Answered::Task(Box::new(task))),
            _ => {
                return Err(Failure::from(Fault {
                    effect: Effect::Answered,
                    ..Fault::before(
                        server,
                        FaultKind::Protocol,
                        "its answer is no result of a tool",
                    )
                }));
            }
        };
        if result.is_error == Some(true) {
            return Ok(Answered::Result(Box::new(result)));
        }
        let fits = self
            .validation
            .result(job.tool, result.structured_content.as_ref());
        match fits {
            Ok(()) => Ok(Answered::Result(Box::new(result))),
            // A caller that talks to one server is told what that server says.
            Err(why) if self.trusted(&job.tool.server) || job.words.is_some() => {
                trail.note(format!("the result does not fit the output schema: {why}"));
                Ok(Answered::Result(Box::new(result)))
            }
            Err(why) => Err(Failure {
                fault: Box::new(Fault {
                    effect: Effect::Answered,
                    ..Fault::before(
                        server,
                        FaultKind::Protocol,
                        format!("its result does not fit its own output schema: {why}"),
                    )
                }),
                raw: Some(Box::new(result)),
            }),
        }
    }
}

/// Ends when the caller gave up and the server had time to let go.
async fn patient_end(job: &Job<'_>) {
    job.scope.cancelled.cancelled().await;
    sleep(LETTING_GO).await;
}

fn request(job: &Job<'_>) -> ClientRequest {
    let mut params = CallToolRequestParams::new(job.tool.original.name.clone());
    params.arguments = Some(job.arguments.clone());
    if let Some(round) = job.round {
        params.input_responses = Some(round.responses.clone());
        params.request_state.clone_from(&round.state);
    }
    ClientRequest::CallToolRequest(CallToolRequest::new(params))
}

impl Words {
    /// The caller's request with the arguments that were judged.
    fn with(&self, arguments: &Map<String, Value>) -> Value {
        let mut request = self.request.clone();
        if let Some(params) = request.get_mut("params").and_then(Value::as_object_mut)
            && (params.contains_key("arguments") || !arguments.is_empty())
        {
            params.insert("arguments".into(), Value::Object(arguments.clone()));
        }
        request
    }

    /// Keeps the server's answer as it came, and reads it.
    fn heard(&self, server: &ServerName, answer: Value) -> Result<ServerResult, Fault> {
        let read = match (answer.get("error"), answer.get("result")) {
            (Some(error), _) => Err(match serde_json::from_value(error.clone()) {
                Ok(error) => Fault::rejected(server, error),
                Err(_) => odd_answer(server),
            }),
            // What is no result of a tool for us may be one for the caller.
            (None, Some(result)) => Ok(serde_json::from_value(result.clone())
                .ok()
                .filter(|read| {
                    matches!(
                        read,
                        ServerResult::CallToolResult(_)
                            | ServerResult::InputRequiredResult(_)
                            | ServerResult::CreateTaskResult(_)
                    )
                })
                .unwrap_or_else(|| {
                    ServerResult::CallToolResult(CallToolResult::success(Vec::new()))
                })),
            (None, None) => Err(odd_answer(server)),
        };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        read
    }
}

fn odd_answer(server: &ServerName) -> Fault {
    Fault {
        effect: Effect::Answered,
        ..Fault::before(
            server,
            FaultKind::Protocol,
            "its answer is no answer of JSON-RPC",
        )
    }
}

fn label(job: &Job<'_>) -> ServerLabel {
    ServerLabel {
        server: job.tool.server.to_string(),
    }
}
