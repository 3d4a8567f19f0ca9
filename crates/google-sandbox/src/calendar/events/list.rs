//! Reading events: one, a window of them, the changes since a token, the instances of a series.
//!
//! Invariant: with `singleEvents` no recurring event itself is in the answer, only its instances.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::{
    calendar::{
        access::{self, invalid},
        event::{self, View, is_cancelled, text},
        state::{Calendar, Event, Role, etag},
        when::{self, Times},
    },
    call::{Call, Reply},
    error::ApiError,
};

/// How far ahead recurring events are expanded when no end was asked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 366 * 2);

/// How long a sync token is good for.
const SYNC_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 28);

/// Parameters that ask for a part of the events, which a sync token cannot go on with.
const NOT_WITH_SYNC: &[&str] = &[
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMax",
    "timeMin",
    "updatedMin",
];

/// `calendar.events.get`
pub(in crate::calendar) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Reader)?;
    let calendar = access::calendar(call, &id);
    let event = event::find(calendar, call.required("eventId")).ok_or_else(access::not_found)?;
    Ok(Reply::json(view(call, calendar)?.show(&event)))
}

/// `calendar.events.list`
pub(in crate::calendar) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::FreeBusyReader)?;
    let calendar = access::calendar(call, &id);
    let question = Question::read(call, calendar)?;
    let mut found = question.answer(calendar);
    match call.text("orderBy") {
        Some("startTime") => {
            let home = calendar.zone();
            found.sort_by_key(|(times, event)| {
                let start = times.as_ref().map(|times| times.start.moment(&home));
                (start, text(&event.fields, "id").map(String::from))
            });
        }
        _ => found.sort_by_key(|(_, event)| event.revision),
    }
    let events = found.into_iter().map(|(_, event)| event).collect();
    answer(call, calendar, events)
}

/// `calendar.events.instances`
pub(in crate::calendar) fn instances(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Reader)?;
    let calendar = access::calendar(call, &id);
    let wanted = call.required("eventId");
    let master = calendar.events.get(wanted).ok_or_else(access::not_found)?;
    let question = Question::read(call, calendar)?;
    let home = calendar.zone();
    let mut found = event::instances(calendar, master, question.from, question.horizon);
    for other in calendar.events.values() {
        let sibling = text(&other.fields, "recurringEventId") == Some(wanted);
        let shown = question.show_deleted || !is_cancelled(&other.fields);
        if let Some(times) = Times::of(&other.fields, &home)
            && sibling
            && shown
            && times.within(question.from, question.to, &home)
        {
            found.push((times, other.clone()));
        }
    }
    if let Some(original) = call.text("originalStart") {
        let original: Option<Timestamp> = original.parse().ok();
        found.retain(|(_, event)| {
            let start = event.fields.get("originalStartTime");
            let start = start.and_then(|start| when::read(start, "start", &home).ok());
            start.map(|start| start.moment(&home)) == original
        });
    }
    found.sort_by_key(|(times, _)| times.start.moment(&home));
    let events = found.into_iter().map(|(_, event)| event).collect();
    answer(call, calendar, events)
}

/// How the caller sees a calendar.
pub(super) fn view<'a>(call: &Call<'_>, calendar: &'a Calendar) -> Result<View<'a>, ApiError> {
    let zone = match call.text("timeZone") {
        None => calendar.zone(),
        Some(name) => TimeZone::get(name)
            .map_err(|_| invalid("Invalid time zone.").at_parameter("timeZone"))?,
    };
    let max_attendees = call.text("maxAttendees").and_then(|most| most.parse().ok());
    Ok(View {
        calendar,
        role: calendar.role(&call.user),
        zone,
        max_attendees,
    })
}

fn answer(call: &Call<'_>, calendar: &Calendar, events: Vec<Event>) -> Result<Reply, ApiError> {
    let view = view(call, calendar)?;
    let size = call.page_size("maxResults", 250, 2500);
    let (events, next) = call.page(events, size)?;
    let items: Vec<Value> = events.iter().map(|event| view.show(event)).collect();
    let entry = call.world.calendar.lists.get(&call.user);
    let entry = entry.and_then(|list| list.iter().find(|entry| entry.id == calendar.id));
    let revision = call.world.calendar.revision();
    let mut answer = json!({
        "kind": "calendar#events",
        "etag": etag(revision),
        "summary": calendar.summary,
        "description": calendar.description.clone().unwrap_or_default(),
        "updated": when::stamp(call.now),
        "timeZone": view.zone.iana_name().unwrap_or("UTC"),
        "accessRole": view.role.name(),
        "defaultReminders":
            entry.and_then(|entry| entry.fields.get("defaultReminders")).unwrap_or(&json!([])),
        "items": items,
    });
    match next {
        Some(token) => answer["nextPageToken"] = json!(token),
        None if NOT_WITH_SYNC.iter().all(|name| call.text(name).is_none()) => {
            answer["nextSyncToken"] = json!(sync_token(revision, call.now));
        }
        None => {}
    }
    Ok(Reply::json(answer))
}

/// Which events are wanted.
struct Question {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// The end of what is expanded.
    horizon: Timestamp,
    single: bool,
    show_deleted: bool,
    /// Only what changed after this revision.
    since: Option<u64>,
    updated_min: Option<Timestamp>,
    words: Vec<String>,
    ical_uid: Option<String>,
    kinds: Vec<String>,
    private: Vec<String>,
    shared: Vec<String>,
}

impl Question {
    fn read(call: &Call<'_>, calendar: &Calendar) -> Result<Self, ApiError> {
        let single = call.flag("singleEvents");
        if call.text("orderBy") == Some("startTime") && !single {
            return Err(ApiError::new(
                400,
                "badRequest",
                "The requested ordering is not available for the particular query.",
            )
            .at_parameter("orderBy"));
        }
        let from = when::parameter(call.text("timeMin"), "timeMin")?;
        let to = when::parameter(call.text("timeMax"), "timeMax")?;
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            return Err(
                ApiError::new(400, "timeRangeEmpty", "The specified time range is empty.")
                    .in_domain("calendar")
                    .at_parameter("timeMax"),
            );
        }
        let ahead = from.unwrap_or(call.now).max(call.now).checked_add(HORIZON);
        let words = call.text("q").unwrap_or_default().to_lowercase();
        Ok(Self {
            from,
            to,
            horizon: to.or(ahead.ok()).unwrap_or(Timestamp::MAX),
            single,
            show_deleted: call.flag("showDeleted"),
            since: since(call, calendar)?,
            updated_min: when::parameter(call.text("updatedMin"), "updatedMin")?,
            words: words.split_whitespace().map(String::from).collect(),
            ical_uid: call.text("iCalUID").map(String::from),
            kinds: call.all("eventTypes"),
            private: call.all("privateExtendedProperty"),
            shared: call.all("sharedExtendedProperty"),
        })
    }

    fn answer(&self, calendar: &Calendar) -> Vec<(Option<Times>, Event)> {
        let home = calendar.zone();
        let mut found = Vec::new();
        for event in calendar.events.values().filter(|event| self.fits(event)) {
            let recurring = event.fields.contains_key("recurrence");
            let times = Times::of(&event.fields, &home);
            if is_cancelled(&event.fields) || !recurring {
                if times
                    .as_ref()
                    .is_none_or(|times| times.within(self.from, self.to, &home))
                {
                    found.push((times, event.clone()));
                }
                continue;
            }
            let instances = event::instances(calendar, event, self.from, self.horizon);
            if self.single {
                found.extend(
                    instances
                        .into_iter()
                        .map(|(times, event)| (Some(times), event)),
                );
            } else if !instances.is_empty() || (self.from.is_none() && self.to.is_none()) {
                found.push((times, event.clone()));
            }
        }
        found
    }

    fn fits(&self, event: &Event) -> bool {
        let fields = &event.fields;
        let exception = fields.contains_key("recurringEventId");
        let deleted_too = self.show_deleted
            || self.since.is_some()
            || self.updated_min.is_some()
            // An instance that was called off is part of what its series is.
            || (exception && !self.single);
        let updated = text(fields, "updated").and_then(|updated| updated.parse().ok());
        (deleted_too || !is_cancelled(fields))
            && self.since.is_none_or(|since| event.revision > since)
            && self
                .updated_min
                .is_none_or(|least| updated.is_none_or(|updated: Timestamp| updated >= least))
            && self
                .ical_uid
                .as_deref()
                .is_none_or(|uid| text(fields, "iCalUID") == Some(uid))
            && (self.kinds.is_empty()
                || self
                    .kinds
                    .iter()
                    .any(|kind| text(fields, "eventType").unwrap_or("default") == kind))
            && has_properties(event, "private", &self.private)
            && has_properties(event, "shared", &self.shared)
            && self.has_words(event)
    }

    fn has_words(&self, event: &Event) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let mut searched = String::new();
        for name in ["summary", "description", "location"] {
            searched.push_str(&text(&event.fields, name).unwrap_or_default().to_lowercase());
            searched.push('\n');
        }
        let attendees = event.fields.get("attendees").and_then(Value::as_array);
        let people = attendees
            .into_iter()
            .flatten()
            .chain(event.fields.get("organizer"));
        for person in people {
            for name in ["email", "displayName"] {
                searched.push_str(&person[name].as_str().unwrap_or_default().to_lowercase());
                searched.push('\n');
            }
        }
        self.words
            .iter()
            .all(|word| searched.contains(word.as_str()))
    }
}

fn has_properties(event: &Event, kind: &str, wanted: &[String]) -> bool {
    wanted.iter().all(|pair| {
        let Some((name, value)) = pair.split_once('=') else {
            return false;
        };
        let properties = event.fields.get("extendedProperties");
        properties.is_some_and(|properties| properties[kind][name] == value)
    })
}

fn sync_token(revision: u64, now: Timestamp) -> String {
    URL_SAFE_NO_PAD.encode(format!("{revision}:{}", now.as_second()))
}

/// The revision a sync token stands for.
fn since(call: &Call<'_>, calendar: &Calendar) -> Result<Option<u64>, ApiError> {
    let Some(token) = call.text("syncToken") else {
        return Ok(None);
    };
    if let Some(name) = NOT_WITH_SYNC.iter().find(|name| call.text(name).is_some()) {
        let message = format!("Sync token cannot be used with {name} query restriction.");
        return Err(ApiError::new(400, "badRequest", message).at_parameter("syncToken"));
    }
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (revision, issued) = text.split_once(':')?;
        let issued = Timestamp::from_second(issued.parse().ok()?).ok()?;
        Some((revision.parse::<u64>().ok()?, issued))
    };
    let (revision, issued) =
        read().ok_or_else(|| invalid("Invalid sync token value.").at_parameter("syncToken"))?;
    if revision < calendar.forgotten || call.now.duration_since(issued) > SYNC_TOKEN_LIFE {
        let message = "Sync token is no longer valid, a full sync is required.";
        return Err(ApiError::new(410, "fullSyncRequired", message)
            .in_domain("calendar")
            .at_parameter("syncToken"));
    }
    Ok(Some(revision))
}
