//! `users.drafts`.
//!
//! Not sending itself. Invariant: a draft has exactly one message, which carries `DRAFT`.

use serde_json::{Value, json};

use super::{
    deliver, mailbox, messages, missing, render,
    state::{Fresh, Mailbox},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let message = call.body.get("message").cloned().unwrap_or(Value::Null);
    let content = put(call, &message)?;
    let draft = format!("r{}", call.world.chance.number() >> 1);
    let mailbox = mailbox(call)?;
    mailbox.drafts.insert(draft.clone(), content);
    show(mailbox, &draft)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let draft = call.required("id").to_owned();
    let old = mailbox(call)?
        .drafts
        .get(&draft)
        .cloned()
        .ok_or_else(missing)?;
    let mut message = call.body.get("message").cloned().unwrap_or(Value::Null);
    let thread = mailbox(call)?
        .messages
        .get(&old)
        .map(|message| message.thread_id.clone());
    if message.get("threadId").is_none() && thread.as_ref() != Some(&old) && message.is_object() {
        message["threadId"] = json!(thread);
    }
    let content = put(call, &message)?;
    let mailbox = mailbox(call)?;
    mailbox.drafts.insert(draft.clone(), content);
    mailbox.remove(&old);
    show(mailbox, &draft)
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let format = render::format(call)?;
    let draft = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let content = mailbox.drafts.get(&draft).ok_or_else(missing)?;
    let message = render::message(&mailbox.messages[content], &format);
    Ok(Reply::json(json!({"id": draft, "message": message})))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let found = messages::found(call)?;
    let mailbox = mailbox(call)?;
    let drafts: Vec<Value> = found
        .iter()
        .filter_map(|message| {
            let (draft, _) = mailbox
                .drafts
                .iter()
                .find(|(_, content)| **content == message.id)?;
            let message = json!({"id": message.id, "threadId": message.thread_id});
            Some(json!({"id": draft, "message": message}))
        })
        .collect();
    let total = drafts.len();
    let (page, next) = call.page(drafts, call.page_size("maxResults", 100, 500))?;
    let mut reply = json!({"resultSizeEstimate": total});
    if !page.is_empty() {
        reply["drafts"] = json!(page);
    }
    if let Some(next) = next {
        reply["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(reply))
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let draft = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let content = mailbox.drafts.remove(&draft).ok_or_else(missing)?;
    mailbox.remove(&content);
    Ok(Reply::empty())
}

/// Sends a draft as it is, or with the message in the body in its place.
pub(super) fn send(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let draft = call.body_text("id").map(str::to_owned);
    let body = call.body.get("message").cloned().unwrap_or(Value::Null);
    let stored = match &draft {
        Some(draft) => {
            let mailbox = mailbox(call)?;
            let content = mailbox.drafts.get(draft).ok_or_else(missing)?;
            Some(mailbox.messages[content].clone())
        }
        None => None,
    };
    let replaced = call.media.is_some() || body.get("raw").is_some();
    let (raw, thread) = match &stored {
        Some(message) if !replaced => {
            let alone = message.thread_id == message.id;
            (
                message.raw.to_vec(),
                (!alone).then(|| message.thread_id.clone()),
            )
        }
        _ => {
            let thread = body
                .get("threadId")
                .and_then(Value::as_str)
                .map(str::to_owned);
            (messages::raw_of(call, &body)?, thread)
        }
    };
    let id = deliver::send(call, raw, thread)?;
    let mailbox = mailbox(call)?;
    if let (Some(draft), Some(message)) = (draft, stored) {
        mailbox.drafts.remove(&draft);
        mailbox.remove(&message.id);
    }
    Ok(Reply::json(render::brief(&mailbox.messages[&id])))
}

/// Puts a draft's content into the mailbox.
fn put(call: &mut Call<'_>, message: &Value) -> Result<String, ApiError> {
    messages::own(call)?;
    let raw = messages::raw_of(call, message)?;
    let thread_id = message
        .get("threadId")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let world = &mut *call.world;
    let mailbox = world
        .gmail
        .mailboxes
        .get_mut(&call.user)
        .ok_or_else(missing)?;
    if let Some(thread) = &thread_id
        && mailbox.thread(thread).is_empty()
    {
        return Err(missing());
    }
    let labels = vec!["DRAFT".to_owned()];
    Ok(mailbox.add(
        &mut world.chance,
        Fresh {
            raw,
            labels,
            thread_id,
            at: call.now,
        },
    ))
}

fn show(mailbox: &Mailbox, draft: &str) -> Result<Reply, ApiError> {
    let content = mailbox.drafts.get(draft).ok_or_else(missing)?;
    Ok(Reply::json(
        json!({"id": draft, "message": render::brief(&mailbox.messages[content])}),
    ))
}
