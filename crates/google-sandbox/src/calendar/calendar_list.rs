//! `calendar.calendarList`: the calendars a user has chosen to see, and how.
//!
//! Invariant: taking a calendar off the list changes nobody's access to it.

use serde_json::{Value, json};

use super::{
    access::{self, missing},
    colors,
    event::merge,
    state::{Calendar, Entry, Role, etag},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// What a user may set on a line of the list.
const WRITABLE: &[&str] = &[
    "backgroundColor",
    "colorId",
    "defaultReminders",
    "foregroundColor",
    "hidden",
    "notificationSettings",
    "selected",
    "summaryOverride",
];

/// `calendar.calendarList.list`
pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let least = call
        .text("minAccessRole")
        .and_then(Role::named)
        .unwrap_or(Role::None);
    let (hidden, state) = (call.flag("showHidden"), &call.world.calendar);
    let entries = state.lists.get(&call.user).into_iter().flatten();
    let items: Vec<Value> = entries
        .filter(|entry| hidden || entry.fields.get("hidden") != Some(&json!(true)))
        .filter_map(|entry| Some((entry, state.calendars.get(&entry.id)?)))
        .filter(|(_, calendar)| calendar.role(&call.user) >= least.max(Role::FreeBusyReader))
        .map(|(entry, calendar)| shown(call, entry, calendar))
        .collect();
    let (items, next) = call.page(items, call.page_size("maxResults", 100, 250))?;
    let mut answer = json!({
        "kind": "calendar#calendarList",
        "etag": etag(state.revision()),
        "items": items,
    });
    match next {
        Some(token) => answer["nextPageToken"] = json!(token),
        None => answer["nextSyncToken"] = json!(format!("list-{}", state.revision())),
    }
    Ok(Reply::json(answer))
}

/// `calendar.calendarList.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::FreeBusyReader)?;
    answer(call, &id)
}

/// `calendar.calendarList.insert`
pub(super) fn insert(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let asked = call
        .body_text("id")
        .ok_or_else(|| missing("Missing calendar ID."))?
        .to_owned();
    let id = access::named(call, &asked, Role::FreeBusyReader)?;
    if line(call, &id).is_none() {
        let user = call.user.clone();
        call.world.calendar.show(&user, &id, "7");
    }
    change(call, &id);
    answer(call, &id)
}

/// `calendar.calendarList.patch` and `update`
pub(super) fn patch(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::FreeBusyReader)?;
    let entry = line(call, &id).ok_or_else(access::not_found)?;
    call.check_if_match(&etag(entry.revision))?;
    change(call, &id);
    answer(call, &id)
}

/// `calendar.calendarList.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::FreeBusyReader)?;
    line(call, &id).ok_or_else(access::not_found)?;
    if access::calendar(call, &id).primary && id == call.user {
        return Err(ApiError::forbidden(
            "cannotUnsubscribeFromPrimary",
            "Cannot remove the primary calendar from the list.",
        )
        .in_domain("calendar"));
    }
    if let Some(list) = call.world.calendar.lists.get_mut(&call.user) {
        list.retain(|entry| entry.id != id);
    }
    Ok(Reply::empty())
}

fn line<'a>(call: &'a Call<'_>, id: &str) -> Option<&'a Entry> {
    call.world
        .calendar
        .lists
        .get(&call.user)?
        .iter()
        .find(|entry| entry.id == id)
}

fn change(call: &mut Call<'_>, id: &str) {
    let mut wanted = call.body.as_object().cloned().unwrap_or_default();
    wanted.retain(|name, _| WRITABLE.contains(&name.as_str()));
    let revision = call.world.calendar.advance();
    let list = call.world.calendar.lists.get_mut(&call.user);
    if let Some(entry) = list.into_iter().flatten().find(|entry| entry.id == id) {
        merge(&mut entry.fields, &wanted);
        entry.revision = revision;
    }
}

fn answer(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let entry = line(call, id).ok_or_else(access::not_found)?;
    Ok(Reply::json(shown(call, entry, access::calendar(call, id))))
}

fn shown(call: &Call<'_>, entry: &Entry, calendar: &Calendar) -> Value {
    let mut shown = json!({
        "kind": "calendar#calendarListEntry",
        "etag": etag(entry.revision.max(calendar.revision)),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "accessRole": calendar.role(&call.user).name(),
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    for (name, value) in [
        ("description", &calendar.description),
        ("location", &calendar.location),
    ] {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    let color = entry
        .fields
        .get("colorId")
        .and_then(Value::as_str)
        .unwrap_or("7");
    let (background, foreground) = colors::of_calendar(color);
    shown["backgroundColor"] = json!(background);
    shown["foregroundColor"] = json!(foreground);
    for (name, value) in &entry.fields {
        shown[name.as_str()] = value.clone();
    }
    if calendar.id == call.user {
        shown["primary"] = json!(true);
    }
    shown
}
