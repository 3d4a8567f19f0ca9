//! `users.labels`.
//!
//! Not the labels on messages. Invariant: no two labels of a mailbox have the same name.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    mailbox, missing,
    state::{Label, Mailbox, SYSTEM_LABELS},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

const LOOKS: &[&str] = &["messageListVisibility", "labelListVisibility", "color"];

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let mailbox = mailbox(call)?;
    let system = SYSTEM_LABELS.iter().map(|id| system_label(id));
    let labels: Vec<Value> = system
        .chain(mailbox.labels.iter().map(user_label))
        .collect();
    Ok(Reply::json(json!({ "labels": labels })))
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let mut label = described(mailbox, &id).ok_or_else(missing)?;
    count(mailbox, &id, &mut label);
    Ok(Reply::json(label))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.body_text("name").unwrap_or_default().to_owned();
    let body = call.body.clone();
    let mailbox = mailbox(call)?;
    check_name(mailbox, &name, None)?;
    let id = mailbox.label_named(&name);
    let label = mailbox.labels.last_mut().expect("a label was just made");
    look(label, &body);
    let value = user_label(label);
    debug_assert_eq!(value["id"], json!(id));
    Ok(Reply::json(value))
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    change(call, Mode::Replace)
}

pub(super) fn patch(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    change(call, Mode::Patch)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    if SYSTEM_LABELS.contains(&id.as_str()) {
        return Err(ApiError::invalid("Invalid delete request"));
    }
    if mailbox.label(&id).is_none() {
        return Err(missing());
    }
    let carriers: Vec<String> = mailbox
        .messages
        .values()
        .filter(|message| message.labels.contains(&id))
        .map(|message| message.id.clone())
        .collect();
    for message in carriers {
        mailbox.change(&message, &[], std::slice::from_ref(&id));
    }
    mailbox.labels.retain(|label| label.id != id);
    Ok(Reply::empty())
}

/// Whether messages can carry this label at all.
pub(super) fn exists(mailbox: &Mailbox, id: &str) -> bool {
    SYSTEM_LABELS.contains(&id) || mailbox.label(id).is_some()
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Replace,
    Patch,
}

fn change(call: &mut Call<'_>, mode: Mode) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let body = call.body.clone();
    let mailbox = mailbox(call)?;
    if SYSTEM_LABELS.contains(&id.as_str()) {
        return Err(ApiError::invalid("Invalid update request"));
    }
    let old = mailbox.label(&id).ok_or_else(missing)?.name.clone();
    let name = body.get("name").and_then(Value::as_str).map(str::to_owned);
    if name.is_none() && mode == Mode::Replace {
        return Err(ApiError::invalid("Invalid label name"));
    }
    let name = name.unwrap_or(old);
    check_name(mailbox, &name, Some(&id))?;
    let label = mailbox
        .labels
        .iter_mut()
        .find(|label| label.id == id)
        .ok_or_else(missing)?;
    label.name = name;
    if mode == Mode::Replace {
        label.looks.clear();
    }
    look(label, &body);
    Ok(Reply::json(user_label(label)))
}

fn check_name(mailbox: &Mailbox, name: &str, own: Option<&str>) -> Result<(), ApiError> {
    let reserved = SYSTEM_LABELS
        .iter()
        .any(|system| system.eq_ignore_ascii_case(name));
    if name.trim().is_empty() || name.chars().count() > 225 || reserved {
        return Err(ApiError::invalid("Invalid label name"));
    }
    let taken = mailbox
        .labels
        .iter()
        .any(|label| Some(label.id.as_str()) != own && label.name.eq_ignore_ascii_case(name));
    if taken {
        return Err(ApiError::new(
            409,
            "aborted",
            "Label name exists or conflicts",
        ));
    }
    Ok(())
}

fn look(label: &mut Label, body: &Value) {
    for name in LOOKS {
        if let Some(value) = body.get(*name) {
            label.looks.insert((*name).to_owned(), value.clone());
        }
    }
}

fn described(mailbox: &Mailbox, id: &str) -> Option<Value> {
    let system = SYSTEM_LABELS
        .iter()
        .find(|system| **system == id)
        .map(|system| system_label(system));
    system.or_else(|| mailbox.label(id).map(user_label))
}

fn system_label(id: &str) -> Value {
    let mut label = json!({"id": id, "name": id, "type": "system"});
    if id.starts_with("CATEGORY_") || id == "CHAT" {
        label["messageListVisibility"] = json!("hide");
        label["labelListVisibility"] = json!("labelHide");
    }
    label
}

fn user_label(label: &Label) -> Value {
    let mut value = json!({"id": label.id, "name": label.name, "type": "user"});
    for (name, look) in &label.looks {
        value[name] = look.clone();
    }
    value
}

fn count(mailbox: &Mailbox, id: &str, label: &mut Value) {
    let carriers: Vec<_> = mailbox
        .messages
        .values()
        .filter(|message| message.labels.contains(id))
        .collect();
    let unread: Vec<_> = carriers
        .iter()
        .filter(|message| message.labels.contains("UNREAD"))
        .collect();
    let threads: BTreeSet<_> = carriers.iter().map(|message| &message.thread_id).collect();
    let unread_threads: BTreeSet<_> = unread.iter().map(|message| &message.thread_id).collect();
    label["messagesTotal"] = json!(carriers.len());
    label["messagesUnread"] = json!(unread.len());
    label["threadsTotal"] = json!(threads.len());
    label["threadsUnread"] = json!(unread_threads.len());
}
