//! Handing a message to Gmail, exactly once.
//!
//! Gmail knows no idempotency key. Invariant: after a failure that leaves the outcome open nothing
//! is sent again; the message is looked up by its own id instead.

use std::time::Duration;

use foundation::Kind;
use google_api::{ApiError, Idempotency, Media};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{compose::Composed, message};
use crate::{ToolCx, ToolError};

/// Above this a message travels as it is instead of in base64 within JSON.
const LARGEST_IN_JSON: usize = 5 << 20;

/// Gmail's index needs a moment before a new message is found.
const LOOKS: &[Duration] = &[
    Duration::ZERO,
    Duration::from_millis(700),
    Duration::from_millis(2_500),
];

/// What Gmail knows of a message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Stored {
    pub id: String,
    pub thread_id: String,
}

/// A draft.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    pub id: String,
    pub message: Stored,
}

/// Sends.
pub(super) async fn send(cx: &ToolCx, composed: &Composed) -> Result<Stored, ToolError> {
    let about = json!({"threadId": composed.thread_id});
    let sent = hand_over(
        cx,
        "gmail.users.messages.send",
        "id,threadId",
        composed,
        about,
        |raw| json!({"raw": raw, "threadId": composed.thread_id}),
    )
    .await;
    let error = match sent {
        Err(error) if error.kind == Kind::Unknown => error,
        sent => return sent.map_err(|error| rejected(error, composed)),
    };
    for wait in LOOKS {
        sleep(*wait).await;
        // A failed look says nothing; the next one may.
        if let Ok(Some(found)) = find_sent(cx, &composed.message_id).await {
            return Ok(found);
        }
    }
    Err(open(error, composed, "in:sent"))
}

/// Keeps as a draft.
pub(super) async fn draft(cx: &ToolCx, composed: &Composed) -> Result<Draft, ToolError> {
    let about = json!({"message": {"threadId": composed.thread_id}});
    let fields = "id,message(id,threadId)";
    let kept = hand_over(
        cx,
        "gmail.users.drafts.create",
        fields,
        composed,
        about,
        |raw| json!({"message": {"raw": raw, "threadId": composed.thread_id}}),
    )
    .await;
    let error = match kept {
        Err(error) if error.kind == Kind::Unknown => error,
        kept => return kept.map_err(|error| rejected(error, composed)),
    };
    for wait in LOOKS {
        sleep(*wait).await;
        if let Ok(Some(found)) = find_draft(cx, &composed.message_id).await {
            return Ok(found);
        }
    }
    Err(open(error, composed, "in:drafts"))
}

async fn find_sent(cx: &ToolCx, message_id: &str) -> Result<Option<Stored>, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Found {
        messages: Vec<Stored>,
    }
    let found: Found = cx
        .call("gmail.users.messages.list")
        .param("userId", "me")
        .param("q", format!("rfc822msgid:{message_id}"))
        .param("includeSpamTrash", true)
        .param("maxResults", 1)
        .fields("messages(id,threadId)")
        .send_as()
        .await?;
    Ok(found.messages.into_iter().next())
}

async fn find_draft(cx: &ToolCx, message_id: &str) -> Result<Option<Draft>, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Found {
        drafts: Vec<Draft>,
    }
    let found: Found = cx
        .call("gmail.users.drafts.list")
        .param("userId", "me")
        .param("q", format!("rfc822msgid:{message_id}"))
        .param("maxResults", 1)
        .fields("drafts(id,message(id,threadId))")
        .send_as()
        .await?;
    Ok(found.drafts.into_iter().next())
}

async fn hand_over<T: DeserializeOwned>(
    cx: &ToolCx,
    method: &'static str,
    fields: &'static str,
    composed: &Composed,
    about: Value,
    inside: impl FnOnce(String) -> Value,
) -> Result<T, ApiError> {
    let call = cx
        .call(method)
        .param("userId", "me")
        .fields(fields)
        .idempotency(Idempotency::Never);
    if composed.raw.len() <= LARGEST_IN_JSON {
        let body = inside(message::encode(&composed.raw));
        return call.body(without_nulls(body)).send_as().await;
    }
    let media = Media {
        mime_type: "message/rfc822".to_owned(),
        bytes: composed.raw.clone().into(),
    };
    let answer = call.body(without_nulls(about)).upload(media).await?;
    serde_json::from_value(answer).map_err(|_| {
        ApiError::new(
            Kind::Unknown,
            method,
            "Gmail's answer to the upload makes no sense",
        )
    })
}

fn open(error: ApiError, composed: &Composed, place: &str) -> ToolError {
    ToolError::new(
        Kind::Unknown,
        format!(
            "Gmail's answer was lost, and the message with the id <{}> is not found yet; it may \
             still have been taken",
            composed.message_id
        ),
    )
    .hint(format!(
        "search_gmail_messages with the query \"{place} rfc822msgid:{}\" before trying again",
        composed.message_id
    ))
    .caused_by(error)
}

fn rejected(error: ApiError, composed: &Composed) -> ToolError {
    match &composed.thread_id {
        Some(thread) if error.status == Some(404) => message::not_found(error, "thread", thread),
        _ => error.into(),
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
        for value in object.values_mut() {
            *value = without_nulls(value.take());
        }
    }
    value
}
