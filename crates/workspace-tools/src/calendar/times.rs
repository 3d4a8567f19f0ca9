//! Days and times as callers write them, and what they mean in a zone.
//!
//! Invariant: a local time that does not exist is refused with the times that do, never moved.

use foundation::nearest;
use jiff::{
    SignedDuration, Timestamp, ToSpan, Zoned,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};
use serde_json::{Value, json};

use crate::{ToolCx, ToolError};

/// A day or time as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Spoken {
    /// Without a time of day.
    Day(Date),
    /// A clock time that needs a zone.
    Local(DateTime),
    /// A moment, and the zone if one was named in brackets.
    Moment(Timestamp, Option<TimeZone>),
}

/// One end of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Point {
    /// A whole day.
    Day(Date),
    /// A moment, and the zone it is meant in, if that is known.
    Moment(Timestamp, Option<TimeZone>),
}

impl Spoken {
    /// Reads the argument called `name`.
    pub(super) fn read(name: &str, text: &str) -> Result<Self, ToolError> {
        let text = text.trim();
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(Self::Moment(
                zoned.timestamp(),
                Some(zoned.time_zone().clone()),
            ));
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::Moment(moment, None));
        }
        if !text.contains([':', 'T', ' '])
            && let Ok(day) = text.parse::<Date>()
        {
            return Ok(Self::Day(day));
        }
        if let Ok(local) = text.parse::<DateTime>() {
            return Ok(Self::Local(local));
        }
        Err(ToolError::input(format!(
            "{name} \"{}\" is no day or time",
            crate::text::line(text)
        ))
        .hint(
            "write 2026-03-30T09:00:00+02:00, 2026-03-30T09:00 (local time) or 2026-03-30 (a day)",
        ))
    }

    /// Reads it if there is one.
    pub(super) fn read_opt(name: &str, text: Option<&str>) -> Result<Option<Self>, ToolError> {
        text.filter(|text| !text.trim().is_empty())
            .map(|text| Self::read(name, text))
            .transpose()
    }

    /// Refuses a day at one end and a time at the other.
    pub(super) fn check_kinds(start: &Self, end: Option<&Self>) -> Result<(), ToolError> {
        let is_day = |spoken: &Self| matches!(spoken, Self::Day(_));
        match end {
            Some(end) if is_day(start) != is_day(end) => Err(mixed()),
            _ => Ok(()),
        }
    }

    /// Whether it means nothing without a zone.
    pub(super) fn needs_zone(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// What it means as one end of an event.
    pub(super) fn point(&self, name: &str, zone: Option<&TimeZone>) -> Result<Point, ToolError> {
        match (self, zone) {
            (Self::Day(day), _) => Ok(Point::Day(*day)),
            (Self::Moment(moment, own), zone) => Ok(Point::Moment(
                *moment,
                own.clone().or_else(|| zone.cloned()),
            )),
            (Self::Local(local), Some(zone)) => Ok(Point::Moment(
                existing(name, *local, zone)?,
                Some(zone.clone()),
            )),
            (Self::Local(_), None) => Err(ToolError::input(format!("{name} needs a time zone"))
                .hint("give timezone, such as Europe/Prague, or an offset, such as +02:00")),
        }
    }

    /// What it means as the bound of a window: a day begins with its first moment.
    pub(super) fn moment(&self, name: &str, zone: &TimeZone) -> Result<Timestamp, ToolError> {
        match self {
            Self::Day(day) => Ok(midnight(*day, zone)),
            Self::Local(local) => existing(name, *local, zone),
            Self::Moment(moment, _) => Ok(*moment),
        }
    }
}

impl Point {
    /// The point as Google's JSON; a patch needs the other kind of field taken away.
    pub(super) fn json(&self, patch: bool) -> Value {
        let mut value = match self {
            Self::Day(day) => json!({"date": day.to_string()}),
            Self::Moment(moment, None) => json!({"dateTime": moment.to_string()}),
            Self::Moment(moment, Some(zone)) => {
                let mut value = json!({"dateTime": rfc3339(*moment, zone)});
                if let Some(name) = zone.iana_name() {
                    value["timeZone"] = json!(name);
                }
                value
            }
        };
        if patch {
            let other: &[&str] = match self {
                Self::Day(_) => &["dateTime", "timeZone"],
                Self::Moment(..) => &["date"],
            };
            for name in other {
                value[*name] = Value::Null;
            }
        }
        value
    }

    /// The point that lies `length` later; days count whole days.
    pub(super) fn later(&self, length: SignedDuration) -> Result<Self, ToolError> {
        let far = |_| ToolError::input("the end lies beyond the year 9999");
        match self {
            Self::Day(day) => {
                let days = length.as_hours().max(24) / 24;
                day.checked_add(days.days()).map(Self::Day).map_err(far)
            }
            Self::Moment(moment, zone) => {
                let end = moment.checked_add(length).map_err(far)?;
                Ok(Self::Moment(end, zone.clone()))
            }
        }
    }
}

/// An event's begin and end, checked against each other.
pub(super) fn span(start: &Point, end: Point) -> Result<Point, ToolError> {
    match (start, &end) {
        // A day that ends on itself means that one day; Google wants the day after.
        (Point::Day(first), Point::Day(last)) if first == last => start.later(SignedDuration::ZERO),
        (Point::Day(first), Point::Day(last)) if last < first => Err(ToolError::input(format!(
            "end_time {last} lies before start_time {first}"
        ))),
        (Point::Moment(first, _), Point::Moment(last, _)) if last < first => Err(ToolError::input(
            format!("end_time {last} lies before start_time {first}"),
        )
        .hint("both are shown in UTC; check the days and offsets")),
        (Point::Day(_), Point::Day(_)) | (Point::Moment(..), Point::Moment(..)) => Ok(end),
        _ => Err(mixed()),
    }
}

fn mixed() -> ToolError {
    ToolError::input("start_time and end_time must both be days or both be times")
        .hint("leave the time of day out of both for an all-day event")
}

/// The zone of that name.
pub(super) fn zone(name: &str) -> Result<TimeZone, ToolError> {
    let name = name.trim();
    TimeZone::get(name).map_err(|_| {
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let near = nearest(name, names.iter().map(String::as_str));
        let hint = near.map_or_else(
            || "use an IANA name such as Europe/Prague or America/New_York".to_owned(),
            |near| format!("did you mean {near}? use an IANA name"),
        );
        ToolError::input(format!(
            "there is no time zone \"{}\"",
            crate::text::line(name)
        ))
        .hint(hint)
    })
}

/// The zone of a calendar, asked of the method that every scope for events allows.
pub(super) async fn zone_of(cx: &ToolCx, calendar: &str) -> Result<TimeZone, ToolError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        time_zone: Option<String>,
    }
    let answer: Answer = cx
        .call("calendar.events.list")
        .param("calendarId", calendar)
        .param("maxResults", 1)
        .fields("timeZone")
        .send_as()
        .await
        .map_err(|error| super::explain(error, calendar, None))?;
    Ok(answer
        .time_zone
        .and_then(|name| TimeZone::get(&name).ok())
        .unwrap_or(TimeZone::UTC))
}

/// The first moment of a day.
pub(super) fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    let start = zone.to_ambiguous_timestamp(day.into()).compatible();
    start.unwrap_or(if day.year() > 0 {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    })
}

/// A moment with the offset that a zone has then.
pub(super) fn rfc3339(moment: Timestamp, zone: &TimeZone) -> String {
    moment
        .display_with_offset(zone.to_offset(moment))
        .to_string()
}

/// The moment of a clock time; the first of two when the clocks go back.
fn existing(name: &str, local: DateTime, zone: &TimeZone) -> Result<Timestamp, ToolError> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let out_of_range = |_| ToolError::input(format!("{name} {local} is out of range"));
    if let AmbiguousOffset::Gap { before, after } = ambiguous.offset() {
        let early = before.to_timestamp(local).map_err(out_of_range)?;
        let moved = zone.to_datetime(early);
        let length = i64::from(after.seconds() - before.seconds()) / 60;
        let zone = zone.iana_name().unwrap_or("this zone");
        return Err(ToolError::input(format!(
            "{name} {local} does not exist in {zone}: the clocks are put forward by {length} minutes"
        ))
        .hint(format!("use {moved} or give an offset")));
    }
    ambiguous.compatible().map_err(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prague() -> TimeZone {
        TimeZone::get("Europe/Prague").unwrap()
    }

    fn point(text: &str) -> Result<Point, ToolError> {
        Spoken::read("start_time", text)?.point("start_time", Some(&prague()))
    }

    #[test]
    fn every_way_to_write_a_time_is_read() {
        let nine: Timestamp = "2026-03-30T07:00:00Z".parse().unwrap();
        for text in [
            "2026-03-30T09:00:00+02:00",
            "2026-03-30T07:00:00Z",
            "2026-03-30T09:00",
            "2026-03-30 09:00:00",
            "2026-03-30T09:00+02:00[Europe/Prague]",
        ] {
            let Ok(Point::Moment(moment, zone)) = point(text) else {
                panic!("{text}")
            };
            assert_eq!(
                (moment, zone.unwrap().iana_name().unwrap().to_owned()),
                (nine, "Europe/Prague".to_owned())
            );
        }
        assert_eq!(
            point("2026-03-30").unwrap(),
            Point::Day(jiff::civil::date(2026, 3, 30))
        );
        for text in [
            "tomorrow",
            "2026-02-30",
            "2026-03-30T25:00",
            "",
            "9999-99-99",
            "2026-03-30T09",
        ] {
            if let Err(error) = point(text) {
                assert!(error.hint.is_some(), "{text}");
            } else {
                assert_eq!(text, "2026-03-30T09");
            }
        }
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_explained() {
        let error = point("2026-03-29T02:30").unwrap_err();
        assert_eq!(
            error.message,
            "start_time 2026-03-29T02:30:00 does not exist in Europe/Prague: the clocks are put forward by 60 minutes"
        );
        assert_eq!(
            error.hint.as_deref(),
            Some("use 2026-03-29T03:30:00 or give an offset")
        );
        // A time that happens twice is the first.
        let twice = point("2026-10-25T02:30").unwrap();
        assert_eq!(twice.json(false)["dateTime"], "2026-10-25T02:30:00+02:00");
    }

    #[test]
    fn ends_fit_their_starts() {
        let start = point("2026-03-30").unwrap();
        assert_eq!(
            span(&start, start.clone()).unwrap(),
            point("2026-03-31").unwrap()
        );
        assert!(span(&start, point("2026-03-29").unwrap()).is_err());
        assert!(span(&start, point("2026-03-30T10:00").unwrap()).is_err());
        let nine = point("2026-03-30T09:00").unwrap();
        assert!(span(&nine, point("2026-03-30T08:59").unwrap()).is_err());
        assert!(span(&nine, nine.later(SignedDuration::from_mins(30)).unwrap()).is_ok());
        let end_of_time = Point::Moment(Timestamp::MAX, None);
        assert!(end_of_time.later(SignedDuration::from_hours(1)).is_err());
        assert!(Point::Day(Date::MAX).later(SignedDuration::ZERO).is_err());
    }

    #[test]
    fn a_patch_takes_the_other_kind_away() {
        let day = point("2026-03-30").unwrap().json(true);
        assert_eq!(
            day,
            json!({"date": "2026-03-30", "dateTime": null, "timeZone": null})
        );
    }

    #[test]
    fn zones_are_suggested() {
        let error = zone("Europe/Prag").unwrap_err();
        assert!(error.hint.unwrap().contains("Europe/Prague"));
        assert_eq!(
            zone("America/New_York").unwrap().iana_name(),
            Some("America/New_York")
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(text in ".{0,40}") {
            let _ = point(&text);
        }

        #[test]
        fn what_is_sent_is_what_was_meant(second in 0_i64..4_000_000_000) {
            let moment = Timestamp::from_second(second).unwrap();
            let sent = Point::Moment(moment, Some(prague())).json(false);
            let read: Timestamp = sent["dateTime"].as_str().unwrap().parse().unwrap();
            proptest::prop_assert_eq!(read, moment);
        }
    }
}
