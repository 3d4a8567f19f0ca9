//! `create_event`: a new event, with guests, recurrence, reminders and a Meet link.

use foundation::Kind;
use google_api::Idempotency;
use jiff::{SignedDuration, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    calendar_or_primary,
    changes::{self, Show, Visibility},
    explain,
    google::{Event, FULL, Reminder, Saved},
    new_id,
    people::{self, SendUpdates},
    recurrence,
    times::{self, Spoken},
    words,
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Makes an event.
pub(super) struct CreateEvent;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Title.
    summary: String,
    /// RFC 3339, local time, or a day (all-day).
    start_time: String,
    /// All-day: the day after the last.
    #[serde(default)]
    end_time: Option<String>,
    /// Instead of end_time, default 60.
    #[serde(default)]
    duration_minutes: Option<i64>,
    /// Of local times, default the calendar's.
    #[serde(default)]
    timezone: Option<String>,
    /// Default primary.
    #[serde(default)]
    calendar_id: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    location: Option<String>,
    /// E-mail addresses.
    #[serde(default)]
    attendees: Option<Vec<String>>,
    #[serde(default)]
    optional_attendees: Option<Vec<String>>,
    /// RRULE lines or words ("every 2 weeks").
    #[serde(default)]
    recurrence: Option<Vec<String>>,
    /// {method: popup|email, minutes}; [] for none.
    #[serde(default)]
    reminders: Option<Vec<Reminder>>,
    #[serde(default)]
    add_google_meet: Option<bool>,
    /// Who gets mail, default all.
    #[serde(default)]
    send_updates: Option<SendUpdates>,
    /// Drive file ids or links.
    #[serde(default)]
    attachments: Option<Vec<String>>,
    #[serde(default)]
    visibility: Option<Visibility>,
    /// Transparent blocks no time.
    #[serde(default)]
    transparency: Option<Show>,
}

impl Tool for CreateEvent {
    const META: Meta = Meta {
        name: "create_event",
        title: "Create event",
        description: "Create a calendar event; guests are invited by mail.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: false,
        methods: &[
            "calendar.events.insert",
            "calendar.events.get",
            "calendar.events.list",
            "drive.files.get",
        ],
        outside_content: false,
        aliases: &[Alias::same("create_calendar_event")],
        examples: &[
            Example {
                say: "Book a test meeting on the first of February",
                arguments: r#"{"summary": "Test Meeting", "start_time": "2027-02-01T10:00:00-05:00", "end_time": "2027-02-01T11:00:00-05:00"}"#,
                gives: "Successfully created event 'Test Meeting'",
            },
            Example {
                say: "Meet Sam every second Monday at nine for half an hour, with a video link",
                arguments: r#"{"summary": "Catch-up", "start_time": "2027-03-01T09:00", "duration_minutes": 30, "timezone": "Europe/Prague", "attendees": ["sam@sandbox.example"], "recurrence": ["every 2 weeks"], "add_google_meet": true}"#,
                gives: "every 2 weeks",
            },
            Example {
                say: "Block the week in Rome",
                arguments: r#"{"summary": "Rome", "start_time": "2027-05-03", "end_time": "2027-05-08"}"#,
                gives: "all day, 5 days",
            },
        ],
    };
    type Input = Input;
    type Output = Saved;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Saved>, ToolError> {
        let calendar = calendar_or_primary(input.calendar_id.as_deref());
        let start = Spoken::read("start_time", &input.start_time)?;
        let end = Spoken::read_opt("end_time", input.end_time.as_deref())?;
        Spoken::check_kinds(&start, end.as_ref())?;
        let length = changes::length(input.duration_minutes, end.is_some())?;
        let guests = guests(&input)?;
        let reminders = input
            .reminders
            .as_deref()
            .map(changes::reminders)
            .transpose()?;
        let recurring = input
            .recurrence
            .as_ref()
            .is_some_and(|lines| !lines.is_empty());
        let named = input.timezone.as_deref().map(times::zone).transpose()?;
        let invited: Vec<String> = guests.iter().filter_map(email).collect();
        let what = format!("an invitation to \"{}\"", text::line(&input.summary));
        let updates = input
            .send_updates
            .unwrap_or_default()
            .permitted(cx, &what, &invited)?;

        // Google wants the zone of whatever recurs; what has an offset and happens once needs none.
        let of_days = matches!(start, Spoken::Day(_));
        let local = start.needs_zone() || end.as_ref().is_some_and(Spoken::needs_zone);
        let unknown = named.is_none() && !of_days && (local || recurring);
        let home = async {
            if unknown {
                times::zone_of(cx, calendar).await.map(Some)
            } else {
                Ok(named)
            }
        };
        let files = changes::attachments(cx, input.attachments.as_deref().unwrap_or_default());
        let (zone, files) = futures::future::try_join(home, files).await?;

        let start = start.point("start_time", zone.as_ref())?;
        let end = match end {
            Some(end) => end.point("end_time", zone.as_ref())?,
            None => start.later(length.unwrap_or(SignedDuration::from_hours(1)))?,
        };
        let end = times::span(&start, end)?;
        let id = new_id(cx.random.as_ref());
        let mut body = Map::new();
        body.insert("id".into(), json!(id));
        body.insert("summary".into(), json!(input.summary));
        body.insert("start".into(), start.json(false));
        body.insert("end".into(), end.json(false));
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        set(
            "description",
            input.description.as_ref().map(|text| json!(text)),
        );
        set("location", input.location.as_ref().map(|text| json!(text)));
        set("reminders", reminders);
        set(
            "visibility",
            input.visibility.map(|value| json!(value.word())),
        );
        set(
            "transparency",
            input.transparency.map(|value| json!(value.word())),
        );
        set(
            "attendees",
            (!guests.is_empty()).then_some(Value::Array(guests)),
        );
        let has_files = !files.is_empty();
        set("attachments", has_files.then_some(Value::Array(files)));
        if let Some(lines) = &input.recurrence {
            let lines = recurrence::read(lines, &start)?;
            set("recurrence", (!lines.is_empty()).then(|| json!(lines)));
        }
        let meet = input.add_google_meet == Some(true);
        set("conferenceData", meet.then(|| changes::meet_request(&id)));

        let event = insert(
            cx,
            calendar,
            &id,
            Value::Object(body),
            updates,
            meet,
            has_files,
        )
        .await?;
        let said = said(cx, &event, zone.as_ref(), updates, invited.len());
        Ok(Reply::new(Saved::from(&event), said))
    }
}

/// Inserts an event under an id of its own, once.
pub(super) async fn insert(
    cx: &ToolCx,
    calendar: &str,
    id: &str,
    body: Value,
    updates: Option<&str>,
    conference: bool,
    attachments: bool,
) -> Result<Event, ToolError> {
    let sent = cx
        .call("calendar.events.insert")
        .param("calendarId", calendar)
        .param_opt("sendUpdates", updates)
        .param_opt("conferenceDataVersion", conference.then_some(1))
        .param_opt("supportsAttachments", attachments.then_some(true))
        .fields(FULL)
        .body(body)
        .idempotency(Idempotency::Keyed)
        .send_as::<Event>()
        .await;
    let error = match sent {
        Ok(event) => return Ok(event),
        Err(error) => error,
    };
    // The id is ours alone: if it exists, this very call made it and only the answer was lost.
    let perhaps_made = error.status == Some(409)
        || error.took_effect
        || matches!(error.kind, Kind::Unknown | Kind::Upstream | Kind::Conflict);
    if !perhaps_made {
        return Err(explain(error, calendar, None));
    }
    let found = cx
        .call("calendar.events.get")
        .param("calendarId", calendar)
        .param("eventId", id)
        .fields(FULL)
        .send_as::<Event>()
        .await;
    match found {
        Ok(event) if !event.is_cancelled() => Ok(event),
        _ if error.kind == Kind::Unknown => Err(ToolError::from(error).hint(format!(
            "the event may exist: look with get_events, event_id \"{id}\", before trying again"
        ))),
        _ => Err(error.into()),
    }
}

/// The guests as Google's JSON, the optional ones marked.
fn guests(input: &Input) -> Result<Vec<Value>, ToolError> {
    let list = |name, list: &Option<Vec<String>>| {
        people::addresses(name, list.as_deref().unwrap_or_default())
    };
    let needed = list("attendees", &input.attendees)?;
    let optional = list("optional_attendees", &input.optional_attendees)?;
    let optional = optional
        .iter()
        .filter(|email| !needed.iter().any(|other| other.eq_ignore_ascii_case(email)))
        .map(|email| json!({"email": email, "optional": true}));
    let needed = needed.iter().map(|email| json!({"email": email}));
    Ok(needed.chain(optional).collect())
}

fn email(guest: &Value) -> Option<String> {
    guest["email"].as_str().map(String::from)
}

fn said(
    cx: &ToolCx,
    event: &Event,
    zone: Option<&TimeZone>,
    updates: Option<&str>,
    guests: usize,
) -> String {
    let own = event.zone();
    let zone = zone.or(own.as_ref()).cloned().unwrap_or(TimeZone::UTC);
    let title = event.title();
    let mut said = format!(
        "Successfully created event '{title}' for {} (ID: {}).",
        cx.email, event.id
    );
    if let Some(link) = &event.html_link {
        said.push_str(&format!(" Link: {link}"));
    }
    if let Some(link) = &event.hangout_link {
        said.push_str(&format!(" Google Meet: {link}"));
    }
    said.push_str(&format!("\n{}", words::span_with_zone(event, &zone)));
    said.push_str(&words::repeats(event, &zone));
    said.push_str(&people::told(updates, guests));
    said
}
