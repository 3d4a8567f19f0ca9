//! What an event must be before it is stored.
//!
//! Invariant: after these checks every stored event has readable times and a readable recurrence.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    calendar::{
        access::{invalid, missing},
        event,
        recurrence::Start,
        state::Fields,
        when::{self, Times},
    },
    error::ApiError,
    world::World,
};

/// What only Google itself writes.
const OUTPUT_ONLY: &[&str] = &[
    "kind",
    "etag",
    "id",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "hangoutLink",
    "recurringEventId",
    "originalStartTime",
    "iCalUID",
    "sequence",
    "locked",
    "privateCopy",
    "attendeesOmitted",
    "endTimeUnspecified",
];

/// The part of a body that a client may write.
pub(super) fn writable(body: &Value, attachments: bool) -> Fields {
    let mut fields = body.as_object().cloned().unwrap_or_default();
    fields.retain(|name, _| !OUTPUT_ONLY.contains(&name.as_str()));
    if !attachments {
        fields.remove("attachments");
    }
    fields
}

/// An id that a client chose.
pub(super) fn id(id: &str) -> Result<(), ApiError> {
    let alphabet = id
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    if alphabet && (5..=1024).contains(&id.len()) {
        Ok(())
    } else {
        Err(invalid("Invalid resource id value."))
    }
}

/// Checks times, recurrence, guests and reminders, and writes them the way they rest.
pub(super) fn settle(
    fields: &mut Fields,
    home: &TimeZone,
    organizer: &str,
    world: &World,
) -> Result<Times, ApiError> {
    let times = Times::checked(fields, home)?;
    if fields
        .get("recurrence")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        fields.remove("recurrence");
    }
    if fields.contains_key("recurrence") {
        if matches!(times.start, Start::Moment(..)) {
            for which in ["start", "end"] {
                if fields[which].get("timeZone").is_none() {
                    let message = format!("Missing time zone definition for {which} time.");
                    return Err(missing(&message));
                }
            }
        }
        if event::series(fields, &times).is_none() {
            return Err(invalid("Invalid recurrence rule."));
        }
    }
    for (name, value) in [("start", &times.start), ("end", &times.end)] {
        let own = match value {
            Start::Moment(_, zone) => zone.clone(),
            Start::Day(_) => TimeZone::UTC,
        };
        fields.insert(name.into(), when::write(value, &own));
    }
    attendees(fields, organizer, world)?;
    reminders(fields)?;
    Ok(times)
}

fn attendees(fields: &mut Fields, organizer: &str, world: &World) -> Result<(), ApiError> {
    let Some(Value::Array(attendees)) = fields.get_mut("attendees") else {
        fields.remove("attendees");
        return Ok(());
    };
    if attendees.len() > 200 {
        return Err(invalid("The event has too many attendees."));
    }
    let mut seen: Vec<String> = Vec::new();
    let mut settled = Vec::new();
    for attendee in attendees.iter() {
        let email = attendee["email"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace)
        });
        if !well_formed {
            return Err(invalid("Invalid attendee email."));
        }
        if seen.contains(&email) {
            continue;
        }
        let mut person = attendee.as_object().cloned().unwrap_or_default();
        person.remove("self");
        person.insert("email".into(), json!(email));
        if let Some(user) = world.user(&email) {
            person.entry("displayName").or_insert(json!(user.name));
        }
        let own = email == organizer;
        if own {
            person.insert("organizer".into(), json!(true));
        }
        let default = if own { "accepted" } else { "needsAction" };
        person.entry("responseStatus").or_insert(json!(default));
        seen.push(email);
        settled.push(Value::Object(person));
    }
    if settled.is_empty() {
        fields.remove("attendees");
    } else {
        fields.insert("attendees".into(), Value::Array(settled));
    }
    Ok(())
}

fn reminders(fields: &mut Fields) -> Result<(), ApiError> {
    let Some(reminders) = fields.get("reminders") else {
        fields.insert("reminders".into(), json!({"useDefault": true}));
        return Ok(());
    };
    let overrides = reminders["overrides"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if reminders["useDefault"] == true && !overrides.is_empty() {
        return Err(ApiError::new(
            400,
            "cannotUseDefaultRemindersAndSpecifyOverride",
            "Cannot specify both default reminders and overrides at the same time.",
        )
        .in_domain("calendar"));
    }
    if overrides.len() > 5 {
        return Err(invalid(
            "Too many reminder overrides; at most 5 are allowed.",
        ));
    }
    for reminder in &overrides {
        let minutes = reminder["minutes"].as_i64();
        if !matches!(reminder["method"].as_str(), Some("email" | "popup")) {
            return Err(invalid("Invalid reminder method."));
        }
        if !minutes.is_some_and(|minutes| (0..=40_320).contains(&minutes)) {
            return Err(invalid("Invalid reminder minutes value."));
        }
    }
    Ok(())
}
