//! `move_drive_file`: put a file or folder into another folder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    file::{self, problem},
    folder,
};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Moves a file.
pub(super) struct MoveFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    /// The folder: id, link, path or name.
    new_parent_id: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    parents: Vec<String>,
    previous_parents: Vec<String>,
}

#[derive(Deserialize)]
struct Placed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    parents: Vec<String>,
}

impl Tool for MoveFile {
    const META: Meta = Meta {
        name: "move_drive_file",
        title: "Move a Drive file",
        description: "Move a file or folder into another folder.",
        service: Service::Drive,
        tier: Tier::Extended,
        access: Access::Write,
        idempotent: true,
        methods: &["drive.files.get", "drive.files.update", "drive.files.list"],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Move my to-do list to the archive",
            arguments: r#"{"file_id": "{file:To do.txt}", "new_parent_id": "Archive"}"#,
            gives: "Moved 'To do.txt' to 'Archive'",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = file::id(&input.file_id)?;
        let look_up = async {
            cx.call("drive.files.get")
                .param("fileId", &id)
                .param("supportsAllDrives", true)
                .fields("name,parents")
                .send_as::<Placed>()
                .await
                .map_err(|error| problem(error, &id))
        };
        let (before, target) =
            futures::try_join!(look_up, folder::resolve(cx, &input.new_parent_id))?;
        let previous = before.parents.join(",");
        let after: Placed = if before.parents.contains(&target) {
            Placed {
                name: before.name.clone(),
                parents: before.parents.clone(),
            }
        } else {
            cx.call("drive.files.update")
                .param("fileId", &id)
                .param("supportsAllDrives", true)
                .param("addParents", &target)
                .param_opt("removeParents", (!previous.is_empty()).then_some(&previous))
                .fields("name,parents")
                .body(json!({}))
                .send_as()
                .await
                .map_err(|error| problem(error, &id))?
        };
        let text = format!(
            "Moved '{}' to '{}'.\nID: {id}, folder ID: {}{}",
            text::line(&after.name),
            text::line(&input.new_parent_id),
            after.parents.join(", "),
            if previous.is_empty() {
                String::new()
            } else {
                format!(", before: {previous}")
            }
        );
        let data = Output {
            id,
            name: after.name,
            parents: after.parents,
            previous_parents: before.parents,
        };
        Ok(Reply::new(data, text))
    }
}
