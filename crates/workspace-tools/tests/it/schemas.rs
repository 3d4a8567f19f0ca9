//! Schemas plain enough for every client, and small enough for every conversation.

use serde_json::{Value, json};
use workspace_tools::{Access, Selection, Toolbox};

/// What a tool may cost in a listing on average, in bytes of JSON.
const AVERAGE: usize = 1_100;

fn walk(schema: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        problems.push(format!("{path}: not an object"));
        return;
    };
    for banned in [
        "$ref",
        "$defs",
        "$schema",
        "definitions",
        "oneOf",
        "allOf",
        "not",
        "if",
        "format",
    ] {
        if object.contains_key(banned) {
            problems.push(format!("{path}: {banned}"));
        }
    }
    if object.get("type").is_some_and(Value::is_array) {
        problems.push(format!("{path}: several types"));
    }
    let no_type = !object.contains_key("type") && !object.contains_key("anyOf");
    if no_type && !object.is_empty() {
        problems.push(format!("{path}: no type"));
    }
    for (name, property) in object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        walk(property, &format!("{path}.{name}"), problems);
    }
    if let Some(items) = object.get("items") {
        walk(items, &format!("{path}[]"), problems);
    }
    for choice in object
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        walk(choice, &format!("{path}|"), problems);
    }
}

#[test]
fn schemas_are_plain() {
    let mut problems = Vec::new();
    for tool in Toolbox::new(&Selection::default()).tools() {
        let name = tool.entry.meta.name;
        for (what, schema) in [
            ("input", &tool.input_schema),
            ("output", &tool.output_schema),
        ] {
            let path = format!("{name}.{what}");
            walk(schema, &path, &mut problems);
            if schema["type"] != "object" || schema.get("anyOf").is_some() {
                problems.push(format!("{path}: not a plain object at the top"));
            }
        }
        let words = |description: &str| description.split_whitespace().count();
        for (argument, schema) in tool.input_schema["properties"]
            .as_object()
            .expect("properties")
        {
            if schema["description"]
                .as_str()
                .is_some_and(|text| words(text) > 12)
            {
                problems.push(format!("{name}.{argument}: more than 12 words"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_listing_is_small() {
    let mut sizes: Vec<(usize, usize, usize, &str)> = Vec::new();
    for tool in Toolbox::new(&Selection::default()).tools() {
        let meta = tool.entry.meta;
        let listed = json!({
            "name": meta.name,
            "title": meta.title,
            "description": meta.description,
            "inputSchema": tool.input_schema,
            "outputSchema": tool.output_schema,
            "annotations": annotations(meta.access, meta.idempotent),
        });
        let size = |value: &Value| value.to_string().len();
        sizes.push((
            size(&listed),
            size(&tool.input_schema),
            size(&tool.output_schema),
            meta.name,
        ));
    }
    sizes.sort_unstable();
    let table: Vec<String> = sizes
        .iter()
        .map(|(all, input, output, name)| format!("{all:5} {input:5} {output:5}  {name}"))
        .collect();
    let average = sizes.iter().map(|(all, ..)| all).sum::<usize>() / sizes.len();
    let table = format!(
        "  all    in   out  tool\n{}\naverage {average}",
        table.join("\n")
    );
    assert!(average <= AVERAGE, "{table}");
    insta::assert_snapshot!("sizes", table);
}

/// The hints as they are listed: what MCP assumes anyway is left out.
fn annotations(access: Access, idempotent: bool) -> Value {
    match access {
        Access::Read => json!({"readOnlyHint": true}),
        _ => json!({
            "readOnlyHint": false,
            "destructiveHint": access == Access::Destructive,
            "idempotentHint": idempotent,
        }),
    }
}
