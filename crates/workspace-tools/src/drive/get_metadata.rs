//! `get_drive_file_metadata`: everything worth knowing about a file but its content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{self, SHORTCUT, Shortcut, int64, kind, problem};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

const FIELDS: &str = "id,name,mimeType,size,createdTime,modifiedTime,description,starred,trashed,\
    parents,driveId,webViewLink,webContentLink,shortcutDetails(targetId),\
    owners(emailAddress,displayName),lastModifyingUser(displayName),\
    permissions(type,role,emailAddress,domain)";

/// Folders higher than this are not named.
const HIGHEST: usize = 10;

/// Describes a file.
pub(super) struct GetMetadata;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    mime_type: String,
    #[serde(
        default,
        deserialize_with = "int64",
        skip_serializing_if = "Option::is_none"
    )]
    size: Option<u64>,
    #[serde(default)]
    created_time: String,
    #[serde(default)]
    modified_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default)]
    starred: bool,
    #[serde(default)]
    trashed: bool,
    #[serde(default)]
    parents: Vec<String>,
    /// The folders above, `My Drive/Projects`.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drive_id: Option<String>,
    #[serde(default)]
    owners: Vec<Person>,
    #[serde(default)]
    permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_view_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_content_link: Option<String>,
    /// The shortcut that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortcut_id: Option<String>,
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    shortcut_details: Option<Shortcut>,
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    last_modifying_user: Option<Person>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    email_address: Option<String>,
    #[serde(default)]
    display_name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Permission {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
}

#[derive(Deserialize)]
struct Folder {
    #[serde(default)]
    name: String,
    #[serde(default)]
    parents: Vec<String>,
}

impl Tool for GetMetadata {
    const META: Meta = Meta {
        name: "get_drive_file_metadata",
        title: "Describe a Drive file",
        description: "Get a file's type, size, times, folder, owners, permissions and links.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["drive.files.get"],
        outside_content: true,
        aliases: &[Alias::same("get_drive_file_permissions")],
        examples: &[Example {
            say: "Who can see the launch plan, and where is it?",
            arguments: r#"{"file_id": "{file:Atlas launch plan}"}"#,
            gives: "My Drive/Projects/Atlas",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = file::id(&input.file_id)?;
        let found = get(cx, &id).await?;
        let mut data = match &found.shortcut_details {
            Some(target) if found.mime_type == SHORTCUT => {
                let mut target = get(cx, &target.target_id).await?;
                target.shortcut_id = Some(found.id);
                target
            }
            _ => found,
        };
        data.path = path(cx, &data.parents).await;
        let text = text(&data);
        Ok(Reply::new(data, text))
    }
}

async fn get(cx: &ToolCx, id: &str) -> Result<Output, ToolError> {
    cx.call("drive.files.get")
        .param("fileId", id)
        .param("supportsAllDrives", true)
        .fields(FIELDS)
        .send_as()
        .await
        .map_err(|error| problem(error, id))
}

/// The names of the folders above, outermost first; as far up as this account can see.
async fn path(cx: &ToolCx, parents: &[String]) -> Option<String> {
    let mut names = Vec::new();
    let mut next = parents.first().cloned();
    while let Some(id) = next.take() {
        if names.len() == HIGHEST {
            names.push("…".to_owned());
            break;
        }
        // A folder that cannot be read ends the path; it does not spoil the answer.
        let Ok(folder) = cx
            .call("drive.files.get")
            .param("fileId", id)
            .param("supportsAllDrives", true)
            .fields("name,parents")
            .send_as::<Folder>()
            .await
        else {
            names.push("…".to_owned());
            break;
        };
        names.push(text::line(&folder.name));
        next = folder.parents.into_iter().next();
    }
    names.reverse();
    (!names.is_empty()).then(|| names.join("/"))
}

fn text(data: &Output) -> String {
    let mut lines = vec![format!(
        "{} ({})",
        text::line(&data.name),
        kind(&data.mime_type)
    )];
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            lines.push(format!("{what}: {value}"));
        }
    };
    add("Folder", data.path.clone());
    add("Size", data.size.map(text::size));
    add("Created", Some(data.created_time.clone()));
    let by = data
        .last_modifying_user
        .as_ref()
        .map(|person| text::line(&person.display_name));
    let by = by.map_or_else(String::new, |name| format!(" by {name}"));
    add("Modified", Some(format!("{}{by}", data.modified_time)));
    add("Description", data.description.as_deref().map(text::line));
    let owners: Vec<String> = data.owners.iter().map(person).collect();
    add("Owner", Some(owners.join(", ")));
    let shared: Vec<String> = data.permissions.iter().map(permission).collect();
    add("Access", Some(shared.join("; ")));
    add("Shared drive", data.drive_id.clone());
    add("Starred", data.starred.then(|| "yes".to_owned()));
    add("In the trash", data.trashed.then(|| "yes".to_owned()));
    add("Link", data.web_view_link.clone());
    let mut said = format!("File ID: {}", data.id);
    if let Some(shortcut) = &data.shortcut_id {
        said.push_str(&format!(" (the shortcut {shortcut} leads to it)"));
    }
    format!(
        "{said}\n{}",
        text::outside("file metadata", &lines.join("\n"))
    )
}

fn person(person: &Person) -> String {
    let name = text::line(&person.display_name);
    match &person.email_address {
        Some(address) => format!("{name} <{address}>"),
        None => name,
    }
}

fn permission(permission: &Permission) -> String {
    let who = match permission.kind.as_str() {
        "anyone" => "anyone with the link",
        _ => permission
            .email_address
            .as_deref()
            .or(permission.domain.as_deref())
            .unwrap_or(&permission.kind),
    };
    format!("{who} ({})", permission.role)
}
