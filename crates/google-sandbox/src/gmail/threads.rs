//! `users.threads`.
//!
//! Not threading itself, which happens when a message comes in. Invariant: a thread is its
//! messages; it has no state of its own.

use serde_json::{Value, json};

use super::{mailbox, messages, missing, render, state::Mailbox};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let found = messages::found(call)?;
    let mailbox = mailbox(call)?;
    let mut threads: Vec<Value> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for message in &found {
        if !seen.insert(message.thread_id.clone()) {
            continue;
        }
        let all = mailbox.thread(&message.thread_id);
        let snippet = all.last().map(|last| last.index.snippet.clone());
        let history = all
            .iter()
            .map(|message| message.history_id)
            .max()
            .unwrap_or(0);
        threads.push(json!({
            "id": message.thread_id, "snippet": snippet, "historyId": history.to_string(),
        }));
    }
    let total = threads.len();
    let (page, next) = call.page(threads, call.page_size("maxResults", 100, 500))?;
    let mut reply = json!({"resultSizeEstimate": total});
    if !page.is_empty() {
        reply["threads"] = json!(page);
    }
    if let Some(next) = next {
        reply["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(reply))
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let format = render::format(call)?;
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let all = mailbox.thread(&id);
    if all.is_empty() {
        return Err(messages::unknown_id(&id));
    }
    let history = all
        .iter()
        .map(|message| message.history_id)
        .max()
        .unwrap_or(0);
    let shown: Vec<Value> = all
        .iter()
        .map(|message| render::message(message, &format))
        .collect();
    Ok(Reply::json(
        json!({"id": id, "historyId": history.to_string(), "messages": shown}),
    ))
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let body = call.body.clone();
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let (add, remove) = messages::wanted_labels(mailbox, &body)?;
    relabel(mailbox, &id, &add, &remove)
}

pub(super) fn trash(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    relabel(
        mailbox(call)?,
        &id,
        &["TRASH".into()],
        &["INBOX".into(), "SPAM".into()],
    )
}

pub(super) fn untrash(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    relabel(mailbox(call)?, &id, &[], &["TRASH".into()])
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let members = members(mailbox, &id)?;
    for message in members {
        mailbox.remove(&message);
    }
    Ok(Reply::empty())
}

fn members(mailbox: &Mailbox, thread: &str) -> Result<Vec<String>, ApiError> {
    let members: Vec<String> = mailbox
        .thread(thread)
        .iter()
        .map(|message| message.id.clone())
        .collect();
    if members.is_empty() {
        Err(missing())
    } else {
        Ok(members)
    }
}

fn relabel(
    mailbox: &mut Mailbox,
    thread: &str,
    add: &[String],
    remove: &[String],
) -> Result<Reply, ApiError> {
    for message in members(mailbox, thread)? {
        mailbox.change(&message, add, remove);
    }
    let shown: Vec<Value> = mailbox
        .thread(thread)
        .into_iter()
        .map(render::brief)
        .collect();
    Ok(Reply::json(json!({"id": thread, "messages": shown})))
}
