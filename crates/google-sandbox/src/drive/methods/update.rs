//! `files.update`: metadata, content, folders, trash.

use serde_json::Value;

use super::{
    invalid,
    metadata::{apply, content, says_more_than_views},
    show_file, viewer,
};
use crate::{
    call::{Call, Reply},
    drive::{
        file::Role,
        state::{Viewer, not_permitted},
    },
    error::ApiError,
};

pub(in super::super) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let trashed = call.body.get("trashed").and_then(Value::as_bool);
    let needed = if trashed.is_some() {
        Role::FileOrganizer
    } else if call.media.is_some() || says_more_than_views(&call.body) || moves(call) {
        Role::Writer
    } else {
        Role::Reader
    };
    let asked = call.required("fileId");
    let id = call.world.drive.allowed(asked, &viewer, needed)?;
    refuse_read_only(&call.body)?;
    let file = call.world.drive.files[&id].clone();
    let content = content(&file, call)?;
    let folder = new_folder(call, &id, &viewer)?;
    let mut changed = file;
    let body = call.body.clone();
    apply(&mut changed, &body, &call.user, call.now)?;
    if let Some(mime_type) = call.body_text("mimeType").filter(|_| call.media.is_some()) {
        mime_type.clone_into(&mut changed.mime_type);
    }
    match trashed {
        Some(true) if changed.trashed.is_none() => {
            changed.trashed = Some((call.now, call.user.clone()));
        }
        Some(false) => changed.trashed = None,
        _ => {}
    }
    if let Some(content) = content {
        changed.content = content;
        changed.modified = call.now;
        call.user.clone_into(&mut changed.modified_by);
        let revision = format!("0B{}", call.world.chance.word(40));
        changed.note_revision(revision, call.now, &call.user);
        changed.indexed = None;
    }
    let state = &mut call.world.drive;
    if let Some(folder) = folder {
        state.put_into(&id, &folder)?;
        let placed = &state.files[&id];
        changed.parent.clone_from(&placed.parent);
        changed.drive_id.clone_from(&placed.drive_id);
    }
    state.change(&id, call.now, |file| {
        let version = file.version;
        *file = changed;
        file.version = version;
    });
    show_file(call, &id, &viewer)
}

fn moves(call: &Call<'_>) -> bool {
    call.text("addParents").is_some() || call.text("removeParents").is_some()
}

/// The folder to move to, if the call moves the file.
fn new_folder(call: &Call<'_>, id: &str, viewer: &Viewer) -> Result<Option<String>, ApiError> {
    let state = &call.world.drive;
    let ids = |name: &str| -> Vec<String> {
        call.text(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| state.resolve(id, viewer).to_owned())
            .collect()
    };
    let (add, remove) = (ids("addParents"), ids("removeParents"));
    let current = state.files[id].parent.clone();
    if let Some(stranger) = remove
        .iter()
        .find(|folder| Some(*folder) != current.as_ref())
    {
        return Err(ApiError::not_found(format!("File not found: {stranger}."))
            .at_parameter("removeParents"));
    }
    if state.roots.values().any(|root| root == id) && !(add.is_empty() && remove.is_empty()) {
        return Err(not_permitted(id));
    }
    match add.as_slice() {
        [] if remove.is_empty() => Ok(None),
        // A file without a folder goes back to its owner's root.
        [] => Ok(Some(state.root(&viewer.email).to_owned())),
        [one] if Some(one) == current.as_ref() => Ok(None),
        [one] if current.is_none() || !remove.is_empty() => {
            state.target_folder(one, viewer).map(Some)
        }
        [_] => Err(ApiError::forbidden(
            "cannotAddParent",
            "Increasing the number of parents is not allowed.",
        )),
        _ => Err(invalid("addParents")),
    }
}

/// Some fields can only be set in creating.
fn refuse_read_only(body: &Value) -> Result<(), ApiError> {
    if body.get("parents").is_some() {
        return Err(ApiError::forbidden(
            "fieldNotWritable",
            "The parents field is not directly writable in update requests. \
             Use the addParents and removeParents parameters instead.",
        ));
    }
    for name in ["id", "createdTime"] {
        if body.get(name).is_some() {
            return Err(ApiError::forbidden(
                "fieldNotWritable",
                "The resource body includes fields which are not directly writable.",
            ));
        }
    }
    Ok(())
}
