//! `quickAdd`: an event from a sentence such as "Lunch with Sam tomorrow 12:30-13:30".
//!
//! English only and far simpler than Google's. Invariant: whatever the sentence, there is an event.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde_json::{Value, json};

use super::{recurrence::Start, state::Fields, when};

/// The event a sentence describes.
pub(super) fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Fields {
    let today = zone.to_datetime(now).date();
    let (mut day, mut times, mut summary) = (None, Vec::new(), Vec::new());
    for word in text.split_whitespace() {
        let bare = word
            .trim_matches(|c: char| matches!(c, ',' | '.'))
            .to_ascii_lowercase();
        if day.is_none()
            && let Some(found) = day_of(&bare, today)
        {
            day = Some(found);
        } else if times.is_empty()
            && let Some(found) = times_of(&bare)
        {
            times = found;
        } else {
            summary.push(word);
        }
    }
    while summary
        .last()
        .is_some_and(|word| ["at", "on", "from"].contains(&word.to_ascii_lowercase().as_str()))
    {
        summary.pop();
    }
    let (start, end) = match (day, times.as_slice()) {
        (day, [first, rest @ ..]) => {
            let at = |time: Time| {
                let local = day.unwrap_or(today).to_datetime(time);
                zone.to_ambiguous_timestamp(local)
                    .compatible()
                    .unwrap_or(now)
            };
            let begin = at(*first);
            let hour_later = begin + SignedDuration::from_hours(1);
            let end = rest.first().map_or(hour_later, |last| at(*last)).max(begin);
            (
                Start::Moment(begin, zone.clone()),
                Start::Moment(end, zone.clone()),
            )
        }
        (Some(day), []) => (Start::Day(day), Start::Day(day.saturating_add(1.day()))),
        (None, []) => {
            let end = now + SignedDuration::from_hours(1);
            (
                Start::Moment(now, zone.clone()),
                Start::Moment(end, zone.clone()),
            )
        }
    };
    let value: Value = json!({
        "summary": if summary.is_empty() { text.to_owned() } else { summary.join(" ") },
        "start": when::write(&start, zone),
        "end": when::write(&end, zone),
    });
    value.as_object().cloned().unwrap_or_default()
}

fn day_of(word: &str, today: Date) -> Option<Date> {
    let weekday = match word {
        "today" => return Some(today),
        "tomorrow" => return today.tomorrow().ok(),
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        word => return word.parse().ok(),
    };
    today.nth_weekday(1, weekday).ok()
}

/// `12:30`, `3pm`, `9-10`, `12:30-13:30`
fn times_of(word: &str) -> Option<Vec<Time>> {
    let parts: Vec<&str> = word.split('-').collect();
    let clear =
        word.contains(':') || word.ends_with("am") || word.ends_with("pm") || parts.len() == 2;
    if parts.len() > 2 || !clear {
        return None;
    }
    parts.into_iter().map(time_of).collect()
}

fn time_of(text: &str) -> Option<Time> {
    let (clock, add) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = clock.split_once(':').unwrap_or((clock, "0"));
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = add.map_or(hour, |add| hour % 12 + add);
    Time::new(hour, minute, 0, 0).ok()
}
