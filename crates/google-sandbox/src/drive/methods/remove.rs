//! `files.delete` and `files.emptyTrash`: what cannot be taken back.

use super::viewer;
use crate::{
    call::{Call, Reply},
    drive::{file::Role, state::not_permitted},
    error::ApiError,
};

pub(in super::super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let state = &mut call.world.drive;
    let asked = call.params.iter().find(|(name, _)| name == "fileId");
    let asked = asked.map(|(_, id)| id.as_str()).unwrap_or_default();
    let id = state.allowed(asked, &viewer, Role::Organizer)?;
    if state.roots.values().any(|root| *root == id) || state.drives.contains_key(&id) {
        return Err(not_permitted(&id));
    }
    state.remove(&id, call.now);
    Ok(Reply::empty())
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a handler")]
pub(in super::super) fn empty_trash(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let state = &mut call.world.drive;
    let gone: Vec<String> = state
        .files
        .values()
        .filter(|file| file.trashed.is_some() && file.owner() == Some(call.user.as_str()))
        .map(|file| file.id.clone())
        .collect();
    for id in gone {
        state.remove(&id, call.now);
    }
    Ok(Reply::empty())
}
