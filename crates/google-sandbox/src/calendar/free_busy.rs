//! `calendar.freebusy.query`: when calendars are busy, without saying with what.
//!
//! Invariant: the busy blocks of a calendar never touch or overlap; they are in order.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    access::invalid,
    event::{self, is_cancelled, text},
    state::{Calendar, Fields, Role},
    when::{self, Times},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// The longest window Google answers for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 92);

/// `calendar.freebusy.query`
pub(super) fn query(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let bound = |name: &str| {
        let value = call
            .body_text(name)
            .ok_or_else(|| ApiError::new(400, "required", format!("Missing {name}.")))?;
        when::parameter(Some(value), name)
    };
    let (Some(from), Some(to)) = (bound("timeMin")?, bound("timeMax")?) else {
        return Err(ApiError::new(400, "badRequest", "Bad Request"));
    };
    if to <= from {
        let message = "The specified time range is empty.";
        return Err(ApiError::new(400, "timeRangeEmpty", message).in_domain("calendar"));
    }
    if to.duration_since(from) > LONGEST {
        let message = "The requested time range is too long.";
        return Err(ApiError::new(400, "timeRangeTooLong", message).in_domain("calendar"));
    }
    let zone = match call.body_text("timeZone") {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| invalid("Invalid time zone."))?,
    };
    let most = call.body["calendarExpansionMax"]
        .as_u64()
        .unwrap_or(50)
        .min(50);
    let items = call.body["items"].as_array().cloned().unwrap_or_default();
    let mut calendars = Map::new();
    for (index, item) in items.iter().enumerate() {
        let asked = item["id"].as_str().unwrap_or_default();
        let id = if asked == "primary" {
            call.user.as_str()
        } else {
            asked
        };
        let known = call.world.calendar.calendars.get(id);
        let known = known.filter(|calendar| calendar.role(&call.user) >= Role::FreeBusyReader);
        let answer = match known {
            _ if index as u64 >= most => {
                json!({"errors": [{"domain": "calendar", "reason": "tooManyCalendarsRequested"}], "busy": []})
            }
            None => json!({"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}),
            Some(calendar) => {
                let busy = busy(calendar, from, to);
                let busy = busy.into_iter().map(|(start, end)| {
                    json!({"start": when::clock(start, &zone), "end": when::clock(end, &zone)})
                });
                json!({"busy": busy.collect::<Vec<Value>>()})
            }
        };
        calendars.insert(asked.to_owned(), answer);
    }
    Ok(Reply::json(json!({
        "kind": "calendar#freeBusy",
        "timeMin": when::clock(from, &TimeZone::UTC),
        "timeMax": when::clock(to, &TimeZone::UTC),
        "calendars": calendars,
    })))
}

/// The times within the window at which the calendar's owner is busy.
fn busy(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let home = calendar.zone();
    let mut blocks = Vec::new();
    for event in calendar
        .events
        .values()
        .filter(|event| is_busy(calendar, &event.fields))
    {
        if event.fields.contains_key("recurrence") {
            let instances = event::instances(calendar, event, Some(from), to);
            blocks.extend(instances.into_iter().map(|(times, _)| times.moments(&home)));
        } else if let Some(times) = Times::of(&event.fields, &home)
            && times.within(Some(from), Some(to), &home)
        {
            blocks.push(times.moments(&home));
        }
    }
    blocks.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in blocks {
        let (start, end) = (start.max(from), end.min(to));
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ if start < end => joined.push((start, end)),
            _ => {}
        }
    }
    joined
}

fn is_busy(calendar: &Calendar, fields: &Fields) -> bool {
    let attendees = fields.get("attendees").and_then(Value::as_array);
    let declined = attendees.into_iter().flatten().any(|person| {
        person["email"] == calendar.id.as_str() && person["responseStatus"] == "declined"
    });
    !is_cancelled(fields) && text(fields, "transparency") != Some("transparent") && !declined
}
