//! Schemas as every client reads them.
//!
//! Clients differ in what they understand: some refuse `$ref`, some unions at the top, some
//! formats. The copy made here says as much as all of them take. It is never used for validation:
//! the server's own schema stays beside it.
//! Invariant: the work and the size of the copy are bounded, whatever the schema says.

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use super::clean::{clean, cut};

const DEPTH: usize = 16;
const NODES: usize = 6_000;
const ENUM: usize = 120;
const WORDS: usize = 1_500;
/// What clients were seen to understand.
const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
];
/// What goes over as it is, when it is of the right kind.
const PLAIN: &[&str] = &[
    "default",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "title",
    "uniqueItems",
];

/// The copy of a tool's input schema for clients: one object, without references.
pub(super) fn for_clients(original: &JsonObject) -> JsonObject {
    let mut copier = Copier {
        root: original,
        nodes: NODES,
        stack: Vec::new(),
    };
    let copy = copier.object(original, DEPTH);
    let mut top = flat(copy);
    top.insert("type".into(), json!("object"));
    if !top.get("properties").is_some_and(Value::is_object) {
        top.insert("properties".into(), json!({}));
    }
    keep_known_required(&mut top);
    top
}

struct Copier<'a> {
    root: &'a JsonObject,
    nodes: usize,
    /// The references being followed, to know a recursion.
    stack: Vec<String>,
}

impl Copier<'_> {
    fn any(&mut self, schema: &Value, depth: usize) -> Value {
        match schema {
            Value::Object(object) => Value::Object(self.object(object, depth)),
            _ => json!({}),
        }
    }

    fn object(&mut self, schema: &JsonObject, depth: usize) -> JsonObject {
        if depth == 0 || self.nodes == 0 {
            return open(schema);
        }
        self.nodes -= 1;
        if let Some(Value::String(reference)) = schema.get("$ref") {
            return self.reference(reference, schema, depth);
        }
        let mut copy = Map::new();
        for key in PLAIN {
            if let Some(value) = schema.get(*key) {
                copy.insert((*key).to_owned(), value.clone());
            }
        }
        if let Some(Value::String(text)) = schema.get("description") {
            copy.insert("description".into(), json!(cut(&clean(text), WORDS)));
        }
        if let Some(Value::String(format)) = schema.get("format")
            && FORMATS.contains(&format.as_str())
        {
            copy.insert("format".into(), json!(format));
        }
        kind(schema, &mut copy);
        choices(schema, &mut copy);
        self.properties(schema, &mut copy, depth);
        self.items(schema, &mut copy, depth);
        self.unions(schema, &mut copy, depth);
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            for part in parts.iter().take(ENUM) {
                if let Value::Object(part) = part {
                    let part = self.object(part, depth - 1);
                    merge(&mut copy, part);
                }
            }
        }
        keep_known_required(&mut copy);
        copy
    }

    fn reference(&mut self, reference: &str, schema: &JsonObject, depth: usize) -> JsonObject {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| point(self.root, pointer));
        let mut copy = match target {
            Some(target) if !self.stack.iter().any(|seen| seen == reference) => {
                self.stack.push(reference.to_owned());
                let copy = self.object(&target, depth - 1);
                self.stack.pop();
                copy
            }
            Some(target) => open(&target),
            None => Map::new(),
        };
        if let Some(Value::String(text)) = schema.get("description") {
            copy.insert("description".into(), json!(cut(&clean(text), WORDS)));
        }
        if let Some(default) = schema.get("default") {
            copy.insert("default".into(), default.clone());
        }
        copy
    }

    fn properties(&mut self, schema: &JsonObject, copy: &mut JsonObject, depth: usize) {
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let properties: JsonObject = properties
                .iter()
                .filter(|(_, property)| **property != Value::Bool(false))
                .map(|(name, property)| (name.clone(), self.any(property, depth - 1)))
                .collect();
            copy.insert("properties".into(), Value::Object(properties));
            copy.entry("type").or_insert_with(|| json!("object"));
        }
        if let Some(Value::Array(required)) = schema.get("required") {
            let required: Vec<&Value> = required.iter().filter(|name| name.is_string()).collect();
            copy.insert("required".into(), json!(required));
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(allowed)) => {
                copy.insert("additionalProperties".into(), json!(allowed));
            }
            Some(Value::Object(rest)) => {
                let rest = self.object(rest, depth - 1);
                copy.insert("additionalProperties".into(), Value::Object(rest));
            }
            _ => {}
        }
    }

    fn items(&mut self, schema: &JsonObject, copy: &mut JsonObject, depth: usize) {
        let items = match schema.get("items") {
            Some(Value::Object(items)) => Value::Object(self.object(items, depth - 1)),
            Some(_) => json!({}),
            None if copy.get("type") == Some(&json!("array")) => json!({}),
            None => return,
        };
        copy.entry("type").or_insert_with(|| json!("array"));
        copy.insert("items".into(), items);
    }

    fn unions(&mut self, schema: &JsonObject, copy: &mut JsonObject, depth: usize) {
        for key in ["anyOf", "oneOf"] {
            let Some(Value::Array(branches)) = schema.get(key) else {
                continue;
            };
            let mut kept: Vec<JsonObject> = Vec::new();
            for branch in branches.iter().take(ENUM) {
                if is_null(branch) {
                    forget_null_default(copy);
                    continue;
                }
                if let Value::Object(branch) = self.any(branch, depth - 1)
                    && !kept.contains(&branch)
                {
                    kept.push(branch);
                }
            }
            // Branches that only say which properties are required say nothing alone.
            let only_required = |branch: &JsonObject| branch.keys().all(|key| key == "required");
            if kept.iter().all(only_required) {
                continue;
            }
            if let [_] = kept.as_slice() {
                let only = kept.remove(0);
                merge(copy, only);
            } else {
                copy.insert("anyOf".into(), json!(kept));
                if copy.get("type") == Some(&json!("object")) && !copy.contains_key("properties") {
                    copy.remove("type");
                }
            }
        }
    }
}

/// The type without `null`; several types become a union.
fn kind(schema: &JsonObject, copy: &mut JsonObject) {
    match schema.get("type") {
        Some(Value::String(kind)) => {
            copy.insert("type".into(), json!(kind));
        }
        Some(Value::Array(kinds)) => {
            let kept: Vec<&Value> = kinds
                .iter()
                .filter(|kind| **kind != "null" && kind.is_string())
                .collect();
            if kept.len() < kinds.len() {
                forget_null_default(copy);
            }
            match kept.as_slice() {
                [] => {}
                [only] => {
                    copy.insert("type".into(), (*only).clone());
                }
                several => {
                    let branches: Vec<Value> =
                        several.iter().map(|kind| json!({ "type": kind })).collect();
                    copy.insert("anyOf".into(), json!(branches));
                }
            }
        }
        _ => {}
    }
}

/// `const` and `enum`; a list nobody reads becomes a sentence.
fn choices(schema: &JsonObject, copy: &mut JsonObject) {
    let values: Vec<Value> = match (schema.get("const"), schema.get("enum")) {
        (Some(only), _) => vec![only.clone()],
        (None, Some(Value::Array(values))) => values
            .iter()
            .filter(|value| !value.is_null())
            .cloned()
            .collect(),
        _ => return,
    };
    if values.is_empty() {
        return;
    }
    if !copy.contains_key("type") {
        let kind = |value: &Value| match value {
            Value::String(_) => Some("string"),
            Value::Bool(_) => Some("boolean"),
            Value::Number(number) if number.is_f64() => Some("number"),
            Value::Number(_) => Some("integer"),
            _ => None,
        };
        let first = values.first().and_then(kind);
        if let Some(first) = first
            && values.iter().all(|value| kind(value) == Some(first))
        {
            copy.insert("type".into(), json!(first));
        }
    }
    if values.len() <= ENUM {
        copy.insert("enum".into(), Value::Array(values));
        return;
    }
    let some: Vec<String> = values.iter().take(12).map(Value::to_string).collect();
    let told = copy
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let told = format!(
        "{told} One of {} values, such as {}.",
        values.len(),
        some.join(", ")
    );
    copy.insert("description".into(), json!(told.trim_start()));
}

/// Turns a composition at the top into one object: every property any branch knows.
fn flat(mut top: JsonObject) -> JsonObject {
    let Some(Value::Array(branches)) = top.remove("anyOf") else {
        return top;
    };
    let mut required: Option<Vec<Value>> = None;
    for branch in &branches {
        let Value::Object(branch) = branch else {
            continue;
        };
        let branch = flat(branch.clone());
        let needs: Vec<Value> = branch
            .get("required")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        required = Some(match required {
            None => needs,
            Some(seen) => seen.into_iter().filter(|n| needs.contains(n)).collect(),
        });
        if let Some(Value::Object(properties)) = branch.get("properties") {
            let into = top
                .entry("properties")
                .or_insert_with(|| json!({}))
                .as_object_mut();
            if let Some(into) = into {
                join(into, properties);
            }
        }
    }
    for name in required.unwrap_or_default() {
        need(&mut top, name);
    }
    top
}

/// Adds the properties of another branch; what both know differently may be either.
fn join(into: &mut JsonObject, from: &JsonObject) {
    for (name, property) in from {
        match into.get_mut(name) {
            None => {
                into.insert(name.clone(), property.clone());
            }
            Some(known) if known == property => {}
            Some(known) => {
                let tag = |value: &Value| value.get("enum").and_then(Value::as_array).cloned();
                if let (Some(mut one), Some(other)) = (tag(known), tag(property)) {
                    one.extend(
                        other
                            .into_iter()
                            .filter(|v| !tag(known).is_some_and(|k| k.contains(v))),
                    );
                    known["enum"] = Value::Array(one);
                } else {
                    *known = json!({ "anyOf": [known.take(), property] });
                }
            }
        }
    }
}

/// Adds what `part` says to `copy`, which keeps its own words where both speak.
fn merge(copy: &mut JsonObject, part: JsonObject) {
    for (key, value) in part {
        match (key.as_str(), copy.get_mut(&key), value) {
            ("properties", Some(Value::Object(into)), Value::Object(from)) => {
                for (name, property) in from {
                    into.entry(name).or_insert(property);
                }
            }
            ("required", Some(_), Value::Array(names)) => {
                for name in names {
                    need(copy, name);
                }
            }
            (_, Some(_), _) => {}
            (_, None, value) => {
                copy.insert(key, value);
            }
        }
    }
}

fn need(object: &mut JsonObject, name: Value) {
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(required) = required
        && !required.contains(&name)
    {
        required.push(name);
    }
}

/// A required name without a property is a trap for clients that generate arguments.
fn keep_known_required(object: &mut JsonObject) {
    let known: Option<Vec<String>> = object
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().cloned().collect());
    if let Some(Value::Array(required)) = object.get_mut("required")
        && let Some(known) = known
    {
        required.retain(|name| {
            name.as_str()
                .is_some_and(|name| known.iter().any(|k| k == name))
        });
    }
    if object
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        object.remove("required");
    }
}

fn forget_null_default(copy: &mut JsonObject) {
    if copy.get("default") == Some(&Value::Null) {
        copy.remove("default");
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null"))
        || schema.get("const") == Some(&Value::Null)
        || schema.get("enum") == Some(&json!([null]))
}

/// What is left of a schema that is not followed further.
fn open(schema: &JsonObject) -> JsonObject {
    let mut open = Map::new();
    match schema.get("type") {
        Some(Value::String(kind)) => {
            open.insert("type".into(), json!(kind));
        }
        _ if schema.contains_key("properties") => {
            open.insert("type".into(), json!("object"));
        }
        _ => {}
    }
    if open.get("type") == Some(&json!("array")) {
        open.insert("items".into(), json!({}));
    }
    if let Some(Value::String(text)) = schema.get("description") {
        open.insert("description".into(), json!(cut(&clean(text), WORDS)));
    }
    open
}

/// The object at a JSON pointer, as it is written in a URI fragment.
fn point(root: &JsonObject, pointer: &str) -> Option<JsonObject> {
    if pointer.is_empty() {
        return Some(root.clone());
    }
    let pointer = percent_decode(pointer);
    let mut parts = pointer
        .strip_prefix('/')?
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"));
    let first = parts.next()?;
    let mut at = root.get(&first)?;
    for part in parts.take(32) {
        at = match at {
            Value::Object(object) => object.get(&part)?,
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    at.as_object().cloned()
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut ahead = rest.clone();
            let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
            if let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next())) {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
                continue;
            }
        }
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(schema: &Value) -> Value {
        Value::Object(for_clients(schema.as_object().unwrap()))
    }

    #[test]
    fn references_are_followed_and_recursion_ends() {
        let copy = copy(&json!({
            "type": "object",
            "properties": {
                "filter": { "$ref": "#/$defs/filter", "description": "What to keep." },
                "page": { "$ref": "#/$defs/nowhere" },
            },
            "$defs": { "filter": { "type": "object", "properties": {
                "all": { "type": "array", "items": { "$ref": "#/$defs/filter" } },
            }}},
        }));
        assert_eq!(
            copy,
            json!({ "type": "object", "properties": {
                "filter": { "type": "object", "description": "What to keep.", "properties": {
                    "all": { "type": "array", "items": { "type": "object" } } } },
                "page": {},
            }})
        );
    }

    #[test]
    fn null_is_not_offered() {
        let copy = copy(&json!({ "type": "object", "properties": {
            "a": { "type": ["string", "null"], "default": null },
            "b": { "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }], "default": null, "title": "B" },
            "c": { "enum": ["x", null] },
            "d": { "type": ["string", "number"] },
        }}));
        assert_eq!(
            copy["properties"],
            json!({
                "a": { "type": "string" },
                "b": { "type": "integer", "minimum": 1, "title": "B" },
                "c": { "type": "string", "enum": ["x"] },
                "d": { "anyOf": [{ "type": "string" }, { "type": "number" }] },
            })
        );
    }

    #[test]
    fn a_composition_at_the_top_is_one_object() {
        let copy = copy(&json!({ "oneOf": [
            { "type": "object", "properties": { "kind": { "const": "a" }, "x": { "type": "string" } }, "required": ["kind", "x"] },
            { "type": "object", "properties": { "kind": { "const": "b" }, "y": { "type": "string" } }, "required": ["kind", "y"] },
        ]}));
        assert_eq!(
            copy,
            json!({ "type": "object", "required": ["kind"], "properties": {
                "kind": { "type": "string", "enum": ["a", "b"] },
                "x": { "type": "string" },
                "y": { "type": "string" },
            }})
        );
    }

    #[test]
    fn odd_schemas_become_objects() {
        assert_eq!(
            copy(&json!({})),
            json!({ "type": "object", "properties": {} })
        );
        assert_eq!(
            copy(
                &json!({ "properties": { "a": true, "b": false, "c": { "type": "string", "format": "phone" } }, "required": ["a", "z"] })
            ),
            json!({ "type": "object", "properties": { "a": {}, "c": { "type": "string" } }, "required": ["a"] })
        );
    }

    #[test]
    fn branches_that_only_require_are_dropped() {
        let copy = copy(
            &json!({ "type": "object", "properties": { "id": { "type": "string" }, "name": { "type": "string" } },
            "anyOf": [{ "required": ["id"] }, { "required": ["name"] }] }),
        );
        assert_eq!(
            copy,
            json!({ "type": "object", "properties": { "id": { "type": "string" }, "name": { "type": "string" } } })
        );
    }

    #[test]
    fn a_bomb_of_references_is_cut_off() {
        let mut defs = Map::new();
        for level in 0..40 {
            let next = format!("#/$defs/l{}", level + 1);
            defs.insert(
                format!("l{level}"),
                json!({ "type": "object", "properties": {
                "a": { "$ref": next }, "b": { "$ref": next }, "c": { "$ref": next } } }),
            );
        }
        let copy = copy(
            &json!({ "type": "object", "properties": { "x": { "$ref": "#/$defs/l0" } }, "$defs": defs }),
        );
        assert!(copy.to_string().len() < 1_000_000);
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({ "type": "string" })),
            Just(json!({ "type": ["integer", "null"] })),
            Just(json!(true)),
            Just(json!({ "$ref": "#/$defs/a" })),
            Just(json!({ "$ref": "#" })),
            Just(json!({ "enum": [1, "a", null, {}] })),
            Just(json!({ "required": ["a"] })),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!({ "anyOf": v })),
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!({ "oneOf": v, "type": "object" })),
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!({ "allOf": v })),
                prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!({ "items": v, "type": "array" })),
                prop::collection::btree_map("[ab]", inner.clone(), 0..3)
                    .prop_map(|v| json!({ "type": "object", "properties": v, "required": ["a", 3] })),
                inner.prop_map(|v| json!({ "$defs": { "a": v }, "additionalProperties": v, "$ref": "#/$defs/a" })),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_copy_is_plain(schema in any_schema()) {
            let Value::Object(schema) = schema else { return Ok(()) };
            let copy = for_clients(&schema);
            prop_assert_eq!(&copy["type"], &json!("object"));
            prop_assert!(copy["properties"].is_object() && !copy.contains_key("anyOf"));
            let text = Value::Object(copy.clone()).to_string();
            for word in ["$ref", "$defs", "oneOf", "allOf", "\"null\"", "\"const\""] {
                prop_assert!(!text.contains(word), "{}", text);
            }
            // Making a copy of the copy changes nothing more.
            prop_assert_eq!(for_clients(&copy), copy);
        }
    }
}
