//! Gmail tools.

use crate::{Entry, tool::entry};

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
mod get_thread;
mod header;
mod html;
mod labels;
mod list_labels;
mod message;
mod modify_labels;
mod reply;
mod search_messages;
mod send_message;
mod style;
mod trash_message;

pub(crate) use attachment::read_resource;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[
    entry::<search_messages::SearchMessages>(),
    entry::<get_message::GetMessage>(),
    entry::<get_thread::GetThread>(),
    entry::<get_attachment::GetAttachment>(),
    entry::<send_message::SendMessage>(),
    entry::<draft_message::DraftMessage>(),
    entry::<list_labels::ListLabels>(),
    entry::<modify_labels::ModifyLabels>(),
    entry::<trash_message::TrashMessage>(),
];
