//! One event: its instances, and how it looks to somebody.
//!
//! Invariant: an instance nobody has touched is never stored; its id alone says which one it is.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    conference,
    recurrence::{Series, Start},
    state::{Calendar, Event, Fields, Role, etag},
    when::{self, Times},
};

/// Who looks at which calendar, and how.
pub(super) struct View<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) role: Role,
    /// The zone clock times are shown in.
    pub(super) zone: TimeZone,
    pub(super) max_attendees: Option<usize>,
}

impl View<'_> {
    /// The event as Google's JSON.
    pub(super) fn show(&self, event: &Event) -> Value {
        let fields = &event.fields;
        let private = matches!(text(fields, "visibility"), Some("private" | "confidential"));
        let hidden = self.role == Role::FreeBusyReader || (private && self.role < Role::Writer);
        let mut shown = if hidden {
            times_only(fields)
        } else {
            fields.clone()
        };
        shown.insert("kind".into(), json!("calendar#event"));
        shown.insert("etag".into(), json!(etag(event.revision)));
        let home = self.calendar.zone();
        for name in ["start", "end", "originalStartTime"] {
            if let Some(value) = fields.get(name)
                && let Ok(start) = when::read(value, name, &home)
            {
                shown.insert(name.into(), when::write(&start, &self.zone));
            }
        }
        if hidden {
            return Value::Object(shown);
        }
        let id = text(fields, "id").unwrap_or_default();
        let eid = STANDARD_NO_PAD.encode(format!("{id} {}", self.calendar.id));
        let link = format!("https://www.google.com/calendar/event?eid={eid}");
        shown.insert("htmlLink".into(), json!(link));
        if let Some(link) = conference::link(fields) {
            shown.insert("hangoutLink".into(), json!(link));
        }
        for name in ["creator", "organizer"] {
            if let Some(person) = shown.get_mut(name) {
                self.mark_self(person);
            }
        }
        if let Some(Value::Array(attendees)) = shown.get_mut("attendees") {
            for person in attendees.iter_mut() {
                self.mark_self(person);
            }
            if let Some(most) = self.max_attendees.filter(|most| *most < attendees.len()) {
                let own = attendees.iter().position(|person| person["self"] == true);
                attendees.swap(0, own.unwrap_or(0));
                attendees.truncate(most.max(1));
                shown.insert("attendeesOmitted".into(), json!(true));
            }
        }
        Value::Object(shown)
    }

    fn mark_self(&self, person: &mut Value) {
        let email = person["email"].as_str().unwrap_or_default();
        if email.eq_ignore_ascii_case(&self.calendar.id) {
            person["self"] = json!(true);
        }
    }
}

/// What somebody sees who may only know when others are busy.
fn times_only(fields: &Fields) -> Fields {
    let seen = [
        "id",
        "status",
        "iCalUID",
        "recurringEventId",
        "transparency",
        "eventType",
    ];
    let mut shown: Fields = fields
        .iter()
        .filter(|(name, _)| seen.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    shown.insert("visibility".into(), json!("private"));
    shown
}

/// A text field.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// Whether the event, or this instance of it, is called off.
pub(super) fn is_cancelled(fields: &Fields) -> bool {
    text(fields, "status") == Some("cancelled")
}

/// The starts of a recurring event; `None` when it does not recur.
pub(super) fn series(fields: &Fields, times: &Times) -> Option<Series> {
    let lines = fields.get("recurrence")?.as_array()?;
    Series::parse(times.start.clone(), lines.iter().filter_map(Value::as_str))
}

/// The instance of a recurring event that begins at `start`.
pub(super) fn instance(master: &Event, times: &Times, start: Start) -> Event {
    let id = text(&master.fields, "id").unwrap_or_default();
    let mut fields = master.fields.clone();
    fields.remove("recurrence");
    fields.insert("id".into(), json!(format!("{id}_{}", start.stamp())));
    fields.insert("recurringEventId".into(), json!(id));
    let own = match &start {
        Start::Moment(_, zone) => zone.clone(),
        Start::Day(_) => TimeZone::UTC,
    };
    fields.insert("originalStartTime".into(), when::write(&start, &own));
    let times = times.starting(start);
    fields.insert("start".into(), when::write(&times.start, &own));
    fields.insert("end".into(), when::write(&times.end, &own));
    Event {
        fields,
        revision: master.revision,
    }
}

/// The event of that id: one that rests here, or an untouched instance of a recurring one.
pub(super) fn find(calendar: &Calendar, id: &str) -> Option<Event> {
    if let Some(event) = calendar.events.get(id) {
        return Some(event.clone());
    }
    let (master, stamp) = id.rsplit_once('_')?;
    let master = calendar
        .events
        .get(master)
        .filter(|event| !is_cancelled(&event.fields))?;
    let home = calendar.zone();
    let times = Times::of(&master.fields, &home)?;
    let start = match &times.start {
        Start::Day(_) => Start::Day(Date::strptime("%Y%m%d", stamp).ok()?),
        Start::Moment(_, zone) => {
            let stamp = stamp.strip_suffix('Z')?;
            let local = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", stamp).ok()?;
            let moment = TimeZone::UTC.to_timestamp(local).ok()?;
            Start::Moment(moment, zone.clone())
        }
    };
    series(&master.fields, &times)?
        .has(&start, &home)
        .then(|| instance(master, &times, start))
}

/// The untouched instances of a recurring event that touch the window.
pub(super) fn instances(
    calendar: &Calendar,
    master: &Event,
    from: Option<Timestamp>,
    to: Timestamp,
) -> Vec<(Times, Event)> {
    let home = calendar.zone();
    let Some(times) = Times::of(&master.fields, &home) else {
        return Vec::new();
    };
    let Some(series) = series(&master.fields, &times) else {
        return Vec::new();
    };
    series
        .starts_before(to, &home, usize::MAX)
        .into_iter()
        .map(|start| times.starting(start))
        .filter(|times| times.within(from, Some(to), &home))
        .map(|times_here| {
            let event = instance(master, &times, times_here.start.clone());
            (times_here, event)
        })
        .filter(|(_, event)| {
            !calendar
                .events
                .contains_key(text(&event.fields, "id").unwrap_or_default())
        })
        .collect()
}

/// What a patch makes of a value: objects merge, `null` removes, everything else replaces.
pub(super) fn merge(into: &mut Fields, patch: &Fields) {
    for (name, value) in patch {
        match (into.get_mut(name), value) {
            (_, Value::Null) => {
                into.remove(name);
            }
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                let mut value = value.clone();
                if let Value::Object(new) = &mut value {
                    new.retain(|_, value| !value.is_null());
                }
                into.insert(name.clone(), value);
            }
        }
    }
}
