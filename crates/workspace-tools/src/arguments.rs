//! From what a model wrote to what a tool takes.
//!
//! Models send numbers as strings, lists as JSON text and names in camelCase; where the meaning is
//! certain it is accepted. Whatever stays unknown is refused with the nearest known name.

use foundation::nearest;
use serde_json::{Map, Value};

use crate::{Alias, ToolError};

/// Fits `arguments` to `schema`, through the alias they were sent under if any.
pub(crate) fn fit(
    mut arguments: Map<String, Value>,
    schema: &Value,
    alias: Option<&Alias>,
) -> Result<Value, ToolError> {
    if let Some(alias) = alias {
        through_alias(&mut arguments, alias);
    }
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let mut fitted = Map::new();
    for (name, value) in arguments {
        if value.is_null() {
            continue;
        }
        let known = if properties.contains_key(&name) {
            name
        } else {
            snake_case(&name)
        };
        let Some(property) = properties.get(&known) else {
            return Err(unknown(&known, properties));
        };
        fitted.insert(known, coerce(value, property));
    }
    let missing: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|name| !fitted.contains_key(*name))
        .collect();
    if missing.is_empty() {
        Ok(Value::Object(fitted))
    } else {
        Err(
            ToolError::input(format!("missing arguments: {}", missing.join(", ")))
                .hint(format!("this tool takes: {}", names(properties))),
        )
    }
}

fn through_alias(arguments: &mut Map<String, Value>, alias: &Alias) {
    for (there, here) in alias.renamed {
        if let Some(value) = arguments.remove(*there) {
            arguments.entry(*here).or_insert(value);
        }
    }
    for (name, value) in alias.assumed {
        if !arguments.contains_key(*name) {
            let value = serde_json::from_str(value).expect("a test parses every assumed value");
            arguments.insert((*name).to_owned(), value);
        }
    }
}

fn unknown(name: &str, properties: &Map<String, Value>) -> ToolError {
    let advice = match nearest(name, properties.keys().map(String::as_str)) {
        Some(near) => format!(
            "did you mean {near}? this tool takes: {}",
            names(properties)
        ),
        None => format!("this tool takes: {}", names(properties)),
    };
    ToolError::input(format!("unknown argument \"{name}\"")).hint(advice)
}

fn names(properties: &Map<String, Value>) -> String {
    properties
        .keys()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(if c == '-' { '_' } else { c });
        }
    }
    snake
}

fn coerce(value: Value, property: &Value) -> Value {
    match (property["type"].as_str(), value) {
        (Some("integer" | "number"), Value::String(text)) => text
            .trim()
            .parse::<serde_json::Number>()
            .map_or(Value::String(text), Value::Number),
        (Some("integer"), Value::Number(number)) => whole(number),
        (Some("boolean"), Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => Value::String(text),
        },
        (Some("string"), Value::Number(number)) => Value::String(number.to_string()),
        (Some("string"), Value::Array(items)) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Value::String(texts.join(", "))
        }
        (Some("array"), Value::String(text)) => list(text, &property["items"]),
        (Some("array"), Value::Array(items)) => Value::Array(
            items
                .into_iter()
                .map(|item| coerce(item, &property["items"]))
                .collect(),
        ),
        (Some("object"), Value::String(text)) => match serde_json::from_str::<Value>(&text) {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::String(text),
        },
        (_, value) => value,
    }
}

/// `5.0` is 5.
fn whole(number: serde_json::Number) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be a small whole number"
    )]
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
            Value::from(float as i64)
        }
        _ => Value::Number(number),
    }
}

/// A list written as JSON text, or a single element.
fn list(text: String, items: &Value) -> Value {
    if text.trim_start().starts_with('[')
        && let Ok(Value::Array(items)) = serde_json::from_str(&text)
    {
        return Value::Array(items);
    }
    let single = items["type"] == "string";
    if single && text.is_empty() {
        Value::Array(Vec::new())
    } else {
        Value::Array(vec![Value::String(text)])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "query": {"type": "string"},
                "page_size": {"type": "integer"},
                "unread": {"type": "boolean"},
                "label_ids": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["query"],
        })
    }

    fn fitted(arguments: Value) -> Result<Value, ToolError> {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        fit(arguments, &schema(), None)
    }

    #[test]
    fn what_models_write_is_understood() {
        let given = json!({
            "query": "x", "pageSize": "5", "unread": "true", "labelIds": "[\"A\",\"B\"]",
        });
        let meant = json!({"query": "x", "page_size": 5, "unread": true, "label_ids": ["A", "B"]});
        assert_eq!(fitted(given).unwrap(), meant);
        let given = json!({"query": "x", "page_size": 5.0, "label_ids": "A", "unread": null});
        assert_eq!(
            fitted(given).unwrap(),
            json!({"query": "x", "page_size": 5, "label_ids": ["A"]})
        );
    }

    #[test]
    fn slips_are_named_with_what_is_allowed() {
        let error = fitted(json!({"query": "x", "page_sise": 5})).unwrap_err();
        assert_eq!(error.message, "unknown argument \"page_sise\"");
        assert!(error.hint.unwrap().starts_with("did you mean page_size?"));
        let error = fitted(json!({})).unwrap_err();
        assert_eq!(error.message, "missing arguments: query");
    }

    #[test]
    fn an_alias_renames_and_assumes() {
        let alias = Alias {
            name: "old",
            renamed: &[("max_results", "page_size")],
            assumed: &[("query", "\"in:inbox\"")],
        };
        let Value::Object(given) = json!({"max_results": 3}) else {
            unreachable!()
        };
        let meant = json!({"query": "in:inbox", "page_size": 3});
        assert_eq!(fit(given, &schema(), Some(&alias)).unwrap(), meant);
    }
}
