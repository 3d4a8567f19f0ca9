//! `search_drive_files`: find files by words, name, kind, folder or Drive's operators.

use foundation::Kind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    file::{Listed, Page, SHOWN},
    folder, query, scope,
};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Searches files.
pub(super) struct SearchFiles;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Words, or Drive operators such as `name contains 'x'`.
    query: String,
    /// Kind: document, spreadsheet, folder, pdf, image …
    #[serde(default)]
    file_type: Option<String>,
    /// Only directly in this folder: id, link, path or name.
    #[serde(default)]
    folder: Option<String>,
    /// How many, 1 to 100 (10).
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

impl Tool for SearchFiles {
    const META: Meta = Meta {
        name: "search_drive_files",
        title: "Search Google Drive",
        description: "Find files by words in name or content, kind, folder, or Drive operators.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["drive.files.list"],
        outside_content: true,
        aliases: &[],
        examples: &[
            Example {
                say: "Find what we wrote about the launch",
                arguments: r#"{"query": "launch plan"}"#,
                gives: "Atlas launch plan (Google Doc",
            },
            Example {
                say: "Which PDFs are in the folder Finance?",
                arguments: r#"{"query": "", "file_type": "pdf", "folder": "Finance"}"#,
                gives: "Invoice 2026-0117 Northwind.pdf",
            },
            Example {
                say: "What did others share with me?",
                arguments: r#"{"query": "sharedWithMe and trashed = false"}"#,
                gives: "Roadmap 2027",
            },
        ],
    };
    type Input = Input;
    type Output = Page;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Page>, ToolError> {
        let page_size = text::within("page_size", input.page_size, 10, 100)?;
        let query = whole_query(cx, &input).await?;
        let scope = scope::of(
            input.drive_id.as_deref(),
            input.corpora.as_deref(),
            input.include_items_from_all_drives,
        )?;
        let full_text = query::asks_full_text(&query);
        let listed: Listed = scope
            .apply(cx.call("drive.files.list"))
            .param("q", &query)
            .param("pageSize", page_size)
            .param_opt("pageToken", input.page_token.as_deref())
            // Drive refuses to sort what it found in the full text.
            .param_opt("orderBy", (!full_text).then_some("modifiedTime desc"))
            .fields(format!("nextPageToken,files({SHOWN})"))
            .send_as()
            .await
            .map_err(|error| explained(error, &query))?;
        let asked = if input.query.trim().is_empty() {
            &query
        } else {
            &input.query
        };
        let page = Page {
            files: listed.files,
            next_page_token: listed.next_page_token,
        };
        let text = if page.files.is_empty() {
            nothing(asked, page.next_page_token.as_deref())
        } else {
            page.text(&format!(
                "Found {} files for {} matching '{asked}':",
                page.files.len(),
                cx.email
            ))
        };
        Ok(Reply::new(page, text))
    }
}

/// An empty page may still have a next one.
fn nothing(asked: &str, next: Option<&str>) -> String {
    match next {
        None => format!("No files found for '{asked}'."),
        Some(token) => {
            format!("No files found for '{asked}' so far; go on with page_token={token}")
        }
    }
}

async fn whole_query(cx: &ToolCx, input: &Input) -> Result<String, ToolError> {
    let mut parts = Vec::new();
    let words = input.query.trim();
    if query::is_structured(words) {
        parts.push(words.to_owned());
    } else if !words.is_empty() {
        parts.push(query::free_text(words));
    }
    if let Some(kind) = &input.file_type {
        parts.push(query::of_kind(kind)?);
    }
    if let Some(folder) = &input.folder {
        let folder = folder::resolve(cx, folder).await?;
        parts.push(format!("{} in parents", query::quoted(&folder)));
    }
    if words.is_empty() {
        if parts.is_empty() {
            return Err(ToolError::input("the search is empty")
                .hint("give words, a file_type or a folder; list_drive_items lists a folder"));
        }
        parts.push("trashed = false".to_owned());
    }
    if let [only] = parts.as_slice() {
        return Ok(only.clone());
    }
    Ok(parts
        .iter()
        .map(|part| format!("({part})"))
        .collect::<Vec<_>>()
        .join(" and "))
}

fn explained(error: google_api::ApiError, query: &str) -> ToolError {
    if error.status == Some(404) {
        return ToolError::new(
            Kind::NotFound,
            "there is no such folder, or this account may not see it",
        )
        .hint("search with file_type=folder finds folders and their ids")
        .caused_by(error);
    }
    let about_query = error.status == Some(400);
    let error = ToolError::from(error);
    if !about_query {
        return error;
    }
    error.hint(format!(
        "Drive was asked for: {query}. Terms look like name contains 'x', mimeType = 'a/b', \
         modifiedTime > '2026-01-31T00:00:00', 'ID' in parents, joined by and, or, not; \
         quotes inside a text are written \\'"
    ))
}
