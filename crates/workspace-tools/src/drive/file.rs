//! What the tools say of a file, and how a caller names one.
//!
//! Not the content. Invariant: an id that goes into a query or a URL is made of letters, digits,
//! `-` and `_` only, whatever the caller wrote.

use foundation::Kind;
use google_api::ApiError;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{ToolError, text};

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";
pub(super) const SHORTCUT: &str = "application/vnd.google-apps.shortcut";
pub(super) const DOCUMENT: &str = "application/vnd.google-apps.document";
pub(super) const SPREADSHEET: &str = "application/vnd.google-apps.spreadsheet";
pub(super) const PRESENTATION: &str = "application/vnd.google-apps.presentation";
/// All types that only Google's own editors know.
pub(super) const NATIVE: &str = "application/vnd.google-apps.";

/// The fields of [`File`], for `fields` masks.
pub(super) const SHOWN: &str =
    "id,name,mimeType,size,modifiedTime,webViewLink,shortcutDetails(targetId)";

/// A file in a list.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(
        default,
        deserialize_with = "int64",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) modified_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) web_view_link: Option<String>,
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    pub(super) shortcut_details: Option<Shortcut>,
}

/// Where a shortcut leads.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shortcut {
    #[serde(default)]
    pub(super) target_id: String,
}

/// A page of files as Drive sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) files: Vec<File>,
    pub(super) next_page_token: Option<String>,
}

/// A page of files as the tools give it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) files: Vec<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page_token: Option<String>,
}

impl Page {
    /// The text of a page: what was asked, the files, how to go on.
    pub(super) fn text(&self, head: &str) -> String {
        let lines: Vec<String> = self.files.iter().map(File::entry).collect();
        let mut text = format!("{head}\n{}", text::outside("file names", &lines.join("\n")));
        if let Some(token) = &self.next_page_token {
            text.push_str(&format!("\nThere are more: go on with page_token={token}"));
        }
        text
    }
}

impl File {
    /// Two lines of a list.
    fn entry(&self) -> String {
        let mut facts = vec![kind(&self.mime_type).to_owned()];
        if let Some(size) = self.size.filter(|_| !self.mime_type.starts_with(NATIVE)) {
            facts.push(text::size(size));
        }
        if let Some(modified) = &self.modified_time {
            facts.push(format!("modified {modified}"));
        }
        let mut entry = format!(
            "- {} ({})\n  ID: {}",
            text::line(&self.name),
            facts.join(", "),
            self.id
        );
        if let Some(target) = &self.shortcut_details {
            entry.push_str(&format!(" → leads to {}", target.target_id));
        }
        if let Some(link) = &self.web_view_link {
            entry.push_str(&format!("\n  {link}"));
        }
        entry
    }

    /// Whether it belongs to one of Google's own editors.
    pub(super) fn is_native(&self) -> bool {
        self.mime_type.starts_with(NATIVE)
    }
}

/// What people call a type of file.
pub(super) fn kind(mime_type: &str) -> &str {
    match mime_type {
        FOLDER => "folder",
        SHORTCUT => "shortcut",
        DOCUMENT => "Google Doc",
        SPREADSHEET => "Google Sheet",
        PRESENTATION => "Google Slides",
        "application/vnd.google-apps.form" => "Google Form",
        "application/vnd.google-apps.drawing" => "Google Drawing",
        "application/vnd.google-apps.script" => "Apps Script",
        "application/pdf" => "PDF",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "Word",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "Excel",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "PowerPoint",
        other => other,
    }
}

/// The id in what a caller gave as a file: an id, or a link to the file.
pub(super) fn id(given: &str) -> Result<String, ToolError> {
    let given = given.trim();
    let id = if given.starts_with("http://") || given.starts_with("https://") {
        id_of_link(given)
    } else {
        Some(given.to_owned())
    };
    id.filter(|id| is_id(id)).ok_or_else(|| {
        ToolError::input(format!(
            "\"{}\" is neither a file id nor a link",
            text::line(given)
        ))
        .hint("search_drive_files finds a file's id by its name")
    })
}

/// Whether this may be an id.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 256 && text.chars().all(plain)
}

/// The id in a link of Drive or of Google's editors.
pub(super) fn id_of_link(link: &str) -> Option<String> {
    let url = url::Url::parse(link).ok()?;
    let host = url.host_str()?;
    if !["drive.google.com", "docs.google.com"].contains(&host) {
        return None;
    }
    let parts: Vec<&str> = url
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    let after = |word: &str| {
        let place = parts.iter().position(|part| *part == word)?;
        parts.get(place + 1).map(|id| (*id).to_owned())
    };
    let in_query = || {
        url.query_pairs()
            .find(|(name, _)| name == "id")
            .map(|(_, id)| id.into_owned())
    };
    after("d").or_else(|| after("folders")).or_else(in_query)
}

/// Google's error about a file, in terms of what the caller gave.
pub(super) fn problem(error: ApiError, id: &str) -> ToolError {
    if error.status != Some(404) {
        return error.into();
    }
    let mut found = ToolError::new(
        Kind::NotFound,
        format!("there is no file {id}, or this account may not see it"),
    )
    .hint("search_drive_files finds ids; or ask the owner to share the file with this account");
    found.reason.clone_from(&error.reason);
    found.caused_by(error)
}

/// Google writes 64-bit numbers as text.
pub(super) fn int64<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    Ok(match Option::<Written>::deserialize(from)? {
        None => None,
        Some(Written::Number(number)) => Some(number),
        Some(Written::Text(text)) => text.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_links_and_nothing_else_passes() {
        for (given, wanted) in [
            ("1AbC_d-9", "1AbC_d-9"),
            (" 1AbC ", "1AbC"),
            (
                "https://docs.google.com/document/d/1AbC/edit?usp=drivesdk#h",
                "1AbC",
            ),
            (
                "https://docs.google.com/spreadsheets/u/0/d/1AbC/edit",
                "1AbC",
            ),
            ("https://drive.google.com/file/d/1AbC/view", "1AbC"),
            ("https://drive.google.com/drive/u/1/folders/1AbC", "1AbC"),
            ("https://drive.google.com/open?id=1AbC", "1AbC"),
        ] {
            assert_eq!(id(given).expect(given), wanted);
        }
        for given in [
            "",
            "x' in parents or '1",
            "a/b",
            "https://evil.example/document/d/1AbC",
            "https://docs.google.com/document/d/a%27b/edit",
            "Bericht für Zoé",
        ] {
            assert!(id(given).is_err(), "{given}");
        }
    }
}
