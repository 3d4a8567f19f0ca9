//! Schemas, compiled once for each definition of a tool.
//!
//! Invariant: nothing is fetched: a schema that refers to another document is not compiled.

use std::{sync::Arc, time::Duration};

use jsonschema::{PatternOptions, Validator};
use moka::sync::Cache;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::bound::{self, Cost};

const KEPT: u64 = 2_000;
const UNUSED: Duration = Duration::from_hours(6);
/// Of a pattern without backtracking.
const PATTERN_BYTES: usize = 1 << 20;
/// Of a pattern with it.
const BACKTRACKS: usize = 20_000;

/// Which schema of a tool.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Side {
    Input,
    Output,
}

/// A schema ready to be compared with.
pub(super) struct Compiled {
    pub(super) validator: Validator,
    cost: Cost,
}

impl Compiled {
    /// Whether comparing costs a bounded amount of time.
    pub(super) fn affordable(&self, value: &Value) -> Result<(), Arc<str>> {
        if self.cost.of(value) <= bound::MOST_STEPS {
            Ok(())
        } else {
            Err("comparing so large a value with so intricate a schema would take too long".into())
        }
    }
}

type Kept = Result<Arc<Compiled>, Arc<str>>;

/// The compiled schemas.
pub(super) struct Schemas(Cache<(String, Side), Kept>);

impl Schemas {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(KEPT)
                .time_to_idle(UNUSED)
                .build(),
        )
    }

    pub(super) fn get(&self, fingerprint: &str, side: Side, schema: &JsonObject) -> Kept {
        self.0
            .get_with((fingerprint.to_owned(), side), || compile(schema))
    }
}

fn compile(schema: &JsonObject) -> Kept {
    let cost = Cost::of_schema(schema)?;
    let schema = Value::Object(schema.clone());
    // Patterns come from servers, so the engine that cannot backtrack is tried first.
    let linear = jsonschema::options()
        .offline()
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(PATTERN_BYTES)
                .dfa_size_limit(PATTERN_BYTES),
        )
        .build(&schema);
    let validator = match linear {
        Ok(validator) => validator,
        Err(_) => jsonschema::options()
            .offline()
            .with_pattern_options(
                PatternOptions::fancy_regex()
                    .size_limit(PATTERN_BYTES)
                    .dfa_size_limit(PATTERN_BYTES)
                    .backtrack_limit(BACKTRACKS),
            )
            .build(&schema)
            .map_err(|error| Arc::<str>::from(format!("the schema cannot be read: {error}")))?,
    };
    Ok(Arc::new(Compiled { validator, cost }))
}
