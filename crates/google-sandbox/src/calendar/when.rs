//! Days and moments, between Google's JSON and the calculation.
//!
//! Invariant: an event's own zone survives the round trip; only what is shown moves to the zone
//! that was asked for.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    access::{invalid, missing},
    recurrence::Start,
    state::Fields,
};
use crate::error::ApiError;

/// Begin and end of an event.
#[derive(Clone, Debug)]
pub(super) struct Times {
    pub(super) start: Start,
    pub(super) end: Start,
}

impl Times {
    /// Reads `start` and `end` of an event that rests here; they were checked when it came in.
    pub(super) fn of(fields: &Fields, home: &TimeZone) -> Option<Self> {
        let start = read(fields.get("start")?, "start", home).ok()?;
        let end = read(fields.get("end")?, "end", home).ok()?;
        Some(Self { start, end })
    }

    /// Reads and checks `start` and `end` of a request.
    pub(super) fn checked(fields: &Fields, home: &TimeZone) -> Result<Self, ApiError> {
        let part = |name| fields.get(name).unwrap_or(&Value::Null);
        let start = read(part("start"), "start", home)?;
        let end = read(part("end"), "end", home)?;
        let alike = matches!(
            (&start, &end),
            (Start::Day(_), Start::Day(_)) | (Start::Moment(..), Start::Moment(..))
        );
        if !alike {
            return Err(invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
        let times = Self { start, end };
        let (start, end) = times.moments(home);
        let whole_day = matches!(times.start, Start::Day(_));
        if end < start || (whole_day && end == start) {
            return Err(
                ApiError::new(400, "timeRangeEmpty", "The specified time range is empty.")
                    .in_domain("calendar"),
            );
        }
        Ok(times)
    }

    /// The same length beginning elsewhere.
    pub(super) fn starting(&self, start: Start) -> Self {
        let end = match (&self.start, &self.end, &start) {
            (Start::Day(first), Start::Day(last), Start::Day(new)) => {
                let days = (*last - *first).get_days();
                Start::Day(new.saturating_add(days.days()))
            }
            (Start::Moment(first, _), Start::Moment(last, zone), Start::Moment(new, _)) => {
                let length: SignedDuration = last.duration_since(*first);
                Start::Moment(
                    new.checked_add(length).unwrap_or(Timestamp::MAX),
                    zone.clone(),
                )
            }
            _ => self.end.clone(),
        };
        Self { start, end }
    }

    /// Begin and end as moments, days counted in `home`.
    pub(super) fn moments(&self, home: &TimeZone) -> (Timestamp, Timestamp) {
        (self.start.moment(home), self.end.moment(home))
    }

    /// Whether the event touches the window; both of its ends are outside.
    pub(super) fn within(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        home: &TimeZone,
    ) -> bool {
        let (start, end) = self.moments(home);
        // An event without length is there at the moment it happens.
        let ended = from.is_some_and(|from| end <= from && !(start == end && start == from));
        !ended && to.is_none_or(|to| start < to)
    }
}

/// Reads one end of an event.
pub(super) fn read(value: &Value, which: &str, home: &TimeZone) -> Result<Start, ApiError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    match (text("date"), text("dateTime")) {
        (Some(_), Some(_)) => Err(invalid(&format!("Invalid {which} time."))),
        (Some(date), None) => date
            .parse()
            .map(Start::Day)
            .map_err(|_| invalid(&format!("Invalid value for: Invalid format: \"{date}\""))),
        (None, Some(time)) => {
            let zone = match text("timeZone") {
                None => None,
                Some(name) => Some(TimeZone::get(name).map_err(|_| {
                    invalid(&format!("Invalid time zone definition for {which} time."))
                })?),
            };
            let moment = match (time.parse::<Timestamp>(), &zone, time.parse::<DateTime>()) {
                (Ok(moment), _, _) => moment,
                (Err(_), Some(zone), Ok(local)) => zone
                    .to_ambiguous_timestamp(local)
                    .compatible()
                    .map_err(|_| invalid("Bad Request"))?,
                (Err(_), None, Ok(_)) => {
                    let message = format!("Missing time zone definition for {which} time.");
                    return Err(missing(&message));
                }
                (Err(_), _, Err(_)) => {
                    return Err(invalid(&format!(
                        "Invalid value for: Invalid format: \"{time}\""
                    )));
                }
            };
            Ok(Start::Moment(moment, zone.unwrap_or_else(|| home.clone())))
        }
        (None, None) => Err(missing(&format!("Missing {which} time."))),
    }
}

/// Writes one end of an event, its clock time as seen in `shown`.
pub(super) fn write(start: &Start, shown: &TimeZone) -> Value {
    match start {
        Start::Day(day) => json!({"date": day.to_string()}),
        Start::Moment(moment, zone) => {
            json!({"dateTime": clock(*moment, shown), "timeZone": zone.iana_name().unwrap_or("UTC")})
        }
    }
}

/// A moment as RFC 3339 with the offset of a zone.
pub(super) fn clock(moment: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(moment);
    let local = offset
        .to_datetime(moment)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    match offset.seconds() {
        0 => format!("{local}Z"),
        seconds => {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// A moment as `created` and `updated` carry it.
pub(super) fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A query parameter that is a moment.
pub(super) fn parameter(value: Option<&str>, name: &str) -> Result<Option<Timestamp>, ApiError> {
    value
        .map(|text| {
            text.parse()
                .map_err(|_| ApiError::new(400, "badRequest", "Bad Request").at_parameter(name))
        })
        .transpose()
}
