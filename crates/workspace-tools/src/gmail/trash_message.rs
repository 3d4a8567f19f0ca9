//! `trash_gmail_message`: put a message into the trash, where it stays for thirty days.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::message;
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// Trashes a message.
pub(super) struct TrashMessage;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    message_id: String,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    #[serde(default)]
    label_ids: Vec<String>,
}

impl Tool for TrashMessage {
    const META: Meta = Meta {
        name: "trash_gmail_message",
        title: "Move a Gmail message to the trash",
        description: "Move a message to the trash; it can be restored for 30 days.",
        service: Service::Gmail,
        tier: Tier::Extended,
        access: Access::Destructive,
        idempotent: true,
        methods: &["gmail.users.messages.trash"],
        outside_content: false,
        aliases: &[Alias::same("delete_gmail_message")],
        examples: &[Example {
            say: "Delete the mail about the parking permit",
            arguments: r#"{"message_id": "{message:Parking permit}"}"#,
            gives: "Moved to the trash.",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = &input.message_id;
        let trashed: Output = cx
            .call("gmail.users.messages.trash")
            .param("userId", "me")
            .param("id", id)
            .fields("id,labelIds")
            // What is in the trash stays there.
            .idempotency(google_api::Idempotency::Keyed)
            .send_as()
            .await
            .map_err(|error| message::not_found(error, "message", id))?;
        let text = format!("Moved to the trash.\nMessage ID: {}", trashed.id);
        Ok(Reply::new(trashed, text))
    }
}
