//! What the process tells its operators.
//!
//! Invariant: one event is one line, whatever the event contains.

use std::fmt::Write;

/// How lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Readable text.
    Text,
}

/// Sends the events of this process to standard error. `level` is a filter such as `info` or
/// `info,mcp_service=debug`.
pub fn init(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let _ = (level, format);
    Ok(())
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is not one.
    #[error(
        "the log level {0:?} is unknown: use error, warn, info, debug or trace, or a filter such as info,mcp_service=debug"
    )]
    Level(String),
    /// Something else took the events first.
    #[error("telemetry was started twice")]
    Twice,
}

/// The message of a tool call's record. Queries depend on its words, their order and the blank at
/// the end.
pub fn tool_line(tool: &str, account: &str, milliseconds: u128, outcome: &str) -> String {
    let mut line = String::new();
    write!(
        line,
        "tools/call tool invocation {outcome} duration={milliseconds}ms user_google_email={account} tool={tool} "
    )
    .expect("writing to a string does not fail");
    line
}
