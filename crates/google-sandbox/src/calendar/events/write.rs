//! Making and changing events.
//!
//! Invariant: nothing is stored before everything about it was checked.

use serde_json::{Value, json};

use super::{check, list};
use crate::{
    calendar::{
        access::{self, invalid, missing},
        conference,
        event::{self, is_cancelled, merge, text},
        invitations, quick_add as quick,
        state::{Fields, Role, etag},
        when::{self, Times},
    },
    call::{Call, Reply},
    error::ApiError,
};

/// The letters and digits of Google's event ids.
const ID_ALPHABET: &str = "0123456789abcdefghijklmnopqrstuv";

/// What only the organizer may change; guests change their own answer, reminders and colour.
const SHARED: &[&str] = &[
    "summary",
    "description",
    "location",
    "start",
    "end",
    "recurrence",
    "conferenceData",
    "attachments",
];

/// `calendar.events.insert`
pub(in crate::calendar) fn insert(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let calendar = access::calendar_id(call, Role::Writer)?;
    let mut fields = check::writable(&call.body, call.flag("supportsAttachments"));
    let id = match call.body_text("id") {
        Some(id) => {
            check::id(id)?;
            id.to_owned()
        }
        None => call.world.chance.text(ID_ALPHABET, 26),
    };
    if access::calendar(call, &calendar).events.contains_key(&id) {
        return Err(ApiError::duplicate(
            "The requested identifier already exists.",
        ));
    }
    let uid = call
        .body_text("iCalUID")
        .map_or_else(|| format!("{id}@google.com"), String::from);
    begin(call, &mut fields, &calendar, &id, &uid);
    settle(call, &calendar, &mut fields, None)?;
    keep(call, &calendar, &id, &fields, None)
}

/// `calendar.events.import`: a copy of an event that is organised elsewhere.
pub(in crate::calendar) fn import(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let calendar = access::calendar_id(call, Role::Writer)?;
    let uid = call
        .body_text("iCalUID")
        .ok_or_else(|| missing("Missing iCalUID."))?
        .to_owned();
    let known = access::calendar(call, &calendar).events.values();
    let mut known = known.filter(|event| text(&event.fields, "iCalUID") == Some(&uid));
    let known = known
        .find_map(|event| text(&event.fields, "id"))
        .map(String::from);
    let id = known.unwrap_or_else(|| call.world.chance.text(ID_ALPHABET, 26));
    let mut fields = check::writable(&call.body, call.flag("supportsAttachments"));
    begin(call, &mut fields, &calendar, &id, &uid);
    if let Some(organizer) = call
        .body
        .get("organizer")
        .filter(|organizer| organizer.is_object())
    {
        fields.insert("organizer".into(), organizer.clone());
    }
    fields.insert("privateCopy".into(), json!(true));
    settle(call, &calendar, &mut fields, None)?;
    call.world.calendar.store(&calendar, &id, fields);
    shown(call, &calendar, &id)
}

/// `calendar.events.quickAdd`
pub(in crate::calendar) fn quick_add(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let calendar = access::calendar_id(call, Role::Writer)?;
    let zone = access::calendar(call, &calendar).zone();
    let mut fields = quick::read(call.required("text"), call.now, &zone);
    let id = call.world.chance.text(ID_ALPHABET, 26);
    begin(
        call,
        &mut fields,
        &calendar,
        &id,
        &format!("{id}@google.com"),
    );
    settle(call, &calendar, &mut fields, None)?;
    keep(call, &calendar, &id, &fields, None)
}

/// `calendar.events.patch`
pub(in crate::calendar) fn patch(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    change(call, |before, fields| {
        let mut after = before.clone();
        merge(&mut after, &fields);
        after
    })
}

/// `calendar.events.update`
pub(in crate::calendar) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    change(call, |before, fields| {
        let mut after = before.clone();
        let writable = check::writable(&Value::Object(before.clone()), true);
        after.retain(|name, _| !writable.contains_key(name));
        merge(&mut after, &fields);
        after.entry("status").or_insert(json!("confirmed"));
        after.entry("eventType").or_insert(json!("default"));
        after
    })
}

fn change(
    call: &mut Call<'_>,
    make: impl FnOnce(&Fields, Fields) -> Fields,
) -> Result<Reply, ApiError> {
    let calendar = access::calendar_id(call, Role::Writer)?;
    let id = call.required("eventId").to_owned();
    let before =
        event::find(access::calendar(call, &calendar), &id).ok_or_else(access::not_found)?;
    call.check_if_match(&etag(before.revision))?;
    let before = before.fields;
    let body = check::writable(&call.body, call.flag("supportsAttachments"));
    let mut after = make(&before, body);
    if before.contains_key("recurringEventId") {
        after.remove("recurrence");
    }
    if !call.flag("supportsAttachments") {
        match before.get("attachments") {
            Some(kept) => after.insert("attachments".into(), kept.clone()),
            None => after.remove("attachments"),
        };
    }
    let revived = is_cancelled(&before) && !is_cancelled(&after);
    settle(call, &calendar, &mut after, Some(&before))?;
    if !invitations::organizes(&calendar, &before) {
        let changed = |name: &&'static str| after.get(*name) != before.get(*name);
        if before.get("guestsCanModify") != Some(&json!(true)) && SHARED.iter().any(changed) {
            return Err(ApiError::forbidden(
                "forbiddenForNonOrganizer",
                "Shared properties can only be changed by the organizer of the event.",
            )
            .in_domain("calendar"));
        }
    }
    let moved = ["start", "end", "recurrence"]
        .iter()
        .any(|name| after.get(*name) != before.get(*name));
    if moved || revived {
        let sequence = before.get("sequence").and_then(Value::as_i64).unwrap_or(0);
        after.insert("sequence".into(), json!(sequence + 1));
    }
    after.insert("updated".into(), json!(when::stamp(call.now)));
    keep(call, &calendar, &id, &after, Some(&before))
}

/// The fields Google writes into a new event.
fn begin(call: &Call<'_>, fields: &mut Fields, calendar: &str, id: &str, uid: &str) {
    let now = json!(when::stamp(call.now));
    let name = call.world.user(&call.user).map(|user| user.name.clone());
    fields.insert("id".into(), json!(id));
    fields.insert("iCalUID".into(), json!(uid));
    fields.insert("created".into(), now.clone());
    fields.insert("updated".into(), now);
    fields.insert("sequence".into(), json!(0));
    fields.insert("creator".into(), json!({"email": call.user}));
    let home = access::calendar(call, calendar);
    let organizer = match (home.primary, name) {
        (true, Some(name)) => json!({"email": calendar, "displayName": name}),
        _ => json!({"email": calendar, "displayName": home.summary}),
    };
    fields.insert("organizer".into(), organizer);
    fields.entry("status").or_insert(json!("confirmed"));
    fields.entry("eventType").or_insert(json!("default"));
}

fn settle(
    call: &mut Call<'_>,
    calendar: &str,
    fields: &mut Fields,
    before: Option<&Fields>,
) -> Result<(), ApiError> {
    if fields.get("eventType").and_then(Value::as_str) != Some("default") {
        return Err(invalid("Invalid event type."));
    }
    let organizer = fields["organizer"]["email"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let home = access::calendar(call, calendar).zone();
    check::settle(fields, &home, &organizer, call.world)?;
    let supported = call.text("conferenceDataVersion") == Some("1");
    conference::settle(fields, before, supported, &mut call.world.chance)
}

/// Stores the event, brings guests up to date and answers with it.
fn keep(
    call: &mut Call<'_>,
    calendar: &str,
    id: &str,
    fields: &Fields,
    before: Option<&Fields>,
) -> Result<Reply, ApiError> {
    call.world.calendar.store(calendar, id, fields.clone());
    drop_strays(call, calendar, id);
    invitations::spread(call.world, calendar, id, before);
    invitations::notify(call, fields, before);
    shown(call, calendar, id)
}

/// Instances that were changed by hand and that the series no longer has go with it.
fn drop_strays(call: &mut Call<'_>, calendar: &str, id: &str) {
    let home = access::calendar(call, calendar);
    let zone = home.zone();
    let Some(master) = home.events.get(id) else {
        return;
    };
    let Some(times) = Times::of(&master.fields, &zone) else {
        return;
    };
    let series = event::series(&master.fields, &times);
    let strays: Vec<String> = home
        .events
        .values()
        .filter(|event| text(&event.fields, "recurringEventId") == Some(id))
        .filter(|event| {
            let original = event.fields.get("originalStartTime");
            let original = original.and_then(|start| when::read(start, "start", &zone).ok());
            match (&series, original) {
                (Some(series), Some(original)) => !series.has(&original, &zone),
                _ => true,
            }
        })
        .filter_map(|event| text(&event.fields, "id").map(String::from))
        .collect();
    for stray in strays {
        access::calendar_mut(call, calendar).events.remove(&stray);
    }
}

fn shown(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, ApiError> {
    let calendar = access::calendar(call, calendar);
    let event = event::find(calendar, id).ok_or_else(access::not_found)?;
    Ok(Reply::json(list::view(call, calendar)?.show(&event)))
}
