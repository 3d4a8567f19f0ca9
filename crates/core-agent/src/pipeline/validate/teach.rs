//! From a failed comparison to a lesson: where, what is wrong, what is allowed, what was meant.
//!
//! Invariant: the lesson never repeats a value, which could be a secret or a megabyte.

use foundation::nearest;
use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::pipeline::{Refusal, RefusalKind};

const MOST_PROBLEMS: usize = 10;
/// Names and values told at most.
const MOST_NAMES: usize = 40;
/// A schema larger than this is not repeated in the lesson.
const SCHEMA_BYTES: usize = 8 << 10;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Problem {
    /// JSON pointer to the value.
    pub(super) path: String,
    /// What is wrong.
    #[serde(rename = "problem")]
    pub(super) wrong: String,
    /// What is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed: Option<Value>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) did_you_mean: Option<String>,
}

impl Problem {
    pub(super) fn line(&self) -> String {
        let place = if self.path.is_empty() {
            "the whole"
        } else {
            &self.path
        };
        match &self.did_you_mean {
            Some(meant) => format!("{place}: {}: did you mean {meant:?}?", self.wrong),
            None => format!("{place}: {}", self.wrong),
        }
    }
}

/// Everything that is wrong with the arguments of a tool.
pub(super) fn lesson(
    validator: &Validator,
    schema: &JsonObject,
    arguments: &Value,
    tool: &str,
) -> Refusal {
    let problems = problems(validator, schema, arguments);
    let lines: Vec<_> = problems.iter().map(Problem::line).collect();
    let small = serde_json::to_string(schema).is_ok_and(|text| text.len() <= SCHEMA_BYTES);
    Refusal {
        kind: RefusalKind::InvalidArguments,
        message: format!(
            "the arguments do not fit {tool}: {}; change them and call again",
            lines.join("; ")
        ),
        details: json!({
            "errors": problems,
            "schema": if small { json!(schema) } else { Value::Null },
        }),
    }
}

/// What is wrong, the first few.
pub(super) fn problems(validator: &Validator, schema: &JsonObject, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for error in validator.iter_errors(value) {
        for problem in explain(&error, schema) {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        if problems.len() >= MOST_PROBLEMS {
            problems.truncate(MOST_PROBLEMS);
            break;
        }
    }
    problems
}

fn explain(error: &ValidationError<'_>, schema: &JsonObject) -> Vec<Problem> {
    use ValidationErrorKind as Kind;
    let one = |problem: String, allowed: Option<Value>| {
        vec![Problem {
            path: error.instance_path().to_string(),
            wrong: problem,
            allowed,
            did_you_mean: None,
        }]
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let about = property_schema(error, schema, name)
                .and_then(|schema| schema.get("description")?.as_str().map(short));
            let mut problem = match about {
                Some(about) => format!("{name:?} is missing ({about})"),
                None => format!("{name:?} is missing"),
            };
            let given = stranger_near(error, schema, name);
            if let Some(given) = given {
                problem.push_str(&format!("; {:?} was given", short(given)));
            }
            vec![Problem {
                path: error.instance_path().to_string(),
                wrong: problem,
                allowed: None,
                did_you_mean: given.map(|_| name.to_owned()),
            }]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = property_names(error, schema);
            unexpected
                .iter()
                .take(MOST_PROBLEMS)
                .map(|name| Problem {
                    path: error.instance_path().to_string(),
                    wrong: format!("it knows no {:?}", short(name)),
                    allowed: Some(json!(known.iter().take(MOST_NAMES).collect::<Vec<_>>())),
                    did_you_mean: nearest(name, known.iter().map(String::as_str))
                        .map(ToOwned::to_owned),
                })
                .collect()
        }
        Kind::Enum { options } => {
            let names: Vec<&str> = options
                .as_array()
                .map(|options| options.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            let said = error.instance().as_str();
            vec![Problem {
                path: error.instance_path().to_string(),
                wrong: format!("it must be one of {}", listed(options)),
                allowed: Some((**options).clone()),
                did_you_mean: said
                    .and_then(|said| nearest(said, names.iter().copied()))
                    .map(ToOwned::to_owned),
            }]
        }
        Kind::Constant { expected_value } => one(
            format!("it must be {}", short(&expected_value.to_string())),
            Some((**expected_value).clone()),
        ),
        Kind::Type { kind } => {
            let names = type_names(kind);
            one(
                format!(
                    "it is {} and must be {}",
                    type_of(error.instance()),
                    names.join(" or ")
                ),
                Some(json!({ "type": names })),
            )
        }
        Kind::Minimum { limit } => one(
            format!("the least is {limit}"),
            Some(json!({"minimum": limit})),
        ),
        Kind::Maximum { limit } => one(
            format!("the most is {limit}"),
            Some(json!({"maximum": limit})),
        ),
        Kind::ExclusiveMinimum { limit } => one(format!("it must be more than {limit}"), None),
        Kind::ExclusiveMaximum { limit } => one(format!("it must be less than {limit}"), None),
        Kind::MinLength { limit } => one(format!("it must have at least {limit} characters"), None),
        Kind::MaxLength { limit } => one(format!("it must have at most {limit} characters"), None),
        Kind::MinItems { limit } => one(format!("it must have at least {limit} items"), None),
        Kind::MaxItems { limit } => one(format!("it must have at most {limit} items"), None),
        Kind::Pattern { pattern } => one(
            format!("it must match the pattern {}", short(pattern)),
            Some(json!({ "pattern": pattern })),
        ),
        Kind::Format { format } => one(
            format!("it must be a {format}"),
            Some(json!({"format": format})),
        ),
        Kind::AnyOf { context }
        | Kind::OneOfNotValid { context }
        | Kind::OneOfMultipleValid { context } => branches(error, context, schema),
        other => one(format!("it breaks the rule {:?}", other.keyword()), None),
    }
}

/// The lesson of the branch that came nearest.
fn branches(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    schema: &JsonObject,
) -> Vec<Problem> {
    // Branches that all fail at the value itself because of its type are alternatives of types.
    let here = error.instance_path().to_string();
    let mut types = Vec::new();
    let all_types = context.iter().all(|errors| {
        errors.iter().any(|error| match error.kind() {
            ValidationErrorKind::Type { kind } if error.instance_path().to_string() == here => {
                types.extend(type_names(kind));
                true
            }
            _ => false,
        })
    });
    if all_types && !types.is_empty() {
        types.sort_unstable();
        types.dedup();
        return vec![Problem {
            path: here,
            wrong: format!(
                "it is {} and must be {}",
                type_of(error.instance()),
                types.join(" or ")
            ),
            allowed: Some(json!({ "type": types })),
            did_you_mean: None,
        }];
    }
    let nearest = context
        .iter()
        .filter(|errors| !errors.is_empty())
        .max_by_key(|errors| {
            errors
                .iter()
                .map(|error| error.instance_path().as_str().len())
                .max()
        });
    match nearest {
        Some(errors) => errors
            .iter()
            .take(3)
            .flat_map(|error| explain(error, schema))
            .collect(),
        None => vec![Problem {
            path: here,
            wrong: "it fits more than one form and must fit exactly one".into(),
            allowed: None,
            did_you_mean: None,
        }],
    }
}

/// The schema around a failed keyword.
pub(super) fn around<'a>(
    error: &ValidationError<'_>,
    schema: &'a JsonObject,
) -> Option<&'a JsonObject> {
    let path = error.schema_path().as_str();
    let (parent, _) = path.rsplit_once('/')?;
    let mut tokens = parent.split('/').skip(1);
    let Some(first) = tokens.next() else {
        return Some(schema);
    };
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let mut at = schema.get(&unescape(first))?;
    for token in tokens {
        let token = unescape(token);
        at = match at {
            Value::Object(map) => map.get(&token)?,
            Value::Array(list) => list.get(token.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    at.as_object()
}

/// The names of the properties around a failed keyword.
pub(super) fn property_names(error: &ValidationError<'_>, schema: &JsonObject) -> Vec<String> {
    around(error, schema)
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// The given property the schema does not know whose name is nearest to a missing one.
fn stranger_near<'a>(
    error: &'a ValidationError<'_>,
    schema: &JsonObject,
    missing: &str,
) -> Option<&'a str> {
    let known = property_names(error, schema);
    let given = error.instance().as_object()?.keys().map(String::as_str);
    nearest(
        missing,
        given.filter(|name| !known.iter().any(|known| known == name)),
    )
}

fn property_schema<'a>(
    error: &ValidationError<'_>,
    schema: &'a JsonObject,
    name: &str,
) -> Option<&'a Value> {
    around(error, schema)?.get("properties")?.get(name)
}

pub(super) fn type_names(kind: &TypeKind) -> Vec<&'static str> {
    match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(set) => set.iter().map(jsonschema::JsonType::as_str).collect(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn listed(options: &Value) -> String {
    let all: Vec<_> = options
        .as_array()
        .map(|options| {
            options
                .iter()
                .map(|option| short(&option.to_string()))
                .collect()
        })
        .unwrap_or_default();
    let shown = all
        .iter()
        .take(MOST_NAMES)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().checked_sub(MOST_NAMES) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn short(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
