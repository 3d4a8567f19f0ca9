//! Events in words for people.
//!
//! Invariant: what guests and organizers wrote is one line each, or fenced as content from outside.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{
    google::{Attendee, Event},
    recurrence,
};
use crate::text::{self, outside};

/// When an event begins and ends: "Starts: Mon 23 Nov 2026, 09:30, Ends: 09:45, 15 min".
pub(super) fn span(event: &Event, zone: &TimeZone) -> String {
    let (Some(start), Some(end)) = (&event.start, &event.end) else {
        return "Starts: unknown".to_owned();
    };
    if let (Some(first), Some(after)) = (start.day(), end.day()) {
        let last = after.yesterday().unwrap_or(after).max(first);
        let days = i64::from((after - first).get_days()).max(1);
        return if days == 1 {
            format!("Starts: {}, all day", day(first))
        } else {
            format!(
                "Starts: {}, Ends: {}, all day, {days} days",
                day(first),
                day(last)
            )
        };
    }
    match (start.moment(), end.moment()) {
        (Some(start), Some(end)) => {
            let ends = if zone.to_datetime(start).date() == zone.to_datetime(end).date() {
                clock(end, zone)
            } else {
                moment(end, zone)
            };
            let length = length(end.duration_since(start));
            format!("Starts: {}, Ends: {ends}, {length}", moment(start, zone))
        }
        _ => "Starts: unknown".to_owned(),
    }
}

/// "Mon 23 Nov 2026, 09:30"
pub(super) fn moment(moment: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(moment)
        .strftime("%a %-d %b %Y, %H:%M")
        .to_string()
}

/// "09:30"
pub(super) fn clock(moment: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(moment).strftime("%H:%M").to_string()
}

/// "Mon 23 Nov 2026"
pub(super) fn day(day: Date) -> String {
    day.strftime("%a %-d %b %Y").to_string()
}

/// "1 h 30 min"
pub(super) fn length(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// The name of a zone.
pub(super) fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// The line of an event in a list.
pub(super) fn list_line(event: &Event, zone: &TimeZone) -> String {
    let mut line = format!(
        "- \"{}\" ({}) ID: {}",
        event.title(),
        span(event, zone),
        event.id
    );
    if let Some(link) = &event.html_link {
        line.push_str(&format!(" | Link: {link}"));
    }
    let mut notes = Vec::new();
    if event.recurring_event_id.is_some() {
        notes.push("recurring".to_owned());
    }
    if let Some(location) = event
        .location
        .as_deref()
        .filter(|location| !location.is_empty())
    {
        notes.push(format!("at {}", text::line(location)));
    }
    if let Some(answer) = own_answer(event) {
        notes.push(format!("your answer: {answer}"));
    }
    let guests = event
        .guests()
        .iter()
        .filter(|guest| guest.own != Some(true))
        .count();
    if guests > 0 {
        notes.push(format!(
            "{guests} {}",
            if guests == 1 { "guest" } else { "guests" }
        ));
    }
    if let Some(link) = &event.hangout_link {
        notes.push(format!("Meet: {link}"));
    }
    if let Some(calendar) = &event.calendar_id {
        notes.push(format!("calendar: {calendar}"));
    }
    if event.is_cancelled() {
        notes.push("cancelled".to_owned());
    }
    if !notes.is_empty() {
        line.push_str(&format!("\n  {}", notes.join("; ")));
    }
    line
}

/// Everything about one event.
pub(super) fn details(event: &Event, zone: &TimeZone) -> String {
    let mut lines = vec![format!("- Title: {}", event.title())];
    let span = span(event, zone);
    lines.push(format!("- {}", span.replacen(", Ends: ", "\n- Ends: ", 1)));
    if event
        .start
        .as_ref()
        .is_some_and(|start| start.day().is_none())
    {
        lines.push(format!("- Time zone: {}", zone_name(zone)));
    }
    if event.is_cancelled() {
        lines.push("- Status: cancelled".to_owned());
    }
    if let Some(rules) = &event.recurrence {
        lines.push(format!(
            "- Repeats: {} ({})",
            recurrence::words(rules),
            rules.join(" ")
        ));
    }
    if let Some(series) = &event.recurring_event_id {
        lines.push(format!("- Part of the series: {series}"));
    }
    let described = event
        .description
        .as_deref()
        .filter(|text| !text.trim().is_empty());
    lines.push(match described {
        None => "- Description: None".to_owned(),
        Some(text) => format!("- Description:\n{}", outside("event description", text)),
    });
    let location = event
        .location
        .as_deref()
        .map(text::line)
        .filter(|text| !text.is_empty());
    lines.push(format!(
        "- Location: {}",
        location.as_deref().unwrap_or("None")
    ));
    if let Some(organizer) = event
        .organizer
        .as_ref()
        .and_then(|person| person.email.as_deref())
    {
        lines.push(format!("- Organizer: {}", text::line(organizer)));
    }
    let guests: Vec<String> = event.guests().iter().map(guest).collect();
    let guests = if guests.is_empty() {
        "None".to_owned()
    } else {
        guests.join(", ")
    };
    lines.push(format!("- Attendees: {guests}"));
    if let Some(reminders) = &event.reminders {
        let own: Vec<String> = reminders
            .overrides
            .iter()
            .flatten()
            .map(|reminder| format!("{} {} min before", reminder.method, reminder.minutes))
            .collect();
        lines.push(match (reminders.use_default, own.is_empty()) {
            (Some(true), _) => "- Reminders: the calendar's default".to_owned(),
            (_, true) => "- Reminders: None".to_owned(),
            (_, false) => format!("- Reminders: {}", own.join(", ")),
        });
    }
    for attachment in event.attachments.iter().flatten() {
        let title = text::line(attachment.title.as_deref().unwrap_or("file"));
        let url = attachment.file_url.as_deref().unwrap_or_default();
        lines.push(format!("- Attachment: {title} {}", text::line(url)));
    }
    if let Some(link) = &event.hangout_link {
        lines.push(format!("- Google Meet: {link}"));
    }
    if event.transparency.as_deref() == Some("transparent") {
        lines.push("- Shows as: free".to_owned());
    }
    if let Some(visibility) = &event.visibility {
        lines.push(format!("- Visibility: {visibility}"));
    }
    if let Some(calendar) = &event.calendar_id {
        lines.push(format!("- Calendar: {calendar}"));
    }
    lines.push(format!("- Event ID: {}", event.id));
    if let Some(link) = &event.html_link {
        lines.push(format!("- Link: {link}"));
    }
    lines.join("\n")
}

/// One guest with the answer: "Sam Okafor <sam@sandbox.example> (accepted)".
fn guest(guest: &Attendee) -> String {
    let email = text::line(&guest.email);
    let mut said = match guest.display_name.as_deref().map(text::line) {
        Some(name) if !name.is_empty() && name != email => format!("{name} <{email}>"),
        _ => email,
    };
    let mut notes = vec![answer(guest.response_status.as_deref())];
    if guest.optional == Some(true) {
        notes.push("optional");
    }
    if guest.own == Some(true) {
        notes.push("you");
    }
    said.push_str(&format!(" ({})", notes.join(", ")));
    said
}

fn own_answer(event: &Event) -> Option<&'static str> {
    let own = event
        .guests()
        .iter()
        .find(|guest| guest.own == Some(true))?;
    (own.organizer != Some(true)).then(|| answer(own.response_status.as_deref()))
}

fn answer(status: Option<&str>) -> &'static str {
    match status {
        Some("accepted") => "accepted",
        Some("declined") => "declined",
        Some("tentative") => "maybe",
        _ => "no answer yet",
    }
}

/// [`span`] with the name of the zone, where there is a time of day.
pub(super) fn span_with_zone(event: &Event, zone: &TimeZone) -> String {
    let timed = event
        .start
        .as_ref()
        .is_some_and(|start| start.day().is_none());
    let zone_name = if timed {
        format!(" ({})", zone_name(zone))
    } else {
        String::new()
    };
    format!("{}{zone_name}.", span(event, zone))
}

/// How an event repeats, with a warning where that may surprise; nothing when it does not.
pub(super) fn repeats(event: &Event, zone: &TimeZone) -> String {
    let (Some(rules), Some(start)) = (&event.recurrence, &event.start) else {
        return String::new();
    };
    let mut said = format!("\nRepeats: {}.", recurrence::words(rules));
    let first = start
        .day()
        .or_else(|| Some(zone.to_datetime(start.moment()?).date()));
    if let Some(warning) = first.and_then(|first| recurrence::odd_start(rules, first)) {
        said.push_str(&format!("\n{warning}"));
    }
    said
}
