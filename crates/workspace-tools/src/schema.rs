//! JSON schemas plain enough for every client: no `$ref`, no null unions, no composition at the
//! top, no noise.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The schema of a tool's own arguments.
pub(crate) fn input<T: JsonSchema>() -> Value {
    let mut schema = plain::<T>();
    schema["additionalProperties"] = json!(false);
    // What documents the Rust type says nothing to callers; its fields do.
    if let Some(object) = schema.as_object_mut() {
        object.remove("description");
    }
    schema
}

/// The schema of a tool's data. Descriptions are left out, as are the required fields of inner
/// objects: the names are Google's or speak for themselves, and every listed byte costs every
/// conversation.
pub(crate) fn output<T: JsonSchema>() -> Value {
    let mut schema = plain::<T>();
    without_descriptions(&mut schema);
    for inner in schema["properties"].as_object_mut().into_iter().flatten() {
        without_required(inner.1);
    }
    schema
}

fn plain<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    simplify(&mut schema);
    if schema.get("properties").is_none() {
        schema["properties"] = json!({});
    }
    schema
}

fn simplify(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    for noise in ["$schema", "$defs", "title", "format", "$comment"] {
        object.remove(noise);
    }
    // Every unsigned number has it, and a negative one is refused with a clear message anyway.
    if object.get("minimum") == Some(&json!(0)) {
        object.remove("minimum");
    }
    if object.get("additionalProperties") == Some(&json!(true)) {
        object.remove("additionalProperties");
    }
    drop_null(object);
    constants_to_enum(object);
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(simplify);
            }
            ("items" | "additionalProperties", value) => simplify(value),
            ("anyOf" | "oneOf" | "allOf", Value::Array(choices)) => {
                choices.iter_mut().for_each(simplify);
            }
            _ => {}
        }
    }
}

/// `T | null` becomes `T`: an absent field says the same and every client understands it.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&json!("null")));
        if choices.len() == 1 {
            let Some(Value::Object(only)) = choices.pop() else {
                return;
            };
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// A choice of described constants becomes a plain `enum`.
fn constants_to_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else {
        return;
    };
    let mut values = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(value), _) => values.push(value.clone()),
            (None, Some(Value::Array(several))) => values.extend(several.iter().cloned()),
            _ => return,
        }
    }
    object.remove("oneOf");
    object.insert("type".to_owned(), json!("string"));
    object.insert("enum".to_owned(), Value::Array(values));
}

fn without_required(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // A property may be called so, too; its value is an object.
            object.retain(|key, value| key != "required" || !value.is_array());
            object.values_mut().for_each(without_required);
        }
        Value::Array(items) => items.iter_mut().for_each(without_required),
        _ => {}
    }
}

fn without_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if let ("properties", Value::Object(properties)) = (key.as_str(), &mut *value) {
                    properties.values_mut().for_each(without_descriptions);
                } else {
                    without_descriptions(value);
                }
            }
            for noise in ["description", "default"] {
                if object.get(noise).is_some_and(|value| !value.is_object()) {
                    object.remove(noise);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        _ => {}
    }
}
