//! Every example of every tool, run for real.
//!
//! The sandbox holds each request against Google's description, and the client does so before;
//! here the answer is held against the example and the declared schema.

use std::collections::BTreeSet;

use serde_json::Value;
use workspace_tools::all;

use crate::world::World;

#[tokio::test]
async fn examples_do_what_they_say() {
    let mut problems = Vec::new();
    for entry in all() {
        let meta = entry.meta;
        for example in meta.examples {
            // A world of its own, so that no example lives on what another left behind.
            let world = World::new().await;
            let arguments = world.filled(example.arguments).await;
            world.sandbox.forget_calls();
            let place = format!("{}, \"{}\"", meta.name, example.say);
            match world.call(meta.name, arguments).await {
                Err(error) => problems.push(format!("{place}: {error} ({:?})", error.hint)),
                Ok(outcome) => {
                    if !outcome.text.contains(example.gives) {
                        problems.push(format!(
                            "{place}: \"{}\" is not in:\n{}",
                            example.gives, outcome.text
                        ));
                    }
                    misfits(
                        &outcome.data,
                        &(entry.output_schema)(),
                        &place,
                        &mut problems,
                    );
                }
            }
            let called: BTreeSet<String> = world
                .sandbox
                .calls()
                .into_iter()
                .map(|call| call.method)
                .collect();
            for method in called {
                if !meta.methods.contains(&method.as_str()) {
                    problems.push(format!(
                        "{place}: calls {method}, which it does not declare"
                    ));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Whether `data` is what the schema promises.
fn misfits(data: &Value, schema: &Value, path: &str, problems: &mut Vec<String>) {
    let right = match schema["type"].as_str() {
        Some("object") => data.is_object(),
        Some("array") => data.is_array(),
        Some("string") => data.is_string(),
        Some("integer") => data.is_i64() || data.is_u64(),
        Some("number") => data.is_number(),
        Some("boolean") => data.is_boolean(),
        _ => true,
    };
    if !right {
        problems.push(format!("{path}: {data} is not of type {}", schema["type"]));
        return;
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(data)
    {
        problems.push(format!("{path}: {data} is not one of {values:?}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if data.get(required.as_str().unwrap_or_default()).is_none() {
            problems.push(format!("{path}: {required} is missing"));
        }
    }
    for (name, value) in data.as_object().into_iter().flatten() {
        match (
            schema["properties"].get(name),
            schema.get("additionalProperties"),
        ) {
            (Some(property), _) => misfits(value, property, &format!("{path}.{name}"), problems),
            (None, Some(Value::Object(_))) => {
                misfits(
                    value,
                    &schema["additionalProperties"],
                    &format!("{path}.{name}"),
                    problems,
                );
            }
            (None, Some(Value::Bool(true))) => {}
            // An object without described properties is free.
            (None, None) if schema.get("properties").is_none() => {}
            (None, _) => problems.push(format!("{path}: {name} is not in the schema")),
        }
    }
    for item in data.as_array().into_iter().flatten() {
        misfits(item, &schema["items"], &format!("{path}[]"), problems);
    }
}
