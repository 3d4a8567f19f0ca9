//! `create_drive_folder`: make a folder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    create::{self, Content, New},
    file::FOLDER,
    folder,
};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Creates a folder.
pub(super) struct CreateFolder;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    folder_name: String,
    /// Id, link, path or name (root).
    #[serde(default)]
    parent: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    parent_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_view_link: Option<String>,
}

impl Tool for CreateFolder {
    const META: Meta = Meta {
        name: "create_drive_folder",
        title: "Create a Drive folder",
        description: "Create a folder.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: false,
        methods: &[
            "drive.files.create",
            "drive.files.generateIds",
            "drive.files.get",
            "drive.files.list",
        ],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Make a folder Beta in Atlas",
            arguments: r#"{"folder_name": "Beta", "parent": "Projects/Atlas"}"#,
            gives: "Created the folder 'Beta'",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let name = input.folder_name.trim();
        if name.is_empty() {
            return Err(ToolError::input("folder_name is empty"));
        }
        let given = input.parent.as_deref().unwrap_or("root");
        let (parent, id) =
            futures::try_join!(folder::resolve(cx, given), create::free_id(cx, FOLDER))?;
        let new = New {
            name,
            mime_type: FOLDER,
            description: None,
            folder: &parent,
        };
        let made = create::create(cx, id, &new, Content::Nothing).await?;
        let mut text = format!(
            "Created the folder '{}' in '{given}'.\nID: {}",
            text::line(name),
            made.id
        );
        if let Some(link) = &made.web_view_link {
            text.push_str(&format!("\nLink: {link}"));
        }
        let data = Output {
            id: made.id,
            name: made.name,
            parent_id: parent,
            web_view_link: made.web_view_link,
        };
        Ok(Reply::new(data, text))
    }
}
