//! What a change makes of an event: the body of the patch.
//!
//! Not who is told nor how it is sent: that is `edit`. Invariant: what the caller did not name is
//! not in the body, and whoever stays invited keeps the answer.

use jiff::{SignedDuration, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    changes,
    edit::Job,
    google::{Attendee, Event, When},
    recurrence, series,
    times::{self, Point},
};
use crate::{ToolError, text};

impl Job<'_> {
    /// The change as Google's JSON, and its parts in words.
    pub(super) fn body(
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
    pub(super) fn ends(&self, event: &Event) -> Result<(Point, Point), ToolError> {
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
}

/// Begin and end of a series that moves as far as one of its instances does.
pub(super) fn shifted(
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
pub(super) fn ends_of(event: &Event) -> Result<(Point, Point), ToolError> {
    let zone = event.zone();
    let read = |when: &Option<When>| {
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

pub(super) fn between(start: &Point, end: &Point) -> SignedDuration {
    match (start, end) {
        (Point::Day(first), Point::Day(last)) => last.duration_since(*first),
        (Point::Moment(first, _), Point::Moment(last, _)) => last.duration_since(*first),
        _ => SignedDuration::from_hours(1),
    }
}

/// Takes away what only Google writes.
pub(super) fn writable(guest: &mut Value) {
    if let Some(fields) = guest.as_object_mut() {
        fields.retain(|name, _| !["self", "organizer", "id"].contains(&name.as_str()));
    }
}
