//! Calling events off and moving them to another calendar.
//!
//! Invariant: a deleted event stays as `cancelled`, so that whoever synchronises learns of it.

use serde_json::json;

use super::list;
use crate::{
    calendar::{
        access::{self, invalid},
        event::{self, is_cancelled, text},
        invitations,
        state::{Role, etag},
        when,
    },
    call::{Call, Reply},
    error::ApiError,
};

/// `calendar.events.delete`
pub(in crate::calendar) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let calendar = access::calendar_id(call, Role::Writer)?;
    let id = call.required("eventId").to_owned();
    let before =
        event::find(access::calendar(call, &calendar), &id).ok_or_else(access::not_found)?;
    if is_cancelled(&before.fields) {
        return Err(ApiError::new(410, "deleted", "Resource has been deleted"));
    }
    call.check_if_match(&etag(before.revision))?;
    let before = before.fields;
    let mut after = before.clone();
    after.insert("status".into(), json!("cancelled"));
    after.insert("updated".into(), json!(when::stamp(call.now)));
    let declined = !invitations::organizes(&calendar, &before);
    if declined {
        invitations::answer(&mut after, &calendar, "declined");
    }
    call.world.calendar.store(&calendar, &id, after.clone());
    access::calendar_mut(call, &calendar)
        .events
        .retain(|_, event| text(&event.fields, "recurringEventId") != Some(&id));
    invitations::spread(call.world, &calendar, &id, Some(&before));
    if !declined {
        invitations::notify(call, &after, Some(&before));
    }
    Ok(Reply::empty())
}

/// `calendar.events.move`
pub(in crate::calendar) fn relocate(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let from = access::calendar_id(call, Role::Writer)?;
    let to = access::named(call, call.required("destination"), Role::Writer)?;
    let id = call.required("eventId").to_owned();
    let found = access::calendar(call, &from).events.get(&id).cloned();
    let event = found
        .filter(|event| !is_cancelled(&event.fields))
        .ok_or_else(access::not_found)?;
    if event.fields.contains_key("recurringEventId") {
        return Err(invalid("An instance of a recurring event cannot be moved."));
    }
    if !invitations::organizes(&from, &event.fields) {
        return Err(ApiError::forbidden(
            "cannotChangeOrganizerOfInstance",
            "Only the organizer of the event can move it.",
        )
        .in_domain("calendar"));
    }
    let belongs = |other: &str| {
        access::calendar(call, &from)
            .events
            .get(other)
            .is_some_and(|event| text(&event.fields, "recurringEventId") == Some(&id))
    };
    let siblings = access::calendar(call, &from)
        .events
        .keys()
        .filter(|other| belongs(other));
    let moving: Vec<String> = siblings.cloned().chain([id.clone()]).collect();
    let summary = access::calendar(call, &to).summary.clone();
    for name in moving {
        if let Some(mut event) = access::calendar_mut(call, &from).events.remove(&name) {
            let organizer = json!({"email": to, "displayName": summary});
            event.fields.insert("organizer".into(), organizer);
            event
                .fields
                .insert("updated".into(), json!(when::stamp(call.now)));
            call.world.calendar.store(&to, &name, event.fields);
        }
    }
    invitations::spread(call.world, &to, &id, Some(&event.fields));
    let calendar = access::calendar(call, &to);
    let moved = event::find(calendar, &id).ok_or_else(access::not_found)?;
    Ok(Reply::json(list::view(call, calendar)?.show(&moved)))
}
