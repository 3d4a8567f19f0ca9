//! Makes arguments fit a schema where nothing is lost: models write numbers as texts, lists as
//! JSON texts, and names in the other case.
//!
//! Invariant: every change is named, and a value that could become two different things stays.

use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use rmcp::model::JsonObject;
use serde_json::Value;

use super::teach::{property_names, type_names};

/// One change can uncover the next.
const MOST_ROUNDS: usize = 4;
const MOST_CHANGES: usize = 200;

/// Changes what can be changed without loss, and says what was.
pub(super) fn coerce(validator: &Validator, schema: &JsonObject, value: &mut Value) -> Vec<String> {
    let mut said = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let changes: Vec<_> = validator
            .iter_errors(value)
            .take(MOST_CHANGES)
            .flat_map(|error| changes(&error, schema))
            .collect();
        let before = said.len();
        for change in changes {
            change.make(value, &mut said);
        }
        if said.len() == before || said.len() > MOST_CHANGES {
            break;
        }
    }
    said
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    Replace {
        path: String,
        by: Value,
        how: String,
    },
    Rename {
        path: String,
        from: String,
        to: String,
    },
    /// A property that is null and need not be there.
    Drop { path: String },
}

impl Change {
    fn make(self, value: &mut Value, said: &mut Vec<String>) {
        match self {
            Self::Replace { path, by, how } => {
                if let Some(place) = value.pointer_mut(&path)
                    && *place != by
                {
                    *place = by;
                    said.push(format!("{path}: {how}"));
                }
            }
            Self::Rename { path, from, to } => {
                if let Some(Value::Object(map)) = value.pointer_mut(&path)
                    && !map.contains_key(&to)
                    && let Some(moved) = map.remove(&from)
                {
                    said.push(format!("{path}/{from}: named {to}"));
                    map.insert(to, moved);
                }
            }
            Self::Drop { path } => {
                if let Some((parent, name)) = path.rsplit_once('/')
                    && let Some(Value::Object(map)) = value.pointer_mut(parent)
                {
                    let name = name.replace("~1", "/").replace("~0", "~");
                    if map.get(&name) == Some(&Value::Null) {
                        map.remove(&name);
                        said.push(format!("{path}: null left out"));
                    }
                }
            }
        }
    }
}

fn changes(error: &ValidationError<'_>, schema: &JsonObject) -> Vec<Change> {
    use ValidationErrorKind as Kind;
    let path = error.instance_path().to_string();
    match error.kind() {
        Kind::Type { kind } => retyped(error.instance(), kind, path).into_iter().collect(),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let mut all: Vec<Change> = Vec::new();
            for error in context.iter().flatten() {
                for change in changes(error, schema) {
                    if !all.contains(&change) {
                        all.push(change);
                    }
                }
            }
            // Two ways to change a value are no way.
            if all.len() == 1 { all } else { Vec::new() }
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            renamed(
                unexpected.iter().map(String::as_str),
                &property_names(error, schema),
                error,
            )
        }
        Kind::Required { property } => {
            let missing = [property.as_str().unwrap_or_default().to_owned()];
            let known = property_names(error, schema);
            let strangers: Vec<_> = error
                .instance()
                .as_object()
                .map(|map| {
                    map.keys()
                        .map(String::as_str)
                        .filter(|key| !known.iter().any(|known| known == key))
                        .collect()
                })
                .unwrap_or_default();
            renamed(strangers.into_iter(), &missing, error)
        }
        _ => Vec::new(),
    }
}

fn retyped(value: &Value, kind: &TypeKind, path: String) -> Option<Change> {
    let wanted = type_names(kind);
    let wants = |name: &str| wanted.contains(&name);
    let replace = |by: Value, how: &str| {
        Some(Change::Replace {
            path: path.clone(),
            by,
            how: how.to_owned(),
        })
    };
    match value {
        Value::String(text) => {
            let read: Option<Value> = serde_json::from_str(text.trim()).ok();
            match read? {
                Value::Number(number) if wants("number") || wants("integer") => {
                    // Only when the text is exactly how the number is written.
                    let whole = number.is_i64() || number.is_u64();
                    let same = number.to_string() == text.trim();
                    if same && (whole || wants("number")) {
                        replace(Value::Number(number), "text read as a number")
                    } else {
                        None
                    }
                }
                Value::Bool(truth) if wants("boolean") => {
                    replace(Value::Bool(truth), "text read as a boolean")
                }
                list @ Value::Array(_) if wants("array") => replace(list, "text read as a list"),
                object @ Value::Object(_) if wants("object") => {
                    replace(object, "text read as an object")
                }
                _ => None,
            }
        }
        Value::Number(number) if wants("string") => replace(
            Value::String(number.to_string()),
            "number written as a text",
        ),
        Value::Bool(truth) if wants("string") => replace(
            Value::String(truth.to_string()),
            "boolean written as a text",
        ),
        Value::Null if !path.is_empty() => Some(Change::Drop { path }),
        _ => None,
    }
}

fn renamed<'a>(
    strangers: impl Iterator<Item = &'a str>,
    known: &[String],
    error: &ValidationError<'_>,
) -> Vec<Change> {
    let present = error.instance();
    let strangers: Vec<&str> = strangers.collect();
    let mut all = Vec::new();
    for from in &strangers {
        let matching: Vec<_> = known
            .iter()
            .filter(|name| folded(name) == folded(from) && present.get(name.as_str()).is_none())
            .collect();
        let rivals = strangers
            .iter()
            .filter(|other| folded(other) == folded(from))
            .count();
        if let [to] = matching[..]
            && rivals == 1
        {
            all.push(Change::Rename {
                path: error.instance_path().to_string(),
                from: (*from).to_owned(),
                to: to.clone(),
            });
        }
    }
    all
}

/// A name without the differences between `userName`, `user_name` and `user-name`.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}
