//! `configure_agent_preferences`: what a caller prefers, kept for it alone.
//!
//! Invariant: what is kept has passed the validation, and nobody reads another's.

use foundation::nearest;
use rmcp::model::CallToolResult;
use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong, wrong},
    find::category,
};
use crate::hub::{
    Hub,
    results::{data, failure},
    visit::Visit,
};

/// Bytes of one caller's preferences.
const LARGEST: usize = 16 << 10;
/// What can be preferred, and what each changes.
const KINDS: [(&str, &str); 7] = [
    (
        "tool_usage",
        "get_personalized_recommendations puts preferred tools first and avoided tools last",
    ),
    (
        "domain_interests",
        "get_personalized_recommendations puts tools of these categories higher",
    ),
    (
        "execution_style",
        "kept for the agent that plans; the hub itself does not read it",
    ),
    (
        "complexity_tolerance",
        "kept for the agent that plans; the hub itself does not read it",
    ),
    (
        "speed_vs_accuracy",
        "kept for the agent that plans; the hub itself does not read it",
    ),
    (
        "privacy_level",
        "kept for the agent that plans; policies decide what is allowed",
    ),
    (
        "feedback",
        "kept for the agent that plans; the hub itself does not read it",
    ),
];

pub(super) const TOOL: Own = Own {
    name: "configure_agent_preferences",
    description: "Keep your preferences: tool_usage, domain_interests, execution_style, complexity_tolerance, speed_vs_accuracy, privacy_level, feedback.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "preferences": { "type": "object" },
                "category": { "type": "string", "description": "The one kind that preferences are for" },
                "operation": { "type": "string", "enum": ["update", "replace", "reset"] }
            }
        })
    },
    effect: Effect::Settles,
    run: Run::Here(run),
};

#[derive(Clone, Copy, Eq, PartialEq)]
enum Operation {
    Update,
    Replace,
    Reset,
}

fn run<'a>(hub: &'a Hub, visit: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        let (said, operation, kind) = wishes(&arguments)?;
        Ok(configure(hub, visit, said, operation, kind).await)
    })
}

type Wishes = (Map<String, Value>, Operation, Option<&'static str>);

fn wishes(arguments: &Arguments) -> Result<Wishes, Wrong> {
    let operation = match arguments.text(&["operation"])?.unwrap_or("update") {
        "update" => Operation::Update,
        "replace" => Operation::Replace,
        "reset" => Operation::Reset,
        _ => return Err(wrong(&["operation"], "update, replace or reset")),
    };
    let kind = match arguments.text(&["category", "kind"])? {
        None => None,
        Some(name) => Some(known(name)?),
    };
    let said = arguments
        .object(&["preferences", "user_preferences"])?
        .cloned()
        .unwrap_or_default();
    let said = match kind {
        // Either the kind is named inside too, or everything said is of that kind.
        Some(kind) if !said.is_empty() && !said.contains_key(kind) => {
            [(kind.to_owned(), Value::Object(said))]
                .into_iter()
                .collect()
        }
        _ => said,
    };
    if operation != Operation::Reset && said.is_empty() {
        return Err(super::arguments::missing(&["preferences"]));
    }
    for (name, value) in &said {
        valid(known(name)?, value)?;
    }
    Ok((said, operation, kind))
}

async fn configure(
    hub: &Hub,
    visit: &Visit,
    said: Map<String, Value>,
    operation: Operation,
    kind: Option<&'static str>,
) -> CallToolResult {
    let principal = visit.actor.principal.key().to_owned();
    let now = hub.options.clock.now().as_millisecond();
    let written = hub
        .options
        .store
        .write(move |transaction| {
            let previous: Option<String> = transaction
                .query_row(
                    "SELECT preferences FROM preferences WHERE principal = ?1",
                    [&principal],
                    |row| row.get(0),
                )
                .optional()?;
            let previous = read(previous.as_deref());
            let new = changed(&previous, said, operation, kind);
            let text = Value::Object(new.clone()).to_string();
            if text.len() > LARGEST {
                return Ok((previous, None));
            }
            transaction.execute(
                "INSERT INTO preferences (principal, preferences, changed_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (principal) DO UPDATE SET preferences = ?2, changed_at = ?3",
                params![principal, text, now],
            )?;
            Ok((previous, Some(new)))
        })
        .await;
    match written {
        Ok((previous, Some(new))) => {
            let impact: Map<String, Value> = KINDS
                .into_iter()
                .filter(|(kind, _)| previous.get(*kind) != new.get(*kind))
                .map(|(kind, what)| (kind.to_owned(), json!(what)))
                .collect();
            data(json!({
                "success": true,
                "previous_preferences": previous,
                "new_preferences": new,
                "validation": { "valid": true },
                "impact": impact,
            }))
        }
        Ok((_, None)) => failure(
            &format!("the preferences would take more than {LARGEST} bytes"),
            "TOO_LARGE",
            &["keep fewer of them", "reset a category"],
            Value::Null,
        ),
        Err(error) => failure(
            &format!("the preferences were not kept: {error}"),
            "NOT_KEPT",
            &["try again in a moment"],
            Value::Null,
        ),
    }
}

/// What is kept for the caller.
pub(super) fn kept(hub: &Hub, visit: &Visit) -> Map<String, Value> {
    let principal = visit.actor.principal.key();
    let text: Option<String> = hub
        .options
        .store
        .read(|db| {
            db.query_row(
                "SELECT preferences FROM preferences WHERE principal = ?1",
                [principal],
                |row| row.get(0),
            )
            .optional()
        })
        .unwrap_or_default();
    read(text.as_deref())
}

fn read(text: Option<&str>) -> Map<String, Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn changed(
    previous: &Map<String, Value>,
    said: Map<String, Value>,
    operation: Operation,
    kind: Option<&str>,
) -> Map<String, Value> {
    match (operation, kind) {
        (Operation::Reset, None) => Map::new(),
        (Operation::Reset, Some(kind)) => {
            let mut new = previous.clone();
            new.remove(kind);
            new
        }
        (Operation::Replace, None) => said,
        (Operation::Replace, Some(_)) => {
            let mut new = previous.clone();
            new.extend(said);
            new
        }
        (Operation::Update, _) => {
            let mut new = previous.clone();
            for (name, value) in said {
                match (new.get_mut(&name), value) {
                    (Some(Value::Object(old)), Value::Object(value)) => old.extend(value),
                    (_, value) => {
                        new.insert(name, value);
                    }
                }
            }
            new
        }
    }
}

fn known(name: &str) -> Result<&'static str, Wrong> {
    KINDS
        .iter()
        .map(|(kind, _)| *kind)
        .find(|kind| *kind == name)
        .ok_or_else(|| {
            let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
            let meant = nearest(name, kinds.iter().copied())
                .map(|near| format!("; did you mean {near}?"))
                .unwrap_or_default();
            wrong(
                &["preferences"],
                &format!("of the kinds {}{meant}", kinds.join(", ")),
            )
        })
}

fn valid(kind: &'static str, value: &Value) -> Result<(), Wrong> {
    let one_of = |allowed: &[&str]| {
        if value.as_str().is_some_and(|text| allowed.contains(&text)) {
            Ok(())
        } else {
            Err(wrong(&[kind], &format!("one of {}", allowed.join(", "))))
        }
    };
    let texts = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string))
    };
    match kind {
        "tool_usage" => {
            let lists = ["preferred_tools", "avoided_tools"];
            let good = value.as_object().is_some_and(|members| {
                members
                    .iter()
                    .all(|(name, list)| lists.contains(&name.as_str()) && texts(list))
            });
            if good {
                Ok(())
            } else {
                Err(wrong(
                    &[kind],
                    "an object with the lists of names preferred_tools and avoided_tools",
                ))
            }
        }
        "domain_interests" => {
            let list = value
                .as_array()
                .ok_or_else(|| wrong(&[kind], "a list of categories"))?;
            for item in list {
                let name = item.as_str();
                category(name.ok_or_else(|| wrong(&[kind], "a list of categories"))?)?;
            }
            Ok(())
        }
        "execution_style" => one_of(&["sequential", "parallel", "balanced"]),
        "complexity_tolerance" => one_of(&["low", "medium", "high"]),
        "privacy_level" => one_of(&["public", "internal", "private", "restricted"]),
        "speed_vs_accuracy" => {
            let fits = value
                .as_f64()
                .is_some_and(|number| (0.0..=1.0).contains(&number));
            if fits {
                Ok(())
            } else {
                Err(wrong(&[kind], "a number from 0 (speed) to 1 (accuracy)"))
            }
        }
        _ => {
            if value.is_object() {
                Ok(())
            } else {
                Err(wrong(&[kind], "an object"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        crate::hub::bridge::object(value)
    }

    #[test]
    fn operations_change_what_they_say() {
        let previous = map(json!({"execution_style": "parallel", "feedback": {"a": 1}}));
        let change =
            |said, operation, kind| Value::Object(changed(&previous, map(said), operation, kind));
        assert_eq!(
            change(json!({"feedback": {"b": 2}}), Operation::Update, None),
            json!({"execution_style": "parallel", "feedback": {"a": 1, "b": 2}})
        );
        assert_eq!(
            change(json!({"feedback": {"b": 2}}), Operation::Replace, None),
            json!({"feedback": {"b": 2}})
        );
        assert_eq!(
            change(json!({}), Operation::Reset, Some("feedback")),
            json!({"execution_style": "parallel"})
        );
        assert_eq!(change(json!({}), Operation::Reset, None), json!({}));
    }

    #[test]
    fn wrong_preferences_are_not_kept() {
        let check = |value| wishes(&Arguments::new(map(value))).is_ok();
        assert!(check(
            json!({"preferences": {"execution_style": "parallel"}})
        ));
        assert!(check(
            json!({"preferences": {"preferred_tools": ["a"]}, "category": "tool_usage"})
        ));
        for bad in [
            json!({"preferences": {"execution_styl": "parallel"}}),
            json!({"preferences": {"execution_style": "fast"}}),
            json!({"preferences": {"speed_vs_accuracy": 2}}),
            json!({"preferences": {"domain_interests": ["cooking"]}}),
            json!({"preferences": {}}),
            json!({"operation": "delete"}),
        ] {
            assert!(!check(bad.clone()), "{bad}");
        }
    }
}
