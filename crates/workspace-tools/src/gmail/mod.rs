//! Gmail tools.

use crate::{Entry, html, tool::entry};

mod address;
mod attach;
mod attachment;
mod body;
mod compose;
#[cfg(test)]
mod compose_tests;
mod deliver;
mod draft_message;
mod get_attachment;
mod get_message;
mod get_messages;
mod get_thread;
mod header;
mod labels;
mod list_labels;
mod manage_label;
mod message;
mod modify_labels;
mod reply;
mod search_messages;
mod send_message;
mod trash_message;

pub(crate) use attachment::read_resource;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[
    entry::<search_messages::SearchMessages>(),
    entry::<get_message::GetMessage>(),
    entry::<get_messages::GetMessages>(),
    entry::<get_thread::GetThread>(),
    entry::<get_attachment::GetAttachment>(),
    entry::<send_message::SendMessage>(),
    entry::<draft_message::DraftMessage>(),
    entry::<list_labels::ListLabels>(),
    entry::<manage_label::ManageLabel>(),
    entry::<modify_labels::ModifyLabels>(),
    entry::<trash_message::TrashMessage>(),
];
