//! Free slots between busy times.
//!
//! Invariant: a slot lies whole within the window and the working hours, and overlaps nothing busy.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

use crate::{ToolError, text};

/// When somebody works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hours {
    start: Time,
    end: Time,
}

impl Hours {
    /// Reads `09:00-17:00`.
    pub(super) fn read(hours: &str) -> Result<Self, ToolError> {
        let time = |text: &str| {
            let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        let read = hours.split_once(['-', '–']).and_then(|(start, end)| {
            let end = if end.trim() == "24:00" {
                Some(Time::MAX)
            } else {
                time(end)
            };
            Some(Self {
                start: time(start)?,
                end: end?,
            })
        });
        read.filter(|hours| hours.start < hours.end).ok_or_else(|| {
            let hours = text::line(hours);
            ToolError::input(format!("working_hours \"{hours}\" is no span of a day"))
                .hint("write 09:00-17:00")
        })
    }
}

/// The most days that are looked through; Google answers for fewer.
const DAYS: usize = 400;

/// The free spans of at least `length` within the window, at most `most`, in order.
///
/// `busy` may overlap and be in any order. Weekends are left out unless `weekends`.
pub(super) fn free(
    busy: &[(Timestamp, Timestamp)],
    (from, to): (Timestamp, Timestamp),
    length: SignedDuration,
    hours: Hours,
    weekends: bool,
    zone: &TimeZone,
    most: usize,
) -> Vec<(Timestamp, Timestamp)> {
    let mut busy = busy.to_vec();
    busy.sort_unstable();
    let mut found = Vec::new();
    let last = zone.to_datetime(to).date();
    for day in zone
        .to_datetime(from)
        .date()
        .series(jiff::Span::new().days(1))
        .take(DAYS)
    {
        if day > last || found.len() >= most {
            break;
        }
        if !weekends && matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            continue;
        }
        let Some((opens, closes)) = working_day(day, hours, zone) else {
            continue;
        };
        let (mut free_from, end) = (opens.max(from), closes.min(to));
        for (start, stop) in busy
            .iter()
            .filter(|(start, stop)| *stop > opens && *start < end)
        {
            keep(&mut found, free_from, (*start).min(end), length);
            free_from = free_from.max(*stop);
        }
        keep(&mut found, free_from, end, length);
    }
    found.truncate(most);
    found
}

fn keep(
    found: &mut Vec<(Timestamp, Timestamp)>,
    start: Timestamp,
    end: Timestamp,
    length: SignedDuration,
) {
    if start < end && end.duration_since(start) >= length {
        found.push((start, end));
    }
}

fn working_day(day: Date, hours: Hours, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let at = |time: Time| {
        zone.to_ambiguous_timestamp(day.to_datetime(time))
            .compatible()
            .ok()
    };
    Some((at(hours.start)?, at(hours.end)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prague() -> TimeZone {
        TimeZone::get("Europe/Prague").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn gaps_in_working_hours_are_found() {
        let busy = [
            (
                at("2026-11-20T09:30:00+01:00"),
                at("2026-11-20T10:30:00+01:00"),
            ),
            (
                at("2026-11-20T10:00:00+01:00"),
                at("2026-11-20T12:00:00+01:00"),
            ),
            (
                at("2026-11-20T12:20:00+01:00"),
                at("2026-11-20T16:45:00+01:00"),
            ),
        ];
        // From Friday to Monday evening.
        let window = (
            at("2026-11-20T00:00:00+01:00"),
            at("2026-11-23T23:00:00+01:00"),
        );
        let hours = Hours::read("09:00-17:00").unwrap();
        let half_hour = SignedDuration::from_mins(30);
        let found = free(&busy, window, half_hour, hours, false, &prague(), 9);
        let shown: Vec<String> = found
            .iter()
            .map(|(start, end)| {
                let local = |moment: &Timestamp| {
                    prague()
                        .to_datetime(*moment)
                        .strftime("%a %H:%M")
                        .to_string()
                };
                format!("{} {}", local(start), local(end))
            })
            .collect();
        assert_eq!(shown, ["Fri 09:00 Fri 09:30", "Mon 09:00 Mon 17:00"]);
    }

    #[test]
    fn hours_are_read_or_explained() {
        assert!(Hours::read("8-18:30").is_ok() && Hours::read("00:00-24:00").is_ok());
        for wrong in ["", "9", "17:00-09:00", "25:00-26:00", "a-b"] {
            assert!(Hours::read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn slots_are_free_long_enough_and_inside(
            busy in proptest::collection::vec((0_i64..1_000_000, 1_i64..90_000), 0..20),
            minutes in 1_i64..300,
        ) {
            let base = 1_774_000_000;
            let moment = |second| Timestamp::from_second(base + second).unwrap();
            let busy: Vec<_> =
                busy.into_iter().map(|(start, length)| (moment(start), moment(start + length))).collect();
            let window = (moment(0), moment(1_000_000));
            let length = SignedDuration::from_mins(minutes);
            let hours = Hours::read("09:00-17:00").unwrap();
            let found = free(&busy, window, length, hours, true, &prague(), 100);
            for (start, end) in &found {
                prop_assert!(*start >= window.0 && *end <= window.1);
                prop_assert!(end.duration_since(*start) >= length);
                prop_assert!(busy.iter().all(|(from, to)| to <= start || from >= end));
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }
}
