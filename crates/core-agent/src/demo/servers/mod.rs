//! Small MCP servers of this program's own, for a demonstration without anything installed.
//!
//! Each is a real server on stdio: the hub starts it as a child and knows nothing of where it
//! comes from. Invariant: a server writes in the folder it is given and nowhere else.

mod clock;
mod notes;
mod units;

use std::{path::Path, sync::Arc};

use anyhow::bail;
use foundation::{SystemClock, SystemRandom};
use futures::future::BoxFuture;
use mcp_service::{About, Answer, Caller, ToolCall, ToolList, ToolResult, Tools, model::Tool};
use serde_json::{Map, Value, value::to_raw_value};

pub use units::change;

/// What there is.
pub const NAMES: [&str; 3] = ["clock", "notes", "units"];

/// Serves one of them on standard input and output until the input ends.
pub async fn serve(name: &str, folder: &Path) -> anyhow::Result<()> {
    let small: Box<dyn Small> = match name {
        "clock" => Box::new(clock::Clock::new(Arc::new(SystemClock))),
        "notes" => Box::new(notes::Notes::open(folder)),
        "units" => Box::new(units::Units::new(folder)),
        _ => bail!("there is no {name}; there are {}", NAMES.join(", ")),
    };
    let server = Arc::new(Server::new(name, small));
    mcp_service::serve_stdio(server, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    Ok(())
}

/// What one of them does.
trait Small: Send + Sync + 'static {
    /// What a model should know before.
    fn instructions(&self) -> &'static str;

    /// The tools, as JSON definitions.
    fn tools(&self) -> Vec<Value>;

    /// Runs a tool: data and a line for reading, or what went wrong. `None` when there is no such
    /// tool.
    fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Option<Outcome>;
}

/// Data and a line for reading, or what went wrong.
type Outcome = Result<(Value, String), String>;

struct Server {
    about: About,
    list: Arc<ToolList>,
    small: Box<dyn Small>,
}

impl Server {
    fn new(name: &str, small: Box<dyn Small>) -> Self {
        let tools: Vec<Tool> = small
            .tools()
            .into_iter()
            .map(|tool| serde_json::from_value(tool).expect("our own definitions are whole"))
            .collect();
        Self {
            about: About {
                name: name.to_owned(),
                service: name.to_owned(),
                title: name.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                instructions: small.instructions().to_owned(),
                website: None,
                resources: false,
                prompts: false,
            },
            list: Arc::new(ToolList::shared(tools)),
            small,
        }
    }

    fn answer(&self, call: &ToolCall) -> Answer {
        let Some(tool) = self.list.get(&call.name) else {
            return Answer::UnknownTool { nearest: None };
        };
        let schema = Value::Object(tool.input_schema.as_ref().clone());
        let arguments = Value::Object(call.arguments.clone());
        if let Err(wrong) = jsonschema::validate(&schema, &arguments) {
            let place = wrong.instance_path().to_string();
            return Answer::Result(ToolResult::error(format!("arguments{place}: {wrong}")));
        }
        match self.small.run(&call.name, &call.arguments) {
            None => Answer::UnknownTool { nearest: None },
            Some(Err(why)) => Answer::Result(ToolResult::error(why)),
            Some(Ok((data, text))) => Answer::Result(ToolResult {
                structured: to_raw_value(&data).ok(),
                ..ToolResult::text(text)
            }),
        }
    }
}

impl Tools for Server {
    fn about(&self) -> &About {
        &self.about
    }

    fn list(&self, _: &Caller) -> Arc<ToolList> {
        self.list.clone()
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.answer(&call) })
    }
}

/// A text among the arguments; validated before.
fn text<'a>(arguments: &'a Map<String, Value>, name: &str) -> &'a str {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let all: [Box<dyn Small>; 3] = [
            Box::new(clock::Clock::new(Arc::new(SystemClock))),
            Box::new(notes::Notes::open(folder.path())),
            Box::new(units::Units::new(folder.path())),
        ];
        for small in all {
            let mut findings = Vec::new();
            let counts = crate::check::judge_definitions(&small.tools(), &mut findings);
            assert!(findings.is_empty(), "{findings:?}");
            assert!(counts.tools > 0);
            assert_eq!(counts.tools, counts.typed);
        }
    }

    #[test]
    fn notes_are_kept_found_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let run = |tool: &str, arguments: Value| {
            // A server of its own for every call, as after a crash.
            let notes = notes::Notes::open(folder.path());
            let Value::Object(arguments) = arguments else {
                panic!("an object")
            };
            notes.run(tool, &arguments).unwrap()
        };
        let note = serde_json::json!({"title": "Trip", "text": "Book the train to Brno."});
        run("add_note", note.clone()).unwrap();
        assert!(run("add_note", note).unwrap_err().contains("Trip"));
        let found = run("search_notes", serde_json::json!({"words": "TRAIN"})).unwrap();
        assert_eq!(found.0["notes"][0]["title"], "Trip");
        run("delete_note", serde_json::json!({"title": "Trip"})).unwrap();
        assert!(run("delete_note", serde_json::json!({"title": "Trip"})).is_err());
        let listed = run("list_notes", serde_json::json!({})).unwrap();
        assert_eq!(listed.0["notes"], serde_json::json!([]));
    }

    #[test]
    fn units_change_when_told_and_convert_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let before = units::Units::new(folder.path()).tools();
        units::change(folder.path()).unwrap();
        let after = units::Units::new(folder.path());
        assert_ne!(before, after.tools());
        let arguments = serde_json::json!({"value": 2.0, "from": "km", "to": "mi"});
        let (data, _) = after
            .run("convert_length", arguments.as_object().unwrap())
            .unwrap()
            .unwrap();
        let miles = data["value"].as_f64().unwrap();
        assert!((miles - 1.242_742).abs() < 1e-5, "{miles}");
    }
}
