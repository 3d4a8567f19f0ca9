//! `update_drive_file`: rename, describe, star, or take back from the trash.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use super::file::{self, File, SHOWN, problem};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Changes what is said about a file.
pub(super) struct UpdateFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    starred: Option<bool>,
    /// False takes it out of the trash.
    #[serde(default)]
    trashed: Option<bool>,
}

impl Tool for UpdateFile {
    const META: Meta = Meta {
        name: "update_drive_file",
        title: "Change a Drive file's properties",
        description: "Rename, describe or star a file, or take it out of the trash.",
        service: Service::Drive,
        tier: Tier::Extended,
        access: Access::Write,
        idempotent: true,
        methods: &["drive.files.update"],
        outside_content: false,
        aliases: &[Alias {
            name: "rename_drive_file",
            renamed: &[("new_name", "name")],
            assumed: &[],
        }],
        examples: &[Example {
            say: "Rename the to-do list and star it",
            arguments: r#"{"file_id": "{file:To do.txt}", "name": "Today.txt", "starred": true}"#,
            gives: "name is now 'Today.txt'",
        }],
    };
    type Input = Input;
    type Output = File;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<File>, ToolError> {
        let id = file::id(&input.file_id)?;
        let mut body = Map::new();
        let mut said = Vec::new();
        if let Some(name) = input.name.as_deref().map(str::trim) {
            if name.is_empty() {
                return Err(ToolError::input("name is empty"));
            }
            body.insert("name".into(), json!(name));
            said.push(format!("name is now '{}'", text::line(name)));
        }
        if let Some(description) = &input.description {
            body.insert("description".into(), json!(description));
            said.push("the description is set".to_owned());
        }
        if let Some(starred) = input.starred {
            body.insert("starred".into(), json!(starred));
            said.push(
                if starred {
                    "it is starred"
                } else {
                    "it has no star"
                }
                .to_owned(),
            );
        }
        match input.trashed {
            Some(false) => {
                body.insert("trashed".into(), json!(false));
                said.push("it is not in the trash".to_owned());
            }
            Some(true) => {
                return Err(ToolError::input("this tool does not throw files away")
                    .hint("delete_drive_file moves a file to the trash"));
            }
            None => {}
        }
        if body.is_empty() {
            return Err(ToolError::input("there is nothing to change")
                .hint("give name, description, starred or trashed=false"));
        }
        let file: File = cx
            .call("drive.files.update")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .fields(SHOWN)
            .body(body.into())
            .send_as()
            .await
            .map_err(|error| problem(error, &id))?;
        let text = format!(
            "Changed '{}': {}.\nID: {id}",
            text::line(&file.name),
            said.join(", ")
        );
        Ok(Reply::new(file, text))
    }
}
