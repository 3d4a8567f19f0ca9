//! The question a person is asked.
//!
//! Invariant: nothing a model or a server wrote can pose as the hub's own words: what they wrote
//! stands in JSON, in which nothing is invisible.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::catalogue::{Access, HubTool};

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
        let deceives = (c.is_control() && c != '\n')
            || matches!(
                c,
                '\u{ad}'
                    | '\u{61c}'
                    | '\u{180e}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{fe00}'..='\u{fe0f}'
                    | '\u{feff}'
                    | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e0fff}'
            );
        if deceives {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}
