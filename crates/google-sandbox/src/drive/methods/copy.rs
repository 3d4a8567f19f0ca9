//! `files.copy`.

use super::{
    create::{chosen_id, folder},
    metadata::{apply, new_id},
    show_file, viewer,
};
use crate::{
    call::{Call, Reply},
    drive::{
        export,
        file::Content,
        state::{blank, owner},
    },
    error::ApiError,
};

pub(in super::super) fn copy(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let source = call
        .world
        .drive
        .visible(call.required("fileId"), &viewer)?
        .clone();
    if source.is_folder() {
        return Err(ApiError::forbidden(
            "cannotCopyFile",
            "This file cannot be copied by the user.",
        ));
    }
    let mime_type = call
        .body_text("mimeType")
        .map_or_else(|| source.mime_type.clone(), str::to_owned);
    let content = match (&source.content, mime_type == source.mime_type) {
        (content, true) => content.clone(),
        (Content::Bytes(bytes), false) => {
            let native = export::import(&source.mime_type, bytes, &mime_type).ok_or_else(|| {
                ApiError::new(
                    400,
                    "badRequest",
                    "The requested conversion is not supported.",
                )
                .at_parameter("convertTo")
            })?;
            Content::Native(native)
        }
        (_, false) => return Err(super::invalid("mimeType")),
    };
    let id = chosen_id(call, &mime_type)?;
    let target = if call.body.get("parents").is_some() {
        folder(call)?
    } else {
        // A copy stays where the original is, if the caller may write there.
        source
            .parent
            .as_deref()
            .and_then(|parent| call.world.drive.target_folder(parent, &viewer).ok())
            .unwrap_or_else(|| call.world.drive.root(&call.user).to_owned())
    };
    let id = id.unwrap_or_else(|| new_id(call));
    let mut file = blank(
        &id,
        &format!("Copy of {}", source.name),
        &mime_type,
        &call.user,
        call.now,
    );
    file.content = content;
    file.indexed = source.indexed;
    file.description = source.description;
    file.properties = source.properties;
    file.original_name = source.original_name;
    file.made_by_client = Some(call.client_id.clone());
    let body = call.body.clone();
    apply(&mut file, &body, &call.user, call.now)?;
    let revision = format!("0B{}", call.world.chance.word(40));
    file.note_revision(revision, call.now, &call.user);
    let state = &mut call.world.drive;
    file.drive_id = state
        .files
        .get(&target)
        .and_then(|folder| folder.drive_id.clone());
    if file.drive_id.is_none() {
        file.permissions.push(owner(&call.user, call.now));
    }
    file.parent = Some(target);
    state.issued.remove(&id);
    state.add(file);
    show_file(call, &id, &viewer)
}
