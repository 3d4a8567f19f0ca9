//! `list_drive_items`: what is in a folder, or everything, newest first.

use foundation::Kind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    file::{Listed, Page, SHOWN},
    folder,
    query::quoted,
    scope,
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// The folder that stands for all of My Drive.
const EVERYTHING: &str = "*";

/// Lists a folder.
pub(super) struct ListItems;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id, link, path or name (root); `*` for all of My Drive.
    #[serde(default)]
    folder_id: Option<String>,
    /// How many, 1 to 1000 (100).
    #[serde(default)]
    page_size: Option<usize>,
    /// nextPageToken of the previous page.
    #[serde(default)]
    page_token: Option<String>,
    /// Only this shared drive.
    #[serde(default)]
    drive_id: Option<String>,
    /// Also shared drives (true).
    #[serde(default)]
    include_items_from_all_drives: Option<bool>,
    /// user, domain, drive or allDrives.
    #[serde(default)]
    corpora: Option<String>,
}

impl Tool for ListItems {
    const META: Meta = Meta {
        name: "list_drive_items",
        title: "List a Drive folder",
        description: "List a folder, folders first; or all of My Drive, most recent first.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["drive.files.list"],
        outside_content: true,
        aliases: &[Alias {
            name: "list_drive_files",
            renamed: &[("max_results", "page_size"), ("folder", "folder_id")],
            assumed: &[("folder_id", "\"*\"")],
        }],
        examples: &[
            Example {
                say: "What is in my Drive?",
                arguments: "{}",
                gives: "Projects (folder",
            },
            Example {
                say: "Show me the folder Atlas in Projects",
                arguments: r#"{"folder_id": "Projects/Atlas"}"#,
                gives: "Atlas budget 2026 (Google Sheet",
            },
        ],
    };
    type Input = Input;
    type Output = Page;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Page>, ToolError> {
        let page_size = text::within("page_size", input.page_size, 100, 1000)?;
        let given = input.folder_id.as_deref().map_or("root", str::trim);
        let scope = scope::of(
            input.drive_id.as_deref(),
            input.corpora.as_deref(),
            input.include_items_from_all_drives,
        )?;
        let everything = given == EVERYTHING;
        let (query, order) = if everything {
            let own = match &input.drive_id {
                // Nobody owns the files of a shared drive.
                Some(_) => String::new(),
                None => format!("{} in owners and ", quoted(&cx.email)),
            };
            (format!("{own}trashed = false"), "modifiedTime desc")
        } else {
            let folder = match (&input.drive_id, given) {
                // The top of a shared drive is the drive itself.
                (Some(drive), "root" | "") => drive.clone(),
                _ => folder::resolve(cx, given).await?,
            };
            (
                format!("{} in parents and trashed = false", quoted(&folder)),
                "folder,name_natural",
            )
        };
        let listed: Listed = scope
            .apply(cx.call("drive.files.list"))
            .param("q", query)
            .param("pageSize", page_size)
            .param_opt("pageToken", input.page_token.as_deref())
            .param("orderBy", order)
            .fields(format!("nextPageToken,files({SHOWN})"))
            .send_as()
            .await
            .map_err(|error| explained(error, given))?;
        let page = Page {
            files: listed.files,
            next_page_token: listed.next_page_token,
        };
        let text = match (page.files.is_empty(), everything) {
            (true, true) => "No files found in My Drive.".to_owned(),
            (true, false) => format!("No items found in folder '{given}'."),
            (false, true) => {
                let count = page.files.len();
                page.text(&format!("The {count} most recent files of {}:", cx.email))
            }
            (false, false) => {
                let count = page.files.len();
                page.text(&format!(
                    "Found {count} items in folder '{given}' for {}:",
                    cx.email
                ))
            }
        };
        Ok(Reply::new(page, text))
    }
}

fn explained(error: google_api::ApiError, given: &str) -> ToolError {
    if error.status == Some(404) {
        ToolError::new(
            Kind::NotFound,
            format!(
                "there is no folder {}, or this account may not see it",
                text::line(given)
            ),
        )
        .hint("give its path, such as /Projects/Atlas; search_drive_files finds folders")
        .caused_by(error)
    } else {
        error.into()
    }
}
