//! Calls of tools that only look, with arguments their schemas offer.
//!
//! Invariant: a tool that does not say that it only looks is never called.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    arguments,
    conversation::{Answer, Asked, Conversation},
    definitions, fields,
    report::{Area, CallReport, Ended, Severity, Skipped, Timings},
};

/// How long a call may take; five seconds are what a tool should need.
const WITHIN: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_secs(5);
/// The most calls at one server.
const MOST: usize = 60;

/// Calls what may be called.
pub(super) async fn make(
    talk: &Conversation<'_>,
    tools: &[Value],
) -> (Vec<CallReport>, Vec<Skipped>) {
    let (mut calls, mut skipped) = (Vec::new(), Vec::new());
    for tool in tools {
        let Some(name) = tool["name"].as_str() else {
            continue;
        };
        let mut skip = |why: String| {
            skipped.push(Skipped {
                tool: name.to_owned(),
                why,
            });
        };
        if !definitions::only_looks(tool) {
            skip("it does not say that it only looks".into());
            continue;
        }
        let arguments = match arguments::made(&tool["inputSchema"]) {
            Ok(arguments) => arguments,
            Err(unknown) => {
                skip(format!("only a person knows its argument {unknown}"));
                continue;
            }
        };
        if calls.len() == MOST {
            skip(format!("{MOST} calls are enough"));
            continue;
        }
        let mut params = Map::new();
        params.insert("name".into(), name.into());
        params.insert("arguments".into(), Value::Object(arguments));
        let asked = talk.ask("tools/call", params, WITHIN).await;
        calls.push(judge(talk, tool, name, asked));
    }
    (calls, skipped)
}

/// The times of these calls.
pub(super) fn times(calls: &[CallReport], timings: &mut Timings) {
    let mut took: Vec<f64> = calls.iter().map(|call| call.took).collect();
    took.sort_by(f64::total_cmp);
    timings.call_median = took.get(took.len() / 2).copied();
    timings.call_longest = took.last().copied();
}

fn judge(talk: &Conversation<'_>, tool: &Value, name: &str, asked: Asked) -> CallReport {
    let say = |severity, what: String| talk.say(severity, Area::Results, name, what);
    let mut as_declared = None;
    let ended = match asked.answer {
        Answer::Result(result) if result["resultType"] == "input_required" => Ended::Question,
        Answer::Result(result) => {
            for what in fields::tool_result(&result) {
                say(Severity::Error, what);
            }
            if result["isError"] == true {
                let text = result["content"][0]["text"].as_str().unwrap_or_default();
                let text: String = text.chars().take(200).collect();
                say(Severity::Note, format!("the tool failed: {text}"));
                Ended::ToolError
            } else {
                as_declared = declared(tool, &result).map(|fits| {
                    if let Err(why) = &fits {
                        say(Severity::Error, why.clone());
                    }
                    fits.is_ok()
                });
                Ended::Result
            }
        }
        Answer::Error(code, message) => {
            let what = format!("a call that its schema allows is answered with {code}: {message}");
            say(Severity::Warning, what);
            Ended::ProtocolError
        }
        Answer::Nothing(fault) => {
            say(
                Severity::Error,
                format!("a call is not answered: {}", fault.message),
            );
            Ended::NoAnswer
        }
    };
    if asked.took > SLOW && ended != Ended::NoAnswer {
        let what = format!("the call took {:.1} s", asked.took.as_secs_f64());
        say(Severity::Warning, what);
    }
    CallReport {
        tool: name.to_owned(),
        ended,
        took: asked.took.as_secs_f64() * 1e3,
        bytes: asked.bytes,
        as_declared,
    }
}

/// Whether a result is what the tool declares, where it declares something.
fn declared(tool: &Value, result: &Value) -> Option<Result<(), String>> {
    let schema = tool
        .get("outputSchema")
        .filter(|schema| schema.is_object())?;
    // A schema that is none was found before.
    let validator = jsonschema::validator_for(schema).ok()?;
    let Some(data) = result.get("structuredContent") else {
        return Some(Err(
            "it declares an output schema and gives no structuredContent".into(),
        ));
    };
    Some(validator.validate(data).map_err(|error| {
        format!(
            "its result is not what it declares: at {:?} {}",
            error.instance_path().to_string(),
            error.masked()
        )
    }))
}
