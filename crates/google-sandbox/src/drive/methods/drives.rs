//! `drives.*`: shared drives.

use serde_json::{Value, json};

use super::{only, viewer};
use crate::{
    call::{Call, Reply},
    drive::{
        file::Role,
        render,
        state::{SharedDrive, Viewer},
    },
    error::ApiError,
};

const DEFAULT_FIELDS: &str = "kind,id,name";

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = Viewer {
        all_drives: true,
        ..viewer(call)
    };
    let wanted = match call.text("q").map(str::trim) {
        None | Some("") => None,
        // The only term of this search that the sandbox knows.
        Some(text) => Some(
            text.strip_prefix("name contains '")
                .and_then(|rest| rest.strip_suffix('\''))
                .map(str::to_lowercase)
                .ok_or_else(|| super::invalid("q"))?,
        ),
    };
    let state = &call.world.drive;
    let found: Vec<(String, Value)> = state
        .drives
        .iter()
        .filter_map(|(id, drive)| Some((id, drive, state.role(state.files.get(id)?, &viewer)?)))
        .filter(|(_, drive, _)| {
            wanted
                .as_ref()
                .is_none_or(|wanted| drive.name.to_lowercase().contains(wanted))
        })
        .map(|(id, drive, role)| (drive.name.clone(), show(id, drive, role)))
        .collect();
    let size = call.page_size("pageSize", 10, 100);
    let (page, next) = call.page(found, size)?;
    let whole = call.text("fields").is_some();
    let drives: Vec<Value> = page
        .into_iter()
        .map(|(_, value)| {
            if whole {
                value
            } else {
                only(&value, DEFAULT_FIELDS)
            }
        })
        .collect();
    let mut answer = json!({"kind": "drive#driveList", "drives": drives});
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
    let id = call.required("driveId");
    let state = &call.world.drive;
    let found = state.drives.get(id).zip(state.files.get(id));
    let (drive, role) = found
        .and_then(|(drive, folder)| Some((drive, state.role(folder, &viewer)?)))
        .ok_or_else(|| {
            ApiError::not_found(format!("Shared drive not found: {id}")).at_parameter("driveId")
        })?;
    let value = show(id, drive, role);
    Ok(Reply::json(if call.text("fields").is_some() {
        value
    } else {
        only(&value, DEFAULT_FIELDS)
    }))
}

fn show(id: &str, drive: &SharedDrive, role: Role) -> Value {
    json!({
        "kind": "drive#drive",
        "id": id,
        "name": drive.name,
        "createdTime": render::stamp(drive.created),
        "hidden": false,
        "colorRgb": "#bd5fff",
        "capabilities": {
            "canAddChildren": role >= Role::Writer,
            "canEdit": role >= Role::Writer,
            "canShare": role >= Role::Organizer,
            "canListChildren": true,
            "canRename": role >= Role::Organizer,
            "canDeleteDrive": role >= Role::Organizer,
        },
        "restrictions": {
            "adminManagedRestrictions": false,
            "domainUsersOnly": false,
            "driveMembersOnly": false,
        },
    })
}
