//! A call from its arrival to its record.
//!
//! Not how any stage decides: each has a file of its own.
//! Invariant: every call that reaches a server has passed every stage before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    ApprovalNeeded, BreakerState, Call, Outcome, PipelineOptions, Refusal, RefusalKind,
    cache::{self, From, Results},
    execute::{Answered, Failure, Job},
    idempotency,
    limits::Limits,
    lines::{Line, LineStatus, Lines},
    open::Open,
    permit::Permit,
    record,
    retry::{Repeatable, RetryBudget},
    spill::Spill,
    standing,
    trail::Trail,
    validate::Validation,
};
use crate::{
    Actor, Effect, Fault, ServerName,
    approvals::{Left, arguments_digest, principal_key},
    catalogue::Access,
    journal::Intent,
    metrics::{CacheLabels, ServerLabel},
    telemetry::{Side, TraceContext},
};

const UPKEEP_EVERY: Duration = Duration::from_mins(10);

/// The way every call takes.
pub struct Pipeline {
    pub(super) options: PipelineOptions,
    pub(super) lines: Lines,
    pub(super) limits: Limits,
    pub(super) validation: Validation,
    pub(super) results: Results,
    pub(super) retries: RetryBudget,
    pub(super) spill: Spill,
}

/// A call between the stages.
struct Ready {
    call: Call,
    digest: String,
    keyed: bool,
    changed: Vec<String>,
    unchecked: Option<Arc<str>>,
    permit: Permit,
}

impl Pipeline {
    /// Puts the stages together.
    pub fn new(options: PipelineOptions) -> Self {
        options
            .metrics
            .watch(&options.servers, options.journal.dropped());
        Self {
            lines: Lines::new(options.config.clone()),
            limits: Limits::new(options.config.clone()),
            validation: Validation::new(),
            results: Results::new(),
            retries: RetryBudget::new(Instant::now()),
            spill: Spill::new(options.store.clone(), &options.state, options.clock.clone()),
            options,
        }
    }

    /// Makes a call.
    pub async fn call(&self, call: Call) -> Outcome {
        let started = Instant::now();
        let parent = TraceContext::of_meta(&call.scope.meta);
        let mut span = self.options.spans.span(
            format!("tools/call {}", call.tool.name()),
            Side::Server,
            parent.as_ref(),
        );
        let trace = span.context().cloned();
        let trail = Arc::new(Trail::default());
        let label = ServerLabel {
            server: call.tool.server.to_string(),
        };
        let tool = call.tool.clone();
        let mut at_work = AtWork {
            gauge: self.options.metrics.in_flight.get_or_create(&label).clone(),
            limits: &self.limits,
            actor: call.scope.actor.clone(),
            run: call.run.clone(),
            started,
            bytes: 0,
        };
        at_work.gauge.inc();
        let (outcome, bytes) = self.stages(call, trace.as_ref(), &trail, started).await;
        at_work.bytes = bytes;
        drop(at_work);
        let took = started.elapsed();
        record::measure(&self.options.metrics, &tool, &outcome, took);
        record::describe(&mut span, &tool, &outcome, &trail);
        outcome
    }

    async fn stages(
        &self,
        mut call: Call,
        trace: Option<&TraceContext>,
        trail: &Arc<Trail>,
        started: Instant,
    ) -> (Outcome, u64) {
        let mut intent = Intent {
            server: call.tool.server.clone(),
            tool: call.tool.name().to_owned(),
            access: call.tool.access,
            caller: call.scope.actor.name.to_string(),
            run: call.run.clone(),
            trace: trace.map(TraceContext::trace_id),
            digest: String::new(),
            approval: None,
        };
        if let Some(context) = trace {
            context.put(&mut call.scope.meta);
        }
        let round = call.round.is_some();
        let ready = match self.prepare(call).await {
            Ok(ready) => ready,
            Err(outcome) => {
                let ending = record::ending(&outcome, trail, started.elapsed(), 0, round);
                self.options.journal.record(intent, ending);
                return (*outcome, 0);
            }
        };
        if let Some(why) = &ready.unchecked {
            trail.note(format!(
                "the arguments were not compared with the schema: {why}"
            ));
        }
        intent.digest.clone_from(&ready.digest);
        intent.approval.clone_from(&ready.permit.approval);
        let effect = ready.call.tool.access != Access::Read || intent.approval.is_some();
        let open = if effect {
            match self.begin(&ready, intent.clone(), started, trail).await {
                Ok(open) => Some(open),
                Err(outcome) => return (*outcome, 0),
            }
        } else {
            None
        };
        let answered = self.make(&ready, trace, trail).await;
        let (outcome, bytes) = self.answer(&ready, answered, trail).await;
        let ending = record::ending(&outcome, trail, started.elapsed(), bytes, round);
        match open {
            Some(open) => {
                let lasts = ending.left != Left::Nothing && intent.approval.is_some();
                open.end(intent, ending).await;
                if lasts {
                    // The next round, or the call again, may come at once and must find what is
                    // left of the approval.
                    self.options.journal.flush().await;
                }
            }
            None => self.options.journal.record(intent, ending),
        }
        (outcome, bytes)
    }

    /// Everything that is decided before anything is done.
    ///
    /// Arguments are made to fit before the policies see them: a policy must judge what is sent,
    /// not what was written.
    async fn prepare(&self, mut call: Call) -> Result<Ready, Box<Outcome>> {
        let refused = |refusal: Box<Refusal>| Box::new(Outcome::Refused(*refusal));
        standing::check(&call.tool).map_err(refused)?;
        let argument = idempotency::argument(&self.options.config, &call.tool);
        let filled = argument.filter(|argument| {
            idempotency::fill(
                &mut call.arguments,
                argument,
                call.idempotency_key.as_deref(),
                &*self.options.random,
            )
        });
        let checked = self
            .validation
            .arguments(&call.tool, std::mem::take(&mut call.arguments))
            .map_err(refused)?;
        call.arguments = checked.arguments;
        // The hub's own key is another one each time; the call is the same.
        let key = filled.and_then(|argument| Some((argument, call.arguments.remove(argument)?)));
        let digest = arguments_digest(&call.arguments);
        let permit = self.permit(&call, &call.arguments, &digest).await?;
        self.limits
            .take(&call.scope.actor, call.tool.name(), call.run.as_deref())
            .map_err(refused)?;
        if let Some((argument, value)) = key {
            call.arguments.insert(argument.to_owned(), value);
        }
        Ok(Ready {
            digest,
            keyed: argument.is_some(),
            changed: checked.changed,
            unchecked: checked.unchecked,
            permit,
            call,
        })
    }

    /// Writes down that something is about to happen, using the approval up in the same breath.
    async fn begin(
        &self,
        ready: &Ready,
        intent: Intent,
        started: Instant,
        trail: &Arc<Trail>,
    ) -> Result<Open, Box<Outcome>> {
        let (journal, approvals) = (&self.options.journal, &self.options.approvals);
        let begun = match &ready.permit.approval {
            Some(id) => {
                let round = ready.call.round.is_some();
                let using = approvals.using(id.clone(), intent.caller.clone(), round);
                journal.begin(intent.clone(), using).await
            }
            None => journal.begin(intent.clone(), |_| Ok(true)).await,
        };
        match (begun, &ready.permit.approval) {
            (Ok(Some(begun)), _) => {
                let (journal, trail) = (journal.clone(), trail.clone());
                Ok(Open::new(journal, begun, intent, started, trail))
            }
            (Ok(None), Some(id)) => {
                // Another call used it up between the question and now.
                let question = approvals
                    .get(id)
                    .ok()
                    .flatten()
                    .map_or_else(String::new, |approval| approval.question);
                Err(Box::new(Outcome::ApprovalNeeded(ApprovalNeeded {
                    id: id.clone(),
                    question,
                })))
            }
            (Ok(None), None) | (Err(_), _) => Err(Box::new(Outcome::Refused(Refusal {
                kind: RefusalKind::Denied,
                message: format!(
                    "{} was not called: the journal cannot be written, and what may have an effect is not done without it; check the disk and the folder of everything kept",
                    ready.call.tool.name()
                ),
                details: serde_json::Value::Null,
            }))),
        }
    }

    /// Gets the answer: from the cache, the server, or another tool.
    async fn make(
        &self,
        ready: &Ready,
        trace: Option<&TraceContext>,
        trail: &Trail,
    ) -> Result<Answered, Failure> {
        let call = &ready.call;
        let job = Job {
            tool: &call.tool,
            arguments: &call.arguments,
            scope: &call.scope,
            round: call.round.as_ref(),
            words: call.relayed.as_deref(),
            repeatable: Repeatable::of(&call.tool, ready.keyed),
            ends: Instant::now() + call.scope.patience.cap,
            trace,
        };
        let ttl = cache::ttl(&self.options.config, &call.tool).filter(|_| call.round.is_none());
        let answered = match ttl {
            Some(ttl) => {
                let key = format!(
                    "{}\n{}\n{}\n{}\n{}",
                    principal_key(&call.scope.actor),
                    call.tool.server,
                    self.lines.get(&call.tool.server).writes(),
                    call.tool.fingerprint,
                    ready.digest
                );
                let made = self
                    .results
                    .get_or_make(key, ttl, self.execute(&job, trail))
                    .await;
                let (from, answered) = match made {
                    Some(made) => made,
                    None => (From::Server, self.execute(&job, trail).await),
                };
                if from == From::Cache {
                    trail.cached();
                }
                self.options
                    .metrics
                    .cache
                    .get_or_create(&CacheLabels {
                        server: call.tool.server.to_string(),
                        found: if from == From::Cache { "hit" } else { "miss" },
                    })
                    .inc();
                answered
            }
            None => self.execute(&job, trail).await,
        };
        match answered {
            Ok(answered) => Ok(answered),
            Err(failure) => self.fall_back(call, &job, failure, trail).await,
        }
    }

    async fn answer(
        &self,
        ready: &Ready,
        answered: Result<Answered, Failure>,
        trail: &Trail,
    ) -> (Outcome, u64) {
        match answered {
            Ok(Answered::Result(result)) => {
                let (result, bytes) = self
                    .finish(&ready.call, result, trail, &ready.changed)
                    .await;
                (Outcome::Result(result), bytes)
            }
            Ok(Answered::InputRequired(asked)) => (Outcome::InputRequired(asked), 0),
            Ok(Answered::Task(task)) => (Outcome::Task(task), 0),
            Err(failure) => {
                let fault = self.explained(ready, failure, trail).await;
                (Outcome::Failed(fault), 0)
            }
        }
    }

    /// A fault with what its reader can do next.
    async fn explained(&self, ready: &Ready, failure: Failure, trail: &Trail) -> Fault {
        let mut fault = *failure.fault;
        let call = &ready.call;
        if let Some(raw) = failure.raw {
            let kept = self.spill.keep(&raw, &call.tool, &call.scope.actor).await;
            if let Ok(handle) = kept {
                fault = fault.hint(format!(
                    "what it sent is kept: read_result with handle {handle:?}; `trust = \"trusted\"` of the server lets such results through"
                ));
            }
        } else if fault.effect == Effect::Unknown && call.tool.access != Access::Read {
            let known = if trail.attempts() > 1 {
                "whether it was done is not known: look before you repeat it"
            } else {
                "whether it was done is not known, so it was not sent again: look before you repeat it"
            };
            let hint = match fault.hint.take() {
                Some(hint) => format!("{known}; {hint}"),
                None => known.to_owned(),
            };
            fault = fault.hint(hint);
        }
        fault
    }

    /// Writes down a circuit that opened or closed, for other processes to see.
    pub(super) fn note_breaker(&self, line: &Line) {
        let Some((before, state)) = line.breaker_news(Instant::now()) else {
            return;
        };
        let server = line.server();
        if before.is_some() || state != BreakerState::Closed {
            tracing::info!(%server, circuit = state.name(), "the circuit of a server changed");
        }
        let options = &self.options;
        record::breaker(
            &options.metrics,
            &options.store,
            &*options.clock,
            server,
            state,
        );
    }

    /// The figures of calls.
    pub(crate) fn metrics(&self) -> &crate::metrics::CallMetrics {
        &self.options.metrics
    }

    /// How a server does.
    pub fn server_status(&self, server: &ServerName) -> LineStatus {
        self.lines.get(server).status(Instant::now())
    }

    /// Throws away what is too old, again and again, until told to end.
    pub async fn upkeep(&self, ended: CancellationToken) {
        loop {
            let options = &self.options;
            let pruned = [
                self.spill.prune().await,
                options.journal.prune().await,
                options.approvals.prune().await,
            ];
            for error in pruned.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "old records could not be thrown away");
            }
            if let Ok(waiting) = options.approvals.waiting() {
                let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
                options.metrics.approvals_waiting.set(waiting);
            }
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(UPKEEP_EVERY) => {}
            }
        }
    }
}

/// A call at work. However it ends, it is counted no more and its run is charged.
struct AtWork<'a> {
    gauge: prometheus_client::metrics::gauge::Gauge,
    limits: &'a Limits,
    actor: Arc<Actor>,
    run: Option<String>,
    started: Instant,
    bytes: u64,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
        let (run, took) = (self.run.as_deref(), self.started.elapsed());
        self.limits.charge(&self.actor, run, took, self.bytes);
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipeline")
    }
}
