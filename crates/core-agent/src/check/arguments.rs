//! Arguments for a call that nobody asked for, made from what a schema itself offers.
//!
//! Invariant: no value is invented. Where a required argument has no default, constant, choice or
//! example, there are no arguments.

use serde_json::{Map, Value};

/// How deep required objects are filled.
const DEPTH: usize = 4;

/// The smallest arguments a schema takes, or the name of the argument that only a person knows.
pub(super) fn made(schema: &Value) -> Result<Map<String, Value>, String> {
    match object(schema, schema, DEPTH) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Ok(Map::new()),
        Err(unknown) => Err(unknown),
    }
}

/// The required arguments of a schema.
pub(super) fn required(schema: &Value) -> Vec<&str> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn object(schema: &Value, root: &Value, depth: usize) -> Result<Value, String> {
    let mut made = Map::new();
    for name in required(schema) {
        let property = &schema["properties"][name];
        let value = value(property, root, depth).ok_or_else(|| name.to_owned())?;
        made.insert(name.to_owned(), value);
    }
    Ok(Value::Object(made))
}

fn value(schema: &Value, root: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    for key in ["const", "default"] {
        if let Some(value) = schema.get(key) {
            return Some(value.clone());
        }
    }
    for key in ["enum", "examples"] {
        if let Some(first) = schema[key].as_array().and_then(|values| values.first()) {
            return Some(first.clone());
        }
    }
    if let Some(place) = schema["$ref"].as_str() {
        let target = root.pointer(place.strip_prefix('#')?)?;
        return value(target, root, depth);
    }
    for key in ["anyOf", "oneOf"] {
        let mut ways = schema[key].as_array().into_iter().flatten();
        if let Some(made) = ways.find_map(|way| value(way, root, depth)) {
            return Some(made);
        }
    }
    match schema["type"].as_str() {
        Some("object") if schema["properties"].is_object() => object(schema, root, depth).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_schema_offers_is_taken() {
        let schema = json!({
            "type": "object",
            "properties": {
                "zone": {"type": "string", "default": "UTC"},
                "unit": {"enum": ["c", "f"]},
                "kind": {"$ref": "#/$defs/Kind"},
                "near": {"anyOf": [{"type": "string"}, {"const": 7}]},
                "deep": {
                    "type": "object", "required": ["x"],
                    "properties": {"x": {"examples": [1]}},
                },
                "free": {"type": "string"},
            },
            "required": ["zone", "unit", "kind", "near", "deep"],
            "$defs": {"Kind": {"const": "k"}},
        });
        let expected =
            json!({"zone": "UTC", "unit": "c", "kind": "k", "near": 7, "deep": {"x": 1}});
        assert_eq!(Value::Object(made(&schema).unwrap()), expected);
        assert_eq!(made(&json!({"type": "object"})).unwrap(), Map::new());
    }

    #[test]
    fn what_only_a_person_knows_is_not_invented() {
        let schema = json!({"properties": {"path": {"type": "string"}}, "required": ["path"]});
        assert_eq!(made(&schema), Err("path".into()));
        let endless = json!({
            "properties": {"a": {"$ref": "#/properties/a"}}, "required": ["a"],
        });
        assert_eq!(made(&endless), Err("a".into()));
    }
}
