//! How a change to an event is carried out: alone, for a series, or from an instance on.
//!
//! Invariant: a guest list goes out only on top of the version it was made from.

use foundation::Kind;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{
    create_event, explain,
    google::{Event, FULL, Saved},
    modify_event::{Input, Wanted},
    patch::{between, ends_of, shifted, writable},
    people, series,
    times::Point,
    words,
};
use crate::{Reply, ToolCx, ToolError};

/// How often a change is made anew because somebody else was faster.
const TRIES: usize = 4;

/// One call of the tool, once its event is known.
pub(super) struct Job<'a> {
    pub(super) cx: &'a ToolCx,
    pub(super) calendar: &'a str,
    pub(super) input: &'a Input,
    pub(super) wanted: &'a Wanted,
    pub(super) home: Option<&'a TimeZone>,
}

impl Job<'_> {
    /// Changes one event as it is, anew if somebody else changed it meanwhile.
    pub(super) async fn patch(
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
    pub(super) async fn series(&self, instance: Event) -> Result<Reply<Saved>, ToolError> {
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
    pub(super) async fn following(&self, instance: Event) -> Result<Reply<Saved>, ToolError> {
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
        said.push_str(&words::repeats(event, &zone));
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

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
