//! The one way through which every tool is called, whoever calls:
//! resolve → pin → policy and approval → validate → limits, budget, cache → execute → record.
//!
//! Invariant: a call whose outcome is unknown and which may have had an effect is never sent again.

use std::sync::Arc;

use rmcp::model::{CallToolResult, CreateTaskResult, InputRequiredResult, InputResponses};
use serde_json::{Map, Value};

use crate::{Fault, catalogue::HubTool, upstream::Scope};

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
