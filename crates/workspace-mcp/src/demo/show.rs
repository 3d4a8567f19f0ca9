//! How the demo looks on a terminal.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{client::Called, commands::Printer};

/// Lines of a result that are worth showing; the rest is counted.
const LINES: usize = 12;

/// Characters of one line.
const WIDTH: usize = 110;

pub(super) fn opening(server: &str, sandbox: &str) {
    Printer.line("Google Workspace MCP: the main job, against a sandbox of Google Workspace");
    Printer.line(&format!("  server   {server}"));
    Printer.line(&format!("  sandbox  {sandbox}"));
}

/// The title of a step.
pub(super) fn step(number: usize, title: &str) {
    Printer.line(&format!("\n{number}. {title}"));
}

/// A call and what came back.
pub(super) fn call(
    tool: &str,
    arguments: &Map<String, Value>,
    result: &Called,
    duration: Duration,
    quiet: bool,
) {
    Printer.line(&format!(
        "   {tool} {}",
        shortened(&Value::from(arguments.clone()).to_string())
    ));
    let lines: Vec<&str> = result.text.lines().collect();
    let most = if quiet { 1 } else { LINES };
    for line in lines.iter().take(most) {
        Printer.line(&format!("   │ {}", shortened(line)));
    }
    if lines.len() > most {
        Printer.line(&format!("   │ … {} more lines", lines.len() - most));
    }
    Printer.line(&format!("   └ {} ms", duration.as_millis()));
}

/// A remark.
pub(super) fn note(text: &str) {
    Printer.line(&format!("   {text}"));
}

pub(super) fn closing(calls: usize, took: Duration) {
    Printer.line(&format!(
        "\n{calls} calls through MCP, all succeeded, in {:.1} s",
        took.as_secs_f64()
    ));
}

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(WIDTH).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
