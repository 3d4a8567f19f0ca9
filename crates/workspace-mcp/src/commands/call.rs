//! `call`: one tool from the shell, on this machine's accounts or on a server.

use std::{io::Read, process::ExitCode};

use anyhow::{Context, bail};
use clap::Args;
use mcp_service::telemetry::LogFormat;
use serde_json::{Map, Value};

use super::{Printer, ServerOptions};
use crate::{
    app::App,
    client::{Person, Session},
};

/// Flags of `call`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The tool's name.
    tool: String,
    /// Arguments as NAME=VALUE, as one JSON object, or - for JSON from standard input. A value
    /// that is JSON is taken as JSON.
    arguments: Vec<String>,
    /// Ask this server, such as http://127.0.0.1:8000/mcp, instead of working here.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The bearer token the server wants, from this environment variable.
    #[arg(long, value_name = "VARIABLE")]
    token_env: Option<String>,
    /// Confirm whatever the tool asks a person.
    #[arg(long)]
    yes: bool,
    /// Print the structured data instead of the text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    here: ServerOptions,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let arguments = arguments(&options.arguments)?;
    let person = Person {
        always_yes: options.yes,
    };
    let mut accounts = None;
    let session = if let Some(url) = &options.server {
        let token = options.token_env.as_deref().map(token).transpose()?;
        Session::connect(url, token, person).await?
    } else {
        let app = App::new(options.here.start(LogFormat::Text)?)?;
        accounts = Some(app.accounts.clone());
        Session::within(&app, person)
    };
    let result = session.call(&options.tool, arguments).await;
    session.close().await;
    // A credential that was refreshed while the store did not answer would be lost.
    if let Some(accounts) = accounts {
        accounts.flush().await;
    }
    let result = result?;
    let shown = if options.json {
        serde_json::to_string_pretty(result.structured.as_ref().unwrap_or(&Value::Null))?
    } else {
        result.text
    };
    if result.is_error {
        Printer.problem(&shown);
        return Ok(ExitCode::FAILURE);
    }
    Printer.line(&shown);
    Ok(ExitCode::SUCCESS)
}

/// The value of the variable the user named.
fn token(variable: &str) -> anyhow::Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user names the variable on the command line"
    )]
    let value = std::env::var(variable);
    value.with_context(|| format!("the variable {variable} is not set"))
}

/// The arguments a person typed.
fn arguments(words: &[String]) -> anyhow::Result<Map<String, Value>> {
    if let [only] = words {
        if only == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            return serde_json::from_str(&text).context("standard input is not a JSON object");
        }
        if only.trim_start().starts_with('{') {
            return serde_json::from_str(only).context("the arguments are not a JSON object");
        }
    }
    let mut arguments = Map::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            bail!("\"{word}\" is not NAME=VALUE; write for example query=is:unread");
        };
        // Only what cannot be a plain text is JSON: a query like 5 stays for the tool to read.
        let value = match serde_json::from_str::<Value>(value) {
            Ok(json @ (Value::Array(_) | Value::Object(_) | Value::Bool(_))) => json,
            _ => Value::String(value.to_owned()),
        };
        arguments.insert(name.to_owned(), value);
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_json_become_arguments() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        let given = arguments(&words(&["query=a=b", "labels=[\"x\"]", "n=5"])).unwrap();
        assert_eq!(
            Value::from(given),
            serde_json::json!({"query": "a=b", "labels": ["x"], "n": "5"})
        );
        let given = arguments(&words(&["{\"n\": 5}"])).unwrap();
        assert_eq!(Value::from(given), serde_json::json!({"n": 5}));
        assert!(arguments(&words(&["query"])).is_err());
    }
}
