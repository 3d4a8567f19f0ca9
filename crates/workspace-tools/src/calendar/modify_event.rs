//! `modify_event`: changes an event, one instance, the rest of a series or a whole series.

use foundation::Kind;
use jiff::{SignedDuration, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    calendar_or_primary,
    changes::{self, Show, Visibility},
    create_event, explain,
    google::{Attendee, Event, FULL, Reminder, Saved},
    people::{self, SendUpdates},
    recurrence,
    series::{self, ApplyTo},
    times::{self, Point, Spoken},
    words,
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// How often a change is made anew because somebody else was faster.
const TRIES: usize = 4;

/// Changes an event.
pub(super) struct ModifyEvent;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Of an event, a series or one instance.
    event_id: String,
    /// Default primary.
    #[serde(default)]
    calendar_id: Option<String>,
    /// For an instance, default itself.
    #[serde(default)]
    apply_to: Option<ApplyTo>,
    #[serde(default)]
    summary: Option<String>,
    /// The length stays unless given.
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    duration_minutes: Option<i64>,
    /// Of local times, default the event's.
    #[serde(default)]
    timezone: Option<String>,
    /// "" removes it.
    #[serde(default)]
    description: Option<String>,
    /// "" removes it.
    #[serde(default)]
    location: Option<String>,
    /// The whole list; who stays keeps the answer.
    #[serde(default)]
    attendees: Option<Vec<String>>,
    #[serde(default)]
    add_attendees: Option<Vec<String>>,
    #[serde(default)]
    remove_attendees: Option<Vec<String>>,
    /// Your answer to an invitation.
    #[serde(default)]
    response: Option<Answer>,
    /// As in create_event; [] ends it.
    #[serde(default)]
    recurrence: Option<Vec<String>>,
    /// As in create_event.
    #[serde(default)]
    reminders: Option<Vec<Reminder>>,
    /// false removes it.
    #[serde(default)]
    add_google_meet: Option<bool>,
    #[serde(default)]
    visibility: Option<Visibility>,
    #[serde(default)]
    transparency: Option<Show>,
    /// Who gets mail, default all.
    #[serde(default)]
    send_updates: Option<SendUpdates>,
}

/// An answer to an invitation.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Accepted,
    Declined,
    Tentative,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Tentative => "tentative",
        }
    }
}

impl Tool for ModifyEvent {
    const META: Meta = Meta {
        name: "modify_event",
        title: "Modify event",
        description: "Change an event or answer an invitation; only what is given changes.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: true,
        methods: &[
            "calendar.events.get",
            "calendar.events.list",
            "calendar.events.patch",
            "calendar.events.insert",
            "calendar.events.instances",
        ],
        outside_content: false,
        aliases: &[
            Alias::same("update_event"),
            Alias::same("update_calendar_event"),
        ],
        examples: &[
            Example {
                say: "Add Sam to the dentist appointment, and move it to the small room",
                arguments: r#"{"event_id": "{event:Release 1.4}", "location": "Small room", "add_attendees": ["pat@elsewhere.example"]}"#,
                gives: "Successfully modified event 'Release 1.4'",
            },
            Example {
                say: "Accept the budget talk",
                arguments: r#"{"event_id": "{event:Budget talk}", "response": "accepted"}"#,
                gives: "your answer",
            },
        ],
    };
    type Input = Input;
    type Output = Saved;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Saved>, ToolError> {
        let calendar = calendar_or_primary(input.calendar_id.as_deref());
        let wanted = Wanted::read(&input)?;
        let id = input.event_id.trim().to_owned();
        // A local time needs a zone; that of the calendar is the last resort, asked at once.
        let home = async {
            match (&wanted.zone, wanted.is_local()) {
                (None, true) => times::zone_of(cx, calendar).await.map(Some),
                _ => Ok(None),
            }
        };
        let (event, home) =
            futures::future::try_join(series::read(cx, calendar, &id), home).await?;
        let job = Job {
            cx,
            calendar,
            input: &input,
            wanted: &wanted,
            home: home.as_ref(),
        };
        match input.apply_to {
            Some(ApplyTo::Following) => job.following(event).await,
            Some(ApplyTo::Series) if event.recurring_event_id.is_some() => job.series(event).await,
            _ => job.patch(event, None).await,
        }
    }
}

/// What is wanted, as far as it can be read without the event.
struct Wanted {
    start: Option<Spoken>,
    end: Option<Spoken>,
    length: Option<SignedDuration>,
    zone: Option<TimeZone>,
    attendees: Option<Vec<String>>,
    added: Vec<String>,
    removed: Vec<String>,
    reminders: Option<Value>,
}

impl Wanted {
    fn read(input: &Input) -> Result<Self, ToolError> {
        let end = Spoken::read_opt("end_time", input.end_time.as_deref())?;
        let list = |name, list: &Option<Vec<String>>| {
            people::addresses(name, list.as_deref().unwrap_or_default())
        };
        let wanted = Self {
            start: Spoken::read_opt("start_time", input.start_time.as_deref())?,
            length: changes::length(input.duration_minutes, end.is_some())?,
            end,
            zone: input.timezone.as_deref().map(times::zone).transpose()?,
            attendees: match &input.attendees {
                None => None,
                given => Some(list("attendees", given)?),
            },
            added: list("add_attendees", &input.add_attendees)?,
            removed: list("remove_attendees", &input.remove_attendees)?,
            reminders: input
                .reminders
                .as_deref()
                .map(changes::reminders)
                .transpose()?,
        };
        let nothing = input.summary.is_none()
            && input.description.is_none()
            && input.location.is_none()
            && input.response.is_none()
            && input.recurrence.is_none()
            && input.add_google_meet.is_none()
            && input.visibility.is_none()
            && input.transparency.is_none()
            && wanted.reminders.is_none()
            && !wanted.moves()
            && !wanted.invites();
        if nothing {
            return Err(ToolError::input("there is nothing to change").hint(
                "give at least one argument besides event_id, such as start_time or summary",
            ));
        }
        Ok(wanted)
    }

    fn moves(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.length.is_some() || self.zone.is_some()
    }

    fn invites(&self) -> bool {
        self.attendees.is_some() || !self.added.is_empty() || !self.removed.is_empty()
    }

    fn is_local(&self) -> bool {
        [&self.start, &self.end]
            .into_iter()
            .flatten()
            .any(Spoken::needs_zone)
    }
}

/// One call of the tool, once its event is known.
struct Job<'a> {
    cx: &'a ToolCx,
    calendar: &'a str,
    input: &'a Input,
    wanted: &'a Wanted,
    home: Option<&'a TimeZone>,
}

impl Job<'_> {
    /// Changes one event as it is, anew if somebody else changed it meanwhile.
    async fn patch(
        &self,
        mut event: Event,
        shift: Option<(Point, Point)>,
    ) -> Result<Reply<Saved>, ToolError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (body, mut changed) = self.body(&event, shift.as_ref())?;
            let updates = self.updates(&event, &body)?;
            let mut call = self
                .cx
                .call("calendar.events.patch")
                .param("calendarId", self.calendar)
                .param("eventId", &event.id)
                .param_opt("sendUpdates", updates)
                .param_opt(
                    "conferenceDataVersion",
                    body.contains_key("conferenceData").then_some(1),
                )
                .fields(FULL)
                .idempotency(google_api::Idempotency::Keyed);
            // Only a list that was read before depends on nobody having written meanwhile.
            if body.contains_key("attendees")
                && let Some(etag) = &event.etag
            {
                call = call.if_match(etag);
            }
            let guests = self.recipients(&event, &body).len();
            match call.body(Value::Object(body)).send_as::<Event>().await {
                Ok(after) => {
                    if self.input.add_google_meet == Some(false) {
                        changed.retain(|part| *part != "Google Meet");
                    }
                    return Ok(self.said(&after, &changed, updates, guests, None));
                }
                Err(error) if error.status == Some(412) && tries < TRIES => {
                    event = series::read(self.cx, self.calendar, &event.id).await?;
                }
                Err(error) if error.status == Some(412) => {
                    let error = ToolError::from(error);
                    return Err(ToolError {
                        kind: Kind::Conflict,
                        ..error
                    }
                    .hint("somebody is changing this event right now; try again"));
                }
                Err(error) => return Err(explain(error, self.calendar, Some(&event.id))),
            }
        }
    }

    /// Changes the series an instance belongs to; times move as far as the instance's would.
    async fn series(&self, instance: Event) -> Result<Reply<Saved>, ToolError> {
        let id = series::series_of(&instance)?.to_owned();
        let master = series::read(self.cx, self.calendar, &id).await?;
        let shift = if self.wanted.moves() {
            Some(shifted(&instance, &master, &self.ends(&instance)?)?)
        } else {
            None
        };
        self.patch(master, shift).await
    }

    /// Ends the series before an instance and goes on with a changed one.
    async fn following(&self, instance: Event) -> Result<Reply<Saved>, ToolError> {
        let split = series::split(self.cx, self.calendar, &instance).await?;
        if split.is_first {
            return self.series(instance).await;
        }
        let master = series::read(self.cx, self.calendar, &split.series).await?;
        let mut part = instance.clone();
        // The rest begins where the series says, whatever was done to this one instance.
        let (first, last) = ends_of(&master)?;
        let begin = split.at.clone();
        let end = begin.later(between(&first, &last))?;
        part.start = serde_json::from_value(begin.json(false)).map_err(ToolError::internal)?;
        part.end = serde_json::from_value(end.json(false)).map_err(ToolError::internal)?;
        part.attendees.clone_from(&master.attendees);
        part.recurrence = Some(split.rest.clone());
        part.hangout_link.clone_from(&master.hangout_link);
        let (patch, changed) = self.body(&part, None)?;
        let updates = self.updates(&part, &patch)?;
        let guests = self.recipients(&part, &patch).len();
        let mut body = split.carried.clone();
        let begin = if self.wanted.moves() {
            None
        } else {
            Some((begin, end))
        };
        if let Some((begin, end)) = begin {
            body.insert("start".into(), begin.json(false));
            body.insert("end".into(), end.json(false));
        }
        body.insert("recurrence".into(), json!(split.rest));
        for (name, value) in patch {
            body.insert(name, without_nulls(value));
        }
        body.retain(|_, value| !value.is_null());
        if let Some(Value::Array(attendees)) = body.get_mut("attendees") {
            attendees.iter_mut().for_each(writable);
        }
        let id = series::id_of_rest(&split.series, &split.at);
        body.insert("id".into(), json!(id));
        let (conference, files) = (
            body.contains_key("conferenceData"),
            body.contains_key("attachments"),
        );
        let body = Value::Object(body);
        let rest = create_event::insert(
            self.cx,
            self.calendar,
            &id,
            body,
            updates,
            conference,
            files,
        )
        .await?;
        series::shorten(self.cx, self.calendar, &split, updates).await?;
        Ok(self.said(&rest, &changed, updates, guests, Some(&split.series)))
    }

    /// The change as Google's JSON, and its parts in words.
    fn body(
        &self,
        event: &Event,
        shift: Option<&(Point, Point)>,
    ) -> Result<(Map<String, Value>, Vec<&'static str>), ToolError> {
        let (input, mut body, mut changed) = (self.input, Map::new(), Vec::new());
        let mut set = |name: &'static str, said: &'static str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
                if !changed.contains(&said) {
                    changed.push(said);
                }
            }
        };
        set(
            "summary",
            "title",
            input.summary.as_ref().map(|text| json!(text)),
        );
        set(
            "description",
            "description",
            input.description.as_ref().map(|text| json!(text)),
        );
        set(
            "location",
            "location",
            input.location.as_ref().map(|text| json!(text)),
        );
        set(
            "visibility",
            "visibility",
            input.visibility.map(|value| json!(value.word())),
        );
        set(
            "transparency",
            "transparency",
            input.transparency.map(|value| json!(value.word())),
        );
        set("reminders", "reminders", self.wanted.reminders.clone());
        let mut start = None;
        if self.wanted.moves() {
            let (begin, end) = match shift {
                Some(shift) => shift.clone(),
                None => self.ends(event)?,
            };
            set("start", "time", Some(begin.json(true)));
            set("end", "time", Some(end.json(true)));
            start = Some(begin);
        }
        if let Some(lines) = &input.recurrence {
            let start = match start {
                Some(start) => start,
                None => ends_of(event)?.0,
            };
            if event.recurring_event_id.is_some() && event.recurrence.is_none() {
                return Err(ToolError::input(
                    "one instance of a series has no recurrence of its own",
                )
                .hint("set apply_to to series or following"));
            }
            set(
                "recurrence",
                "recurrence",
                Some(json!(recurrence::read(lines, &start)?)),
            );
        }
        if self.wanted.invites() || input.response.is_some() {
            let said = if self.wanted.invites() {
                "guests"
            } else {
                "your answer"
            };
            set("attendees", said, Some(self.guests(event)?));
        }
        match (input.add_google_meet, &event.hangout_link) {
            (Some(true), None) => {
                let key = super::new_id(self.cx.random.as_ref());
                set(
                    "conferenceData",
                    "Google Meet",
                    Some(changes::meet_request(&key)),
                );
            }
            (Some(false), _) => set("conferenceData", "Google Meet", Some(Value::Null)),
            _ => {}
        }
        Ok((body, changed))
    }

    /// The guest list after the change; whoever stays keeps everything.
    fn guests(&self, event: &Event) -> Result<Value, ToolError> {
        let (known, wanted) = (event.guests(), self.wanted);
        let is = |guest: &Attendee, email: &str| guest.email.eq_ignore_ascii_case(email);
        let mut list: Vec<Attendee> = match &wanted.attendees {
            None => known.to_vec(),
            Some(emails) => {
                // The organizer and rooms stay, even when the caller names only people.
                let stays = |guest: &&Attendee| {
                    guest.organizer == Some(true)
                        || guest.resource == Some(true)
                        || emails.iter().any(|email| is(guest, email))
                };
                known.iter().filter(stays).cloned().collect()
            }
        };
        if let Some(missing) = wanted
            .removed
            .iter()
            .find(|email| !known.iter().any(|guest| is(guest, email)))
        {
            let invited: Vec<String> = known.iter().map(|guest| text::line(&guest.email)).collect();
            let hint = if invited.is_empty() {
                "nobody is invited to this event".to_owned()
            } else {
                format!("invited are: {}", invited.join(", "))
            };
            return Err(ToolError::input(format!("{missing} is not invited")).hint(hint));
        }
        list.retain(|guest| !wanted.removed.iter().any(|email| is(guest, email)));
        for email in wanted.attendees.iter().flatten().chain(&wanted.added) {
            if !list.iter().any(|guest| is(guest, email)) {
                list.push(Attendee::named(email));
            }
        }
        if let Some(answer) = self.input.response {
            let own = list.iter_mut().find(|guest| {
                guest.own == Some(true) || guest.email.eq_ignore_ascii_case(&self.cx.email)
            });
            let Some(own) = own else {
                return Err(ToolError::input("this account is not invited to the event")
                    .hint("response answers an invitation; leave it out"));
            };
            own.response_status = Some(answer.word().to_owned());
        }
        let mut list = serde_json::to_value(list).map_err(ToolError::internal)?;
        list.as_array_mut().into_iter().flatten().for_each(writable);
        Ok(list)
    }

    /// Begin and end after the change; what was not given stays as it is.
    fn ends(&self, event: &Event) -> Result<(Point, Point), ToolError> {
        let (begin, end) = ends_of(event)?;
        let own = event.zone();
        let zone = self.wanted.zone.as_ref().or(own.as_ref()).or(self.home);
        let length = self.wanted.length.unwrap_or_else(|| between(&begin, &end));
        let rezoned = |point: Point| match (point, &self.wanted.zone) {
            (Point::Moment(moment, _), Some(zone)) => Point::Moment(moment, Some(zone.clone())),
            (point, _) => point,
        };
        let new_begin = match &self.wanted.start {
            Some(start) => start.point("start_time", zone)?,
            None => rezoned(begin.clone()),
        };
        let new_end = match (&self.wanted.end, &self.wanted.start, self.wanted.length) {
            (Some(end), ..) => end.point("end_time", zone)?,
            (None, None, None) => rezoned(end),
            // An event that becomes all-day, or ceases to be, takes the usual length.
            (None, Some(_), None)
                if matches!(begin, Point::Day(_)) != matches!(new_begin, Point::Day(_)) =>
            {
                new_begin.later(SignedDuration::from_hours(1))?
            }
            _ => new_begin.later(length)?,
        };
        let new_end = times::span(&new_begin, new_end)?;
        Ok((new_begin, new_end))
    }

    /// The word for Google, once the policy agrees with everybody it reaches.
    fn updates(
        &self,
        event: &Event,
        body: &Map<String, Value>,
    ) -> Result<Option<&'static str>, ToolError> {
        let private = ["reminders", "visibility", "transparency"];
        if body.keys().all(|name| private.contains(&name.as_str())) {
            return Ok(None);
        }
        let what = format!("a changed invitation to \"{}\"", event.title());
        let wanted = self.input.send_updates.unwrap_or_default();
        wanted.permitted(self.cx, &what, &self.recipients(event, body))
    }

    /// Everybody whom mail about the change would reach.
    fn recipients(&self, event: &Event, body: &Map<String, Value>) -> Vec<String> {
        let only_answer =
            self.input.response.is_some() && body.len() == 1 && !self.wanted.invites();
        let organizer = event
            .organizer
            .as_ref()
            .and_then(|person| person.email.clone());
        let mut all = if only_answer {
            organizer.into_iter().collect()
        } else {
            people::everybody(event)
        };
        if !only_answer {
            let new = body
                .get("attendees")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            for email in new.filter_map(|guest| guest["email"].as_str()) {
                if !all
                    .iter()
                    .any(|known: &String| known.eq_ignore_ascii_case(email))
                {
                    all.push(email.to_owned());
                }
            }
        }
        all.retain(|email| !email.eq_ignore_ascii_case(&self.cx.email));
        all
    }

    fn said(
        &self,
        event: &Event,
        changed: &[&str],
        updates: Option<&str>,
        guests: usize,
        split_from: Option<&str>,
    ) -> Reply<Saved> {
        let own = event.zone();
        let zone = self.wanted.zone.as_ref().or(own.as_ref()).or(self.home);
        let zone = zone.cloned().unwrap_or(TimeZone::UTC);
        let mut said = format!(
            "Successfully modified event '{}' (ID: {}) for {}.",
            event.title(),
            event.id,
            self.cx.email
        );
        if let Some(link) = &event.html_link {
            said.push_str(&format!(" Link: {link}"));
        }
        match (self.input.add_google_meet, &event.hangout_link) {
            (Some(false), None) => said.push_str(" (Google Meet removed)"),
            (_, Some(link)) => said.push_str(&format!(" Google Meet: {link}")),
            _ => {}
        }
        said.push_str(&format!("\n{}", words::span_with_zone(event, &zone)));
        if let Some(rules) = &event.recurrence {
            said.push_str(&format!("\nRepeats: {}.", recurrence::words(rules)));
        }
        if !changed.is_empty() {
            said.push_str(&format!("\nChanged: {}.", changed.join(", ")));
        }
        if let Some(series) = split_from {
            said.push_str(&format!(
                "\nThis is a series of its own now; the one before (ID: {series}) ends where it begins."
            ));
        }
        said.push_str(&people::told(updates, guests));
        Reply::new(Saved::from(event), said)
    }
}

/// Begin and end of a series that moves as far as one of its instances does.
fn shifted(
    instance: &Event,
    master: &Event,
    (new_begin, new_end): &(Point, Point),
) -> Result<(Point, Point), ToolError> {
    let (old, _) = ends_of(instance)?;
    let (first, _) = ends_of(master)?;
    let begin = match (&old, new_begin, &first) {
        (Point::Day(old), Point::Day(new), Point::Day(first)) => {
            first.checked_add(*new - *old).map(Point::Day).ok()
        }
        (Point::Moment(old, own), Point::Moment(new, zone), Point::Moment(first, first_zone)) => {
            // Clock time counts: nine becomes ten in summer and in winter.
            let zone = zone
                .clone()
                .or_else(|| own.clone())
                .unwrap_or(TimeZone::UTC);
            let by = zone
                .to_datetime(*new)
                .duration_since(zone.to_datetime(*old));
            let local = zone.to_datetime(*first).checked_add(by).ok();
            local
                .and_then(|local| zone.to_ambiguous_timestamp(local).compatible().ok())
                .map(|moment| Point::Moment(moment, Some(zone).or_else(|| first_zone.clone())))
        }
        _ => {
            return Err(ToolError::input(
                "a series cannot change between all-day and timed by one of its instances",
            )
            .hint("give the id of the series itself and its first start_time and end_time"));
        }
    };
    let begin = begin.ok_or_else(|| ToolError::input("the new start is out of range"))?;
    let end = begin.later(between(new_begin, new_end))?;
    Ok((begin, end))
}

/// Begin and end of an event as they are.
fn ends_of(event: &Event) -> Result<(Point, Point), ToolError> {
    let zone = event.zone();
    let read = |when: &Option<super::google::When>| {
        when.as_ref()
            .and_then(|when| series::point(when, zone.as_ref()))
    };
    match (read(&event.start), read(&event.end)) {
        (Some(start), Some(end)) => Ok((start, end)),
        _ => Err(ToolError::input(
            "Google does not say when this event begins and ends",
        )),
    }
}

fn between(start: &Point, end: &Point) -> SignedDuration {
    match (start, end) {
        (Point::Day(first), Point::Day(last)) => last.duration_since(*first),
        (Point::Moment(first, _), Point::Moment(last, _)) => last.duration_since(*first),
        _ => SignedDuration::from_hours(1),
    }
}

/// Takes away what only Google writes.
fn writable(guest: &mut Value) {
    if let Some(fields) = guest.as_object_mut() {
        fields.retain(|name, _| !["self", "organizer", "id"].contains(&name.as_str()));
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
