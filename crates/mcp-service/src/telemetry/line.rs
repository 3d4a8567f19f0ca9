//! One event as one line.
//!
//! Invariant: the line ends with its only line feed, and as JSON it can be read back.

use std::fmt::Write;

use jiff::Timestamp;
use tracing::{
    Level,
    field::{Field, Visit},
};

use super::{LogFormat, clean};

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// A number or a truth value, as JSON writes it.
    Plain(String),
}

/// The fields of an event or of a span, in order; a later field replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) message: Option<String>,
    pub(super) context: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.context.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.context.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = Some(value.to_owned());
        } else {
            self.set(field.name(), Value::Text(value.to_owned()));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let value = if value.is_finite() {
            Value::Plain(value.to_string())
        } else {
            Value::Text(value.to_string())
        };
        self.set(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut chain = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            write!(chain, ": {error}").expect("writing to a string does not fail");
            source = error.source();
        }
        self.record_str(field, &chain);
    }
}

/// Writes the line of an event.
pub(super) fn write(format: LogFormat, at: Timestamp, level: Level, fields: &Fields) -> String {
    let mut line = String::with_capacity(256);
    let hide = level != Level::ERROR;
    let message = fields.message.as_deref().unwrap_or_default();
    match format {
        LogFormat::Json => {
            write!(
                line,
                "{{\"timestamp\":\"{at:.3}\",\"level\":\"{level}\",\"message\":"
            )
            .expect("writing to a string does not fail");
            clean::json_string(message, hide, &mut line);
            if !fields.context.is_empty() {
                line.push_str(",\"context\":{");
                for (position, (name, value)) in fields.context.iter().enumerate() {
                    if position > 0 {
                        line.push(',');
                    }
                    clean::json_string(name, hide, &mut line);
                    line.push(':');
                    match value {
                        Value::Text(text) => clean::json_string(text, hide, &mut line),
                        Value::Plain(plain) => line.push_str(plain),
                    }
                }
                line.push('}');
            }
            line.push('}');
        }
        LogFormat::Text => {
            write!(line, "{at:.3} {level:>5} ").expect("writing to a string does not fail");
            clean::plain(message, hide, &mut line);
            for (name, value) in &fields.context {
                line.push(' ');
                clean::plain(name, hide, &mut line);
                line.push('=');
                match value {
                    Value::Text(text) => clean::plain(text, hide, &mut line),
                    Value::Plain(plain) => line.push_str(plain),
                }
            }
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::TestRunner};

    use super::*;

    fn fields(message: &str, value: &str) -> Fields {
        let mut fields = Fields {
            message: Some(message.to_owned()),
            ..Fields::default()
        };
        fields.set("value", Value::Text(value.to_owned()));
        fields
    }

    #[test]
    fn a_line_has_the_keys_that_queries_read() {
        let line = write(
            LogFormat::Json,
            Timestamp::UNIX_EPOCH,
            Level::ERROR,
            &fields("S3 failed", "x"),
        );
        assert_eq!(
            line,
            "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"level\":\"ERROR\",\"message\":\"S3 failed\",\"context\":{\"value\":\"x\"}}\n"
        );
    }

    #[test]
    fn only_errors_have_the_word_of_errors() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let line = write(
                format,
                Timestamp::UNIX_EPOCH,
                Level::INFO,
                &fields("ERRORERROR", "an ERROR"),
            );
            assert!(!line.contains("ERROR"), "{line}");
        }
        let line = write(
            LogFormat::Json,
            Timestamp::UNIX_EPOCH,
            Level::INFO,
            &fields("ERROR", ""),
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "ERROR");
    }

    fn holds(message: &str, value: &str) -> Result<(), TestCaseError> {
        for format in [LogFormat::Json, LogFormat::Text] {
            let line = write(
                format,
                Timestamp::UNIX_EPOCH,
                Level::INFO,
                &fields(message, value),
            );
            let inside = line
                .strip_suffix('\n')
                .ok_or_else(|| TestCaseError::fail("no end"))?;
            let breaks_out = |c: char| {
                c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}' | '\u{2066}')
            };
            prop_assert!(!inside.contains(breaks_out), "{}", line);
            prop_assert!(!line.contains("ERROR"));
            if format == LogFormat::Json {
                let read: serde_json::Value = serde_json::from_str(&line)
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(read["message"].as_str(), Some(message));
                prop_assert_eq!(read["context"]["value"].as_str(), Some(value));
            }
        }
        Ok(())
    }

    /// The full million takes a release build; `LOG_CASES` sets the number.
    #[test]
    fn any_input_is_one_well_formed_line() {
        let cases = option_env!("LOG_CASES")
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(8_000);
        let mut runner = TestRunner::new(ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let nasty = prop::collection::vec(
            prop_oneof![
                3 => any::<char>(),
                2 => (0_u32..0xa0).prop_map(|code| char::from_u32(code).unwrap_or('x')),
                1 => prop::sample::select(vec!['\u{1b}', '\r', '\n', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '"', '\\', 'E', 'R', 'O', '\u{feff}', '\u{7f}', '\u{85}']),
            ],
            0..40,
        )
        .prop_map(|characters| characters.into_iter().collect::<String>());
        runner
            .run(&(nasty.clone(), nasty), |(message, value)| {
                holds(&message, &value)
            })
            .unwrap();
        holds(
            "ERROR\u{1b}[31m\r\n{\"level\":\"ERROR\"}",
            "\u{202e}gnp.exe",
        )
        .unwrap();
    }
}
