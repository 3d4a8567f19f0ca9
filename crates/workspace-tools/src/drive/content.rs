//! Fetching what a file holds: native files exported, others downloaded, shortcuts followed.
//!
//! Not reading it. Invariant: nothing larger than the caller's cap is held in memory.

use bytes::Bytes;
use foundation::Kind;
use serde::Deserialize;

use super::file::{
    DOCUMENT, FOLDER, NATIVE, PRESENTATION, SHORTCUT, SPREADSHEET, Shortcut, int64, kind, problem,
};
use crate::{Part, ToolCx, ToolError, file_name, resource, text};

/// The most that is fetched of one file.
pub(super) const LARGEST: u64 = 50 << 20;

const FIELDS: &str =
    "id,name,mimeType,size,webViewLink,shortcutDetails(targetId),capabilities(canDownload)";

/// What is needed to fetch a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default, deserialize_with = "int64")]
    pub(super) size: Option<u64>,
    pub(super) web_view_link: Option<String>,
    shortcut_details: Option<Shortcut>,
    capabilities: Option<Capabilities>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    can_download: Option<bool>,
}

/// A part of a content.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) mime_type: String,
    pub(super) bytes: Bytes,
    /// Whether there is more.
    pub(super) truncated: bool,
}

/// Looks a file up; a shortcut leads to its target.
pub(super) async fn source(cx: &ToolCx, id: &str) -> Result<Source, ToolError> {
    let found = look_up(cx, id).await?;
    match &found.shortcut_details {
        Some(target) if found.mime_type == SHORTCUT => {
            look_up(cx, &target.target_id).await.map_err(|error| {
                error.hint("the file is a shortcut; what it leads to is gone or not shared")
            })
        }
        _ => Ok(found),
    }
}

async fn look_up(cx: &ToolCx, id: &str) -> Result<Source, ToolError> {
    cx.call("drive.files.get")
        .param("fileId", id)
        .param("supportsAllDrives", true)
        .fields(FIELDS)
        .send_as()
        .await
        .map_err(|error| problem(error, id))
}

/// The format in which a native file is read as text.
pub(super) fn text_format(mime_type: &str) -> Option<&'static str> {
    match mime_type {
        DOCUMENT => Some("text/markdown"),
        SPREADSHEET => Some("text/csv"),
        PRESENTATION => Some("text/plain"),
        "application/vnd.google-apps.drawing" => Some("image/png"),
        "application/vnd.google-apps.script" => Some("application/vnd.google-apps.script+json"),
        _ => None,
    }
}

/// The format in which a native file is kept: (media type, extension).
pub(super) fn file_format(mime_type: &str) -> Option<(&'static str, &'static str)> {
    match mime_type {
        DOCUMENT => Some((
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "docx",
        )),
        SPREADSHEET => Some((
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
        )),
        PRESENTATION => Some((
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "pptx",
        )),
        "application/vnd.google-apps.drawing" => Some(("image/png", "png")),
        "application/vnd.google-apps.script" => {
            Some(("application/vnd.google-apps.script+json", "json"))
        }
        _ => None,
    }
}

impl Source {
    pub(super) fn is_native(&self) -> bool {
        self.mime_type.starts_with(NATIVE)
    }

    /// Name and type in one line.
    pub(super) fn heading(&self) -> String {
        let size = self.size.filter(|_| !self.is_native());
        let size = size.map_or_else(String::new, |size| format!(", {}", text::size(size)));
        format!(
            "{} ({}{size})",
            text::line(&self.name),
            kind(&self.mime_type)
        )
    }

    /// A reference by which the file can be fetched.
    pub(super) fn link(&self, email: &str) -> Part {
        let target = resource::Target::File {
            id: self.id.clone(),
        };
        let (mime_type, name) = match file_format(&self.mime_type) {
            Some((mime_type, extension)) => {
                (mime_type.to_owned(), format!("{}.{extension}", self.name))
            }
            None => (self.mime_type.clone(), self.name.clone()),
        };
        Part::Link {
            uri: resource::ResourceUri {
                email: email.to_owned(),
                target,
            }
            .to_string(),
            name: file_name::safe(&name),
            mime_type: Some(mime_type),
            size: self.size.filter(|_| !self.is_native()),
        }
    }

    /// Refuses early what Drive would refuse late.
    fn check(&self) -> Result<(), ToolError> {
        let capable = self.capabilities.as_ref().and_then(|can| can.can_download);
        if self.mime_type == FOLDER {
            return Err(
                ToolError::input(format!("{} is a folder", text::line(&self.name)))
                    .hint("list_drive_items shows what is in it"),
            );
        }
        if capable == Some(false) {
            return Err(ToolError::new(
                Kind::Forbidden,
                format!(
                    "the owner of {} does not allow downloads",
                    text::line(&self.name)
                ),
            )
            .hint("open it in a browser by its link, or ask the owner"));
        }
        Ok(())
    }

    /// The content of a native file in another format.
    pub(super) async fn export(&self, cx: &ToolCx, format: &str) -> Result<Fetched, ToolError> {
        self.check()?;
        let download = cx
            .call("drive.files.export")
            .param("fileId", &self.id)
            .param("mimeType", format)
            .download(None, LARGEST)
            .await
            .map_err(|error| {
                let impossible = error.status == Some(400);
                let error = problem(error, &self.id);
                if impossible {
                    error.hint(formats(&self.mime_type))
                } else {
                    error
                }
            })?;
        Ok(Fetched {
            mime_type: format.to_owned(),
            bytes: download.bytes,
            truncated: download.truncated,
        })
    }

    /// At most `max_bytes` of the content of a file that is not native.
    pub(super) async fn download(&self, cx: &ToolCx, max_bytes: u64) -> Result<Fetched, ToolError> {
        self.check()?;
        let download = cx
            .call("drive.files.get")
            .param("fileId", &self.id)
            .param("supportsAllDrives", true)
            .download(None, max_bytes.min(LARGEST))
            .await
            .map_err(|error| problem(error, &self.id))?;
        Ok(Fetched {
            mime_type: self.mime_type.clone(),
            bytes: download.bytes,
            truncated: download.truncated,
        })
    }

    /// The whole content, native files in the format they are kept in.
    pub(super) async fn whole(
        &self,
        cx: &ToolCx,
        format: Option<&str>,
        max_bytes: u64,
    ) -> Result<Fetched, ToolError> {
        let fetched = if self.is_native() {
            let format = match format {
                Some(format) => format,
                None => {
                    file_format(&self.mime_type)
                        .ok_or_else(|| self.no_format())?
                        .0
                }
            };
            self.export(cx, format).await?
        } else {
            if let Some(size) = self.size.filter(|size| *size > max_bytes) {
                return Err(too_large(&self.name, size, max_bytes));
            }
            self.download(cx, max_bytes).await?
        };
        let size = fetched.bytes.len() as u64;
        if fetched.truncated || size > max_bytes {
            return Err(too_large(
                &self.name,
                size.max(self.size.unwrap_or(0)),
                max_bytes,
            ));
        }
        Ok(fetched)
    }

    /// This native type has no content outside of its editor.
    pub(super) fn no_format(&self) -> ToolError {
        self.check().err().unwrap_or_else(|| {
            ToolError::input(format!(
                "{} is a {}, which cannot be exported",
                text::line(&self.name),
                kind(&self.mime_type)
            ))
            .hint("open it in a browser by its link")
        })
    }
}

fn too_large(name: &str, size: u64, most: u64) -> ToolError {
    ToolError::input(format!(
        "{} has {}; here at most {} are given",
        text::line(name),
        text::size(size),
        text::size(most)
    ))
    .hint("get_drive_file_content reads long texts in pieces; download_drive_file gives a link")
}

fn formats(mime_type: &str) -> &'static str {
    match mime_type {
        DOCUMENT => {
            "a Doc can be exported as text/markdown, text/plain, text/html, application/pdf or docx"
        }
        SPREADSHEET => {
            "a Sheet can be exported as text/csv (its first sheet), application/pdf or xlsx"
        }
        PRESENTATION => "Slides can be exported as text/plain, application/pdf or pptx",
        _ => "this type of file has few formats; leave the format out",
    }
}
