//! A series: its first start, its rules, and the dates added and left out.

use std::cmp::Ordering;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::{
    Rule, Until,
    rule::{date, local, moment},
};

/// When an event begins: a day, or a moment in a zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    /// A whole day.
    Day(Date),
    /// A moment, and the zone whose clock the series follows.
    Moment(Timestamp, TimeZone),
}

impl Start {
    /// The moment, days beginning at midnight of `zone`.
    pub(crate) fn moment(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Day(day) => midnight(*day, zone),
            Self::Moment(moment, _) => *moment,
        }
    }

    /// The part of an instance's id that tells it from its siblings.
    pub(crate) fn stamp(&self) -> String {
        match self {
            Self::Day(day) => day.strftime("%Y%m%d").to_string(),
            Self::Moment(moment, _) => moment.strftime("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    fn local(&self) -> DateTime {
        match self {
            Self::Day(day) => day.to_datetime(Time::midnight()),
            Self::Moment(moment, zone) => zone.to_datetime(*moment),
        }
    }

    /// The same kind of start at another local time.
    fn at(&self, time: DateTime) -> Option<Self> {
        match self {
            Self::Day(_) => Some(Self::Day(time.date())),
            Self::Moment(_, zone) => {
                let moment = zone.to_ambiguous_timestamp(time).compatible().ok()?;
                Some(Self::Moment(moment, zone.clone()))
            }
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.moment(&TimeZone::UTC)
            .cmp(&other.moment(&TimeZone::UTC))
    }
}

/// The first moment of `day` in `zone`.
pub(crate) fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight()))
        .compatible()
        .unwrap_or(if day.year() > 0 {
            Timestamp::MAX
        } else {
            Timestamp::MIN
        })
}

/// A recurring event's starts.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    start: Start,
    rules: Vec<Rule>,
    added: Vec<Start>,
    left_out: Vec<Start>,
}

impl Series {
    /// Reads the `recurrence` lines of an event that first begins at `start`; `None` when a line
    /// is not understood.
    pub(crate) fn parse<'a>(
        start: Start,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let mut series = Self {
            start,
            rules: Vec::new(),
            added: Vec::new(),
            left_out: Vec::new(),
        };
        for line in lines {
            let (head, value) = line.split_once(':')?;
            let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
            match name.to_ascii_uppercase().as_str() {
                "RRULE" => series.rules.push(Rule::parse(value)?),
                "RDATE" => series.added.extend(series.starts(parameters, value)?),
                "EXDATE" => series.left_out.extend(series.starts(parameters, value)?),
                _ => return None,
            }
        }
        series.sound().then_some(series)
    }

    /// The starts before `end`, at most `limit`, in order.
    pub(crate) fn starts_before(
        &self,
        end: Timestamp,
        zone: &TimeZone,
        limit: usize,
    ) -> Vec<Start> {
        let before = |start: &Start| start.moment(zone) < end;
        let mut starts: Vec<Start> = Vec::new();
        // Google keeps the first start even where no rule names it, and does not count it.
        if before(&self.start) {
            starts.push(self.start.clone());
        }
        for rule in &self.rules {
            starts.extend(self.starts_of(rule).take_while(before).take(limit));
        }
        starts.extend(self.added.iter().filter(|start| before(start)).cloned());
        starts.sort_by(Start::order);
        starts.dedup();
        starts.retain(|start| !self.left_out.iter().any(|out| out.order(start).is_eq()));
        starts.truncate(limit);
        starts
    }

    /// Whether the series begins at `start` at some time.
    pub(crate) fn has(&self, start: &Start, zone: &TimeZone) -> bool {
        let Ok(after) = start
            .moment(zone)
            .checked_add(jiff::SignedDuration::from_secs(1))
        else {
            return false;
        };
        self.starts_before(after, zone, usize::MAX)
            .last()
            .is_some_and(|last| last.order(start).is_eq())
    }

    fn starts_of<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = Start> + 'a {
        let first = self.start.local();
        rule.dates(first.date())
            .map_while(move |date| self.start.at(date.to_datetime(first.time())))
            .filter(|start| start.order(&self.start).is_ge())
            .take_while(|start| Self::is_before_end(rule, start))
            .take(rule.count.unwrap_or(usize::MAX))
    }

    fn is_before_end(rule: &Rule, start: &Start) -> bool {
        match (rule.until, start) {
            (None, _) => true,
            (Some(Until::Date(last)), start) => start.local().date() <= last,
            (Some(Until::Local(last)), start) => start.local() <= last,
            (Some(Until::Moment(last)), Start::Moment(moment, _)) => *moment <= last,
            (Some(Until::Moment(last)), Start::Day(day)) => {
                *day <= TimeZone::UTC.to_datetime(last).date()
            }
        }
    }

    /// The starts of an `RDATE` or `EXDATE` line.
    fn starts(&self, parameters: &str, value: &str) -> Option<Vec<Start>> {
        let parameter = |wanted: &str| {
            parameters
                .split(';')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let own = match &self.start {
            Start::Moment(_, zone) => zone.clone(),
            Start::Day(_) => TimeZone::UTC,
        };
        let zone = match parameter("TZID") {
            Some(name) => TimeZone::get(name.trim_matches('"')).ok()?,
            None => own.clone(),
        };
        value
            .split(',')
            .map(|text| match &self.start {
                Start::Day(_) => date(text.get(..8)?).map(Start::Day),
                Start::Moment(..) => {
                    let found = match (moment(text), local(text), date(text)) {
                        (Some(moment), _, _) => moment,
                        (_, Some(time), _) => {
                            zone.to_ambiguous_timestamp(time).compatible().ok()?
                        }
                        // A bare date means the occurrence of that day.
                        (_, _, Some(day)) => {
                            let time = day.to_datetime(self.start.local().time());
                            own.to_ambiguous_timestamp(time).compatible().ok()?
                        }
                        _ => return None,
                    };
                    Some(Start::Moment(found, own.clone()))
                }
            })
            .collect()
    }

    /// Whether there is anything that recurs.
    fn sound(&self) -> bool {
        !(self.rules.is_empty() && self.added.is_empty())
    }
}
