//! Recurrence: rules as callers write them, checked, and rules as people say them.
//!
//! Rules go to Google as they are; nothing is expanded here. Invariant: what leaves is a line that
//! RFC 5545 allows, with an end in UTC for events that have a time.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::times::{Point, midnight};
use crate::ToolError;

const DAYS: [(&str, &str); 7] = [
    ("MO", "Monday"),
    ("TU", "Tuesday"),
    ("WE", "Wednesday"),
    ("TH", "Thursday"),
    ("FR", "Friday"),
    ("SA", "Saturday"),
    ("SU", "Sunday"),
];

const ORDINALS: [(&str, &str); 7] = [
    ("1", "first"),
    ("2", "second"),
    ("3", "third"),
    ("4", "fourth"),
    ("5", "fifth"),
    ("-1", "last"),
    ("-2", "second to last"),
];

const HINT: &str = "write RRULE:FREQ=WEEKLY;BYDAY=MO,TH;COUNT=10 or words such as \"every 2 weeks\", \"every weekday until 2026-12-31\"";

/// The recurrence lines for an event that begins at `start`.
pub(super) fn read(lines: &[String], start: &Point) -> Result<Vec<String>, ToolError> {
    lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .map(|line| {
            let upper = line.to_ascii_uppercase();
            if let Some(rule) = upper.strip_prefix("RRULE:") {
                checked(rule, start)
            } else if upper.starts_with("FREQ=") {
                checked(&upper, start)
            } else if ["EXDATE", "RDATE"]
                .iter()
                .any(|name| upper.starts_with(name))
            {
                dates(line)
            } else {
                let rule = from_words(&line.to_lowercase()).ok_or_else(|| {
                    let line = crate::text::line(line);
                    ToolError::input(format!("the recurrence \"{line}\" is not understood"))
                        .hint(HINT)
                })?;
                checked(&rule, start)
            }
        })
        .collect()
}

/// A rule whose parts are all allowed.
fn checked(rule: &str, start: &Point) -> Result<String, ToolError> {
    let wrong = |part: &str, allowed: &str| {
        let part = crate::text::line(part);
        ToolError::input(format!(
            "the recurrence part \"{part}\" is wrong: {allowed}"
        ))
        .hint(HINT)
    };
    let mut parts = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for part in rule.trim_end_matches(';').split(';') {
        let Some((name, value)) = part.split_once('=') else {
            return Err(wrong(part, "parts are NAME=VALUE, joined by ;"));
        };
        if seen.contains(&name) {
            return Err(wrong(part, "each part may stand only once"));
        }
        seen.push(name);
        let number = |least: i32, most: i32| {
            value
                .parse::<i32>()
                .is_ok_and(|number| (least..=most).contains(&number))
        };
        let numbers = |most: i32| {
            value.split(',').all(|one| {
                one.parse::<i32>()
                    .is_ok_and(|number| number != 0 && number.abs() <= most)
            })
        };
        let (sound, allowed) = match name {
            "FREQ" => (
                ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"].contains(&value),
                "DAILY, WEEKLY, MONTHLY or YEARLY",
            ),
            "INTERVAL" => (number(1, 999), "a number from 1 to 999"),
            "COUNT" => (number(1, 9999), "a number from 1 to 9999"),
            "UNTIL" => (end(value, start).is_some(), "20261231 or 20261231T090000Z"),
            "BYDAY" => (
                value.split(',').all(is_day),
                "MO, TU, WE, TH, FR, SA, SU, or 1MO, -1FR",
            ),
            "BYMONTHDAY" => (numbers(31), "1 to 31, or -1 to -31 from the end"),
            "BYMONTH" => (numbers(12) && !value.contains('-'), "1 to 12"),
            "BYSETPOS" | "BYYEARDAY" => (numbers(366), "1 to 366, or negative from the end"),
            "BYWEEKNO" => (numbers(53), "1 to 53, or negative from the end"),
            "WKST" => (
                value.len() == 2 && is_day(value),
                "MO, TU, WE, TH, FR, SA or SU",
            ),
            _ => (
                false,
                "FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST",
            ),
        };
        if !sound {
            return Err(wrong(part, allowed));
        }
        parts.push(match name {
            "UNTIL" => format!("UNTIL={}", end(value, start).unwrap_or_default()),
            _ => part.to_owned(),
        });
    }
    if !seen.contains(&"FREQ") {
        return Err(wrong(rule, "FREQ is missing"));
    }
    if seen.contains(&"COUNT") && seen.contains(&"UNTIL") {
        return Err(wrong(rule, "COUNT and UNTIL exclude each other"));
    }
    let nth = rule.split(';').any(|part| {
        part.strip_prefix("BYDAY=")
            .is_some_and(|days| days.contains(|c: char| c.is_ascii_digit()))
    });
    if nth && !rule.contains("FREQ=MONTHLY") && !rule.contains("FREQ=YEARLY") {
        return Err(wrong(
            rule,
            "numbered days such as 1MO need FREQ=MONTHLY or YEARLY",
        ));
    }
    Ok(format!("RRULE:{}", parts.join(";")))
}

fn is_day(text: &str) -> bool {
    let Some(split) = text.len().checked_sub(2) else {
        return false;
    };
    let (Some(number), Some(day)) = (text.get(..split), text.get(split..)) else {
        return false;
    };
    let numbered = number
        .parse::<i32>()
        .is_ok_and(|number| number != 0 && number.abs() <= 53);
    DAYS.iter().any(|(known, _)| *known == day) && (number.is_empty() || numbered)
}

/// The last moment of a rule, in the form its event needs.
fn end(value: &str, start: &Point) -> Option<String> {
    let plain: String = value.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let local = |text: &str| DateTime::strptime("%Y%m%dT%H%M%S", text).ok();
    let moment = if let Some(plain) = plain.strip_suffix('Z') {
        TimeZone::UTC.to_timestamp(local(plain)?).ok()?
    } else {
        let zone = match start {
            Point::Moment(_, Some(zone)) => zone.clone(),
            _ => TimeZone::UTC,
        };
        if let Some(local) = local(&plain) {
            zone.to_ambiguous_timestamp(local).compatible().ok()?
        } else {
            let day = Date::strptime("%Y%m%d", &plain).ok()?;
            if matches!(start, Point::Day(_)) {
                return Some(plain);
            }
            // The last day counts whole.
            let next = midnight(day.checked_add(1.day()).ok()?, &zone);
            next.checked_sub(1.second()).ok()?
        }
    };
    Some(match start {
        Point::Day(_) => moment.strftime("%Y%m%d").to_string(),
        Point::Moment(..) => stamp(moment),
    })
}

/// `20261231T090000Z`
fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// An `EXDATE` or `RDATE` line: a name, parameters, and dates of which each can be read.
fn dates(line: &str) -> Result<String, ToolError> {
    let sound = line.split_once(':').is_some_and(|(_, value)| {
        value.split(',').all(|date| {
            let date = date.trim().trim_end_matches('Z');
            DateTime::strptime("%Y%m%dT%H%M%S", date).is_ok()
                || Date::strptime("%Y%m%d", date).is_ok()
        })
    });
    if sound {
        Ok(line.to_owned())
    } else {
        let line = crate::text::line(line);
        Err(ToolError::input(format!(
            "the recurrence line \"{line}\" has no readable dates"
        ))
        .hint("write EXDATE;TZID=Europe/Prague:20261224T090000,20261231T090000"))
    }
}

/// A rule out of everyday words.
fn from_words(text: &str) -> Option<String> {
    let (text, end) = match text.split_once(" until ") {
        Some((text, date)) => {
            let date: Date = date.trim().parse().ok()?;
            (text, format!(";UNTIL={}", date.strftime("%Y%m%d")))
        }
        None => match text
            .strip_suffix(" times")
            .and_then(|text| text.rsplit_once(' '))
        {
            Some((text, count)) => (
                text.trim_end_matches(" for"),
                format!(";COUNT={}", count.parse::<u32>().ok()?),
            ),
            None => (text, String::new()),
        },
    };
    let text = text.trim();
    let text = text
        .strip_prefix("every ")
        .or_else(|| text.strip_prefix("each "))
        .unwrap_or(text);
    let rule = match text {
        "day" | "daily" => "FREQ=DAILY".to_owned(),
        "week" | "weekly" => "FREQ=WEEKLY".to_owned(),
        "month" | "monthly" => "FREQ=MONTHLY".to_owned(),
        "year" | "yearly" | "annually" => "FREQ=YEARLY".to_owned(),
        "weekday" | "weekdays" | "workday" | "working day" => {
            "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR".to_owned()
        }
        "biweekly" | "fortnightly" | "other week" | "second week" => {
            "FREQ=WEEKLY;INTERVAL=2".to_owned()
        }
        "other day" | "second day" => "FREQ=DAILY;INTERVAL=2".to_owned(),
        "quarter" | "quarterly" => "FREQ=MONTHLY;INTERVAL=3".to_owned(),
        text => match text.split_once(' ') {
            Some((number, unit)) if number.parse::<u32>().is_ok() => {
                let frequency = match unit {
                    "days" | "day" => "DAILY",
                    "weeks" | "week" => "WEEKLY",
                    "months" | "month" => "MONTHLY",
                    "years" | "year" => "YEARLY",
                    _ => return None,
                };
                format!("FREQ={frequency};INTERVAL={number}")
            }
            _ => format!("FREQ=WEEKLY;BYDAY={}", weekdays(text)?),
        },
    };
    Some(rule + &end)
}

/// `monday, wednesday and friday`
fn weekdays(text: &str) -> Option<String> {
    let names = text.replace(" and ", ",").replace('&', ",");
    let days: Option<Vec<&str>> = names
        .split(',')
        .map(|name| {
            let name = name.trim().trim_end_matches('s');
            let fits = |full: &str| {
                let full = full.to_lowercase();
                full == name || (name.len() >= 3 && full.starts_with(name))
            };
            DAYS.iter()
                .find(|(_, full)| fits(full))
                .map(|(short, _)| *short)
        })
        .collect();
    Some(days?.join(","))
}

/// The recurrence as people say it.
pub(super) fn words(lines: &[String]) -> String {
    let mut said: Vec<String> = lines.iter().filter_map(|line| rule_words(line)).collect();
    let left_out: usize = lines
        .iter()
        .filter(|line| line.starts_with("EXDATE"))
        .map(|line| line.split(',').count())
        .sum();
    if left_out > 0 {
        said.push(format!("except {left_out} dates"));
    }
    said.join("; ")
}

fn rule_words(line: &str) -> Option<String> {
    let rule = line.strip_prefix("RRULE:")?;
    let part = |name: &str| {
        rule.split(';')
            .filter_map(|part| part.split_once('='))
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v)
    };
    let interval = part("INTERVAL").unwrap_or("1");
    let unit = match part("FREQ")? {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        _ => return None,
    };
    let days = part("BYDAY").unwrap_or_default();
    let mut said = match (interval, days) {
        ("1", "MO,TU,WE,TH,FR") => "every weekday".to_owned(),
        ("1", _) => format!("every {unit}"),
        (interval, _) => format!("every {interval} {unit}s"),
    };
    if !days.is_empty() && said != "every weekday" {
        let days: Vec<String> = days.split(',').map(day_words).collect();
        said.push_str(&format!(" on {}", days.join(", ")));
    }
    if let Some(days) = part("BYMONTHDAY") {
        said.push_str(&format!(
            " on day {}",
            days.replace(',', ", ").replace("-1", "last")
        ));
    }
    if let Some(months) = part("BYMONTH") {
        let months: Vec<String> = months.split(',').map(month_words).collect();
        said.push_str(&format!(" in {}", months.join(", ")));
    }
    if let Some(position) = part("BYSETPOS") {
        said.push_str(&format!(" (only number {position} of these)"));
    }
    if let Some(count) = part("COUNT") {
        said.push_str(&format!(", {count} times"));
    }
    if let Some(until) = part("UNTIL")
        && let Some(day) = until
            .get(..8)
            .and_then(|day| Date::strptime("%Y%m%d", day).ok())
    {
        said.push_str(&format!(", until {}", day.strftime("%-d %b %Y")));
    }
    Some(said)
}

fn day_words(day: &str) -> String {
    let split = day.len().saturating_sub(2);
    let (nth, short) = (
        day.get(..split).unwrap_or_default(),
        day.get(split..).unwrap_or(day),
    );
    let name = DAYS
        .iter()
        .find(|(known, _)| *known == short)
        .map_or(short, |(_, name)| *name);
    match ORDINALS.iter().find(|(known, _)| *known == nth) {
        Some((_, ordinal)) => format!("the {ordinal} {name}"),
        None if nth.is_empty() => name.to_owned(),
        None => format!("{name} number {nth}"),
    }
}

fn month_words(month: &str) -> String {
    let month = month
        .parse()
        .ok()
        .and_then(|month| Date::new(2026, month, 1).ok());
    month.map_or_else(String::new, |date| date.strftime("%B").to_string())
}

/// A warning when no rule names the weekday a series begins on: Google keeps that first event as
/// one more.
pub(super) fn odd_start(lines: &[String], start: Date) -> Option<String> {
    let days = |line: &String| -> Option<String> {
        let rule = line.strip_prefix("RRULE:")?;
        rule.split(';')
            .find_map(|part| part.strip_prefix("BYDAY="))
            .map(String::from)
    };
    let named: Vec<String> = lines.iter().filter_map(days).collect();
    let (short, _) = DAYS[usize::from(start.weekday().to_monday_zero_offset().unsigned_abs())];
    let fits = named
        .iter()
        .any(|days| days.split(',').any(|day| day.ends_with(short)));
    (!named.is_empty() && !fits).then(|| {
        format!(
            "Note: {} is no day of the recurrence; Google keeps it as one more event. Start on a day it names to avoid that.",
            start.strftime("%a %-d %b %Y")
        )
    })
}

/// The lines of a series that shall end before `split`, the start of one of its instances.
pub(super) fn ended_before(lines: &[String], split: &Point) -> Vec<String> {
    let last = match split {
        Point::Day(day) => {
            let last = day.checked_sub(1.day()).unwrap_or(*day);
            last.strftime("%Y%m%d").to_string()
        }
        Point::Moment(moment, _) => stamp(moment.checked_sub(1.second()).unwrap_or(*moment)),
    };
    let shorten = |line: &String| match line.strip_prefix("RRULE:") {
        None => line.clone(),
        Some(rule) => {
            let kept = rule
                .split(';')
                .filter(|part| !part.starts_with("COUNT=") && !part.starts_with("UNTIL="));
            let kept: Vec<&str> = kept.collect();
            format!("RRULE:{};UNTIL={last}", kept.join(";"))
        }
    };
    lines.iter().map(shorten).collect()
}

/// The `COUNT` of a series, if it ends by one.
pub(super) fn count(lines: &[String]) -> Option<usize> {
    let rule = lines.iter().find_map(|line| line.strip_prefix("RRULE:"))?;
    rule.split(';')
        .find_map(|part| part.strip_prefix("COUNT="))?
        .parse()
        .ok()
}

/// The lines of the part of a series that is left after `past` of its occurrences.
pub(super) fn rest_after(lines: &[String], past: usize) -> Vec<String> {
    let Some(total) = count(lines) else {
        return lines.to_vec();
    };
    let left = total.saturating_sub(past).max(1);
    lines
        .iter()
        .map(|line| line.replace(&format!("COUNT={total}"), &format!("COUNT={left}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Point {
        let zone = TimeZone::get("Europe/Prague").unwrap();
        Point::Moment("2026-11-23T09:00:00+01:00".parse().unwrap(), Some(zone))
    }

    fn one(line: &str) -> Result<String, ToolError> {
        read(&[line.to_owned()], &start()).map(|mut lines| lines.remove(0))
    }

    #[test]
    fn words_and_rules_become_rules() {
        for (given, meant) in [
            (
                "RRULE:FREQ=WEEKLY;BYDAY=MO,TH",
                "RRULE:FREQ=WEEKLY;BYDAY=MO,TH",
            ),
            ("freq=daily;count=3", "RRULE:FREQ=DAILY;COUNT=3"),
            ("daily", "RRULE:FREQ=DAILY"),
            ("Every weekday", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("every 2 weeks", "RRULE:FREQ=WEEKLY;INTERVAL=2"),
            (
                "every Monday, Wednesday and Fri",
                "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR",
            ),
            ("weekly for 10 times", "RRULE:FREQ=WEEKLY;COUNT=10"),
            // The last day counts whole, in the event's zone, written in UTC.
            (
                "monthly until 2026-12-31",
                "RRULE:FREQ=MONTHLY;UNTIL=20261231T225959Z",
            ),
            (
                "RRULE:FREQ=DAILY;UNTIL=20261201T080000Z",
                "RRULE:FREQ=DAILY;UNTIL=20261201T080000Z",
            ),
            ("EXDATE:20261224T080000Z", "EXDATE:20261224T080000Z"),
        ] {
            assert_eq!(one(given).unwrap(), meant, "{given}");
        }
        let day = Point::Day(jiff::civil::date(2026, 11, 23));
        let all_day = read(
            &["RRULE:FREQ=DAILY;UNTIL=20261201T080000Z".to_owned()],
            &day,
        )
        .unwrap();
        assert_eq!(all_day, ["RRULE:FREQ=DAILY;UNTIL=20261201"]);
    }

    #[test]
    fn wrong_rules_are_explained() {
        for (given, about) in [
            ("RRULE:FREQ=HOURLY", "DAILY, WEEKLY, MONTHLY or YEARLY"),
            ("RRULE:INTERVAL=2", "FREQ is missing"),
            (
                "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20261231",
                "exclude each other",
            ),
            ("RRULE:FREQ=WEEKLY;BYDAY=MON", "MO, TU"),
            ("RRULE:FREQ=WEEKLY;BYDAY=1MO", "need FREQ=MONTHLY"),
            ("RRULE:FREQ=WEEKLY;BYHOUR=3", "FREQ, INTERVAL"),
            ("RRULE:FREQ=DAILY;FREQ=DAILY", "only once"),
            ("RRULE:FREQ=DAILY\r\nEXDATE:x", "wrong"),
            ("whenever", "not understood"),
            ("EXDATE:christmas", "no readable dates"),
        ] {
            let error = one(given).unwrap_err();
            assert!(error.message.contains(about), "{given}: {}", error.message);
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn rules_are_said_in_words() {
        for (rule, said) in [
            ("RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
            (
                "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
                "every 2 weeks on Tuesday",
            ),
            (
                "RRULE:FREQ=MONTHLY;BYDAY=1FR;COUNT=12",
                "every month on the first Friday, 12 times",
            ),
            (
                "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
                "every month on day last",
            ),
            ("RRULE:FREQ=YEARLY;BYMONTH=12", "every year in December"),
            (
                "RRULE:FREQ=DAILY;UNTIL=20261231T225959Z",
                "every day, until 31 Dec 2026",
            ),
        ] {
            assert_eq!(words(&[rule.to_owned()]), said);
        }
    }

    #[test]
    fn a_start_off_the_rule_is_noted() {
        let rule = ["RRULE:FREQ=WEEKLY;BYDAY=MO,TH".to_owned()];
        let monday = jiff::civil::date(2026, 11, 23);
        assert_eq!(odd_start(&rule, monday), None);
        assert!(
            odd_start(&rule, monday.tomorrow().unwrap())
                .unwrap()
                .contains("Tue 24 Nov 2026")
        );
        assert_eq!(odd_start(&["RRULE:FREQ=DAILY".to_owned()], monday), None);
    }

    #[test]
    fn a_series_is_split_before_an_instance() {
        let lines = vec!["RRULE:FREQ=WEEKLY;COUNT=10".to_owned()];
        assert_eq!(
            ended_before(&lines, &start()),
            ["RRULE:FREQ=WEEKLY;UNTIL=20261123T075959Z"]
        );
        assert_eq!(rest_after(&lines, 4), ["RRULE:FREQ=WEEKLY;COUNT=6"]);
        let day = Point::Day(jiff::civil::date(2026, 11, 23));
        assert_eq!(
            ended_before(&lines, &day),
            ["RRULE:FREQ=WEEKLY;UNTIL=20261122"]
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_one_line_or_refused(text in "(RRULE:|EXDATE:)?.{0,60}") {
            if let Ok(lines) = read(&[text], &start()) {
                proptest::prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
            }
        }
    }
}
