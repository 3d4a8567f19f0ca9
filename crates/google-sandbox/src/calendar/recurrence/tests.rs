//! Recurrence against what `python-dateutil` 2.9.0 makes of the same rules, and across changes of
//! the clocks.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{Series, Start, rule};

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a bundled zone")
}

fn series(start: &str, zone: &TimeZone, lines: &[&str]) -> Series {
    let local = rule::local(start).expect("a local time");
    let moment = zone
        .to_ambiguous_timestamp(local)
        .compatible()
        .expect("in range");
    Series::parse(Start::Moment(moment, zone.clone()), lines.iter().copied()).expect("a series")
}

/// The local starts with their offsets, as far as `limit`.
fn starts(start: &str, zone_name: &str, lines: &[&str], limit: usize) -> Vec<String> {
    let zone = zone(zone_name);
    let far: Timestamp = "2200-01-01T00:00:00Z".parse().expect("a moment");
    series(start, &zone, lines)
        .starts_before(far, &zone, limit)
        .iter()
        .map(|start| {
            start
                .moment(&zone)
                .to_zoned(zone.clone())
                .strftime("%m-%dT%H:%M%:z")
                .to_string()
        })
        .collect()
}

#[test]
fn rules_name_the_days_that_dateutil_names() {
    for line in include_str!("golden.txt").lines() {
        let mut parts = line.split(' ');
        let mut part = || parts.next().expect("start, rule and dates");
        let (start, text, dates) = (part(), part(), part());
        let first = rule::local(start).expect("a start");
        let series = series(start, &TimeZone::UTC, &[&format!("RRULE:{text}")]);
        let end: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a moment");
        let found: Vec<String> = series
            .starts_before(end, &TimeZone::UTC, 13)
            .iter()
            .map(|start| {
                let local: DateTime = TimeZone::UTC.to_datetime(start.moment(&TimeZone::UTC));
                assert_eq!(local.time(), first.time());
                local.strftime("%Y%m%d").to_string()
            })
            .collect();
        // dateutil leaves out a start that the rule does not name; Google keeps it.
        let named: Vec<&str> = dates.split(',').filter(|date| !date.is_empty()).collect();
        let own = first.strftime("%Y%m%d").to_string();
        assert_eq!(found[0], own);
        let skipped = usize::from(named.first() != Some(&own.as_str()));
        assert_eq!(found[skipped..], named, "{start} {text}");
    }
}

#[test]
fn nine_o_clock_stays_nine_o_clock() {
    let weekly = starts(
        "20261019T090000",
        "Europe/Prague",
        &["RRULE:FREQ=WEEKLY;COUNT=2"],
        9,
    );
    assert_eq!(weekly, ["10-19T09:00+02:00", "10-26T09:00+01:00"]);
}

#[test]
fn a_skipped_time_moves_on_and_a_repeated_one_is_the_first() {
    let daily = "RRULE:FREQ=DAILY;COUNT=3";
    let gap = starts("20260328T023000", "Europe/Prague", &[daily], 9);
    assert_eq!(
        gap,
        [
            "03-28T02:30+01:00",
            "03-29T03:30+02:00",
            "03-30T02:30+02:00"
        ]
    );
    let overlap = starts("20261024T023000", "Europe/Prague", &[daily], 9);
    assert_eq!(
        overlap,
        [
            "10-24T02:30+02:00",
            "10-25T02:30+02:00",
            "10-26T02:30+01:00"
        ]
    );
}

#[test]
fn until_in_utc_includes_its_moment() {
    let until = |until: &str| {
        let rule = format!("RRULE:FREQ=DAILY;UNTIL={until}");
        starts("20260601T090000", "Europe/Prague", &[&rule], 99).len()
    };
    // Nine in Prague is seven in UTC.
    assert_eq!(until("20260603T070000Z"), 3);
    assert_eq!(until("20260603T065959Z"), 2);
    assert_eq!(until("20260603"), 3);
}

#[test]
fn dates_are_added_and_left_out() {
    let lines = [
        "RRULE:FREQ=DAILY;COUNT=3",
        "EXDATE;TZID=Europe/Prague:20260602T090000",
        "RDATE:20260610T120000Z",
    ];
    let found = starts("20260601T090000", "Europe/Prague", &lines, 99);
    assert_eq!(
        found,
        [
            "06-01T09:00+02:00",
            "06-03T09:00+02:00",
            "06-10T14:00+02:00"
        ]
    );
}

#[test]
fn what_is_no_rule_is_refused() {
    for wrong in [
        "RRULE:FREQ=HOURLY",
        "RRULE:INTERVAL=2",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260101",
        "RRULE:FREQ=WEEKLY;BYDAY=1MO",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=32",
        "RRULE:FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY",
        "EXDATE:20260602T090000Z",
        "RRULE:FREQ=WEEKLY;BYDAY=é",
    ] {
        let start = Start::Moment(Timestamp::UNIX_EPOCH, TimeZone::UTC);
        assert!(Series::parse(start, [wrong]).is_none(), "{wrong}");
    }
}

#[test]
fn a_start_that_its_rule_does_not_name_is_one_more() {
    // Thursday, then three Wednesdays.
    let rule = ["RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=WE"];
    let found = starts("20240530T200000", "Europe/Berlin", &rule, 9);
    assert_eq!(
        found,
        [
            "05-30T20:00+02:00",
            "06-05T20:00+02:00",
            "06-12T20:00+02:00",
            "06-19T20:00+02:00"
        ]
    );
}

#[test]
fn a_rule_without_any_date_ends() {
    let never = ["RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"];
    assert_eq!(
        starts("20260101T090000", "UTC", &never, 5),
        ["01-01T09:00+00:00"]
    );
}

#[test]
fn a_series_knows_its_own_starts() {
    let prague = zone("Europe/Prague");
    let series = series("20260105T090000", &prague, &["RRULE:FREQ=WEEKLY"]);
    let at = |text: &str| Start::Moment(text.parse().expect("a moment"), prague.clone());
    assert!(series.has(&at("2026-07-06T07:00:00Z"), &prague));
    assert!(!series.has(&at("2026-07-06T08:00:00Z"), &prague));
    assert!(!series.has(&at("2025-12-29T08:00:00Z"), &prague));
}

proptest::proptest! {
    #[test]
    fn occurrences_are_ordered_distinct_and_within_the_window(
        frequency in proptest::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
        interval in 1..5,
        days in proptest::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 0..4),
        zone_name in proptest::sample::select(vec!["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]),
        first in 1_600_000_000_i64..1_900_000_000,
        length in 1_i64..60_000_000,
    ) {
        let zone = zone(zone_name);
        let start = Timestamp::from_second(first).expect("in range");
        let end = Timestamp::from_second(first + length).expect("in range");
        let by_day = if days.is_empty() { String::new() } else { format!(";BYDAY={}", days.join(",")) };
        let line = format!("RRULE:FREQ={frequency};INTERVAL={interval}{by_day}");
        let series = Series::parse(Start::Moment(start, zone.clone()), [line.as_str()]).expect("a rule");
        let found: Vec<Timestamp> =
            series.starts_before(end, &zone, usize::MAX).iter().map(|start| start.moment(&zone)).collect();
        proptest::prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
        proptest::prop_assert!(found.iter().all(|moment| *moment >= start && *moment < end));
        let named = |moment: &Timestamp| {
            let name = zone.to_datetime(*moment).strftime("%a").to_string().to_uppercase();
            days.is_empty() || *moment == start || days.iter().any(|day| name.starts_with(day))
        };
        proptest::prop_assert!(found.iter().all(named));
    }
}
