//! Compares arguments and results with a tool's schemas.
//!
//! Not the tool's own judgment: what fits the schema may still be refused by the server.
//! Invariant: checking costs a bounded amount of time, whatever schema a server lists.

mod bound;
mod coerce;
mod schemas;
mod teach;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Refusal;
use crate::catalogue::HubTool;

use schemas::{Schemas, Side};

/// Checks arguments and results.
pub(super) struct Validation {
    schemas: Schemas,
}

/// Arguments that fit.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// The arguments as they are sent.
    pub(super) arguments: Map<String, Value>,
    /// What was changed so that they fit, without loss.
    pub(super) changed: Vec<String>,
    /// Why they could not be compared with the schema, if so.
    pub(super) unchecked: Option<Arc<str>>,
}

impl Validation {
    /// Nothing compiled yet.
    pub(super) fn new() -> Self {
        Self {
            schemas: Schemas::new(),
        }
    }

    /// Makes arguments fit without loss, or says what is wrong with them.
    pub(super) fn arguments(
        &self,
        tool: &HubTool,
        arguments: Map<String, Value>,
    ) -> Result<Checked, Box<Refusal>> {
        let schema = &tool.original.input_schema;
        let compiled = match self.schemas.get(&tool.fingerprint, Side::Input, schema) {
            Ok(compiled) => compiled,
            Err(why) => return Ok(unchecked(arguments, why)),
        };
        let mut value = Value::Object(arguments);
        if let Err(why) = compiled.affordable(&value) {
            return Ok(unchecked(object(value), why));
        }
        if compiled.validator.is_valid(&value) {
            return Ok(Checked {
                arguments: object(value),
                changed: Vec::new(),
                unchecked: None,
            });
        }
        let changed = coerce::coerce(&compiled.validator, schema, &mut value);
        if compiled.validator.is_valid(&value) {
            return Ok(Checked {
                arguments: object(value),
                changed,
                unchecked: None,
            });
        }
        let lesson = teach::lesson(&compiled.validator, schema, &value, tool.name());
        Err(Box::new(lesson))
    }

    /// Says where a result does not fit, if it does not.
    pub(super) fn result(&self, tool: &HubTool, structured: Option<&Value>) -> Result<(), String> {
        let Some(schema) = &tool.original.output_schema else {
            return Ok(());
        };
        let Some(structured) = structured else {
            return Err("it promises structured content and sent none".into());
        };
        let Ok(compiled) = self.schemas.get(&tool.fingerprint, Side::Output, schema) else {
            // A schema nobody can read promises nothing.
            return Ok(());
        };
        if compiled.affordable(structured).is_err() || compiled.validator.is_valid(structured) {
            return Ok(());
        }
        let problems = teach::problems(&compiled.validator, schema, structured);
        Err(problems
            .into_iter()
            .next()
            .map_or_else(|| "it does not fit".into(), |problem| problem.line()))
    }
}

fn unchecked(arguments: Map<String, Value>, why: Arc<str>) -> Checked {
    Checked {
        arguments,
        changed: Vec::new(),
        unchecked: Some(why),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
