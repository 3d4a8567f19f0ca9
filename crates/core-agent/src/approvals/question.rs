//! The question a person is asked.
//!
//! Invariant: nothing a model or a server wrote can pose as the hub's own words: what they wrote
//! stands in JSON, in which nothing is invisible.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::catalogue::{Access, HubTool, clean::unseen};

const LONGEST: usize = 4_000;

/// What is to be approved, for people.
pub fn question(
    tool: &HubTool,
    arguments: &Map<String, Value>,
    reason: &str,
    caller: &str,
) -> String {
    let does = match tool.access {
        Access::Read => "only looks",
        Access::Write => "changes something",
        Access::Destructive => "may destroy, send or spend",
    };
    let mut shown = visible(
        &serde_json::to_string_pretty(&masked(&Value::Object(arguments.clone()), ""))
            .expect("a JSON value can be written"),
    );
    if let Some((at, _)) = shown.char_indices().nth(LONGEST) {
        let left = shown.chars().count() - LONGEST;
        shown.truncate(at);
        let _ = write!(shown, "\n… {left} more characters");
    }
    format!(
        "May {caller} call {} of the server {}, which {does}?\nWhy you are asked: {reason}.\nArguments:\n{shown}",
        visible(tool.name()),
        tool.server
    )
}

/// Values under names of secrets, hidden.
fn masked(value: &Value, name: &str) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), masked(value, name)))
            .collect(),
        Value::Array(list) => list.iter().map(|value| masked(value, name)).collect(),
        Value::String(_) | Value::Number(_) if secret(name) => "[hidden]".into(),
        other => other.clone(),
    }
}

fn secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "credential",
        "privatekey",
    ]
    .iter()
    .any(|word| name.ends_with(word))
}

/// The text with every character that could deceive the eye written out.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // What breaks a line without being a line feed poses as the hub's own line.
        let breaks = matches!(c, '\t' | '\r' | '\u{2028}' | '\u{2029}');
        if breaks || unseen(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rmcp::model::Tool;
    use serde_json::json;

    use super::*;
    use crate::catalogue::Standing;

    #[test]
    fn a_question_shows_what_hides_and_hides_what_is_secret() {
        let listed = Tool::new("s__send\u{202e}", "", Map::new());
        let tool = HubTool {
            server: "s".parse().unwrap(),
            original: listed.clone(),
            listed,
            access: Access::Destructive,
            idempotent: false,
            categories: vec![],
            fingerprint: String::new(),
            standing: Standing::Pinned,
            findings: vec![],
        };
        let arguments = json!({
            "to": "a\u{200b}b\u{3164}c\u{2028}d",
            "login": {"api_key": "hunter2", "Password": ["hunter3"]},
            "long": "x".repeat(2 * LONGEST),
        });
        let asked = question(&tool, arguments.as_object().unwrap(), "it says so", "ann");
        let shown = "a\\u{200b}b\\u{3164}c\\u{2028}d";
        for expected in ["s__send\\u{202e}", shown, "[hidden]", "more characters"] {
            assert!(asked.contains(expected), "{expected}: {asked}");
        }
        assert!(!asked.contains("hunter"), "{asked}");
        assert!(asked.chars().count() < LONGEST + 500);
    }
}
