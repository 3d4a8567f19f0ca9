//! How many steps a comparison with a schema may take, before it is made.
//!
//! Schemas come from servers nobody knows. Ten lines that refer to each other twice each cost more
//! steps than there are seconds in a year; a schema that refers to itself twice at the same place
//! doubles its cost with each level of the value.
//! Invariant: counting takes time linear in the schema.

use std::{collections::HashMap, sync::Arc};

use rmcp::model::JsonObject;
use serde_json::Value;

/// Steps a comparison may take.
pub(super) const MOST_STEPS: f64 = 200e6;
/// Parts a schema may have.
const MOST_PARTS: usize = 200_000;
/// References a schema may have.
const MOST_REFERENCES: usize = 10_000;

/// What comparing with a schema costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// Steps at one place of a value.
    here: f64,
    /// By how much they multiply with each level of the value; 1 when the schema is finite.
    growth: f64,
}

impl Cost {
    pub(super) fn of_schema(schema: &JsonObject) -> Result<Self, Arc<str>> {
        let root = Value::Object(schema.clone());
        let mut counted = Counted {
            root: &root,
            parts: 0,
            references: 0,
            known: HashMap::new(),
            twice: 1.0,
        };
        let here = counted.weigh(&root, 0)?;
        if here > MOST_STEPS {
            return Err("the schema multiplies itself beyond any use".into());
        }
        Ok(Self {
            here: here.max(1.0),
            growth: counted.twice,
        })
    }

    /// Steps for a value.
    pub(super) fn of(&self, value: &Value) -> f64 {
        let (places, depth) = size(value);
        if self.growth <= 1.0 {
            // A finite schema meets each place of the value a fixed number of times.
            return places * self.here;
        }
        places * self.here * self.growth.powi(depth)
    }
}

struct Counted<'a> {
    root: &'a Value,
    parts: usize,
    references: usize,
    known: HashMap<&'a str, Known>,
    twice: f64,
}

#[derive(Clone, Copy)]
enum Known {
    /// Being counted: a reference to it is a reference of the schema to itself.
    Open(u32),
    Done(f64),
}

impl<'a> Counted<'a> {
    fn weigh(&mut self, schema: &'a Value, depth: usize) -> Result<f64, Arc<str>> {
        self.parts += 1;
        if self.parts > MOST_PARTS || depth > 512 {
            return Err("the schema is too large to compare with".into());
        }
        let mut sum = 1.0;
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") {
                        if let Some(target) = value.as_str() {
                            sum += self.follow(target, depth)?;
                        }
                    } else if !matches!(
                        key.as_str(),
                        "$defs" | "definitions" | "enum" | "const" | "default" | "examples"
                    ) {
                        sum += self.weigh(value, depth + 1)?;
                    }
                }
            }
            Value::Array(list) => {
                for value in list {
                    sum += self.weigh(value, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(sum.min(1e300))
    }

    fn follow(&mut self, target: &'a str, depth: usize) -> Result<f64, Arc<str>> {
        self.references += 1;
        if self.references > MOST_REFERENCES {
            return Err("the schema has too many references".into());
        }
        match self.known.get(target).copied() {
            Some(Known::Done(weight)) => return Ok(weight),
            Some(Known::Open(met)) => {
                self.known.insert(target, Known::Open(met + 1));
                self.twice = self.twice.max(f64::from(met + 1));
                return Ok(1.0);
            }
            None => {}
        }
        let resolved = match target.strip_prefix('#') {
            Some("") => Some(self.root),
            Some(pointer) => self.root.pointer(&percent_decoded(pointer)),
            None => None,
        };
        let Some(resolved) = resolved else {
            // An anchor, or another document: the compiler judges it.
            return Ok(1.0);
        };
        self.known.insert(target, Known::Open(0));
        let weight = self.weigh(resolved, depth + 1)?;
        self.known.insert(target, Known::Done(weight));
        Ok(weight)
    }
}

fn percent_decoded(pointer: &str) -> String {
    percent_encoding::percent_decode_str(pointer)
        .decode_utf8_lossy()
        .into_owned()
}

/// Places of a value, and its depth.
fn size(value: &Value) -> (f64, i32) {
    let mut places = 0.0;
    let mut deepest = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        places += 1.0;
        deepest = deepest.max(depth);
        match value {
            Value::Array(list) => open.extend(list.iter().map(|value| (value, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    (places, deepest)
}
