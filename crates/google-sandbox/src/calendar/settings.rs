//! `calendar.settings`: a user's settings, as far as clients read them.
//!
//! Read only, as in Google's API. Invariant: the time zone is that of the primary calendar.

use serde_json::{Value, json};

use super::state::{HOME_ZONE, etag};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// `calendar.settings.list`
pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let items: Vec<Value> = all(call)
        .iter()
        .map(|(id, value)| shown(id, value))
        .collect();
    let (items, next) = call.page(items, call.page_size("maxResults", 100, 250))?;
    let revision = call.world.calendar.revision();
    let mut answer = json!({
        "kind": "calendar#settings",
        "etag": etag(revision),
        "items": items,
    });
    match next {
        Some(token) => answer["nextPageToken"] = json!(token),
        None => answer["nextSyncToken"] = json!(format!("settings-{revision}")),
    }
    Ok(Reply::json(answer))
}

/// `calendar.settings.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let wanted = call.required("setting");
    let found = all(call).into_iter().find(|(id, _)| *id == wanted);
    let (id, value) = found.ok_or_else(super::access::not_found)?;
    Ok(Reply::json(shown(id, &value)))
}

fn all(call: &Call<'_>) -> Vec<(&'static str, String)> {
    let primary = call.world.calendar.calendars.get(&call.user);
    let zone = primary.map_or(HOME_ZONE, |primary| primary.time_zone.as_str());
    [
        ("autoAddHangouts", "false"),
        ("dateFieldOrder", "DMY"),
        ("defaultEventLength", "60"),
        ("format24HourTime", "true"),
        ("hideInvitations", "false"),
        ("hideWeekends", "false"),
        ("locale", "en"),
        ("remindOnRespondedEventsOnly", "false"),
        ("showDeclinedEvents", "true"),
        ("timezone", zone),
        ("useKeyboardShortcuts", "true"),
        ("weekStart", "1"),
    ]
    .map(|(id, value)| (id, value.to_owned()))
    .to_vec()
}

fn shown(id: &str, value: &str) -> Value {
    json!({"kind": "calendar#setting", "etag": etag(0), "id": id, "value": value})
}
