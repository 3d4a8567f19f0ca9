//! Google Drive in a box: files, content, sharing, shared drives, changes, comments.
//!
//! Not a transport and not an authority on rights of tokens: the door has checked both.
//! Invariant: state is plain data, and every method asks `state` who may see what.

use jiff::Timestamp;

use crate::{call::Service, world::World};

mod export;
mod file;
mod methods;
mod native;
mod office;
mod order;
mod pdf;
mod query;
mod render;
mod seed;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use state::State;

use methods::{about, changes, comments, content, copy, create, drives, list, permissions};
use methods::{read, remove, revisions, update};

pub(crate) const SERVICE: Service = Service {
    name: "drive",
    routes: &[
        ("drive.about.get", about::get),
        ("drive.changes.getStartPageToken", changes::start),
        ("drive.changes.list", changes::list),
        ("drive.comments.create", comments::create),
        ("drive.comments.delete", comments::delete),
        ("drive.comments.get", comments::get),
        ("drive.comments.list", comments::list),
        ("drive.comments.update", comments::update),
        ("drive.drives.get", drives::get),
        ("drive.drives.list", drives::list),
        ("drive.files.copy", copy::copy),
        ("drive.files.create", create::create),
        ("drive.files.delete", remove::delete),
        ("drive.files.emptyTrash", remove::empty_trash),
        ("drive.files.export", content::export),
        ("drive.files.generateIds", create::generate_ids),
        ("drive.files.get", read::get),
        ("drive.files.list", list::list),
        ("drive.files.update", update::update),
        ("drive.permissions.create", permissions::create),
        ("drive.permissions.delete", permissions::delete),
        ("drive.permissions.get", permissions::get),
        ("drive.permissions.list", permissions::list),
        ("drive.permissions.update", permissions::update),
        ("drive.replies.create", comments::reply),
        ("drive.replies.list", comments::replies),
        ("drive.revisions.get", revisions::get),
        ("drive.revisions.list", revisions::list),
    ],
    open,
    seed: seed::demo,
};

/// A root folder for every account that has none yet.
fn open(world: &mut World, now: Timestamp) {
    for user in &world.users {
        if !world.drive.roots.contains_key(&user.email) {
            world
                .drive
                .open_account(&user.email, &mut world.chance, now);
        }
    }
}
