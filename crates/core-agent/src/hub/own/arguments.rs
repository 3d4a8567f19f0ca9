//! Arguments of the hub's own tools, in the spellings clients use.
//!
//! Invariant: an argument of the wrong type is a failure that says which type is right, never
//! silently another value.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use crate::hub::results::failure;

/// Arguments, read once.
pub(in crate::hub) struct Arguments(Map<String, Value>);

/// What is wrong with an argument.
pub(in crate::hub) type Wrong = Box<CallToolResult>;

impl Arguments {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The value under the first of these names that is there.
    pub(super) fn value(&self, names: &[&str]) -> Option<&Value> {
        names
            .iter()
            .find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<Option<&str>, Wrong> {
        self.value(names)
            .map(|value| value.as_str().ok_or_else(|| wrong(names, "a string")))
            .transpose()
    }

    pub(super) fn needed_text(&self, names: &[&str]) -> Result<&str, Wrong> {
        self.text(names)?
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| missing(names))
    }

    pub(super) fn number(&self, names: &[&str]) -> Result<Option<usize>, Wrong> {
        self.value(names)
            .map(|value| {
                value
                    .as_u64()
                    .and_then(|number| usize::try_from(number).ok())
                    .ok_or_else(|| wrong(names, "a whole number, 0 or more"))
            })
            .transpose()
    }

    pub(super) fn truth(&self, names: &[&str]) -> Result<bool, Wrong> {
        self.truth_or(names, false)
    }

    pub(super) fn truth_or(&self, names: &[&str], usual: bool) -> Result<bool, Wrong> {
        self.value(names).map_or(Ok(usual), |value| {
            value.as_bool().ok_or_else(|| wrong(names, "true or false"))
        })
    }

    /// A list of texts; one text counts as a list of one.
    pub(super) fn texts(&self, names: &[&str]) -> Result<Vec<&str>, Wrong> {
        match self.value(names) {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .ok_or_else(|| wrong(names, "a list of strings"))
                })
                .collect(),
            Some(_) => Err(wrong(names, "a list of strings")),
        }
    }

    pub(super) fn object(&self, names: &[&str]) -> Result<Option<&Map<String, Value>>, Wrong> {
        self.value(names)
            .map(|value| value.as_object().ok_or_else(|| wrong(names, "an object")))
            .transpose()
    }
}

/// An argument has the wrong type or value.
pub(super) fn wrong(names: &[&str], right: &str) -> Wrong {
    let name = names.first().copied().unwrap_or_default();
    Box::new(failure(
        &format!("the argument {name} must be {right}"),
        "INVALID_ARGUMENTS",
        &["correct the argument and call again"],
        json!({ "argument": name, "expected": right }),
    ))
}

/// An argument is missing.
pub(super) fn missing(names: &[&str]) -> Wrong {
    let name = names.first().copied().unwrap_or_default();
    Box::new(failure(
        &format!("the argument {name} is needed"),
        "INVALID_ARGUMENTS",
        &["give the argument and call again"],
        json!({ "argument": name }),
    ))
}
