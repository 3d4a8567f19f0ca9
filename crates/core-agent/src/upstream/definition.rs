//! Whether a tool's definition can be used.
//!
//! Pure, and in time linear in the definition's size whatever is in it. Invariant: what passes can
//! be walked by anybody without harm: bounded depth, size and references.

use std::collections::HashSet;

use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

use super::gather::VALUE;

/// Characters of a name.
const NAME: usize = 256;
/// Depth of a schema.
const DEPTH: usize = 64;
/// Bytes of a schema, about.
const BYTES: usize = 1 << 20;
/// References in a schema.
const REFERENCES: usize = 1_000;

/// Says why a tool cannot be used.
pub(super) fn check(tool: &Tool) -> Result<(), String> {
    let name = &tool.name;
    if name.is_empty() || name.chars().count() > NAME {
        return Err(format!("a name has 1 to {NAME} characters"));
    }
    if name
        .chars()
        .any(|character| character.is_control() || character.is_whitespace())
    {
        return Err("a name has no blanks and no control characters".into());
    }
    let object = match tool.input_schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(_) => false,
        None => tool.input_schema.is_empty() || describes_an_object(&tool.input_schema),
    };
    if !object {
        return Err("its inputSchema is not of an object".into());
    }
    bounded(&tool.input_schema).map_err(|why| format!("its inputSchema {why}"))?;
    headers(&tool.input_schema)?;
    if let Some(output) = &tool.output_schema {
        bounded(output).map_err(|why| format!("its outputSchema {why}"))?;
    }
    Ok(())
}

/// About the bytes of a value: those of its text, and for each value in it what one takes at least.
pub(super) fn weight(value: &Value) -> usize {
    let mut weight = 0_usize;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        let bytes = match value {
            Value::String(text) => text.len() + 2,
            Value::Array(values) => {
                open.extend(values);
                values.len() + 2
            }
            Value::Object(entries) => {
                open.extend(entries.values());
                entries.keys().map(|key| key.len() + 4).sum::<usize>() + 2
            }
            _ => 8,
        };
        weight += bytes.max(VALUE);
    }
    weight
}

fn describes_an_object(schema: &JsonObject) -> bool {
    [
        "properties",
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
        "additionalProperties",
    ]
    .iter()
    .any(|key| schema.contains_key(*key))
}

fn bounded(schema: &JsonObject) -> Result<(), String> {
    let mut bytes = 0_usize;
    let mut references = 0_usize;
    let mut open: Vec<(&Value, usize)> = Vec::new();
    let mut step = |entries: &JsonObject| {
        references +=
            usize::from(entries.contains_key("$ref") || entries.contains_key("$dynamicRef"));
        bytes += entries.keys().map(|key| key.len() + 4).sum::<usize>();
        (references, bytes)
    };
    step(schema);
    open.extend(schema.values().map(|value| (value, 1)));
    let mut texts = 0_usize;
    while let Some((value, depth)) = open.pop() {
        if depth > DEPTH {
            return Err(format!("is more than {DEPTH} levels deep"));
        }
        match value {
            Value::Object(entries) => {
                let (references, bytes) = step(entries);
                if references > REFERENCES {
                    return Err(format!("has more than {REFERENCES} references"));
                }
                if bytes + texts > BYTES {
                    return Err(format!("is larger than {BYTES} bytes"));
                }
                open.extend(entries.values().map(|value| (value, depth + 1)));
            }
            Value::Array(values) => {
                texts += values.len();
                open.extend(values.iter().map(|value| (value, depth + 1)));
            }
            Value::String(text) => texts += text.len(),
            _ => texts += 4,
        }
        if texts > BYTES {
            return Err(format!("is larger than {BYTES} bytes"));
        }
    }
    Ok(())
}

/// `x-mcp-header` names the HTTP header that carries an argument.
fn headers(schema: &JsonObject) -> Result<(), String> {
    let mut names = HashSet::new();
    let mut open: Vec<&JsonObject> = vec![schema];
    while let Some(object) = open.pop() {
        let Some(Value::Object(properties)) = object.get("properties") else {
            continue;
        };
        for (property, described) in properties {
            let Value::Object(described) = described else {
                continue;
            };
            if let Some(header) = described.get("x-mcp-header") {
                let primitive = matches!(
                    described.get("type").and_then(Value::as_str),
                    Some("string" | "integer" | "number" | "boolean")
                );
                let name = header.as_str().unwrap_or_default();
                let token = !name.is_empty() && name.bytes().all(is_token);
                if !token || !primitive {
                    return Err(format!(
                        "the x-mcp-header of {property} is no header of a plain value"
                    ));
                }
                if !names.insert(name.to_ascii_lowercase()) {
                    return Err(format!("the x-mcp-header {name} is used twice"));
                }
            }
            open.push(described);
        }
    }
    Ok(())
}

/// A character of a header's name.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(schema: Value) -> Result<(), String> {
        named("tool", schema)
    }

    fn named(name: &str, schema: Value) -> Result<(), String> {
        let mut tool = json!({ "name": name });
        tool["inputSchema"] = schema;
        check(&serde_json::from_value(tool).unwrap())
    }

    #[test]
    fn definitions_that_can_be_used() {
        with(json!({"type": "object"})).unwrap();
        with(json!({})).unwrap();
        with(json!({"properties": {"a": {"type": "string", "x-mcp-header": "Region"}}})).unwrap();
        named("a/b.c-d_e", json!({"type": "object"})).unwrap();
    }

    #[test]
    fn definitions_that_cannot() {
        for bad in [
            json!({"type": "string"}),
            json!({"type": ["object", "null"]}),
            json!({"enum": [1]}),
        ] {
            assert!(with(bad.clone()).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a\u{7}", &"a".repeat(257)] {
            assert!(named(bad, json!({"type": "object"})).is_err(), "{bad}");
        }
        let header = |one: Value| json!({"type": "object", "properties": {"a": one}});
        assert!(with(header(json!({"type": "string", "x-mcp-header": "a b"}))).is_err());
        assert!(with(header(json!({"type": "object", "x-mcp-header": "a"}))).is_err());
        let twice = json!({"type": "object", "properties": {
            "a": {"type": "string", "x-mcp-header": "Same"},
            "b": {"type": "string", "x-mcp-header": "same"}}});
        assert!(with(twice).is_err());
    }

    #[test]
    fn monsters_are_turned_away() {
        let refs: Vec<Value> = (0..10_000)
            .map(|n| json!({"$ref": format!("#/$defs/d{n}")}))
            .collect();
        assert!(
            with(json!({"type": "object", "anyOf": refs}))
                .unwrap_err()
                .contains("references")
        );
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"items": deep});
        }
        assert!(
            with(json!({"type": "object", "properties": {"a": deep}}))
                .unwrap_err()
                .contains("deep")
        );
        let large = "x".repeat(BYTES + 1);
        assert!(
            with(json!({"type": "object", "description": large}))
                .unwrap_err()
                .contains("larger")
        );
    }
}
