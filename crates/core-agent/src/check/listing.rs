//! Everything a server lists, page by page, as it came.
//!
//! Invariant: a list ends, whatever cursors a server gives.

use std::{collections::HashSet, time::Duration};

use serde_json::{Map, Value};

use super::{
    conversation::{Answer, Conversation},
    report::{Area, Severity},
};

/// The most pages of one list.
const PAGES: usize = 100;
/// How long a page may take.
const WITHIN: Duration = Duration::from_secs(15);

/// What there is of one kind.
pub(super) async fn whole(talk: &Conversation<'_>, method: &str, key: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let mut params = Map::new();
        if let Some(cursor) = &cursor {
            params.insert("cursor".into(), cursor.as_str().into());
        }
        let mut page = match talk.ask(method, params, WITHIN).await.answer {
            Answer::Result(page) => page,
            // Shapes of resources are no capability of their own.
            Answer::Error(-32601, _) if method == "resources/templates/list" => {
                let what = "resources are declared, and this method is not there";
                talk.say(Severity::Note, Area::Capabilities, method, what);
                return items;
            }
            Answer::Error(code, message) => {
                let what = format!("declared, but the answer is the error {code}: {message}");
                talk.say(Severity::Error, Area::Capabilities, method, what);
                return items;
            }
            Answer::Nothing(fault) => {
                let what = format!("declared, but not answered: {}", fault.message);
                talk.say(Severity::Error, Area::Capabilities, method, what);
                return items;
            }
        };
        let Value::Array(more) = page[key].take() else {
            let what = format!("the result has no list of {key}");
            talk.say(Severity::Error, Area::Messages, method, what);
            return items;
        };
        items.extend(more);
        cursor = match page["nextCursor"].take() {
            Value::String(next) if !next.is_empty() => Some(next),
            Value::Null | Value::String(_) => return items,
            other => {
                let what = format!("nextCursor is {other}, no text");
                talk.say(Severity::Error, Area::Pages, method, what);
                return items;
            }
        };
        if !seen.insert(cursor.clone()) {
            let what = "the same cursor came twice, so the list would never end";
            talk.say(Severity::Error, Area::Pages, method, what);
            return items;
        }
    }
    let what = format!("more than {PAGES} pages; the rest was not read");
    talk.say(Severity::Warning, Area::Pages, method, what);
    items
}
