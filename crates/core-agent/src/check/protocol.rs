//! Questions with a known right answer: what is not there, what is not allowed, what was declared.
//!
//! Invariant: none of them changes anything, even at a server that takes them for good ones.

use std::time::Duration;

use mcp_service::Era;
use serde_json::{Map, Value, json};

use super::{
    arguments,
    conversation::{Answer, Conversation},
    definitions,
    report::{Area, Severity},
};

/// How long an answer to such a question may take.
const WITHIN: Duration = Duration::from_secs(10);
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// The revisions there are.
const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];
/// A name nothing has.
const NOBODY: &str = "check_for_what_is_not_there";

/// Asks everything; says how many questions there were. A tool is called only where `calls` are
/// allowed.
pub(super) async fn probe(talk: &Conversation<'_>, tools: &[Value], calls: bool) -> usize {
    greeting(talk);
    let mut probes = 1;
    probes += unknown_method(talk).await;
    probes += ping(talk).await;
    probes += undeclared(talk).await;
    probes += absent_things(talk).await;
    if talk.info.capabilities.tools.is_some() {
        probes += unknown_tool(talk).await;
        probes += odd_cursor(talk).await;
        if calls {
            probes += missing_arguments(talk, tools).await;
        }
        probes += same_again(talk, tools).await;
    }
    probes
}

/// What it said of itself when it came up.
fn greeting(talk: &Conversation<'_>) {
    let info = talk.info;
    let say = |severity, what: &str| talk.say(severity, Area::Lifecycle, "greeting", what);
    if !REVISIONS.contains(&info.protocol.as_str()) {
        let what = format!("there is no revision {}", info.protocol);
        say(Severity::Error, &what);
    }
    if info.program.name.trim().is_empty() {
        say(Severity::Warning, "it does not say which program it is");
    }
    if info.program.version.trim().is_empty() {
        say(Severity::Note, "it does not say which version it is");
    }
}

async fn unknown_method(talk: &Conversation<'_>) -> usize {
    let method = "check/nothing";
    match talk.ask(method, Map::new(), WITHIN).await.answer {
        Answer::Error(METHOD_NOT_FOUND, _) => {}
        Answer::Error(code, message) => {
            let what = format!("an unknown method is answered with {code} ({message}), not -32601");
            talk.say(Severity::Warning, Area::Errors, "unknown method", what);
        }
        Answer::Result(_) => {
            let what = "an unknown method is answered with a result";
            talk.say(Severity::Error, Area::Errors, "unknown method", what);
        }
        Answer::Nothing(fault) => {
            let what = format!("an unknown method is not answered: {}", fault.message);
            talk.say(Severity::Error, Area::Errors, "unknown method", what);
        }
    }
    1
}

/// A method of the handshake era.
async fn ping(talk: &Conversation<'_>) -> usize {
    if talk.info.era != Era::Handshake {
        return 0;
    }
    match talk.ask("ping", Map::new(), WITHIN).await.answer {
        Answer::Result(_) => {}
        Answer::Error(code, message) => {
            let what = format!("answered with {code}: {message}");
            talk.say(Severity::Error, Area::Lifecycle, "ping", what);
        }
        Answer::Nothing(fault) => {
            talk.say(Severity::Error, Area::Lifecycle, "ping", fault.message);
        }
    }
    1
}

/// What was not declared should not be there.
async fn undeclared(talk: &Conversation<'_>) -> usize {
    let declared = &talk.info.capabilities;
    let all = [
        ("tools/list", declared.tools.is_some()),
        ("resources/list", declared.resources.is_some()),
        ("prompts/list", declared.prompts.is_some()),
    ];
    let mut probes = 0;
    for (method, _) in all.into_iter().filter(|(_, declared)| !declared) {
        probes += 1;
        match talk.ask(method, Map::new(), WITHIN).await.answer {
            Answer::Error(..) => {}
            Answer::Result(_) => {
                let what = "it is answered, but the capability is not declared";
                talk.say(Severity::Note, Area::Capabilities, method, what);
            }
            Answer::Nothing(fault) => {
                let what = format!("not declared, and not answered: {}", fault.message);
                talk.say(Severity::Error, Area::Capabilities, method, what);
            }
        }
    }
    probes
}

/// Resources and prompts that do not exist.
async fn absent_things(talk: &Conversation<'_>) -> usize {
    let declared = &talk.info.capabilities;
    let all = [
        (
            declared.resources.is_some(),
            "resources/read",
            json!({"uri": "check://what/is/not/there"}),
        ),
        (
            declared.prompts.is_some(),
            "prompts/get",
            json!({"name": NOBODY}),
        ),
    ];
    let mut probes = 0;
    for (_, method, params) in all.into_iter().filter(|(declared, ..)| *declared) {
        probes += 1;
        match talk.ask(method, object(params), WITHIN).await.answer {
            Answer::Error(..) => {}
            Answer::Result(_) => {
                let what = "what does not exist is answered with a result";
                talk.say(Severity::Warning, Area::Errors, method, what);
            }
            Answer::Nothing(fault) => {
                let what = format!("what does not exist is not answered: {}", fault.message);
                talk.say(Severity::Error, Area::Errors, method, what);
            }
        }
    }
    probes
}

async fn unknown_tool(talk: &Conversation<'_>) -> usize {
    let params = object(json!({"name": NOBODY, "arguments": {}}));
    let say = |severity, what: String| talk.say(severity, Area::Errors, "unknown tool", what);
    match talk.ask("tools/call", params, WITHIN).await.answer {
        Answer::Error(INVALID_PARAMS, _) => {}
        Answer::Error(code, _) => {
            let what = format!("answered with the error {code}, not {INVALID_PARAMS}");
            say(Severity::Note, what);
        }
        Answer::Result(result) if result["isError"] == true => {
            let what = "answered as a failed call, not as a protocol error";
            say(Severity::Note, what.into());
        }
        Answer::Result(_) => {
            let what = "a tool that does not exist is called with success";
            say(Severity::Error, what.into());
        }
        Answer::Nothing(fault) => {
            let what = format!("not answered: {}", fault.message);
            say(Severity::Error, what);
        }
    }
    1
}

async fn odd_cursor(talk: &Conversation<'_>) -> usize {
    let params = object(json!({"cursor": "check-no-such-cursor"}));
    let say = |severity, what: String| talk.say(severity, Area::Pages, "unknown cursor", what);
    match talk.ask("tools/list", params, WITHIN).await.answer {
        Answer::Error(..) => {}
        Answer::Result(_) => {
            let what = "it is answered with a page; -32602 is expected";
            say(Severity::Note, what.into());
        }
        Answer::Nothing(fault) => {
            let what = format!("not answered: {}", fault.message);
            say(Severity::Error, what);
        }
    }
    1
}

/// A call without what a tool requires, at a tool that only looks.
async fn missing_arguments(talk: &Conversation<'_>, tools: &[Value]) -> usize {
    let needy = tools.iter().find(|tool| {
        definitions::only_looks(tool) && !arguments::required(&tool["inputSchema"]).is_empty()
    });
    let Some(name) = needy.and_then(|tool| tool["name"].as_str()) else {
        return 0;
    };
    let params = object(json!({"name": name, "arguments": {}}));
    match talk.ask("tools/call", params, WITHIN).await.answer {
        Answer::Error(..) => {}
        Answer::Result(result) if result["isError"] == true => {}
        Answer::Result(_) => {
            let what = "a call without its required arguments succeeds";
            talk.say(Severity::Warning, Area::Errors, name, what);
        }
        Answer::Nothing(fault) => {
            let what = format!(
                "a call without its required arguments is not answered: {}",
                fault.message
            );
            talk.say(Severity::Error, Area::Errors, name, what);
        }
    }
    1
}

/// A list that changes by itself defeats every cache of prompts.
async fn same_again(talk: &Conversation<'_>, tools: &[Value]) -> usize {
    let place = "tools/list";
    match talk.ask(place, Map::new(), WITHIN).await.answer {
        Answer::Result(page) => {
            let again = page["tools"].as_array().map_or(&[][..], Vec::as_slice);
            let first = tools.get(..again.len()).unwrap_or(tools);
            if again != first {
                let what = "the list is not the same the second time";
                talk.say(Severity::Warning, Area::Definitions, place, what);
            }
        }
        Answer::Error(code, message) => {
            let what = format!("after all these questions the answer is {code}: {message}");
            talk.say(Severity::Error, Area::Lifecycle, place, what);
        }
        Answer::Nothing(fault) => {
            let what = format!("it did not survive these questions: {}", fault.message);
            talk.say(Severity::Error, Area::Lifecycle, place, what);
        }
    }
    1
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
