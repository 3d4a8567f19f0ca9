//! `files.export`.

use super::viewer;
use crate::{
    call::{Call, Reply},
    drive::export,
    error::ApiError,
};

/// The most Drive exports.
const LIMIT: usize = 10 * 1024 * 1024;

pub(in super::super) fn export(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    // Exporting takes no `supportsAllDrives`: it always works for files of shared drives.
    let viewer = crate::drive::state::Viewer {
        all_drives: true,
        ..viewer
    };
    let file = call.world.drive.visible(call.required("fileId"), &viewer)?;
    let Some(native) = file.native() else {
        return Err(ApiError::forbidden(
            "fileNotExportable",
            "Export only supports Docs Editors files.",
        )
        .at_parameter("fileId"));
    };
    let mime_type = call.required("mimeType");
    let Some(bytes) = export::export(&file.name, native, mime_type) else {
        return Err(ApiError::new(
            400,
            "badRequest",
            "The requested conversion is not supported.",
        )
        .at_parameter("convertTo"));
    };
    if bytes.len() > LIMIT {
        return Err(ApiError::forbidden(
            "exportSizeLimitExceeded",
            "This file is too large to be exported.",
        ));
    }
    Ok(Reply::media(mime_type, bytes))
}
