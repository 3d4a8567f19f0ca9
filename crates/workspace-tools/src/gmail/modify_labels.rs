//! `modify_gmail_message_labels`: file, star, archive, mark as read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    labels::{self, Label},
    message,
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// What Gmail takes in one call.
const MOST_AT_ONCE: usize = 1000;

/// Changes labels.
pub(super) struct ModifyLabels;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    #[serde(default)]
    message_id: Option<String>,
    /// Instead of message_id, for several.
    #[serde(default)]
    message_ids: Option<Vec<String>>,
    /// Ids or names.
    #[serde(default)]
    add_label_ids: Option<Vec<String>>,
    /// Ids or names; UNREAD marks read, INBOX archives.
    #[serde(default)]
    remove_label_ids: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    message_ids: Vec<String>,
    added: Vec<String>,
    removed: Vec<String>,
    /// All labels now, for a single message.
    #[serde(skip_serializing_if = "Option::is_none")]
    label_ids: Option<Vec<String>>,
}

impl Tool for ModifyLabels {
    const META: Meta = Meta {
        name: "modify_gmail_message_labels",
        title: "Change labels of Gmail messages",
        description: "Add or remove labels: file, star, archive, mark read or unread.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: true,
        methods: &[
            "gmail.users.messages.modify",
            "gmail.users.messages.batchModify",
            "gmail.users.labels.list",
        ],
        outside_content: false,
        aliases: &[
            Alias {
                name: "modify_gmail_message",
                renamed: &[
                    ("add_labels", "add_label_ids"),
                    ("remove_labels", "remove_label_ids"),
                ],
                assumed: &[],
            },
            Alias::same("batch_modify_gmail_message_labels"),
            Alias {
                name: "mark_gmail_message_read",
                renamed: &[],
                assumed: &[("remove_label_ids", "[\"UNREAD\"]")],
            },
            Alias {
                name: "mark_gmail_message_unread",
                renamed: &[],
                assumed: &[("add_label_ids", "[\"UNREAD\"]")],
            },
        ],
        examples: &[Example {
            say: "Star that mail and mark it as read",
            arguments: r#"{"message_id": "{message:Desk by the window}", "add_label_ids": ["STARRED"], "remove_label_ids": ["UNREAD"]}"#,
            gives: "Added labels: STARRED",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let add = input.add_label_ids.unwrap_or_default();
        let remove = input.remove_label_ids.unwrap_or_default();
        if add.is_empty() && remove.is_empty() {
            return Err(ToolError::input("there is no label to add or remove")
                .hint("give add_label_ids or remove_label_ids"));
        }
        if add
            .iter()
            .any(|label| label.trim().eq_ignore_ascii_case("TRASH"))
        {
            return Err(ToolError::input("TRASH is not a label to add")
                .hint("trash_gmail_message moves messages to the trash"));
        }
        let ids = messages(input.message_id, input.message_ids)?;
        let wanted: Vec<String> = add.iter().chain(&remove).cloned().collect();
        let mut added = labels::ids(cx, &wanted).await?;
        let removed = added.split_off(add.len());
        let label_ids = match ids.as_slice() {
            [one] => Some(modify(cx, one, &added, &removed).await?),
            several => {
                batch(cx, several, &added, &removed).await?;
                None
            }
        };
        let mut text = match ids.as_slice() {
            [one] => format!("Labels updated.\nMessage ID: {one}"),
            several => format!("Labels updated for {} messages.", several.len()),
        };
        for (what, labels) in [("Added", &added), ("Removed", &removed)] {
            if !labels.is_empty() {
                text.push_str(&format!("\n{what} labels: {}", names(labels)));
            }
        }
        let data = Output {
            message_ids: ids,
            added: only_ids(&added),
            removed: only_ids(&removed),
            label_ids,
        };
        Ok(Reply::new(data, text))
    }
}

fn messages(one: Option<String>, several: Option<Vec<String>>) -> Result<Vec<String>, ToolError> {
    let mut ids: Vec<String> = one.into_iter().chain(several.unwrap_or_default()).collect();
    ids.retain(|id| !id.trim().is_empty());
    if ids.is_empty() {
        return Err(ToolError::input("there is no message to change").hint("give message_id"));
    }
    Ok(ids)
}

async fn modify(
    cx: &ToolCx,
    id: &str,
    added: &[Label],
    removed: &[Label],
) -> Result<Vec<String>, ToolError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default)]
        label_ids: Vec<String>,
    }
    let answer: Answer = cx
        .call("gmail.users.messages.modify")
        .param("userId", "me")
        .param("id", id)
        .fields("labelIds")
        .body(json!({"addLabelIds": only_ids(added), "removeLabelIds": only_ids(removed)}))
        // Setting labels twice is setting them once.
        .idempotency(google_api::Idempotency::Keyed)
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "message", id))?;
    Ok(answer.label_ids)
}

async fn batch(
    cx: &ToolCx,
    ids: &[String],
    added: &[Label],
    removed: &[Label],
) -> Result<(), ToolError> {
    let call = |ids: &[String]| {
        cx.call("gmail.users.messages.batchModify")
            .param("userId", "me")
            .body(json!({
                "ids": ids,
                "addLabelIds": only_ids(added),
                "removeLabelIds": only_ids(removed),
            }))
            .idempotency(google_api::Idempotency::Keyed)
            .send()
    };
    let calls: Vec<_> = ids.chunks(MOST_AT_ONCE).map(call).collect();
    google_api::try_join_bounded(calls, 2).await?;
    Ok(())
}

fn only_ids(labels: &[Label]) -> Vec<String> {
    labels.iter().map(|label| label.id.clone()).collect()
}

fn names(labels: &[Label]) -> String {
    let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    names.join(", ")
}
