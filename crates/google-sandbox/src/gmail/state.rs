//! Mailboxes: messages, labels, drafts and their history.
//!
//! Not the wire format of any of them. Invariant: every change of a message goes through
//! [`Mailbox::change`] or [`Mailbox::add`], so the history misses nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mime::Index;
use crate::{blob::Blob, world::Chance};

/// All mailboxes by address.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
}

/// One account's mail.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Mailbox {
    pub(crate) messages: BTreeMap<String, Message>,
    /// The user's own labels; the system's are constant.
    pub(crate) labels: Vec<Label>,
    pub(crate) labels_made: u32,
    /// Draft ids and the messages that are their content.
    pub(crate) drafts: BTreeMap<String, String>,
    pub(crate) history: Vec<Change>,
    pub(crate) history_id: u64,
    pub(crate) vacation: Value,
    pub(crate) filters: Vec<Value>,
    pub(crate) signature: String,
}

/// One message as it lies in one mailbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) thread_id: String,
    pub(crate) labels: BTreeSet<String>,
    /// Milliseconds since 1970.
    pub(crate) internal_date: i64,
    pub(crate) history_id: u64,
    pub(crate) raw: Blob,
    pub(crate) index: Index,
}

/// A label the user made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Label {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `messageListVisibility`, `labelListVisibility` and `color`, as given.
    pub(crate) looks: BTreeMap<String, Value>,
}

/// One entry of the history.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Change {
    pub(crate) id: u64,
    pub(crate) message: String,
    pub(crate) thread: String,
    /// The labels after the change, for the history's label filter.
    pub(crate) labels: BTreeSet<String>,
    pub(crate) kind: Kind,
}

/// What a history entry tells.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Kind {
    Added,
    Deleted,
    LabelsAdded(Vec<String>),
    LabelsRemoved(Vec<String>),
}

/// The labels every mailbox has, in the order Gmail lists them.
pub(crate) const SYSTEM_LABELS: &[&str] = &[
    "CHAT",
    "SENT",
    "INBOX",
    "IMPORTANT",
    "TRASH",
    "DRAFT",
    "SPAM",
    "CATEGORY_FORUMS",
    "CATEGORY_UPDATES",
    "CATEGORY_PERSONAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_SOCIAL",
    "STARRED",
    "UNREAD",
];

/// A message about to lie in a mailbox.
pub(crate) struct Fresh {
    pub(crate) raw: Vec<u8>,
    pub(crate) labels: Vec<String>,
    pub(crate) thread_id: Option<String>,
    pub(crate) at: Timestamp,
}

impl Mailbox {
    /// An empty mailbox.
    pub(crate) fn opened() -> Self {
        Self {
            history_id: 1000,
            vacation: serde_json::json!({"enableAutoReply": false}),
            ..Self::default()
        }
    }

    /// Puts a message in and gives its id.
    pub(crate) fn add(&mut self, chance: &mut Chance, fresh: Fresh) -> String {
        let id = loop {
            let id = format!("19{}", chance.hex(14));
            if !self.messages.contains_key(&id) {
                break id;
            }
        };
        let index = Index::of(&fresh.raw);
        let thread_id = fresh
            .thread_id
            .filter(|thread| self.continues(thread, &index))
            .or_else(|| self.thread_of(&index))
            .unwrap_or_else(|| id.clone());
        self.history_id += 1;
        let message = Message {
            id: id.clone(),
            thread_id: thread_id.clone(),
            labels: fresh.labels.into_iter().collect(),
            internal_date: fresh.at.as_millisecond(),
            history_id: self.history_id,
            raw: fresh.raw.into(),
            index,
        };
        self.note(&message, Kind::Added);
        self.messages.insert(id.clone(), message);
        id
    }

    /// Changes the labels of a message; says whether there is such a message.
    pub(crate) fn change(&mut self, id: &str, add: &[String], remove: &[String]) -> bool {
        let Some(message) = self.messages.get_mut(id) else {
            return false;
        };
        let gained: Vec<String> = add
            .iter()
            .filter(|label| message.labels.insert((*label).clone()))
            .cloned()
            .collect();
        let lost: Vec<String> = remove
            .iter()
            .filter(|label| message.labels.remove(*label))
            .cloned()
            .collect();
        if gained.is_empty() && lost.is_empty() {
            return true;
        }
        self.history_id += 1;
        message.history_id = self.history_id;
        let after = message.clone();
        if !gained.is_empty() {
            self.note(&after, Kind::LabelsAdded(gained));
        }
        if !lost.is_empty() {
            self.note(&after, Kind::LabelsRemoved(lost));
        }
        true
    }

    /// Removes a message for ever; says whether there was such a message.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(message) = self.messages.remove(id) else {
            return false;
        };
        self.drafts.retain(|_, content| content != id);
        self.history_id += 1;
        self.note(&message, Kind::Deleted);
        true
    }

    /// The messages of a thread, oldest first.
    pub(crate) fn thread(&self, id: &str) -> Vec<&Message> {
        let mut messages: Vec<&Message> = self
            .messages
            .values()
            .filter(|message| message.thread_id == id)
            .collect();
        messages.sort_by(|a, b| (a.internal_date, &a.id).cmp(&(b.internal_date, &b.id)));
        messages
    }

    /// All messages, newest first.
    pub(crate) fn newest_first(&self) -> Vec<&Message> {
        let mut messages: Vec<&Message> = self.messages.values().collect();
        messages.sort_by(|a, b| (b.internal_date, &b.id).cmp(&(a.internal_date, &a.id)));
        messages
    }

    /// The user's label with this id.
    pub(crate) fn label(&self, id: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.id == id)
    }

    /// The id of the user's label with this name, made if need be.
    pub(crate) fn label_named(&mut self, name: &str) -> String {
        if let Some(label) = self.labels.iter().find(|label| label.name == name) {
            return label.id.clone();
        }
        self.labels_made += 1;
        let id = format!("Label_{}", self.labels_made);
        let looks = BTreeMap::new();
        self.labels.push(Label {
            id: id.clone(),
            name: name.to_owned(),
            looks,
        });
        id
    }

    /// Whether a message may join this thread: it refers to it and has its subject.
    fn continues(&self, thread: &str, index: &Index) -> bool {
        self.messages
            .values()
            .filter(|message| message.thread_id == thread)
            .any(|message| index.answers(&message.index))
    }

    fn thread_of(&self, index: &Index) -> Option<String> {
        if index.references.is_empty() {
            return None;
        }
        let mut answered = self
            .messages
            .values()
            .filter(|message| index.answers(&message.index));
        answered.next().map(|message| message.thread_id.clone())
    }

    fn note(&mut self, message: &Message, kind: Kind) {
        self.history.push(Change {
            id: self.history_id,
            message: message.id.clone(),
            thread: message.thread_id.clone(),
            labels: message.labels.clone(),
            kind,
        });
    }
}
