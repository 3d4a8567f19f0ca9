//! Two results without what has to differ, and where they differ then.
//!
//! Moments are compared as such, whatever zone they are written in.
//! Invariant: an id keeps its name from step to step, so that two ids that were mixed up show.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

/// Fields that hold ids, links or version marks.
const OPAQUE: &[&str] = &[
    "id",
    "threadId",
    "messageId",
    "messageIds",
    "folderId",
    "parentId",
    "parents",
    "previousParents",
    "labelIds",
    "added",
    "removed",
    "htmlLink",
    "webViewLink",
    "webContentLink",
    "hangoutLink",
    "nextPageToken",
    "Message-ID",
    "uri",
];

/// Fields that hold moments.
const MOMENTS: &[&str] = &["createdTime", "modifiedTime", "date", "Date"];

/// Lists whose order means nothing.
const UNORDERED: &[&str] = &["labelIds", "added", "removed"];

/// The year of the moments that the seed sets itself.
const SET: &str = "2025";

/// What ids are called, after the place where they first came up.
#[derive(Default)]
pub(super) struct Names {
    by_value: BTreeMap<String, String>,
}

/// A difference.
pub(super) struct Verdict {
    /// Where; `*` stands for any place in a list.
    pub field: String,
    /// Both values.
    pub values: String,
}

impl Names {
    /// `value` with names instead of ids.
    pub(super) fn value(&mut self, place: &str, value: &Value) -> Value {
        self.learn(place, "", value);
        self.renamed("", value)
    }

    /// `text` with names instead of ids.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longer first: one may contain another.
        let mut known: Vec<_> = self.by_value.iter().collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        for (value, name) in known {
            text = if value.len() > 4 {
                text.replace(value.as_str(), name)
            } else {
                // Too short to be told from a number; a page may be called 2.
                text.replace(
                    &format!("page_token={value}"),
                    &format!("page_token={name}"),
                )
            };
        }
        without_port(&text)
    }

    fn learn(&mut self, place: &str, key: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    // A first message and its thread have one id at Google and two elsewhere.
                    let place = match key.as_str() {
                        "id" | "threadId" | "messageId" => place.to_owned(),
                        other => format!("{place}/{other}"),
                    };
                    self.learn(&place, key, value);
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.learn(&format!("{place}/{at}"), key, item);
                }
            }
            Value::String(text) => {
                let moment = MOMENTS.contains(&key) && !text.contains(SET);
                if (OPAQUE.contains(&key) && is_made_up(text)) || moment {
                    let name = if moment {
                        "<now>".to_owned()
                    } else {
                        format!("<{place}>")
                    };
                    self.by_value.entry(text.clone()).or_insert(name);
                }
            }
            _ => {}
        }
    }

    fn renamed(&self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), self.renamed(key, value)))
                .collect(),
            Value::Array(items) => {
                let mut items: Vec<Value> =
                    items.iter().map(|item| self.renamed(key, item)).collect();
                if UNORDERED.contains(&key) {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::String(text) => match self.by_value.get(text) {
                Some(name) if OPAQUE.contains(&key) || MOMENTS.contains(&key) => {
                    Value::from(name.as_str())
                }
                _ => match text.parse::<Timestamp>() {
                    Ok(moment) => Value::from(moment.to_string()),
                    Err(_) => Value::from(self.text(text)),
                },
            },
            other => other.clone(),
        }
    }
}

/// Where two results differ.
pub(super) fn differences(ours: &Value, theirs: &Value) -> Vec<Verdict> {
    let mut found = Vec::new();
    walk("", ours, theirs, &mut found);
    // The text is written from the data; where that differs it says nothing more.
    let data = |one: &Verdict| !one.field.starts_with("/content");
    if found.iter().any(data) {
        found.retain(data);
    }
    found
}

fn walk(field: &str, ours: &Value, theirs: &Value, found: &mut Vec<Verdict>) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                walk(&format!("{field}/{key}"), &ours[key], &theirs[key], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (one, other) in one.iter().zip(other) {
                walk(&format!("{field}/*"), one, other, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if with_ids(one) && with_ids(other) => {
            for item in one {
                match other.iter().find(|o| o["id"] == item["id"]) {
                    Some(counterpart) => walk(&format!("{field}/*"), item, counterpart, found),
                    None => found.push(lone(field, "ours", item)),
                }
            }
            for item in other {
                if !one.iter().any(|o| o["id"] == item["id"]) {
                    found.push(lone(field, "theirs", item));
                }
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => found.push(Verdict {
            field: field.to_owned(),
            values: format!("  ours:   {ours}\n  theirs: {theirs}"),
        }),
    }
}

fn with_ids(items: &[Value]) -> bool {
    items.iter().all(|item| item["id"].is_string())
}

/// An item of a list that the other side does not have.
fn lone(field: &str, whose: &str, item: &Value) -> Verdict {
    let field = match item["id"].as_str() {
        // An id that is the same everywhere, as of a system label.
        Some(id) if !id.starts_with('<') => format!("{field}/{id}"),
        _ => format!("{field}/only {whose}"),
    };
    Verdict {
        field,
        values: format!("  only {whose}: {item}"),
    }
}

/// Not a system label or a word such as `root`.
fn is_made_up(id: &str) -> bool {
    let system = id.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let address = id.contains('@') && !id.contains("://") && !id.starts_with('<');
    !system && !address && id != "root"
}

/// Without the ports that programs of this run listen on.
fn without_port(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("127.0.0.1:");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(ours: &Value, theirs: &Value) -> Vec<String> {
        let (mut one, mut other) = (Names::default(), Names::default());
        differences(&one.value("step", ours), &other.value("step", theirs))
            .into_iter()
            .map(|verdict| verdict.field)
            .collect()
    }

    #[test]
    fn ids_links_moments_and_order_of_labels_do_not_count() {
        let ours = json!({"data": {"id": "1a2b", "threadId": "1a2b", "htmlLink": "https://a/1a2b",
            "labelIds": ["INBOX", "UNREAD"], "start": "2027-03-01T10:00:00+01:00"}});
        let theirs = json!({"data": {"id": "msg_1", "threadId": "thr_1", "htmlLink": "https://b/9",
            "labelIds": ["UNREAD", "INBOX"], "start": "2027-03-01T09:00:00Z"}});
        assert_eq!(fields(&ours, &theirs), [""; 0]);
    }

    #[test]
    fn two_ids_that_were_mixed_up_count() {
        let (mut one, mut other) = (Names::default(), Names::default());
        one.value("first", &json!([{"id": "aaaaa"}, {"id": "bbbbb"}]));
        other.value("first", &json!([{"id": "11111"}, {"id": "22222"}]));
        let ours = one.value("second", &json!({"id": "aaaaa"}));
        let theirs = other.value("second", &json!({"id": "22222"}));
        assert_eq!(differences(&ours, &theirs).len(), 1);
        assert_ne!(one.text("Message aaaaa"), other.text("Message 22222"));
        assert_eq!(one.text("Message bbbbb"), other.text("Message 22222"));
    }

    #[test]
    fn a_lone_item_and_another_moment_count() {
        let ours = json!({"labels": [{"id": "INBOX", "name": "Inbox"}, {"id": "CHAT"}]});
        let theirs = json!({"labels": [{"id": "INBOX", "name": "INBOX"}]});
        assert_eq!(fields(&ours, &theirs), ["/labels/*/name", "/labels/CHAT"]);
        let ours = json!({"start": "2027-03-01T10:00:00+01:00"});
        let theirs = json!({"start": "2027-03-01T10:00:00Z"});
        assert_eq!(fields(&ours, &theirs), ["/start"]);
    }

    #[test]
    fn text_counts_when_the_data_is_the_same() {
        let ours = json!({"data": {"name": "x"}, "content": [["found 1"]]});
        let theirs = json!({"data": {"name": "x"}, "content": [["found 2"]]});
        assert_eq!(fields(&ours, &theirs), ["/content/*/*"]);
    }
}
