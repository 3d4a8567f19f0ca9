//! The profile and `users.settings`.
//!
//! Filters and vacation notes are kept and given back; they do not act on mail. Invariant: every
//! account may send as itself, and only as itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{mailbox, messages, missing};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

pub(super) fn profile(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let user = call.user.clone();
    let mailbox = mailbox(call)?;
    let threads: BTreeSet<&String> = mailbox
        .messages
        .values()
        .map(|message| &message.thread_id)
        .collect();
    Ok(Reply::json(json!({
        "emailAddress": user,
        "messagesTotal": mailbox.messages.len(),
        "threadsTotal": threads.len(),
        "historyId": mailbox.history_id.to_string(),
    })))
}

pub(super) fn send_as_list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let own = identity(call)?;
    Ok(Reply::json(json!({ "sendAs": [own] })))
}

pub(super) fn send_as(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let own = identity(call)?;
    if call
        .required("sendAsEmail")
        .eq_ignore_ascii_case(&call.user)
    {
        Ok(Reply::json(own))
    } else {
        Err(missing())
    }
}

pub(super) fn vacation(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    Ok(Reply::json(mailbox(call)?.vacation.clone()))
}

pub(super) fn update_vacation(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let body = call.body.clone();
    let mailbox = mailbox(call)?;
    let on = body
        .get("enableAutoReply")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let says = [
        "responseSubject",
        "responseBodyPlainText",
        "responseBodyHtml",
    ];
    let silent = says.iter().all(|name| {
        body.get(*name)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    });
    if on && silent {
        return Err(ApiError::invalid(
            "Vacation responder needs a subject or a body",
        ));
    }
    mailbox.vacation = body;
    mailbox.vacation["enableAutoReply"] = json!(on);
    Ok(Reply::json(mailbox.vacation.clone()))
}

pub(super) fn filters(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let filters = mailbox(call)?.filters.clone();
    Ok(Reply::json(if filters.is_empty() {
        json!({})
    } else {
        json!({ "filter": filters })
    }))
}

pub(super) fn filter_get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let filters = &mailbox(call)?.filters;
    filters
        .iter()
        .find(|filter| filter["id"] == json!(id))
        .cloned()
        .map(Reply::json)
        .ok_or_else(missing)
}

pub(super) fn filter_create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    messages::own(call)?;
    let mut filter = call.body.clone();
    let empty = |name: &str| {
        filter
            .get(name)
            .and_then(Value::as_object)
            .is_none_or(serde_json::Map::is_empty)
    };
    if empty("criteria") {
        return Err(ApiError::invalid("Filter must have criteria"));
    }
    if empty("action") {
        return Err(ApiError::invalid("Filter must have an action"));
    }
    filter["id"] = json!(format!("ANe1Bm{}", call.world.chance.word(24)));
    mailbox(call)?.filters.push(filter.clone());
    Ok(Reply::json(filter))
}

pub(super) fn filter_delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = call.required("id").to_owned();
    let filters = &mut mailbox(call)?.filters;
    let before = filters.len();
    filters.retain(|filter| filter["id"] != json!(id));
    if filters.len() < before {
        Ok(Reply::empty())
    } else {
        Err(missing())
    }
}

fn identity(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let name = call.world.user(&call.user).map(|user| user.name.clone());
    let user = call.user.clone();
    let mailbox = mailbox(call)?;
    Ok(json!({
        "sendAsEmail": user,
        "displayName": name.unwrap_or_default(),
        "replyToAddress": "",
        "signature": mailbox.signature,
        "isPrimary": true,
        "isDefault": true,
    }))
}
