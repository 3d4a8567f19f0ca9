//! The hub's own tools: one file each, one line here.
//!
//! Not the servers' tools. Invariant: none of them answers from anything but the catalogue, the
//! journal and what its caller said.

mod analyze;
mod arguments;
mod call;
mod configure;
mod connect;
mod describe;
mod discover;
mod find;
mod monitor;
mod read_result;
mod recommend;

use std::sync::Arc;

use futures::future::BoxFuture;
use rmcp::model::{CallToolResult, Tool, ToolAnnotations};
use serde_json::{Map, Value};

use super::{Hub, bridge::object, visit::Visit};

use arguments::{Arguments, Wrong};
pub(super) use call::{Wrapped, unwrap};
pub(super) use connect::ensure_all;

/// A tool of the hub itself.
pub(super) struct Own {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does, for models.
    pub(super) description: &'static str,
    /// Its arguments.
    pub(super) schema: fn() -> Value,
    /// What it does to the world.
    pub(super) effect: Effect,
    /// What it does.
    pub(super) run: Run,
}

/// What an own tool does to the world.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// Looks only.
    Looks,
    /// Changes what the hub itself keeps.
    Settles,
    /// Passes on calls that look only.
    CallsReads,
    /// Passes on any call.
    CallsAll,
}

/// How an own tool is run.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// By the hub.
    Here(Work),
    /// By the server whose tool is named in the arguments.
    Passed,
}

/// What the hub does for a call of an own tool.
pub(super) type Work = for<'a> fn(&'a Hub, &'a Visit, Arguments) -> Done<'a>;
type Done<'a> = BoxFuture<'a, Result<CallToolResult, Wrong>>;

/// A call of an own tool that the hub answers itself.
pub(super) struct OwnCall {
    work: Work,
    arguments: Arguments,
}

impl OwnCall {
    pub(super) fn new(work: Work, arguments: Map<String, Value>) -> Self {
        Self {
            work,
            arguments: Arguments::new(arguments),
        }
    }

    /// Makes the call.
    pub(super) async fn run(self, hub: &Hub, visit: &Visit) -> CallToolResult {
        let done = (self.work)(hub, visit, self.arguments).await;
        done.unwrap_or_else(|wrong| *wrong)
    }
}

/// Everything a client needs to reach every tool.
const META: [&Own; 5] = [
    &find::TOOL,
    &describe::TOOL,
    &call::READ,
    &call::WRITE,
    &read_result::TOOL,
];

/// The tools of an agent.
const AGENT: [&Own; 6] = [
    &discover::TOOL,
    &connect::TOOL,
    &monitor::TOOL,
    &configure::TOOL,
    &analyze::TOOL,
    &recommend::TOOL,
];

/// The own tools of the meta listing.
pub(super) fn all() -> impl Iterator<Item = &'static Own> {
    META.into_iter().chain(AGENT)
}

/// The own tools of the merged listing.
pub(super) fn beside_all_others() -> impl Iterator<Item = &'static Own> {
    [&read_result::TOOL].into_iter()
}

/// The own tool of this name.
pub(super) fn named(name: &str) -> Option<&'static Own> {
    all().find(|own| own.name == name)
}

impl Own {
    /// As it is listed.
    pub(super) fn listed(&self) -> Tool {
        let annotations = match self.effect {
            Effect::Looks => ToolAnnotations::new().read_only(true).open_world(false),
            Effect::Settles => ToolAnnotations::new()
                .read_only(false)
                .destructive(false)
                .idempotent(true)
                .open_world(false),
            Effect::CallsReads => ToolAnnotations::new().read_only(true).open_world(true),
            Effect::CallsAll => ToolAnnotations::new()
                .read_only(false)
                .destructive(true)
                .idempotent(false)
                .open_world(true),
        };
        Tool::new(
            self.name,
            self.description,
            Arc::new(object((self.schema)())),
        )
        .with_annotations(annotations)
    }
}
