//! `core-agent call`: one call of one tool, the way every call goes.
//!
//! Not a way around policy, pins or approvals. Invariant: what a person types is a call like any
//! other, and is recorded like any other.

use std::{io::Read, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use clap::Args;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{Common, Printer};
use crate::{
    Fault,
    app::App,
    catalogue::HubTool,
    pipeline::{Call as PipelineCall, Outcome},
    search::SearchQuery,
    upstream::{Patience, Scope, Servers},
};

/// Call a tool by the hub's name of it, such as `github__search_issues`.
#[derive(Debug, Args)]
pub(super) struct Call {
    /// The tool.
    tool: String,
    /// Arguments as `name=value`; a value that is JSON is taken so where the tool wants no text.
    #[arg(value_name = "NAME=VALUE")]
    words: Vec<String>,
    /// All arguments as one JSON object; `-` reads it from standard input.
    #[arg(long, value_name = "JSON", conflicts_with = "words")]
    arguments: Option<String>,
    /// Print the whole result as JSON.
    #[arg(long)]
    json: bool,
}

impl Call {
    /// Runs the command.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let app = App::open(common).await?;
        let done = self.make(&app).await;
        app.stop().await;
        app.journal.flush().await;
        done
    }

    async fn make(&self, app: &App) -> anyhow::Result<ExitCode> {
        let (tool, silent) = find(app, &self.tool).await;
        let Some(tool) = tool else {
            let near: Vec<String> = app
                .catalogue
                .search(&SearchQuery::new(self.tool.replace(['_', '-'], " ")))
                .iter()
                .take(5)
                .map(|hit| hit.tool.name().to_owned())
                .collect();
            for fault in silent {
                Printer.problem(&fault.to_string());
            }
            let near = if near.is_empty() {
                "list all with: core-agent tools".to_owned()
            } else {
                format!("near it are {}", near.join(", "))
            };
            bail!("no server has a tool {}; {near}", self.tool);
        };
        let arguments = self.all_arguments(&tool)?;
        let scope = Scope {
            patience: Patience::configured(&app.config, &tool.server),
            ..Scope::background()
        };
        let outcome = app
            .pipeline
            .call(PipelineCall {
                tool,
                arguments,
                scope,
                run: None,
                idempotency_key: None,
                round: None,
                unchanged: false,
                whole_data: false,
                relayed: None,
            })
            .await;
        self.print(outcome)
    }

    fn all_arguments(&self, tool: &HubTool) -> anyhow::Result<Map<String, Value>> {
        let Some(text) = &self.arguments else {
            return from_words(&self.words, &tool.original.input_schema);
        };
        let mut text = text.clone();
        if text == "-" {
            text.clear();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read")?;
        }
        match serde_json::from_str(&text) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            Ok(_) => bail!("--arguments has to be a JSON object, such as '{{\"path\": \".\"}}'"),
            Err(error) => bail!("--arguments is no JSON: {error}"),
        }
    }

    fn print(&self, outcome: Outcome) -> anyhow::Result<ExitCode> {
        match outcome {
            Outcome::Result(result) => {
                if self.json {
                    Printer.line(&serde_json::to_string_pretty(&result)?);
                } else {
                    Printer.line(&readable(&result));
                }
                let failed = result.is_error == Some(true);
                Ok(ExitCode::from(u8::from(failed)))
            }
            Outcome::InputRequired(asked) => {
                Printer.line(&serde_json::to_string_pretty(&asked)?);
                Printer.problem("the server asks questions, which this command cannot answer");
                Ok(ExitCode::FAILURE)
            }
            Outcome::Task(task) => {
                Printer.line(&serde_json::to_string_pretty(&task)?);
                Ok(ExitCode::SUCCESS)
            }
            Outcome::ApprovalNeeded(needed) => {
                Printer.problem(&format!(
                    "{}\nAnswer with: core-agent approvals approve {}\nthen make the call again.",
                    needed.question, needed.id
                ));
                Ok(ExitCode::from(3))
            }
            Outcome::Refused(refusal) => {
                if self.json {
                    let refused = json!({"refused": refusal.kind, "details": refusal.details});
                    Printer.line(&serde_json::to_string_pretty(&refused)?);
                }
                Printer.problem(&refusal.message);
                Ok(ExitCode::FAILURE)
            }
            Outcome::Failed(fault) => bail!("{fault}"),
        }
    }
}

/// The tool, asking servers that have not been asked before when it is not known yet; and why
/// some of these did not answer.
async fn find(app: &App, name: &str) -> (Option<Arc<HubTool>>, Vec<Fault>) {
    if let Some(tool) = app.catalogue.view().tool(name) {
        return (Some(tool.clone()), Vec::new());
    }
    let scope = Scope::background();
    let names = app.servers.names();
    let unknown = names
        .iter()
        .filter(|server| app.catalogue.known(server).is_none());
    let asked = unknown.map(|server| app.servers.ensure(server, &scope));
    let answers = futures::future::join_all(asked).await;
    let silent = answers.into_iter().filter_map(Result::err).collect();
    (app.catalogue.view().tool(name).cloned(), silent)
}

/// A result as text: its text blocks, its data where there is no text, a word on everything else.
pub(crate) fn readable(result: &CallToolResult) -> String {
    let mut lines: Vec<String> = Vec::new();
    for block in &result.content {
        let value = serde_json::to_value(block).unwrap_or_default();
        lines.push(match value["type"].as_str() {
            Some("text") => value["text"].as_str().unwrap_or_default().to_owned(),
            Some("resource_link") => format!("[{}]", value["uri"].as_str().unwrap_or_default()),
            Some(kind) => format!(
                "[{kind}, {}]",
                value["mimeType"].as_str().unwrap_or("see it with --json")
            ),
            None => String::new(),
        });
    }
    if lines.iter().all(|line| line.trim().is_empty())
        && let Some(data) = &result.structured_content
    {
        lines.push(serde_json::to_string_pretty(data).unwrap_or_default());
    }
    lines.join("\n")
}

/// `name=value` words as arguments. What the schema calls a text stays one.
fn from_words(words: &[String], schema: &Map<String, Value>) -> anyhow::Result<Map<String, Value>> {
    let pairs = words.iter().map(|word| {
        let (name, value) = word
            .split_once('=')
            .with_context(|| format!("{word} is not of the form NAME=VALUE"))?;
        let wanted = schema
            .get("properties")
            .and_then(|properties| properties.get(name))
            .and_then(|property| property.get("type"));
        let text = || Value::String(value.to_owned());
        let value = match wanted.and_then(Value::as_str) {
            Some("string") => text(),
            _ => serde_json::from_str(value).unwrap_or_else(|_| text()),
        };
        Ok((name.to_owned(), value))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_the_tool_wants() {
        let schema = json!({"properties": {
            "id": {"type": "string"}, "count": {"type": "integer"},
        }});
        let words = ["id=007", "count=3", "free=[1]", "text=a b=c"].map(str::to_owned);
        let arguments = from_words(&words, schema.as_object().unwrap()).unwrap();
        assert_eq!(
            Value::Object(arguments),
            json!({"id": "007", "count": 3, "free": [1], "text": "a b=c"})
        );
        assert!(from_words(&["x".into()], &Map::new()).is_err());
    }

    #[test]
    fn results_are_read_as_text_or_data() {
        let result: CallToolResult = serde_json::from_value(json!({
            "content": [{"type": "text", "text": "one"}, {"type": "image", "data": "eA==", "mimeType": "image/png"}],
        }))
        .unwrap();
        assert_eq!(readable(&result), "one\n[image, image/png]");
        let result: CallToolResult = serde_json::from_value(json!({
            "content": [], "structuredContent": {"a": 1},
        }))
        .unwrap();
        assert!(readable(&result).contains("\"a\": 1"));
    }
}
