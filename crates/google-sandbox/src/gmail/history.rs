//! `users.history`.
//!
//! Not notifications. Invariant: entries come in the order they happened.

use serde_json::{Value, json};

use super::{
    mailbox, missing,
    state::{Change, Kind},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let start: u64 = call
        .text("startHistoryId")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ApiError::invalid("Missing required parameter: startHistoryId"))?;
    let types = call.all("historyTypes");
    let label = call.text("labelId").map(str::to_owned);
    let mailbox = mailbox(call)?;
    let first = mailbox
        .history
        .first()
        .map_or(mailbox.history_id, |change| change.id);
    if start + 1 < first || start > mailbox.history_id {
        return Err(missing());
    }
    let current = mailbox.history_id;
    let entries: Vec<Value> = mailbox
        .history
        .iter()
        .filter(|change| change.id > start)
        .filter(|change| types.is_empty() || types.iter().any(|kind| kind == name(&change.kind)))
        .filter(|change| label.as_ref().is_none_or(|label| concerns(change, label)))
        .map(entry)
        .collect();
    let (page, next) = call.page(entries, call.page_size("maxResults", 100, 500))?;
    let mut reply = json!({"historyId": current.to_string()});
    if !page.is_empty() {
        reply["history"] = json!(page);
    }
    if let Some(next) = next {
        reply["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(reply))
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Added => "messageAdded",
        Kind::Deleted => "messageDeleted",
        Kind::LabelsAdded(_) => "labelAdded",
        Kind::LabelsRemoved(_) => "labelRemoved",
    }
}

fn concerns(change: &Change, label: &String) -> bool {
    change.labels.contains(label)
        || matches!(&change.kind, Kind::LabelsRemoved(removed) if removed.contains(label))
}

fn entry(change: &Change) -> Value {
    let plain = json!({"id": change.message, "threadId": change.thread});
    let full = json!({"id": change.message, "threadId": change.thread, "labelIds": change.labels});
    let mut entry = json!({"id": change.id.to_string(), "messages": [plain]});
    match &change.kind {
        Kind::Added => entry["messagesAdded"] = json!([{"message": full}]),
        Kind::Deleted => entry["messagesDeleted"] = json!([{"message": full}]),
        Kind::LabelsAdded(labels) => {
            entry["labelsAdded"] = json!([{"message": full, "labelIds": labels}]);
        }
        Kind::LabelsRemoved(labels) => {
            entry["labelsRemoved"] = json!([{"message": full, "labelIds": labels}]);
        }
    }
    entry
}
