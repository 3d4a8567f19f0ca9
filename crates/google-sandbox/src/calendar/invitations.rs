//! Guests: their copies of an event, their answers, and the mail that tells them.
//!
//! Invariant: the organizer's event decides what all copies share; a guest decides only the own
//! answer, reminders, colour and private properties.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    event::{self, is_cancelled, text},
    recurrence::Start,
    state::Fields,
    when::{self, Times},
};
use crate::{
    call::{Call, Notice},
    world::World,
};

/// What a guest's copy keeps for itself.
const OWN: &[&str] = &["colorId", "reminders", "transparency", "visibility"];

/// Whether the event was made in this calendar.
pub(super) fn organizes(calendar: &str, fields: &Fields) -> bool {
    organizer(fields).is_some_and(|organizer| organizer.eq_ignore_ascii_case(calendar))
}

/// Sets a guest's answer.
pub(super) fn answer(fields: &mut Fields, email: &str, status: &str) {
    for person in fields
        .get_mut("attendees")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if person["email"]
            .as_str()
            .is_some_and(|other| other.eq_ignore_ascii_case(email))
        {
            person["responseStatus"] = json!(status);
        }
    }
}

/// Brings all copies of an event, and of its changed instances, up to date.
pub(super) fn spread(world: &mut World, calendar: &str, id: &str, before: Option<&Fields>) {
    let Some(event) = world
        .calendar
        .calendars
        .get(calendar)
        .and_then(|home| home.events.get(id))
    else {
        return;
    };
    let fields = event.fields.clone();
    if organizes(calendar, &fields) {
        to_guests(world, calendar, id, &fields, before);
        let siblings: Vec<(String, Fields)> = world.calendar.calendars[calendar]
            .events
            .iter()
            .filter(|(_, event)| text(&event.fields, "recurringEventId") == Some(id))
            .map(|(id, event)| (id.clone(), event.fields.clone()))
            .collect();
        let everybody = before
            .map(guests)
            .unwrap_or_default()
            .into_iter()
            .chain(guests(&fields));
        for guest in everybody.filter(|guest| guest != calendar) {
            // What the organizer no longer has as a changed instance, nobody has.
            if let Some(own) = world.calendar.calendars.get_mut(&guest) {
                own.events.retain(|other, event| {
                    text(&event.fields, "recurringEventId") != Some(id)
                        || siblings.iter().any(|(sibling, _)| sibling == other)
                });
            }
        }
        for (sibling, fields) in siblings {
            to_guests(world, calendar, &sibling, &fields, None);
        }
    } else {
        to_organizer(world, calendar, id, &fields);
    }
}

/// Copies the organizer's event to the guests who have a calendar here.
fn to_guests(world: &mut World, home: &str, id: &str, fields: &Fields, before: Option<&Fields>) {
    let invited = guests(fields);
    for guest in &invited {
        if guest == home || world.user(guest).is_none() {
            continue;
        }
        let known = world
            .calendar
            .calendars
            .get(guest)
            .and_then(|own| event::find(own, id));
        let mut copy = fields.clone();
        for name in OWN {
            copy.remove(*name);
            if let Some(value) = known.as_ref().and_then(|known| known.fields.get(*name)) {
                copy.insert((*name).to_owned(), value.clone());
            }
        }
        copy.entry("reminders")
            .or_insert(json!({"useDefault": true}));
        if let Some(Value::Object(properties)) = copy.get_mut("extendedProperties") {
            properties.remove("private");
        }
        world.calendar.store(guest, id, copy);
    }
    // Whoever is no longer invited sees the event called off.
    for guest in before.map(guests).unwrap_or_default() {
        if invited.contains(&guest) || guest == home {
            continue;
        }
        let copy = world
            .calendar
            .calendars
            .get(&guest)
            .and_then(|own| event::find(own, id));
        if let Some(mut copy) = copy {
            copy.fields.insert("status".into(), json!("cancelled"));
            world.calendar.store(&guest, id, copy.fields);
        }
    }
}

/// Carries a guest's answer to the organizer's event and from there to all other copies.
fn to_organizer(world: &mut World, guest: &str, id: &str, fields: &Fields) {
    let own = fields.get("attendees").and_then(Value::as_array);
    let own = own.into_iter().flatten().find(|person| is(person, guest));
    let (Some(own), Some(home)) = (own.cloned(), organizer(fields).map(String::from)) else {
        return;
    };
    let Some(theirs) = world
        .calendar
        .calendars
        .get(&home)
        .and_then(|home| event::find(home, id))
    else {
        return;
    };
    let mut theirs = theirs.fields;
    for person in theirs
        .get_mut("attendees")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if is(person, guest) {
            for name in ["responseStatus", "comment", "additionalGuests"] {
                if let Some(value) = own.get(name) {
                    person[name] = value.clone();
                }
            }
        }
    }
    let gone = is_cancelled(fields).then(|| fields.clone());
    world.calendar.store(&home, id, theirs.clone());
    to_guests(world, &home, id, &theirs, None);
    // A guest who deleted the event does not get it back.
    if let Some(gone) = gone {
        world.calendar.store(guest, id, gone);
    }
}

/// Notes the mail Google sends about a change, as far as `sendUpdates` asks for it.
pub(super) fn notify(call: &mut Call<'_>, fields: &Fields, before: Option<&Fields>) {
    let asked = call.text("sendUpdates");
    let all = asked == Some("all") || (asked.is_none() && call.flag("sendNotifications"));
    if !all && asked != Some("externalOnly") {
        return;
    }
    let invited = guests(fields);
    let dropped = before.map(guests).unwrap_or_default();
    let dropped = dropped.into_iter().filter(|guest| !invited.contains(guest));
    let wanted = |guest: &String| *guest != call.user && (all || call.world.user(guest).is_none());
    let (invited, dropped): (Vec<String>, Vec<String>) = (
        invited
            .iter()
            .filter(|guest| wanted(guest))
            .cloned()
            .collect(),
        dropped.filter(wanted).collect(),
    );
    let name = call
        .world
        .user(&call.user)
        .map(|user| user.name.clone())
        .unwrap_or_default();
    let from = (name, call.user.clone());
    let summary = text(fields, "summary").unwrap_or("(No title)").to_owned();
    let at = time_line(fields);
    let off = is_cancelled(fields);
    let (kind, method) = match (off, before) {
        (true, _) => ("Canceled event", "CANCEL"),
        (false, None) => ("Invitation", "REQUEST"),
        (false, Some(_)) => ("Updated invitation", "REQUEST"),
    };
    let mut notice = |kind: &str, method: &str, to: Vec<String>| {
        if !to.is_empty() {
            call.notices.push(Notice {
                from: from.clone(),
                to,
                subject: format!("{kind}: {summary} @ {at}"),
                text: format!("{kind}\n\n{summary}\nWhen: {at}\nOrganizer: {}\n", from.1),
                calendar: Some(icalendar(fields, method)),
            });
        }
    };
    notice(kind, method, invited);
    notice("Canceled event", "CANCEL", dropped);
}

fn time_line(fields: &Fields) -> String {
    let Some(times) = Times::of(fields, &TimeZone::UTC) else {
        return String::new();
    };
    match times.start {
        Start::Day(day) => day.strftime("%a %b %-d, %Y").to_string(),
        Start::Moment(moment, zone) => {
            let local = zone
                .to_datetime(moment)
                .strftime("%a %b %-d, %Y %H:%M")
                .to_string();
            format!("{local} ({})", zone.iana_name().unwrap_or("UTC"))
        }
    }
}

/// The event as an iCalendar object.
fn icalendar(fields: &Fields, method: &str) -> String {
    let moment = |name: &str| {
        let value = fields.get(name).unwrap_or(&Value::Null);
        match when::read(value, name, &TimeZone::UTC) {
            Ok(Start::Day(day)) => format!(";VALUE=DATE:{}", day.strftime("%Y%m%d")),
            Ok(start @ Start::Moment(..)) => format!(":{}", start.stamp()),
            Err(_) => String::new(),
        }
    };
    let line = |name: &str, value: Option<&str>| match value {
        Some(value) => format!("{name}:{}\r\n", escaped(value)),
        None => String::new(),
    };
    let mut text_of =
        String::from("BEGIN:VCALENDAR\r\nPRODID:-//Google Inc//Google Calendar//EN\r\n");
    text_of.push_str(&format!(
        "VERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n"
    ));
    text_of.push_str(&format!(
        "DTSTART{}\r\nDTEND{}\r\n",
        moment("start"),
        moment("end")
    ));
    text_of.push_str(&line("UID", text(fields, "iCalUID")));
    text_of.push_str(&line("SUMMARY", text(fields, "summary")));
    text_of.push_str(&line("LOCATION", text(fields, "location")));
    if let Some(organizer) = organizer(fields) {
        text_of.push_str(&format!("ORGANIZER:mailto:{organizer}\r\n"));
    }
    for guest in guests(fields) {
        text_of.push_str(&format!(
            "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{guest}\r\n"
        ));
    }
    for rule in fields
        .get("recurrence")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        text_of.push_str(&format!("{}\r\n", rule.as_str().unwrap_or_default()));
    }
    text_of.push_str("END:VEVENT\r\nEND:VCALENDAR\r\n");
    text_of
}

fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,");
    text.replace("\r\n", "\\n").replace(['\n', '\r'], "\\n")
}

fn organizer(fields: &Fields) -> Option<&str> {
    fields.get("organizer")?["email"].as_str()
}

fn is(person: &Value, email: &str) -> bool {
    person["email"]
        .as_str()
        .is_some_and(|other| other.eq_ignore_ascii_case(email))
}

/// The addresses of the guests.
fn guests(fields: &Fields) -> Vec<String> {
    let attendees = fields.get("attendees").and_then(Value::as_array);
    let emails = attendees
        .into_iter()
        .flatten()
        .filter_map(|person| person["email"].as_str());
    emails.map(str::to_ascii_lowercase).collect()
}
