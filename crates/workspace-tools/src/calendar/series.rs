//! Series and their instances: what "this", "this and following" and "all" mean.
//!
//! Invariant: a series is split by making the second part first, under an id that follows from the
//! split, so that a split that was interrupted is completed by asking again.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    explain,
    google::{Event, FULL, When},
    recurrence,
    times::Point,
};
use crate::{ToolCx, ToolError};

/// Which events of a series are meant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum ApplyTo {
    Instance,
    Following,
    Series,
}

/// The part of a series' JSON that its second part takes over.
const CARRIED: &str = "summary,description,location,attendees,start,end,recurrence,reminders,visibility,transparency,colorId,attachments,conferenceData,guestsCanModify,guestsCanInviteOthers,guestsCanSeeOtherGuests,extendedProperties";

/// An instance and the series it belongs to, divided at the instance.
pub(super) struct Split {
    /// The series' id.
    pub(super) series: String,
    /// The series as Google's JSON, to be carried over.
    pub(super) carried: Map<String, Value>,
    /// The lines of the part that stays.
    pub(super) kept: Vec<String>,
    /// The lines of the part that follows.
    pub(super) rest: Vec<String>,
    /// Where the instance begins according to the series.
    pub(super) at: Point,
    /// Whether nothing is before the instance, so that the whole series is meant.
    pub(super) is_first: bool,
}

/// Reads an event with everything tools know of.
pub(super) async fn read(cx: &ToolCx, calendar: &str, id: &str) -> Result<Event, ToolError> {
    cx.call("calendar.events.get")
        .param("calendarId", calendar)
        .param("eventId", id)
        .fields(FULL)
        .send_as()
        .await
        .map_err(|error| explain(error, calendar, Some(id)))
}

/// Refuses what can only be done to an instance of a series.
pub(super) fn series_of(event: &Event) -> Result<&str, ToolError> {
    event.recurring_event_id.as_deref().ok_or_else(|| {
        let message = if event.recurrence.is_some() {
            "event_id names the whole series, not the instance to begin with"
        } else {
            "this event does not recur"
        };
        ToolError::input(message).hint("get_events lists the instances with their ids; leave apply_to out for a single event or a whole series")
    })
}

/// Divides the series that `instance` belongs to before it.
pub(super) async fn split(
    cx: &ToolCx,
    calendar: &str,
    instance: &Event,
) -> Result<Split, ToolError> {
    let series = series_of(instance)?.to_owned();
    let original = instance
        .original_start_time
        .as_ref()
        .or(instance.start.as_ref());
    let read: Map<String, Value> = cx
        .call("calendar.events.get")
        .param("calendarId", calendar)
        .param("eventId", &series)
        .fields(CARRIED)
        .send_as()
        .await
        .map_err(|error| explain(error, calendar, Some(&series)))?;
    let first: Option<When> = read
        .get("start")
        .and_then(|start| serde_json::from_value(start.clone()).ok());
    let zone = first
        .as_ref()
        .and_then(|first| TimeZone::get(first.time_zone.as_deref()?).ok());
    let at = original.and_then(|original| point(original, zone.as_ref()));
    let (Some(at), Some(first)) = (at, first.and_then(|first| point(&first, zone.as_ref()))) else {
        return Err(
            ToolError::input("Google does not say when this instance began")
                .hint("change the series or the single instance instead"),
        );
    };
    let lines: Vec<String> = read
        .get("recurrence")
        .and_then(|lines| serde_json::from_value(lines.clone()).ok())
        .unwrap_or_default();
    let past = match recurrence::count(&lines) {
        None => 0,
        Some(_) => instances_before(cx, calendar, &series, &at).await?,
    };
    Ok(Split {
        kept: recurrence::ended_before(&lines, &at),
        rest: recurrence::rest_after(&lines, past),
        is_first: at == first,
        carried: read,
        series,
        at,
    })
}

/// The id of the second part of a series that is divided at a point.
pub(super) fn id_of_rest(series: &str, at: &Point) -> String {
    let at = match at {
        Point::Day(day) => day.strftime("%Y%m%d").to_string(),
        Point::Moment(moment, _) => moment.strftime("%Y%m%d%H%M%S").to_string(),
    };
    let allowed = |c: &char| matches!(c, '0'..='9' | 'a'..='v');
    let series: String = series.chars().filter(allowed).take(900).collect();
    format!("{series}r{at}")
}

/// Ends a series.
pub(super) async fn shorten(
    cx: &ToolCx,
    calendar: &str,
    split: &Split,
    updates: Option<&str>,
) -> Result<Event, ToolError> {
    cx.call("calendar.events.patch")
        .param("calendarId", calendar)
        .param("eventId", &split.series)
        .param_opt("sendUpdates", updates)
        .fields(FULL)
        .body(json!({"recurrence": split.kept}))
        .idempotency(google_api::Idempotency::Keyed)
        .send_as()
        .await
        .map_err(|error| explain(error, calendar, Some(&split.series)))
}

/// What one end of an event means.
pub(super) fn point(when: &When, zone: Option<&TimeZone>) -> Option<Point> {
    if let Some(day) = when.day() {
        return Some(Point::Day(day));
    }
    let own = when
        .time_zone
        .as_deref()
        .and_then(|name| TimeZone::get(name).ok());
    Some(Point::Moment(when.moment()?, zone.cloned().or(own)))
}

/// How many instances of a series begin before a point, cancelled ones included.
async fn instances_before(
    cx: &ToolCx,
    calendar: &str,
    series: &str,
    at: &Point,
) -> Result<usize, ToolError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Instance {
        original_start_time: Option<When>,
    }
    let (instances, _): (Vec<Instance>, _) = cx
        .call("calendar.events.instances")
        .param("calendarId", calendar)
        .param("eventId", series)
        .param("showDeleted", true)
        .fields("nextPageToken,items(originalStartTime)")
        .collect("items", 2500)
        .await
        .map_err(|error| explain(error, calendar, Some(series)))?;
    let starts = instances
        .iter()
        .filter_map(|instance| instance.original_start_time.as_ref());
    Ok(starts
        .filter(|start| match (at, start.day(), start.moment()) {
            (Point::Day(at), Some(day), _) => day < *at,
            (Point::Moment(at, _), None, Some(moment)) => moment < *at,
            _ => false,
        })
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_part_has_an_id_google_takes() {
        let at = Point::Moment("2026-11-23T08:00:00Z".parse().unwrap(), None);
        assert_eq!(id_of_rest("abc_R2026Zv", &at), "abc2026vr20261123080000");
        assert_eq!(
            id_of_rest("abc", &Point::Day(jiff::civil::date(2026, 11, 3))),
            "abcr20261103"
        );
    }
}
