//! `revisions.*`: earlier states of the content, as records without their bytes.

use serde_json::{Value, json};

use super::{only, viewer};
use crate::{
    call::{Call, Reply},
    drive::{
        file::{File, Revision, Role},
        render,
        state::Viewer,
    },
    error::ApiError,
};

const DEFAULT_FIELDS: &str = "kind,id,mimeType,modifiedTime";

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = Viewer {
        all_drives: true,
        ..viewer(call)
    };
    let id = call
        .world
        .drive
        .allowed(call.required("fileId"), &viewer, Role::Writer)?;
    let file = &call.world.drive.files[&id];
    let size = call.page_size("pageSize", 200, 1000);
    let (page, next) = call.page(file.revisions.iter().collect(), size)?;
    let revisions: Vec<Value> = page
        .into_iter()
        .map(|revision| show(call, file, revision, &viewer))
        .collect();
    let mut answer = json!({"kind": "drive#revisionList", "revisions": revisions});
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(answer))
}

pub(in super::super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = Viewer {
        all_drives: true,
        ..viewer(call)
    };
    let id = call
        .world
        .drive
        .allowed(call.required("fileId"), &viewer, Role::Writer)?;
    let file = &call.world.drive.files[&id];
    let asked = call.required("revisionId");
    let newest = file.revisions.last();
    let revision = file
        .revisions
        .iter()
        .find(|revision| revision.id == asked)
        .or(newest.filter(|_| asked == "head"))
        .ok_or_else(|| {
            ApiError::not_found(format!("Revision not found: {asked}.")).at_parameter("revisionId")
        })?;
    if call.wants_media() {
        // The sandbox keeps the bytes of the newest revision only.
        return match file
            .bytes()
            .filter(|_| Some(&revision.id) == newest.map(|last| &last.id))
        {
            Some(bytes) => Ok(Reply::media(revision.mime_type.clone(), bytes.clone())),
            None => Err(ApiError::not_simulated(
                "drive.revisions.get of earlier content",
            )),
        };
    }
    Ok(Reply::json(show(call, file, revision, &viewer)))
}

fn show(call: &Call<'_>, file: &File, revision: &Revision, viewer: &Viewer) -> Value {
    let mut value = json!({
        "kind": "drive#revision",
        "id": revision.id,
        "mimeType": revision.mime_type,
        "modifiedTime": render::stamp(revision.at),
        "lastModifyingUser": render::person(call.world, &revision.by, viewer),
        "size": revision.size.to_string(),
        "keepForever": false,
        "published": false,
    });
    if let Some(md5) = &revision.md5 {
        value["md5Checksum"] = json!(md5);
        value["originalFilename"] = json!(file.original_name);
    }
    if call.text("fields").is_some() {
        value
    } else {
        only(&value, DEFAULT_FIELDS)
    }
}
