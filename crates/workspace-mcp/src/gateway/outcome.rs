//! The error door: what a tool gave back, as MCP says it.
//!
//! Invariant: an error's cause goes to the log, never into an answer.

use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::Kind;
use mcp_service::{
    Answer, Question as McpQuestion, ToolResult,
    model::{ContentBlock, Resource},
};
use serde_json::{Map, Value, json, value::RawValue};
use workspace_auth::AuthError;
use workspace_tools::{Meta, Outcome, Part, Question, SignInLink, ToolError};

use crate::config::Results;

/// A tool's good answer.
pub(super) fn done(meta: &Meta, outcome: Outcome, results: Results) -> Answer {
    let text = match results {
        Results::Data => outcome.text.lines().next().unwrap_or_default().to_owned(),
        Results::Both | Results::Text => outcome.text,
    };
    let mut content = vec![ContentBlock::text(text)];
    content.extend(outcome.parts.into_iter().map(block));
    let mut meta_fields = Map::new();
    if meta.outside_content {
        meta_fields.insert("contentFromOutside".to_owned(), Value::Bool(true));
    }
    let beside = beside(&outcome.data);
    let structured = (results != Results::Text).then(|| raw(&outcome.data));
    Answer::Result(ToolResult {
        content,
        structured,
        is_error: false,
        meta: meta_fields,
        beside,
    })
}

/// A tool's failure, explained; `link` is where signing in would cure it.
pub(super) fn failed(tool: &str, error: &ToolError, link: Option<&SignInLink>) -> Answer {
    log(tool, error);
    let mut text = format!("{tool} failed: {}.", error.message);
    if let Some(hint) = &error.hint {
        text.push_str(&format!(" What to do: {hint}."));
    }
    if let Some(seconds) = error.retry_after {
        text.push_str(&format!(" Try again after {seconds} s."));
    }
    let mut details = json!({"kind": error.kind.name(), "message": error.message});
    let optional = [
        ("hint", error.hint.as_deref().map(Value::from)),
        ("reason", error.reason.as_deref().map(Value::from)),
        ("retryAfterSeconds", error.retry_after.map(Value::from)),
        (
            "authorization_url",
            link.map(|link| Value::from(link.authorization_url.as_str())),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            details[name] = value;
        }
    }
    if !error.missing_scopes.is_empty() {
        details["missingScopes"] = json!(error.missing_scopes);
    }
    let mut result = ToolResult::error(text);
    if let Some(link) = link {
        let text = format!("{}\n\nRetry {tool} afterwards.", link.message);
        result.content.push(ContentBlock::text(text));
    }
    // Errors do not fit the tool's output schema, so they travel as metadata.
    result.meta.insert("error".to_owned(), details);
    Answer::Result(result)
}

/// A person said no.
pub(super) fn declined(tool: &str) -> Answer {
    let text = format!("{tool} was not run: the user did not confirm it. Nothing was changed.");
    Answer::Result(ToolResult::error(text))
}

/// A person has to confirm first.
pub(super) fn ask(question: &Question) -> Answer {
    let schema = json!({"type": "object", "properties": {}});
    Answer::Ask(McpQuestion {
        key: question.key.clone(),
        message: format!("Allow the assistant to {}?", question.message),
        schema: schema.as_object().cloned().unwrap_or_default(),
        otherwise: format!(
            "this server asks a person before it will {}, and this client cannot ask; use \
             one that supports elicitation",
            question.message
        ),
    })
}

/// What an unusable account means to a tool's caller.
pub(crate) fn auth_error(error: &AuthError) -> ToolError {
    let kind = match error {
        // Whoever has no account yet is helped by signing in, whichever account was named.
        AuthError::NotYours { own } if own.is_empty() => Kind::NeedsConsent,
        _ => error.kind(),
    };
    let mut explained = ToolError::new(kind, error.to_string());
    explained.retry_after = error.retry_after();
    explained
}

fn block(part: Part) -> ContentBlock {
    match part {
        Part::Image { mime_type, bytes } => ContentBlock::image(STANDARD.encode(bytes), mime_type),
        Part::Link {
            uri,
            name,
            mime_type,
            size,
        } => {
            let mut resource = Resource::new(uri, name);
            resource.mime_type = mime_type;
            resource.size = size;
            ContentBlock::resource_link(resource)
        }
    }
}

/// What scripts read beside `content`.
fn beside(data: &Value) -> Map<String, Value> {
    ["authorization_url", "message"]
        .into_iter()
        .filter(|_| data.get("authorization_url").is_some())
        .filter_map(|name| Some((name.to_owned(), data.get(name)?.clone())))
        .collect()
}

fn raw(data: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(data).expect("a JSON value is always JSON")
}

fn log(tool: &str, error: &ToolError) {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let causes = causes.join(": ");
    match error.kind {
        Kind::Internal => tracing::error!(tool, %error, causes, "ERROR in a tool"),
        Kind::Upstream | Kind::Unknown | Kind::Busy => {
            tracing::warn!(tool, kind = error.kind.name(), %error, causes, "a tool failed");
        }
        _ => tracing::debug!(tool, kind = error.kind.name(), %error, causes, "a tool was refused"),
    }
}
