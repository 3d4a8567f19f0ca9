//! Tools as a server declares them: names, words, schemas, annotations.
//!
//! Pure. Invariant: the definition is read as it came, so that what a typed client would drop is
//! seen.

use std::collections::HashSet;

use serde_json::Value;

use super::report::{Area, Counts, Finding, Severity};

/// The longest name that every client takes.
const LONGEST_NAME: usize = 64;
/// The longest name of the protocol.
const LONGEST_ALLOWED: usize = 128;
/// A definition that fills more of a model's attention than most servers do altogether.
const LARGE: usize = 16_000;

/// What is to be said of a list of tools.
pub(crate) fn judge(tools: &[Value], findings: &mut Vec<Finding>) -> Counts {
    let mut counts = Counts {
        tools: tools.len(),
        list_bytes: tools.iter().map(size).sum(),
        ..Counts::default()
    };
    let mut names = HashSet::new();
    for (number, tool) in tools.iter().enumerate() {
        let Some(name) = tool["name"].as_str() else {
            let place = format!("tools[{number}]");
            findings.push(error(place, "it has no name"));
            continue;
        };
        if !names.insert(name) {
            findings.push(error(name, "two tools have this name"));
        }
        name_of(name, findings);
        words(name, tool, findings);
        schemas(name, tool, findings);
        counts.annotated += usize::from(tool["annotations"].is_object());
        counts.typed += usize::from(tool["outputSchema"].is_object());
        annotations(name, &tool["annotations"], findings);
        let bytes = size(tool);
        if bytes > LARGE {
            let what = format!("its definition has {bytes} bytes");
            findings.push(note(name, what));
        }
    }
    if counts.annotated < counts.tools {
        let what = format!(
            "{} of {} tools have no annotations, so nobody knows which only look",
            counts.tools - counts.annotated,
            counts.tools
        );
        findings.push(warning("tools/list", what));
    }
    if counts.typed < counts.tools {
        let what = format!(
            "{} of {} tools have no output schema",
            counts.tools - counts.typed,
            counts.tools
        );
        findings.push(note("tools/list", what));
    }
    counts
}

/// Whether a tool says that it only looks.
pub(super) fn only_looks(tool: &Value) -> bool {
    let hints = &tool["annotations"];
    hints["readOnlyHint"] == true && hints["destructiveHint"] != true
}

fn name_of(name: &str, findings: &mut Vec<Finding>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if name.is_empty() || name.len() > LONGEST_ALLOWED {
        let what = format!("a name has 1 to {LONGEST_ALLOWED} characters");
        findings.push(error(name, what));
    } else if name.len() > LONGEST_NAME {
        let what = format!("some clients refuse names above {LONGEST_NAME} characters");
        findings.push(warning(name, what));
    }
    if !name.chars().all(plain) {
        let what = "a name should have letters, digits, _, -, . and / only";
        findings.push(warning(name, what));
    }
}

fn words(name: &str, tool: &Value, findings: &mut Vec<Finding>) {
    match tool.get("description") {
        Some(Value::String(text)) if !text.trim().is_empty() => {}
        None | Some(Value::Null | Value::String(_)) => {
            let what = "it has no description, so no model knows when to call it";
            findings.push(warning(name, what));
        }
        Some(_) => findings.push(error(name, "its description is no text")),
    }
}

fn schemas(name: &str, tool: &Value, findings: &mut Vec<Finding>) {
    match tool.get("inputSchema") {
        Some(schema) if schema.is_object() => schema_of(name, "inputSchema", schema, findings),
        Some(_) => findings.push(schema_error(name, "inputSchema is no object")),
        None => findings.push(schema_error(name, "inputSchema is missing")),
    }
    match tool.get("outputSchema") {
        Some(schema) if schema.is_object() => schema_of(name, "outputSchema", schema, findings),
        None | Some(Value::Null) => {}
        Some(_) => findings.push(schema_error(name, "outputSchema is no object")),
    }
}

fn schema_of(name: &str, which: &str, schema: &Value, findings: &mut Vec<Finding>) {
    let place = format!("{name}.{which}");
    if which == "inputSchema" && schema["type"] != "object" {
        let what = format!("its type has to be object, not {}", schema["type"]);
        findings.push(schema_error(&place, &what));
    }
    if let Err(why) = jsonschema::validator_for(schema) {
        let what = format!("it is no JSON Schema: {}", why.masked());
        findings.push(schema_error(&place, &what));
        return;
    }
    for required in super::arguments::required(schema) {
        let known = schema["properties"].get(required).is_some();
        let open = schema.get("patternProperties").is_some()
            || ["allOf", "anyOf", "oneOf", "$ref"]
                .iter()
                .any(|key| schema.get(key).is_some());
        if !known && !open {
            let what = format!("it requires {required}, which it does not describe");
            findings.push(Finding::new(Severity::Warning, Area::Schemas, &place, what));
        }
    }
}

fn annotations(name: &str, hints: &Value, findings: &mut Vec<Finding>) {
    let Some(hints) = hints.as_object() else {
        return;
    };
    for (key, value) in hints {
        let right = if key == "title" {
            value.is_string()
        } else if key.ends_with("Hint") {
            value.is_boolean()
        } else {
            true
        };
        // A library that writes null for what is unknown is common, and harmless.
        if !right && !value.is_null() {
            let what = format!("the annotation {key} is {value}");
            findings.push(error(name, what));
        }
    }
    let says = |key: &str| hints.get(key) == Some(&Value::Bool(true));
    if says("readOnlyHint") && says("destructiveHint") {
        let what = "it says both that it only looks and that it may destroy";
        findings.push(warning(name, what));
    }
}

fn size(tool: &Value) -> usize {
    serde_json::to_vec(tool).map_or(0, |bytes| bytes.len())
}

fn error(place: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Severity::Error, Area::Definitions, place, what)
}

fn warning(place: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Severity::Warning, Area::Definitions, place, what)
}

fn note(place: impl Into<String>, what: impl Into<String>) -> Finding {
    Finding::new(Severity::Note, Area::Definitions, place, what)
}

fn schema_error(place: &str, what: &str) -> Finding {
    Finding::new(Severity::Error, Area::Schemas, place, what)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(tools: &Value) -> Vec<(Severity, String, String)> {
        let mut findings = Vec::new();
        judge(tools.as_array().unwrap(), &mut findings);
        findings
            .into_iter()
            .map(|finding| (finding.severity, finding.place, finding.what))
            .collect()
    }

    #[test]
    fn a_good_definition_has_nothing_said_of_it() {
        let tool = json!({
            "name": "look", "description": "Looks.",
            "inputSchema": {"type": "object", "properties": {"at": {"type": "string"}}},
            "outputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": true, "title": "Look"},
        });
        assert_eq!(judged(&json!([tool])), []);
        assert!(only_looks(&tool));
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        let bad = [
            (json!({"inputSchema": {"type": "object"}}), "no name"),
            (json!({"name": "a", "inputSchema": []}), "no object"),
            (json!({"name": "a"}), "inputSchema is missing"),
            (
                json!({"name": "a", "inputSchema": {"type": "array"}}),
                "type has to be",
            ),
            (
                json!({"name": "a", "inputSchema": {"type": "object", "properties": {"x": {"type": "text"}}}}),
                "no JSON Schema",
            ),
            (
                json!({"name": "", "inputSchema": {"type": "object"}}),
                "1 to 128",
            ),
            (
                json!({"name": "a", "description": 5, "inputSchema": {"type": "object"}}),
                "no text",
            ),
            (
                json!({"name": "a", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": "yes"}}),
                "readOnlyHint is",
            ),
        ];
        for (tool, what) in bad {
            let findings = judged(&json!([tool]));
            let found = findings
                .iter()
                .any(|(severity, _, text)| *severity == Severity::Error && text.contains(what));
            assert!(found, "{what}: {findings:?}");
        }
        let twice = json!({"name": "a", "inputSchema": {"type": "object"}});
        let findings = judged(&json!([twice, twice]));
        assert!(
            findings
                .iter()
                .any(|(_, _, what)| what.contains("two tools"))
        );
    }
}
