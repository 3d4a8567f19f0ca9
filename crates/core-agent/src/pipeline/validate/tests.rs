//! Arguments and results against schemas, as real servers write them.

use rmcp::model::Tool;
use serde_json::{Value, json};

use super::*;
use crate::{
    catalogue::{Access, Standing},
    pipeline::RefusalKind,
};

fn tool(input: Value, output: Option<Value>) -> HubTool {
    let map = |value: Value| Arc::new(value.as_object().unwrap().clone());
    let fingerprint = format!("{input}{output:?}");
    let mut tool = Tool::new("t", "", map(input));
    tool.output_schema = output.map(map);
    HubTool {
        server: "s".parse().unwrap(),
        original: tool.clone(),
        listed: tool,
        access: Access::Read,
        idempotent: false,
        categories: Vec::new(),
        fingerprint,
        standing: Standing::Pinned,
        findings: Vec::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "literals are given")]
fn check(schema: Value, arguments: Value) -> Result<(Value, Vec<String>), Box<Refusal>> {
    let arguments = arguments.as_object().unwrap().clone();
    Validation::new()
        .arguments(&tool(schema, None), arguments)
        .map(|checked| {
            assert_eq!(checked.unchecked, None);
            (Value::Object(checked.arguments), checked.changed)
        })
}

fn issue() -> Value {
    json!({
        "type": "object",
        "properties": {
            "user_name": {"type": "string", "description": "Whose it is"},
            "count": {"type": "integer", "minimum": 1, "maximum": 50},
            "ratio": {"type": "number"},
            "loud": {"type": "boolean"},
            "labels": {"type": "array", "items": {"type": "string"}},
            "state": {"enum": ["open", "closed"]},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "filter": {"$ref": "#/$defs/filter"},
        },
        "required": ["user_name"],
        "additionalProperties": false,
        "$defs": {"filter": {
            "type": "object",
            "properties": {"sinceDate": {"type": "string"}},
            "additionalProperties": false,
        }},
    })
}

#[test]
fn what_fits_stays_as_it_is() {
    let arguments = json!({"user_name": "5", "count": 3, "limit": null});
    let (same, changed) = check(issue(), arguments.clone()).unwrap();
    assert_eq!(same, arguments);
    assert!(changed.is_empty());
}

#[test]
fn what_can_be_changed_without_loss_is() {
    let (fitting, changed) = check(
        issue(),
        json!({
            "userName": 7, "count": "12", "ratio": "0.5", "loud": "true", "limit": "9",
            "labels": "[\"a\", \"b\"]", "filter": "{\"since_date\": \"x\"}", "state": "open",
        }),
    )
    .unwrap();
    assert_eq!(
        fitting,
        json!({
            "user_name": "7", "count": 12, "ratio": 0.5, "loud": true, "limit": 9,
            "labels": ["a", "b"], "filter": {"sinceDate": "x"}, "state": "open",
        })
    );
    assert_eq!(changed.len(), 9, "{changed:?}");
    let (fitting, _) = check(
        issue(),
        json!({"user_name": "a", "count": 3.0, "loud": null}),
    )
    .unwrap();
    assert_eq!(fitting, json!({"user_name": "a", "count": 3.0}));
}

#[test]
fn what_would_lose_something_is_refused() {
    for (arguments, path) in [
        (json!({"user_name": "a", "count": "12.5"}), "/count"),
        (json!({"user_name": "a", "count": "0x10"}), "/count"),
        (json!({"user_name": "a", "count": "007"}), "/count"),
        (json!({"user_name": "a", "count": 3.5}), "/count"),
        (json!({"user_name": "a", "loud": "yes"}), "/loud"),
        (json!({"user_name": "a", "labels": "a, b"}), "/labels"),
        (json!({"user_name": null}), ""),
    ] {
        let refusal = check(issue(), arguments.clone()).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::InvalidArguments);
        assert_eq!(refusal.details["errors"][0]["path"], path, "{arguments}");
    }
}

#[test]
fn names_are_not_guessed_when_two_fit() {
    let schema = json!({
        "type": "object",
        "properties": {"user_name": {"type": "string"}, "userName": {"type": "string"}},
        "additionalProperties": false,
    });
    assert!(check(schema.clone(), json!({"UserName": "a"})).is_err());
    assert!(check(schema, json!({"user-name": "a", "user_name": "b"})).is_ok());
}

#[test]
fn a_name_is_renamed_only_when_it_is_not_wanted_itself() {
    let schema = json!({
        "type": "object",
        "properties": {"a_b": {"type": "string"}},
        "required": ["a_b"],
    });
    // Unknown names are allowed here, so only a missing one is looked for among them.
    let (fitting, _) = check(schema.clone(), json!({"aB": "x"})).unwrap();
    assert_eq!(fitting, json!({"a_b": "x"}));
    let (same, _) = check(schema, json!({"aB": "x", "a_b": "y"})).unwrap();
    assert_eq!(same, json!({"aB": "x", "a_b": "y"}));
}

#[test]
fn lessons_say_where_what_and_what_was_meant() {
    let refusal = check(
        issue(),
        json!({"user_nam": "a", "count": 99, "state": "opne", "secret": "hunter2-hunter2"}),
    )
    .unwrap_err();
    let text = refusal.details["errors"].to_string();
    for expected in [
        "\"user_name\\\" is missing (Whose it is)",
        "the most is 50",
        "it must be one of",
        "\"did_you_mean\":\"open\"",
        "\"did_you_mean\":\"user_name\"",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(
        !refusal.message.contains("hunter2"),
        "values are not repeated"
    );
    assert_eq!(refusal.details["schema"]["type"], "object");
}

#[test]
fn a_missing_name_is_told_with_the_one_that_was_given() {
    for closed in [true, false] {
        let schema = json!({
            "type": "object",
            "properties": {"text": {"type": "string"}, "test": {"type": "string"}},
            "required": ["text"],
            "additionalProperties": !closed,
        });
        let refusal = check(schema.clone(), json!({"txt": "hunter2"})).unwrap_err();
        let expected = r#""text" is missing; "txt" was given: did you mean "text"?"#;
        assert!(refusal.message.contains(expected), "{}", refusal.message);
        assert!(!refusal.message.contains("hunter2"));
        // A name that is known is not a slip of the pen.
        let refusal = check(schema.clone(), json!({"test": "a"})).unwrap_err();
        assert!(
            !refusal.message.contains("was given"),
            "{}",
            refusal.message
        );
        let refusal = check(schema, json!({"elsewhere": "a"})).unwrap_err();
        assert!(
            !refusal.message.contains("was given"),
            "{}",
            refusal.message
        );
    }
}

#[test]
fn results_are_compared_too() {
    let output =
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let tool = tool(json!({"type": "object"}), Some(output));
    let validation = Validation::new();
    assert!(validation.result(&tool, Some(&json!({"n": 1}))).is_ok());
    assert_eq!(
        validation
            .result(&tool, Some(&json!({"n": "x"})))
            .unwrap_err(),
        "/n: it is a string and must be integer"
    );
    assert!(validation.result(&tool, None).is_err());
}

#[test]
fn nothing_is_fetched_and_what_cannot_be_read_is_said() {
    let tool = tool(
        json!({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}}),
        None,
    );
    let checked = Validation::new()
        .arguments(&tool, json!({"a": 1}).as_object().unwrap().clone())
        .unwrap();
    assert!(checked.unchecked.is_some());
}

#[test]
fn schemas_that_explode_are_not_compared_with() {
    let doubling: serde_json::Map<String, Value> = (0..60)
        .map(|n| {
            let next = format!("#/$defs/d{}", n + 1);
            (
                format!("d{n}"),
                json!({"allOf": [{"$ref": next}, {"$ref": next}]}),
            )
        })
        .chain([("d60".to_owned(), json!({"type": "object"}))])
        .collect();
    let exploding = json!({"$ref": "#/$defs/d0", "$defs": doubling});
    let itself = json!({
        "type": "object", "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"items": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}},
    });
    let many: Vec<_> = (0..10_001).map(|_| json!({"$ref": "#/$defs/a"})).collect();
    let many = json!({"allOf": many, "$defs": {"a": {"type": "object"}}});
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    for schema in [exploding, itself, many] {
        let arguments = json!({"a": deep}).as_object().unwrap().clone();
        let checked = Validation::new().arguments(&tool(schema, None), arguments);
        assert!(checked.unwrap().unchecked.is_some());
    }
}

#[test]
fn ten_thousand_references_and_trees_are_compared_with() {
    let many: Vec<_> = (0..9_999).map(|_| json!({"$ref": "#/$defs/a"})).collect();
    let many = json!({"allOf": many, "$defs": {"a": {"type": "object"}}});
    assert!(check(many, json!({})).is_ok());
    let tree = json!({
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "n": {"type": "integer"}},
        "additionalProperties": false,
    });
    let value = (0..10).fold(
        json!({"n": 1}),
        |inner, _| json!({"left": inner, "right": {"n": 2}}),
    );
    assert!(check(tree.clone(), value).is_ok());
    assert!(check(tree, json!({"left": {"right": {"n": "x"}}})).is_err());
}
