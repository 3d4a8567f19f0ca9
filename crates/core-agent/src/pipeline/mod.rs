//! The one way through which every tool is called, whoever calls:
//! resolve → pin → policy and approval → validate → limits, budget, cache → execute → record.
//!
//! Invariant: a call whose outcome is unknown and which may have had an effect is never sent again.

mod breaker;
mod bulkhead;
mod cache;
mod call;
mod execute;
mod fallback;
mod finish;
mod idempotency;
mod limits;
mod lines;
mod open;
mod permit;
mod preview;
mod record;
mod retry;
mod spill;
mod standing;
mod trail;
mod validate;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use foundation::{Clock, Random};
use rmcp::model::{CallToolResult, CreateTaskResult, InputRequiredResult, InputResponses};
use serde_json::{Map, Value};

use crate::{
    Fault,
    approvals::Approvals,
    catalogue::{HubTool, View},
    config::Config,
    journal::Journal,
    metrics::CallMetrics,
    policy::Policy,
    store::Store,
    telemetry::Spans,
    upstream::{Scope, Servers},
};

pub use breaker::BreakerState;
pub use call::Pipeline;
pub use lines::LineStatus;
pub use spill::{Part, Piece, ReadError};

/// What a pipeline needs.
pub struct PipelineOptions {
    /// The configuration.
    pub config: Arc<Config>,
    /// The servers.
    pub servers: Arc<dyn Servers>,
    /// The catalogue as it is now: where the fallback tools are found.
    pub view: Arc<dyn Fn() -> Arc<View> + Send + Sync>,
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// What persons decided.
    pub approvals: Approvals,
    /// Where calls are recorded.
    pub journal: Journal,
    /// The database.
    pub store: Store,
    /// The folder of everything kept; results too large for an answer go below it.
    pub state: PathBuf,
    /// The figures.
    pub metrics: CallMetrics,
    /// Where traces go.
    pub spans: Spans,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tool.
    pub tool: Arc<HubTool>,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Who calls, and the client behind.
    pub scope: Scope,
    /// The run it belongs to, for budgets; a conversation when there is no run.
    pub run: Option<String>,
    /// Makes a repetition recognisable to tools that know how.
    pub idempotency_key: Option<String>,
    /// The answers to an earlier round, with the state that came with the questions.
    pub round: Option<Round>,
    /// Whether the result is given as the server gave it: no preview, no marks.
    pub unchanged: bool,
    /// Whether a large result keeps its data whole and only its words are shortened: its reader
    /// was promised data of a certain shape.
    pub whole_data: bool,
    /// The words of a caller that talks to one server: what is sent, and what came back.
    pub relayed: Option<Arc<Words>>,
}

/// A JSON-RPC request in the words of its caller, and the server's answer in its own.
#[derive(Debug)]
pub struct Words {
    request: Value,
    answer: Mutex<Option<Value>>,
}

impl Words {
    /// What a caller said.
    pub fn new(request: Value) -> Arc<Self> {
        Arc::new(Self {
            request,
            answer: Mutex::new(None),
        })
    }

    /// What the server answered, if it was asked.
    pub fn answer(&self) -> Option<Value> {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The client's answers to an `input_required` result.
#[derive(Clone, Debug)]
pub struct Round {
    /// The answers.
    pub responses: InputResponses,
    /// The state the server gave with the questions.
    pub state: Option<String>,
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The tool's result, good or bad.
    Result(Box<CallToolResult>),
    /// The server needs answers first.
    InputRequired(Box<InputRequiredResult>),
    /// The server made a task of it.
    Task(Box<CreateTaskResult>),
    /// A person must approve it first.
    ApprovalNeeded(ApprovalNeeded),
    /// It was not made.
    Refused(Refusal),
    /// The server failed.
    Failed(Fault),
}

/// A call that waits for a person.
#[derive(Clone, Debug)]
pub struct ApprovalNeeded {
    /// The durable record.
    pub id: String,
    /// What is to be approved, for people.
    pub question: String,
}

/// Why a call was not made.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// What is wrong and what to do next.
    pub message: String,
    /// The same as data: paths of wrong arguments, allowed values, the tool's schema.
    pub details: Value,
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// The tool changed, or was blocked.
    Blocked,
    /// A policy says no.
    Denied,
    /// A person said no.
    Declined,
    /// The budget is used up.
    OverBudget,
}

impl RefusalKind {
    /// The name in journals and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::Blocked => "blocked",
            Self::Denied => "denied",
            Self::Declined => "declined",
            Self::OverBudget => "over_budget",
        }
    }
}

#[cfg(test)]
mod tests;
