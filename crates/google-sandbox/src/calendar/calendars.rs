//! `calendar.calendars`: calendars themselves, as their owners see them.
//!
//! Invariant: a primary calendar can be emptied but never deleted, others the other way round.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    access::{self, invalid, missing},
    event::merge,
    state::{Calendar, Fields, Role, etag},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// `calendar.calendars.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Reader)?;
    Ok(Reply::json(shown(access::calendar(call, &id))))
}

/// `calendar.calendars.insert`
pub(super) fn insert(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let summary = call
        .body_text("summary")
        .filter(|summary| !summary.is_empty());
    let summary = summary
        .ok_or_else(|| missing("Missing summary."))?
        .to_owned();
    let own = call.world.calendar.calendars.get(&call.user);
    let home = own.map_or(super::state::HOME_ZONE, |own| own.time_zone.as_str());
    let zone = call.body_text("timeZone").unwrap_or(home).to_owned();
    check_zone(&zone)?;
    let name = call.world.chance.text("0123456789abcdef", 64);
    let id = format!("c_{name}@group.calendar.google.com");
    let user = call.user.clone();
    let text = |name: &str| call.body_text(name).map(String::from);
    let (description, location) = (text("description"), text("location"));
    call.world.calendar.add(&id, &user, &summary, &zone);
    let calendar = access::calendar_mut(call, &id);
    (calendar.description, calendar.location) = (description, location);
    Ok(Reply::json(shown(calendar)))
}

/// `calendar.calendars.patch` and `update`
pub(super) fn patch(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    let before = access::calendar(call, &id);
    call.check_if_match(&etag(before.revision))?;
    let mut fields = shown(before).as_object().cloned().unwrap_or_default();
    let whole = call.method.id == "calendar.calendars.update";
    if whole {
        fields.retain(|name, _| !["description", "location"].contains(&name.as_str()));
    }
    merge(
        &mut fields,
        &call.body.as_object().cloned().unwrap_or_default(),
    );
    let text =
        |fields: &Fields, name: &str| fields.get(name).and_then(Value::as_str).map(String::from);
    let zone = text(&fields, "timeZone").unwrap_or_else(|| before.time_zone.clone());
    check_zone(&zone)?;
    let summary = text(&fields, "summary").filter(|summary| !summary.is_empty());
    let summary = summary.ok_or_else(|| missing("Missing summary."))?;
    let revision = call.world.calendar.advance();
    let calendar = access::calendar_mut(call, &id);
    calendar.summary = summary;
    calendar.time_zone = zone;
    calendar.description = text(&fields, "description");
    calendar.location = text(&fields, "location");
    calendar.revision = revision;
    Ok(Reply::json(shown(calendar)))
}

/// `calendar.calendars.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    if access::calendar(call, &id).primary {
        return Err(ApiError::new(
            400,
            "cannotDeletePrimaryCalendar",
            "Cannot delete the primary calendar.",
        )
        .in_domain("calendar"));
    }
    call.world.calendar.calendars.remove(&id);
    for list in call.world.calendar.lists.values_mut() {
        list.retain(|entry| entry.id != id);
    }
    Ok(Reply::empty())
}

/// `calendar.calendars.clear`
pub(super) fn clear(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    if !access::calendar(call, &id).primary {
        return Err(invalid("Only the primary calendar can be cleared."));
    }
    let revision = call.world.calendar.advance();
    let calendar = access::calendar_mut(call, &id);
    calendar.events.clear();
    // Nothing is left to tell what went, so everybody must read the calendar anew.
    calendar.forgotten = revision;
    Ok(Reply::empty())
}

/// Refuses names that are no time zone.
fn check_zone(name: &str) -> Result<(), ApiError> {
    TimeZone::get(name)
        .map(drop)
        .map_err(|_| invalid("Invalid time zone."))
}

fn shown(calendar: &Calendar) -> Value {
    let mut shown = json!({
        "kind": "calendar#calendar",
        "etag": etag(calendar.revision),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
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
    shown
}
