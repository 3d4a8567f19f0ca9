//! One `RRULE` of RFC 5545: how it is read and which dates it names.
//!
//! Dates only: hours and zones are the business of [`super::Series`]. Parts that Calendar users
//! cannot set either (`BYWEEKNO`, `BYYEARDAY`, `BYHOUR` and below) are refused.
//! Invariant: dates come in order, none twice, none before the first.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
};

/// How often.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The last moment of a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Until {
    /// The whole of this day is in.
    Date(Date),
    /// A moment, written with `Z`.
    Moment(Timestamp),
    /// A local time of the event's own zone.
    Local(DateTime),
}

/// A day of the week, possibly only the nth one of the month or year.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ByDay {
    nth: Option<i8>,
    weekday: Weekday,
}

/// A recurrence rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rule {
    frequency: Frequency,
    interval: i32,
    pub(super) count: Option<usize>,
    pub(super) until: Option<Until>,
    by_day: Vec<ByDay>,
    by_month_day: Vec<i8>,
    by_month: Vec<i8>,
    by_position: Vec<i16>,
    week_start: Weekday,
}

impl Rule {
    /// Reads the part after `RRULE:`; `None` when it is no rule that is understood.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut frequency = None;
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_month: Vec::new(),
            by_position: Vec::new(),
            week_start: Weekday::Monday,
        };
        for part in text.trim_end_matches(';').split(';') {
            let (name, value) = part.split_once('=')?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => frequency = Some(frequency_of(value)?),
                "INTERVAL" => {
                    rule.interval = value.parse().ok().filter(|n| (1..=9999).contains(n))?;
                }
                "COUNT" => rule.count = Some(value.parse().ok().filter(|&n| n > 0)?),
                "UNTIL" => rule.until = Some(until(value)?),
                "BYDAY" => rule.by_day = list(value, by_day)?,
                "BYMONTHDAY" => rule.by_month_day = list(value, |text| number(text, 31))?,
                "BYMONTH" => {
                    rule.by_month = list(value, |text| {
                        number(text, 12).filter(|month: &i8| *month > 0)
                    })?;
                }
                "BYSETPOS" => rule.by_position = list(value, |text| number(text, 366))?,
                "WKST" => rule.week_start = weekday(value)?,
                _ => return None,
            }
        }
        rule.frequency = frequency?;
        let nth = rule.by_day.iter().any(|day| day.nth.is_some());
        let monthly = matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly);
        let sound = (!nth || monthly) && !(rule.count.is_some() && rule.until.is_some());
        sound.then_some(rule)
    }

    /// The dates from `first` on, without regard to `COUNT` and `UNTIL`.
    pub(super) fn dates(&self, first: Date) -> impl Iterator<Item = Date> + '_ {
        // A rule may name no date at all (30 February); after this many empty periods it is over.
        const EMPTY: usize = 4000;
        let mut period = 0_i32;
        let mut empty = 0;
        std::iter::from_fn(move || {
            loop {
                let begin = self.period(first, period)?;
                period = period.checked_add(self.interval)?;
                let mut dates = self.dates_of(begin, first);
                dates.retain(|date| *date >= first);
                if !dates.is_empty() {
                    empty = 0;
                    return Some(dates);
                }
                empty += 1;
                if empty > EMPTY {
                    return None;
                }
            }
        })
        .flatten()
    }

    /// The first day of the period that lies `steps` days, weeks, months or years after `first`.
    fn period(&self, first: Date, steps: i32) -> Option<Date> {
        match self.frequency {
            Frequency::Daily => first.checked_add(steps.days()).ok(),
            Frequency::Weekly => {
                let into_week = i32::from(self.week_start.until(first.weekday()));
                first
                    .checked_sub(into_week.days())
                    .ok()?
                    .checked_add(steps.weeks())
                    .ok()
            }
            Frequency::Monthly => first.first_of_month().checked_add(steps.months()).ok(),
            Frequency::Yearly => first.first_of_year().checked_add(steps.years()).ok(),
        }
    }

    /// The dates of the period that begins with `begin`, in order.
    fn dates_of(&self, begin: Date, first: Date) -> Vec<Date> {
        let mut dates = match self.frequency {
            Frequency::Daily => vec![begin],
            Frequency::Weekly => self.week(begin, first),
            Frequency::Monthly => self.month(begin, first),
            Frequency::Yearly => self.year(begin, first),
        };
        if self.frequency == Frequency::Daily {
            dates.retain(|date| self.has_weekday(*date) && self.has_month_day(*date));
        }
        dates.retain(|date| self.by_month.is_empty() || self.by_month.contains(&date.month()));
        dates.sort_unstable();
        dates.dedup();
        self.at_positions(dates)
    }

    fn week(&self, begin: Date, first: Date) -> Vec<Date> {
        let days = (0..7_i32).filter_map(|offset| begin.checked_add(offset.days()).ok());
        if self.by_day.is_empty() {
            days.filter(|date| date.weekday() == first.weekday())
                .collect()
        } else {
            days.filter(|date| self.has_weekday(*date)).collect()
        }
    }

    fn month(&self, begin: Date, first: Date) -> Vec<Date> {
        let days = (1..=begin.days_in_month())
            .filter_map(|day| Date::new(begin.year(), begin.month(), day).ok());
        match (self.by_day.is_empty(), self.by_month_day.is_empty()) {
            (true, true) => days.filter(|date| date.day() == first.day()).collect(),
            (true, false) => days.filter(|date| self.has_month_day(*date)).collect(),
            (false, _) => {
                let (from, to) = (begin, begin.last_of_month());
                let named = self.weekdays_between(from, to);
                named
                    .into_iter()
                    .filter(|date| self.has_month_day(*date))
                    .collect()
            }
        }
    }

    fn year(&self, begin: Date, first: Date) -> Vec<Date> {
        if self.by_month.is_empty() && !self.by_day.is_empty() {
            // Weekdays without months count within the year.
            let named = self.weekdays_between(begin, begin.last_of_year());
            return named
                .into_iter()
                .filter(|date| self.has_month_day(*date))
                .collect();
        }
        let months: Vec<i8> = match (self.by_month.is_empty(), self.by_month_day.is_empty()) {
            (false, _) => self.by_month.clone(),
            // Days of the month without months are days of every month.
            (true, false) => (1..=12).collect(),
            (true, true) => vec![first.month()],
        };
        months
            .into_iter()
            .filter_map(|month| Date::new(begin.year(), month, 1).ok())
            .flat_map(|month| self.month(month, first))
            .collect()
    }

    /// The dates that `BYDAY` names between two dates, both included.
    fn weekdays_between(&self, from: Date, to: Date) -> Vec<Date> {
        let mut dates = Vec::new();
        for by_day in &self.by_day {
            let lead = i32::from(from.weekday().until(by_day.weekday));
            let every: Vec<Date> = (0..)
                .map_while(|week: i32| from.checked_add((lead + 7 * week).days()).ok())
                .take_while(|date| *date <= to)
                .collect();
            match by_day.nth {
                None => dates.extend(every),
                Some(nth) => {
                    let index = usize::from(nth.unsigned_abs()) - 1;
                    dates.extend(if nth > 0 {
                        every.get(index).copied()
                    } else {
                        every.iter().rev().nth(index).copied()
                    });
                }
            }
        }
        dates
    }

    fn has_weekday(&self, date: Date) -> bool {
        self.by_day.is_empty() || self.by_day.iter().any(|day| day.weekday == date.weekday())
    }

    fn has_month_day(&self, date: Date) -> bool {
        let from_end = date.day() - date.days_in_month() - 1;
        self.by_month_day.is_empty()
            || self
                .by_month_day
                .iter()
                .any(|day| *day == date.day() || *day == from_end)
    }

    fn at_positions(&self, dates: Vec<Date>) -> Vec<Date> {
        if self.by_position.is_empty() {
            return dates;
        }
        let wanted = |index: usize| {
            self.by_position.iter().any(|position| {
                let nth = usize::from(position.unsigned_abs());
                if *position > 0 {
                    index + 1 == nth
                } else {
                    dates.len() - index == nth
                }
            })
        };
        dates
            .iter()
            .enumerate()
            .filter(|(index, _)| wanted(*index))
            .map(|(_, date)| *date)
            .collect()
    }
}

fn frequency_of(text: &str) -> Option<Frequency> {
    match text.to_ascii_uppercase().as_str() {
        "DAILY" => Some(Frequency::Daily),
        "WEEKLY" => Some(Frequency::Weekly),
        "MONTHLY" => Some(Frequency::Monthly),
        "YEARLY" => Some(Frequency::Yearly),
        _ => None,
    }
}

fn list<T>(text: &str, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|text| one(text.trim())).collect()
}

/// A number from 1 to `most` or from `-most` to -1.
fn number<T: std::str::FromStr + TryInto<i32> + Copy>(text: &str, most: i32) -> Option<T> {
    let value: T = text.parse().ok()?;
    let plain: i32 = value.try_into().ok()?;
    (plain != 0 && plain.abs() <= most).then_some(value)
}

fn by_day(text: &str) -> Option<ByDay> {
    let split = text.len().checked_sub(2)?;
    let (nth, day) = (text.get(..split)?, text.get(split..)?);
    let nth = match nth {
        "" => None,
        nth => Some(number(nth, 53)?),
    };
    Some(ByDay {
        nth,
        weekday: weekday(day)?,
    })
}

fn weekday(text: &str) -> Option<Weekday> {
    match text.to_ascii_uppercase().as_str() {
        "MO" => Some(Weekday::Monday),
        "TU" => Some(Weekday::Tuesday),
        "WE" => Some(Weekday::Wednesday),
        "TH" => Some(Weekday::Thursday),
        "FR" => Some(Weekday::Friday),
        "SA" => Some(Weekday::Saturday),
        "SU" => Some(Weekday::Sunday),
        _ => None,
    }
}

fn until(text: &str) -> Option<Until> {
    match text.strip_suffix('Z') {
        Some(_) => moment(text).map(Until::Moment),
        None if text.contains('T') => local(text).map(Until::Local),
        None => date(text).map(Until::Date),
    }
}

/// `20260330`
pub(super) fn date(text: &str) -> Option<Date> {
    (text.len() == 8)
        .then(|| Date::strptime("%Y%m%d", text).ok())
        .flatten()
}

/// `20260330T090000`
pub(super) fn local(text: &str) -> Option<DateTime> {
    (text.len() == 15)
        .then(|| DateTime::strptime("%Y%m%dT%H%M%S", text).ok())
        .flatten()
}

/// `20260330T090000Z`
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let time = local(text.strip_suffix('Z')?)?;
    time.to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}
