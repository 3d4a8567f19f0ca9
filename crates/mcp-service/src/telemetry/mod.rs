//! What the process tells its operators.
//!
//! Invariant: one event is one line, whatever the event contains.

mod clean;
mod layer;
mod line;

use std::{fmt::Write, io, sync::Arc};

use foundation::Clock;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

pub use self::layer::LineLayer;

/// How lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Readable text.
    Text,
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

/// Sends the events and panics of this process to standard error. `level` is a filter such as
/// `info` or `info,mcp_service=debug`.
pub fn init(level: &str, format: LogFormat, clock: Arc<dyn Clock>) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(level.trim().to_ascii_lowercase())
        .map_err(|_| TelemetryError::Level(level.to_owned()))?;
    let layer = LineLayer::new(format, clock, Box::new(io::stderr()));
    tracing_subscriber::registry()
        .with(layer.with_filter(quieter(filter)))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, words, "a task panicked");
    }));
    Ok(())
}

/// The protocol library narrates at info what operators have our own lines for.
fn quieter(filter: EnvFilter) -> EnvFilter {
    if filter.to_string().contains("rmcp") {
        return filter;
    }
    let quiet = "rmcp=warn".parse().expect("a directive written here");
    filter.add_directive(quiet)
}

/// The message of a tool call's record. Queries depend on its words, their order and the blank at
/// the end.
pub fn tool_line(tool: &str, account: &str, milliseconds: u128, outcome: &str) -> String {
    let mut line = String::new();
    let account = if account.is_empty() { "-" } else { account };
    write!(
        line,
        "tools/call tool invocation {outcome} duration={milliseconds}ms user_google_email={} tool={} ",
        one_word(account),
        one_word(tool),
    )
    .expect("writing to a string does not fail");
    line
}

/// Blanks end a value in the queries, so a value has none.
fn one_word(value: &str) -> String {
    value
        .chars()
        .map(|c| {
            if c.is_whitespace() || c == '=' {
                '_'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_tool_line_stand_in_order() {
        let line = tool_line("search_gmail_messages", "a@b.example", 12, "succeeded");
        assert_eq!(
            line,
            "tools/call tool invocation succeeded duration=12ms user_google_email=a@b.example tool=search_gmail_messages "
        );
        assert!(tool_line("x y=z", "", 0, "failed").ends_with("user_google_email=- tool=x_y_z "));
    }
}
