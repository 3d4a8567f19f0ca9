//! The methods of the API, a file for each kind of work, and what they share.
//!
//! Invariant: a handler checks everything before it changes anything.

use serde_json::{Value, json};

use super::{render, state::Viewer};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

pub(super) mod about;
pub(super) mod changes;
pub(super) mod comments;
pub(super) mod content;
pub(super) mod copy;
pub(super) mod create;
pub(super) mod drives;
pub(super) mod list;
mod metadata;
pub(super) mod permissions;
pub(super) mod read;
pub(super) mod remove;
pub(super) mod revisions;
pub(super) mod update;

const DRIVE_SCOPES: &[&str] = &[
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/drive.metadata",
    "https://www.googleapis.com/auth/drive.metadata.readonly",
    "https://www.googleapis.com/auth/drive.meet.readonly",
    "https://www.googleapis.com/auth/drive.photos.readonly",
    "https://www.googleapis.com/auth/drive.scripts",
];

/// Who calls, and what of Drive the token lets them see.
fn viewer(call: &Call<'_>) -> Viewer {
    let limited = !call.has_scope(DRIVE_SCOPES);
    Viewer {
        email: call.user.clone(),
        now: call.now,
        only_client: limited.then(|| call.client_id.clone()),
        all_drives: call.flag("supportsAllDrives") || call.flag("supportsTeamDrives"),
    }
}

/// The file resource, in full if fields are asked for, otherwise Drive's four.
fn show_file(call: &Call<'_>, id: &str, viewer: &Viewer) -> Result<Reply, ApiError> {
    let file = call
        .world
        .drive
        .files
        .get(id)
        .ok_or_else(|| super::state::no_such_file(id))?;
    let value = render::file(call.world, file, viewer);
    Ok(Reply::json(if call.text("fields").is_some() {
        value
    } else {
        only(&value, render::DEFAULT_FIELDS)
    }))
}

/// These fields of an object.
fn only(value: &Value, fields: &str) -> Value {
    let mut shown = json!({});
    for field in fields.split(',') {
        if let Some(value) = value.get(field) {
            shown[field] = value.clone();
        }
    }
    shown
}

/// Refuses a call that names no fields, for the methods where Drive insists.
fn require_fields(call: &Call<'_>) -> Result<(), ApiError> {
    match call.text("fields") {
        Some(fields) if !fields.is_empty() => Ok(()),
        _ => Err(ApiError::new(
            400,
            "required",
            "The 'fields' parameter is required for this method.",
        )
        .at_parameter("fields")),
    }
}

/// 400 with the name of the parameter whose value is wrong.
fn invalid(parameter: &str) -> ApiError {
    ApiError::new(400, "invalid", "Invalid Value").at_parameter(parameter)
}
