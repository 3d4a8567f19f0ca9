//! `files.create` and `files.generateIds`.

use serde_json::{Value, json};

use super::{
    invalid,
    metadata::{apply, content, new_id, time},
    show_file, viewer,
};
use crate::{
    blob::Blob,
    call::{Call, Reply},
    drive::{
        export,
        file::{Content, FOLDER, SHORTCUT},
        state::{State, blank, owner},
    },
    error::ApiError,
};

const ANY: &str = "application/octet-stream";

pub(in super::super) fn generate_ids(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let count = match call.text("count") {
        None => 10,
        Some(text) => text
            .parse()
            .ok()
            .filter(|count| (1..=1000).contains(count))
            .ok_or(invalid("count"))?,
    };
    let ids: Vec<String> = (0..count).map(|_| new_id(call)).collect();
    call.world.drive.issued.extend(ids.iter().cloned());
    Ok(Reply::json(
        json!({"kind": "drive#generatedIds", "space": "drive", "ids": ids}),
    ))
}

pub(in super::super) fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let mime_type = mime_type(call);
    let id = chosen_id(call, &mime_type)?;
    let folder = folder(call)?;
    let created = time(&call.body, "createdTime")?;
    let target = shortcut_target(call, &mime_type, &viewer)?;
    let id = id.unwrap_or_else(|| new_id(call));
    let mut file = blank(&id, "Untitled", &mime_type, &call.user, call.now);
    file.made_by_client = Some(call.client_id.clone());
    file.shortcut_target = target;
    file.content = match content(&file, call)? {
        Some(content) => content,
        None => export::empty(&mime_type).map_or_else(
            || {
                if [FOLDER, SHORTCUT].contains(&mime_type.as_str()) {
                    Content::Nothing
                } else {
                    Content::Bytes(Blob::default())
                }
            },
            Content::Native,
        ),
    };
    let body = call.body.clone();
    apply(&mut file, &body, &call.user, call.now)?;
    file.created = created.unwrap_or(call.now);
    if file.bytes().is_some() {
        file.original_name.get_or_insert_with(|| file.name.clone());
    }
    file.views.entry(call.user.clone()).or_default().viewed = Some(call.now);
    if matches!(file.content, Content::Bytes(_) | Content::Native(_)) {
        let revision = format!("0B{}", call.world.chance.word(40));
        file.note_revision(revision, call.now, &call.user);
    }
    let state = &mut call.world.drive;
    file.drive_id = state
        .files
        .get(&folder)
        .and_then(|folder| folder.drive_id.clone());
    if file.drive_id.is_none() {
        file.permissions.push(owner(&call.user, call.now));
    }
    file.parent = Some(folder);
    state.issued.remove(&id);
    state.add(file);
    show_file(call, &id, &viewer)
}

/// The id the caller chose, if it is one that was handed out and is still free.
pub(super) fn chosen_id(call: &Call<'_>, mime_type: &str) -> Result<Option<String>, ApiError> {
    let Some(id) = call.body_text("id") else {
        return Ok(None);
    };
    if export::empty(mime_type).is_some() {
        return Err(ApiError::new(
            400,
            "invalid",
            "Generated IDs are not supported for Docs Editors formats.",
        )
        .at_parameter("file.id"));
    }
    let state: &State = &call.world.drive;
    if state.files.contains_key(id) {
        return Err(ApiError::new(
            409,
            "fileIdInUse",
            "A file already exists with the provided ID.",
        )
        .at_parameter("file.id"));
    }
    if !state.issued.contains(id) {
        return Err(
            ApiError::new(400, "invalid", "The provided file ID is not usable.")
                .at_parameter("file.id"),
        );
    }
    Ok(Some(id.to_owned()))
}

/// The folder the body names, or the caller's root.
pub(super) fn folder(call: &Call<'_>) -> Result<String, ApiError> {
    let viewer = viewer(call);
    // A client limited to its own files may still put them into any folder it can name.
    let viewer = crate::drive::state::Viewer {
        only_client: None,
        ..viewer
    };
    match call
        .body
        .get("parents")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        None | Some([]) => Ok(call.world.drive.root(&call.user).to_owned()),
        Some([one]) => call
            .world
            .drive
            .target_folder(one.as_str().unwrap_or_default(), &viewer),
        Some(_) => Err(
            ApiError::new(400, "invalid", "A file cannot be in more than one folder.")
                .at_parameter("parents"),
        ),
    }
}

fn mime_type(call: &Call<'_>) -> String {
    let stated = call.body_text("mimeType").map(str::to_owned);
    let sent = call.media.as_ref().map(|media| {
        media
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    stated
        .or(sent)
        .filter(|mime_type| !mime_type.is_empty())
        .unwrap_or_else(|| ANY.to_owned())
}

fn shortcut_target(
    call: &Call<'_>,
    mime_type: &str,
    viewer: &crate::drive::state::Viewer,
) -> Result<Option<String>, ApiError> {
    if mime_type != SHORTCUT {
        return Ok(None);
    }
    let target = call.body["shortcutDetails"]["targetId"]
        .as_str()
        .unwrap_or_default();
    let target = call.world.drive.visible(target, viewer)?;
    if target.mime_type == SHORTCUT {
        return Err(ApiError::forbidden(
            "shortcutTargetInvalid",
            "The shortcut target is invalid.",
        ));
    }
    Ok(Some(target.id.clone()))
}
