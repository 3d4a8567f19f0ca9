//! `users.messages`.
//!
//! Not delivery to others. Invariant: whatever is listed can be got, and the other way round.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    deliver, labels, mailbox, mime, missing, render,
    search::{self, Context},
    state::{Fresh, Mailbox, Message},
};
use crate::{
    blob::base64_lenient,
    call::{Call, Reply},
    error::ApiError,
};

/// What `batchModify` and `batchDelete` take at most.
const MOST_IN_BATCH: usize = 1000;

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let found: Vec<Value> = found(call)?
        .iter()
        .map(|message| json!({"id": message.id, "threadId": message.thread_id}))
        .collect();
    let total = found.len();
    let (page, next) = call.page(found, call.page_size("maxResults", 100, 500))?;
    let mut reply = json!({"resultSizeEstimate": total});
    if !page.is_empty() {
        reply["messages"] = json!(page);
    }
    if let Some(next) = next {
        reply["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(reply))
}

/// The messages a list asks for, newest first.
pub(super) fn found(call: &mut Call<'_>) -> Result<Vec<Message>, ApiError> {
    let text = call.text("q").unwrap_or_default().to_owned();
    if !text.is_empty() && render::metadata_only(call) {
        let message = "Metadata scope does not support 'q' parameter";
        return Err(ApiError::forbidden("forbidden", message));
    }
    let wanted = call.all("labelIds");
    let query = search::parse(&text);
    let hidden = call.flag("includeSpamTrash")
        || query.reaches_hidden()
        || wanted
            .iter()
            .any(|label| label == "TRASH" || label == "SPAM");
    let (now, user) = (call.now, call.user.clone());
    let mailbox = mailbox(call)?;
    if let Some(unknown) = wanted.iter().find(|label| !labels::exists(mailbox, label)) {
        return Err(ApiError::invalid(format!("Invalid label: {unknown}")));
    }
    let context = Context {
        labels: &mailbox.labels,
        now,
        user: &user,
    };
    let fits = |message: &&Message| {
        (hidden || !(message.labels.contains("TRASH") || message.labels.contains("SPAM")))
            && wanted.iter().all(|label| message.labels.contains(label))
            && search::matches(&query, message, &context)
    };
    Ok(mailbox
        .newest_first()
        .into_iter()
        .filter(fits)
        .cloned()
        .collect())
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let format = render::format(call)?;
    let id = call.required("id").to_owned();
    let mailbox = mailbox(call)?;
    let message = mailbox.messages.get(&id).ok_or_else(|| unknown_id(&id))?;
    Ok(Reply::json(render::message(message, &format)))
}

/// Gmail tells ids that cannot be ids from ids that are not there.
pub(super) fn unknown_id(id: &str) -> ApiError {
    let shaped = id.len() <= 16 && id.chars().all(|letter| letter.is_ascii_hexdigit());
    if shaped {
        missing()
    } else {
        ApiError::invalid("Invalid id value")
    }
}

pub(super) fn attachment(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (id, attachment) = (
        call.required("messageId").to_owned(),
        call.required("id").to_owned(),
    );
    let mailbox = mailbox(call)?;
    let message = mailbox.messages.get(&id).ok_or_else(|| unknown_id(&id))?;
    let part = mime::part_of_attachment(&id, &attachment)
        .ok_or_else(|| ApiError::invalid("Invalid attachment token"))?;
    let content = mime::attachment(&message.raw, &part)
        .ok_or_else(|| ApiError::invalid("Invalid attachment token"))?;
    Ok(Reply::json(
        json!({"size": content.len(), "data": URL_SAFE.encode(content)}),
    ))
}

pub(super) fn send(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let raw = raw_of(call, &call.body.clone())?;
    let thread = call.body_text("threadId").map(str::to_owned);
    let id = deliver::send(call, raw, thread)?;
    let mailbox = mailbox(call)?;
    Ok(Reply::json(render::brief(&mailbox.messages[&id])))
}

/// `insert` and `import`: into the mailbox, to nobody else.
pub(super) fn insert(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let raw = raw_of(call, &call.body.clone())?;
    let asked: Vec<String> = strings(&call.body, "labelIds");
    let thread_id = call.body_text("threadId").map(str::to_owned);
    let import = call.method.id.ends_with(".import");
    let default = if import { "dateHeader" } else { "receivedTime" };
    let by_header = call.text("internalDateSource").unwrap_or(default) == "dateHeader";
    let at = if by_header {
        header_date(&raw).unwrap_or(call.now)
    } else {
        call.now
    };
    own(call)?;
    let world = &mut *call.world;
    let mailbox = world
        .gmail
        .mailboxes
        .get_mut(&call.user)
        .ok_or_else(missing)?;
    if let Some(unknown) = asked.iter().find(|label| !labels::exists(mailbox, label)) {
        return Err(ApiError::invalid(format!("Invalid label: {unknown}")));
    }
    let labels = if asked.is_empty() && import {
        vec!["INBOX".into(), "UNREAD".into()]
    } else {
        asked
    };
    let id = mailbox.add(
        &mut world.chance,
        Fresh {
            raw,
            labels,
            thread_id,
            at,
        },
    );
    Ok(Reply::json(render::brief(&mailbox.messages[&id])))
}

pub(super) fn modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let body = call.body.clone();
    let mailbox = mailbox(call)?;
    let (add, remove) = wanted_labels(mailbox, &body)?;
    if !mailbox.change(&id, &add, &remove) {
        return Err(unknown_id(&id));
    }
    Ok(Reply::json(render::brief(&mailbox.messages[&id])))
}

pub(super) fn batch_modify(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = batch_ids(call)?;
    let body = call.body.clone();
    let mailbox = mailbox(call)?;
    let (add, remove) = wanted_labels(mailbox, &body)?;
    for id in ids {
        mailbox.change(&id, &add, &remove);
    }
    Ok(Reply::empty())
}

pub(super) fn batch_delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let ids = batch_ids(call)?;
    let mailbox = mailbox(call)?;
    for id in ids {
        mailbox.remove(&id);
    }
    Ok(Reply::empty())
}

pub(super) fn trash(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    relabel(call, &["TRASH"], &["INBOX", "SPAM"])
}

pub(super) fn untrash(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    relabel(call, &[], &["TRASH"])
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    if mailbox(call)?.remove(&id) {
        Ok(Reply::empty())
    } else {
        Err(unknown_id(&id))
    }
}

/// The labels a body adds and removes, if they all exist.
pub(super) fn wanted_labels(
    mailbox: &Mailbox,
    body: &Value,
) -> Result<(Vec<String>, Vec<String>), ApiError> {
    let (add, remove) = (
        strings(body, "addLabelIds"),
        strings(body, "removeLabelIds"),
    );
    if add.is_empty() && remove.is_empty() {
        return Err(ApiError::invalid("No label add or removes specified"));
    }
    let fixed = ["SENT", "DRAFT", "CHAT"];
    let wrong = add
        .iter()
        .chain(&remove)
        .find(|label| !labels::exists(mailbox, label) || fixed.contains(&label.as_str()));
    match wrong {
        Some(label) => Err(ApiError::invalid(format!("Invalid label: {label}"))),
        None => Ok((add, remove)),
    }
}

/// The MIME text of a message body or of the uploaded content.
pub(super) fn raw_of(call: &Call<'_>, message: &Value) -> Result<Vec<u8>, ApiError> {
    if let Some(media) = &call.media {
        return Ok(media.bytes.to_vec());
    }
    let encoded = message
        .get("raw")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if encoded.is_empty() {
        return Err(ApiError::invalid(
            "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
        ));
    }
    base64_lenient(encoded.as_bytes())
        .ok_or_else(|| ApiError::invalid("Invalid value for ByteString"))
}

/// Refuses when `userId` names somebody else.
pub(super) fn own(call: &mut Call<'_>) -> Result<(), ApiError> {
    mailbox(call).map(|_| ())
}

fn relabel(call: &mut Call<'_>, add: &[&str], remove: &[&str]) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let owned = |labels: &[&str]| {
        labels
            .iter()
            .map(|label| (*label).to_owned())
            .collect::<Vec<_>>()
    };
    let mailbox = mailbox(call)?;
    if !mailbox.change(&id, &owned(add), &owned(remove)) {
        return Err(unknown_id(&id));
    }
    Ok(Reply::json(render::brief(&mailbox.messages[&id])))
}

fn batch_ids(call: &Call<'_>) -> Result<Vec<String>, ApiError> {
    let ids = strings(&call.body, "ids");
    if ids.is_empty() {
        return Err(ApiError::invalid("No message ids specified"));
    }
    if ids.len() > MOST_IN_BATCH {
        return Err(ApiError::invalid(
            "Too many message ids specified; the maximum is 1000",
        ));
    }
    Ok(ids)
}

fn strings(body: &Value, name: &str) -> Vec<String> {
    let list = body.get(name).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn header_date(raw: &[u8]) -> Option<Timestamp> {
    let parsed = mail_parser::MessageParser::default().parse(raw)?;
    Timestamp::from_second(parsed.date()?.to_timestamp()).ok()
}
