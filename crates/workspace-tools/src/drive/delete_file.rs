//! `delete_drive_file`: into the trash, or for good when that is said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::file::{self, FOLDER, problem};
use crate::{
    Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, policy::Action,
    text,
};

/// Deletes a file.
pub(super) struct DeleteFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    /// For good, not into the trash (false).
    #[serde(default)]
    permanent: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    /// Whether it is in the trash, from which it can come back.
    trashed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    mime_type: String,
}

impl Tool for DeleteFile {
    const META: Meta = Meta {
        name: "delete_drive_file",
        title: "Delete a Drive file",
        description: "Move a file or folder to the trash, or delete it for good.",
        service: Service::Drive,
        tier: Tier::Extended,
        access: Access::Destructive,
        idempotent: true,
        methods: &[
            "drive.files.get",
            "drive.files.update",
            "drive.files.delete",
        ],
        outside_content: false,
        aliases: &[Alias::same("trash_drive_file")],
        examples: &[Example {
            say: "Throw away my to-do list",
            arguments: r#"{"file_id": "{file:To do.txt}"}"#,
            gives: "Moved 'To do.txt' to the trash",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = file::id(&input.file_id)?;
        if !input.permanent.unwrap_or(false) {
            let file: Named = cx
                .call("drive.files.update")
                .param("fileId", &id)
                .param("supportsAllDrives", true)
                .fields("name,mimeType")
                .body(json!({"trashed": true}))
                .send_as()
                .await
                .map_err(|error| problem(error, &id))?;
            let text = format!(
                "Moved '{}' to the trash; Drive keeps it there for 30 days.\nID: {id}",
                text::line(&file.name)
            );
            return Ok(Reply::new(
                Output {
                    id,
                    name: file.name,
                    trashed: true,
                },
                text,
            ));
        }
        let file: Named = cx
            .call("drive.files.get")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .fields("name,mimeType")
            .send_as()
            .await
            .map_err(|error| problem(error, &id))?;
        let name = text::line(&file.name);
        let what = if file.mime_type == FOLDER {
            format!("the folder '{name}' with all that is in it ({id})")
        } else {
            format!("'{name}' ({id})")
        };
        cx.permit(&Action::DeleteForever { what: &what })?;
        cx.call("drive.files.delete")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .send()
            .await
            .map_err(|error| problem(error, &id))?;
        let text = format!("Deleted {what} for good.");
        Ok(Reply::new(
            Output {
                id,
                name: file.name,
                trashed: false,
            },
            text,
        ))
    }
}
