//! `files.get`: metadata, or the content itself with `alt=media`.

use super::{show_file, viewer};
use crate::{
    call::{Call, Reply},
    drive::file::{FOLDER, SHORTCUT},
    error::ApiError,
};

pub(in super::super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let file = call.world.drive.visible(call.required("fileId"), &viewer)?;
    if !call.wants_media() {
        let id = file.id.clone();
        return show_file(call, &id, &viewer);
    }
    match file.bytes() {
        Some(bytes) => Ok(Reply::media(file.mime_type.clone(), bytes.clone())),
        None if file.native().is_some()
            || [FOLDER, SHORTCUT].contains(&file.mime_type.as_str()) =>
        {
            Err(ApiError::forbidden(
                "fileNotDownloadable",
                "Only files with binary content can be downloaded. \
                 Use Export with Docs Editors files.",
            )
            .at_parameter("alt"))
        }
        None => Ok(Reply::media(file.mime_type.clone(), Vec::new())),
    }
}
