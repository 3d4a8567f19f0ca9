//! The time that a question about events is about.
//!
//! Invariant: the end lies after the begin.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::times::{self, Spoken};
use crate::{ToolCx, ToolError};

/// How far a search looks back and ahead when no window was given.
const SEARCH_REACH: SignedDuration = SignedDuration::from_hours(24 * 366);

/// The time that is asked for.
pub(super) struct Window {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    /// Where a search without times divides what was from what comes.
    pub(super) search_at: Option<Timestamp>,
}

/// One stretch of it.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) is_past: bool,
}

impl Window {
    /// Reads the bounds; `searches` when there are words to find.
    pub(super) async fn read(
        cx: &ToolCx,
        (min, max): (Option<&str>, Option<&str>),
        searches: bool,
        calendar: &str,
        zone: Option<&TimeZone>,
    ) -> Result<Self, ToolError> {
        let min = Spoken::read_opt("time_min", min)?;
        let max = Spoken::read_opt("time_max", max)?;
        let is_local = |spoken: &Option<Spoken>| {
            spoken
                .as_ref()
                .is_some_and(|spoken| !matches!(spoken, Spoken::Moment(..)))
        };
        // Days and local times begin where the calendar is.
        let zone = match zone {
            Some(zone) => zone.clone(),
            None if is_local(&min) || is_local(&max) => times::zone_of(cx, calendar).await?,
            None => TimeZone::UTC,
        };
        let from = min
            .as_ref()
            .map(|min| min.moment("time_min", &zone))
            .transpose()?;
        let to = match (&min, &max) {
            // The same day at both ends means that day.
            (Some(Spoken::Day(first)), Some(Spoken::Day(last))) if first == last => {
                Some(times::midnight(last.tomorrow().unwrap_or(*last), &zone))
            }
            _ => max
                .as_ref()
                .map(|max| max.moment("time_max", &zone))
                .transpose()?,
        };
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            return Err(ToolError::input("time_max is not after time_min")
                .hint("time_max is the first moment that is no longer wanted"));
        }
        let now = cx.now();
        let back = |from: Timestamp| from.checked_sub(SEARCH_REACH).unwrap_or(Timestamp::MIN);
        let mut window = Self {
            from,
            to,
            search_at: None,
        };
        match (from, to) {
            (None, None) if searches => window.search_at = Some(now),
            (None, Some(to)) if searches || to <= now => window.from = Some(back(to)),
            (None, _) => window.from = Some(now),
            (Some(_), _) => {}
        }
        Ok(window)
    }

    /// The stretches to ask for one by one.
    pub(super) fn parts(&self) -> Vec<Part> {
        match self.search_at {
            None => vec![Part {
                from: self.from,
                to: self.to,
                is_past: false,
            }],
            Some(now) => {
                let past = now.checked_sub(SEARCH_REACH).ok();
                let ahead = now.checked_add(SEARCH_REACH).ok();
                vec![
                    Part {
                        from: past,
                        to: Some(now),
                        is_past: true,
                    },
                    Part {
                        from: Some(now),
                        to: ahead,
                        is_past: false,
                    },
                ]
            }
        }
    }
}
