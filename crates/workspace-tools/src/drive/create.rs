//! Creating files so that a lost answer never makes two of them.
//!
//! The id is taken before the file is made; a repeat then meets the file that is already there.
//! Google's own editors take no such id; their files are created once or the outcome is reported
//! as unknown. Invariant: no creation is repeated without an id.

use bytes::Bytes;
use google_api::{Call, Idempotency, Media, MediaStream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::file::{self, File, NATIVE, SHOWN, problem};
use crate::{ToolCx, ToolError};

/// What a new file is made of.
pub(super) struct New<'a> {
    pub(super) name: &'a str,
    /// The type it shall have in Drive.
    pub(super) mime_type: &'a str,
    pub(super) description: Option<&'a str>,
    /// The folder's id, or `root`.
    pub(super) folder: &'a str,
}

/// Where the bytes come from.
pub(super) enum Content {
    /// There are none.
    Nothing,
    /// In memory: (media type, bytes).
    Bytes(String, Bytes),
    /// While they are read.
    Stream(MediaStream),
}

#[derive(Deserialize)]
struct Ids {
    #[serde(default)]
    ids: Vec<String>,
}

/// An unused id, for types that take one.
pub(super) async fn free_id(cx: &ToolCx, mime_type: &str) -> Result<Option<String>, ToolError> {
    if mime_type.starts_with(NATIVE) && ![file::FOLDER, file::SHORTCUT].contains(&mime_type) {
        return Ok(None);
    }
    let ids: Ids = cx
        .call("drive.files.generateIds")
        .param("count", 1)
        .fields("ids")
        .send_as()
        .await?;
    Ok(ids.ids.into_iter().next())
}

/// Creates the file.
pub(super) async fn create(
    cx: &ToolCx,
    id: Option<String>,
    new: &New<'_>,
    content: Content,
) -> Result<File, ToolError> {
    let mut body = json!({"name": new.name, "mimeType": new.mime_type, "parents": [new.folder]});
    if let Some(description) = new.description {
        body["description"] = json!(description);
    }
    if let Some(id) = &id {
        body["id"] = json!(id);
    }
    let idempotency = if id.is_some() {
        Idempotency::Keyed
    } else {
        Idempotency::Never
    };
    let call: Call = cx
        .call("drive.files.create")
        .param("supportsAllDrives", true)
        .fields(SHOWN)
        .body(body)
        .idempotency(idempotency);
    let created: Result<Value, _> = match content {
        Content::Nothing => call.send().await,
        Content::Bytes(mime_type, bytes) => call.upload(Media { mime_type, bytes }).await,
        Content::Stream(stream) => call.upload_stream(stream).await,
    };
    match (created, id) {
        (Ok(file), _) => serde_json::from_value(file).map_err(ToolError::internal),
        // An earlier attempt made the file and its answer was lost.
        (Err(error), Some(id)) if error.status == Some(409) => cx
            .call("drive.files.get")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .fields(SHOWN)
            .send_as()
            .await
            .map_err(|error| problem(error, &id)),
        (Err(error), _) if error.status == Some(404) => Err(problem(error, new.folder)),
        (Err(error), _) => Err(error.into()),
    }
}
