//! Gmail in a box.
//!
//! Not a transport and not an authority on rights of tokens: the door has checked both.
//! Invariant: a request reaches the mailbox of its own account and, by sending, the inboxes of
//! those it writes to.

pub(crate) mod compose;
mod deliver;
mod drafts;
mod history;
mod labels;
mod messages;
mod mime;
mod render;
mod search;
mod seed;
mod settings;
mod state;
mod threads;

use jiff::Timestamp;

pub(crate) use deliver::deliver_notice;
use state::Mailbox;
pub(crate) use state::State;

use crate::{
    call::{Call, Service},
    error::ApiError,
    world::World,
};

/// Gmail's simulated methods.
pub(crate) const SERVICE: Service = Service {
    name: "gmail",
    routes: &[
        ("gmail.users.getProfile", settings::profile),
        ("gmail.users.drafts.create", drafts::create),
        ("gmail.users.drafts.delete", drafts::delete),
        ("gmail.users.drafts.get", drafts::get),
        ("gmail.users.drafts.list", drafts::list),
        ("gmail.users.drafts.send", drafts::send),
        ("gmail.users.drafts.update", drafts::update),
        ("gmail.users.history.list", history::list),
        ("gmail.users.labels.create", labels::create),
        ("gmail.users.labels.delete", labels::delete),
        ("gmail.users.labels.get", labels::get),
        ("gmail.users.labels.list", labels::list),
        ("gmail.users.labels.patch", labels::patch),
        ("gmail.users.labels.update", labels::update),
        ("gmail.users.messages.attachments.get", messages::attachment),
        ("gmail.users.messages.batchDelete", messages::batch_delete),
        ("gmail.users.messages.batchModify", messages::batch_modify),
        ("gmail.users.messages.delete", messages::delete),
        ("gmail.users.messages.get", messages::get),
        ("gmail.users.messages.import", messages::insert),
        ("gmail.users.messages.insert", messages::insert),
        ("gmail.users.messages.list", messages::list),
        ("gmail.users.messages.modify", messages::modify),
        ("gmail.users.messages.send", messages::send),
        ("gmail.users.messages.trash", messages::trash),
        ("gmail.users.messages.untrash", messages::untrash),
        ("gmail.users.threads.delete", threads::delete),
        ("gmail.users.threads.get", threads::get),
        ("gmail.users.threads.list", threads::list),
        ("gmail.users.threads.modify", threads::modify),
        ("gmail.users.threads.trash", threads::trash),
        ("gmail.users.threads.untrash", threads::untrash),
        (
            "gmail.users.settings.filters.create",
            settings::filter_create,
        ),
        (
            "gmail.users.settings.filters.delete",
            settings::filter_delete,
        ),
        ("gmail.users.settings.filters.get", settings::filter_get),
        ("gmail.users.settings.filters.list", settings::filters),
        ("gmail.users.settings.getVacation", settings::vacation),
        (
            "gmail.users.settings.updateVacation",
            settings::update_vacation,
        ),
        ("gmail.users.settings.sendAs.get", settings::send_as),
        ("gmail.users.settings.sendAs.list", settings::send_as_list),
    ],
    open,
    seed: seed::fill,
};

/// A mailbox for everybody.
fn open(world: &mut World, _now: Timestamp) {
    for user in &world.users {
        world
            .gmail
            .mailboxes
            .entry(user.email.clone())
            .or_insert_with(Mailbox::opened);
    }
}

/// The caller's own mailbox; `userId` may name no other.
fn mailbox<'a>(call: &'a mut Call<'_>) -> Result<&'a mut Mailbox, ApiError> {
    let asked = call.required("userId");
    if asked != "me" && !asked.eq_ignore_ascii_case(&call.user) {
        return Err(ApiError::forbidden(
            "forbidden",
            format!("Delegation denied for {}", call.user),
        ));
    }
    call.world
        .gmail
        .mailboxes
        .get_mut(&call.user)
        .ok_or_else(|| ApiError::failed_precondition("Mail service not enabled"))
}

/// What Gmail says of ids it does not know.
fn missing() -> ApiError {
    ApiError::not_found("Requested entity was not found.")
}
