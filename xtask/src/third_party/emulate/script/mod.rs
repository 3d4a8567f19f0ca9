//! What is done on both sides, in this order.
//!
//! Invariant: every argument is fixed or was kept from an earlier step of the same side.

mod calendar;
mod drive;
mod mail;

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

/// A call of a tool.
pub(super) struct Step {
    pub say: &'static str,
    pub tool: &'static str,
    /// JSON; `{name}` stands for something kept.
    arguments: &'static str,
    /// What later steps need of the result.
    pub keep: &'static [(&'static str, &'static str)],
    /// Whether it has to be refused.
    pub refused: bool,
}

/// Every step.
pub(super) fn steps() -> impl Iterator<Item = &'static Step> {
    [mail::STEPS, calendar::STEPS, drive::STEPS]
        .into_iter()
        .flatten()
}

/// A step's arguments.
pub(super) fn arguments(
    step: &Step,
    kept: &BTreeMap<&'static str, Value>,
) -> anyhow::Result<Value> {
    let filled = kept
        .iter()
        .fold(step.arguments.to_owned(), |text, (name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.replace(&format!("{{{name}}}"), &value)
        });
    serde_json::from_str(&filled).with_context(|| format!("{}: {filled}", step.say))
}

const fn step(tool: &'static str, say: &'static str, arguments: &'static str) -> Step {
    keeping(tool, say, arguments, &[])
}

const fn keeping(
    tool: &'static str,
    say: &'static str,
    arguments: &'static str,
    keep: &'static [(&'static str, &'static str)],
) -> Step {
    Step {
        say,
        tool,
        arguments,
        keep,
        refused: false,
    }
}

const fn refused(tool: &'static str, say: &'static str, arguments: &'static str) -> Step {
    Step {
        tool,
        say,
        arguments,
        keep: &[],
        refused: true,
    }
}
