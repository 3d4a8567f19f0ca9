//! `about.get`: the account and what the sandbox can convert.

use serde_json::{Map, Value, json};

use super::{require_fields, viewer};
use crate::{
    call::{Call, Reply},
    drive::{export, render},
    error::ApiError,
};

/// What a demo account may store: 15 GiB.
const QUOTA: u64 = 15 * 1024 * 1024 * 1024;

pub(in super::super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = viewer(call);
    let state = &call.world.drive;
    let (mut used, mut in_trash) = (0, 0);
    for file in state
        .files
        .values()
        .filter(|file| file.owner() == Some(call.user.as_str()))
    {
        used += file.size();
        if state.is_trashed(file) {
            in_trash += file.size();
        }
    }
    let mut imports = Map::new();
    for (from, to) in export::IMPORTS {
        imports.insert((*from).to_owned(), json!([to]));
    }
    let exports: Map<String, Value> = export::all_formats()
        .into_iter()
        .map(|(mime_type, formats)| {
            let formats: Vec<&str> = formats.iter().map(|format| format.mime_type).collect();
            (mime_type.to_owned(), json!(formats))
        })
        .collect();
    Ok(Reply::json(json!({
        "kind": "drive#about",
        "user": render::person(call.world, &call.user, &viewer),
        "storageQuota": {
            "limit": QUOTA.to_string(),
            "usage": used.to_string(),
            "usageInDrive": used.to_string(),
            "usageInDriveTrash": in_trash.to_string(),
        },
        "importFormats": imports,
        "exportFormats": exports,
        "maxUploadSize": "5242880000000",
        "appInstalled": false,
        "canCreateDrives": false,
    })))
}
