//! Messages as the API shows them.
//!
//! Not the reading of MIME. Invariant: a format shows nothing that the token may not see.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};

use super::{mime, state::Message};
use crate::{call::Call, error::ApiError};

const METADATA_SCOPE: &str = "https://www.googleapis.com/auth/gmail.metadata";

/// How much of a message to show.
pub(super) enum Format {
    Minimal,
    Full,
    Raw,
    /// Headers alone, of these names if any are given.
    Metadata(Vec<String>),
}

/// Whether the token sees headers only.
pub(super) fn metadata_only(call: &Call<'_>) -> bool {
    let reading = [
        "https://mail.google.com/",
        "https://www.googleapis.com/auth/gmail.modify",
        "https://www.googleapis.com/auth/gmail.readonly",
    ];
    call.has_scope(&[METADATA_SCOPE]) && !call.has_scope(&reading)
}

/// The format asked for, if the token may have it.
pub(super) fn format(call: &Call<'_>) -> Result<Format, ApiError> {
    let asked = call.text("format").unwrap_or("full").to_ascii_lowercase();
    if metadata_only(call) && matches!(asked.as_str(), "full" | "raw") {
        let message = format!(
            "Metadata scope doesn't allow format {}",
            asked.to_ascii_uppercase()
        );
        return Err(ApiError::forbidden("forbidden", message));
    }
    Ok(match asked.as_str() {
        "minimal" => Format::Minimal,
        "raw" => Format::Raw,
        "metadata" => Format::Metadata(call.all("metadataHeaders")),
        _ => Format::Full,
    })
}

/// A message.
pub(super) fn message(message: &Message, format: &Format) -> Value {
    let mut value = json!({
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": message.labels,
        "snippet": message.index.snippet,
        "sizeEstimate": message.index.size,
        "historyId": message.history_id.to_string(),
        "internalDate": message.internal_date.to_string(),
    });
    match format {
        Format::Minimal => {}
        Format::Full => value["payload"] = mime::payload(&message.id, &message.raw),
        Format::Raw => value["raw"] = json!(URL_SAFE.encode(&*message.raw)),
        Format::Metadata(names) => value["payload"] = mime::headers(&message.raw, names),
    }
    value
}

/// A message after a change: ids and labels.
pub(super) fn brief(message: &Message) -> Value {
    json!({"id": message.id, "threadId": message.thread_id, "labelIds": message.labels})
}
