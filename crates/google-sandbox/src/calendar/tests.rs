//! The methods as clients meet them, without the network.

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::SERVICE;
use crate::{
    call::{Body, Call, Notice},
    error::ApiError,
    world::{Contents, World, demo_users},
};

const ALEX: &str = "alex@sandbox.example";
const SAM: &str = "sam@sandbox.example";

/// A world, and calls in it.
struct Desk {
    world: World,
    now: Timestamp,
    notices: Vec<Notice>,
}

impl Desk {
    fn new(contents: Contents) -> Self {
        // A Wednesday, so that the demo's week is 16 to 20 November 2026.
        let now: Timestamp = "2026-11-18T08:00:00Z".parse().expect("a moment");
        let world = World::new(demo_users(), 1, now, contents);
        Self {
            world,
            now,
            notices: Vec::new(),
        }
    }

    fn ask(
        &mut self,
        user: &str,
        method: &str,
        params: &[(&str, &str)],
        body: Value,
        if_match: Option<&str>,
    ) -> Result<Value, ApiError> {
        let method = google_discovery::catalogue()
            .method(method)
            .expect("Google has this method");
        let handler = SERVICE
            .routes
            .iter()
            .find(|(id, _)| *id == method.id)
            .expect("simulated")
            .1;
        let mut headers = HeaderMap::new();
        if let Some(tag) = if_match {
            headers.insert("if-match", HeaderValue::from_str(tag).expect("a plain tag"));
        }
        let mut call = Call {
            method,
            params: params
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            body,
            media: None,
            headers,
            user: user.to_owned(),
            scopes: Vec::new(),
            client_id: String::new(),
            now: self.now,
            world: &mut self.world,
            notices: Vec::new(),
        };
        let reply = handler(&mut call)?;
        self.notices.extend(std::mem::take(&mut call.notices));
        Ok(match reply.body {
            Body::Json(value) => value,
            _ => Value::Null,
        })
    }

    fn ok(&mut self, user: &str, method: &str, params: &[(&str, &str)], body: Value) -> Value {
        self.ask(user, method, params, body, None)
            .expect("Google would say yes")
    }

    fn code(
        &mut self,
        user: &str,
        method: &str,
        params: &[(&str, &str)],
        body: Value,
    ) -> (u16, String) {
        let error = self
            .ask(user, method, params, body, None)
            .expect_err("Google would say no");
        (error.code, error.reason)
    }

    /// Titles and local times of single events of a window.
    fn window(&mut self, user: &str, from: &str, to: &str) -> Vec<String> {
        let params = [
            ("calendarId", "primary"),
            ("singleEvents", "true"),
            ("orderBy", "startTime"),
            ("timeMin", from),
            ("timeMax", to),
        ];
        let list = self.ok(user, "calendar.events.list", &params, Value::Null);
        let items = list["items"].as_array().expect("items").clone();
        items
            .iter()
            .map(|item| {
                let start = item["start"]["dateTime"]
                    .as_str()
                    .or(item["start"]["date"].as_str());
                format!(
                    "{} {}",
                    start.unwrap_or("?"),
                    item["summary"].as_str().unwrap_or("-")
                )
            })
            .collect()
    }
}

const PRIMARY: (&str, &str) = ("calendarId", "primary");

fn weekly() -> Value {
    json!({
        "id": "choir00001",
        "summary": "Choir",
        "start": {"dateTime": "2026-10-19T19:00:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-10-19T21:00:00", "timeZone": "Europe/Prague"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
        "attendees": [{"email": "Sam@sandbox.example"}],
    })
}

#[test]
fn the_demo_week_is_believable_and_ordered() {
    let mut desk = Desk::new(Contents::Demo);
    let week = desk.window(
        ALEX,
        "2026-11-16T00:00:00+01:00",
        "2026-11-21T00:00:00+01:00",
    );
    assert_eq!(
        week.iter()
            .filter(|line| line.ends_with("Team stand-up"))
            .count(),
        5
    );
    assert!(
        week.iter()
            .any(|line| line == "2026-11-18T11:00:00+01:00 Budget talk"),
        "{week:?}"
    );
    let theirs = desk.window(
        SAM,
        "2026-11-16T00:00:00+01:00",
        "2026-11-21T00:00:00+01:00",
    );
    assert_eq!(
        theirs
            .iter()
            .filter(|line| line.ends_with("Team stand-up"))
            .count(),
        5
    );
    let calendars = desk.ok(ALEX, "calendar.calendarList.list", &[], Value::Null);
    let names: Vec<&str> = calendars["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["summary"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["alex@sandbox.example", "Holidays in Czechia", "Team"]
    );
}

#[test]
fn a_series_crosses_the_change_of_clocks_and_takes_exceptions() {
    let mut desk = Desk::new(Contents::Empty);
    desk.ok(ALEX, "calendar.events.insert", &[PRIMARY], weekly());
    let (from, to) = ("2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z");
    assert_eq!(
        desk.window(ALEX, from, to),
        [
            "2026-10-19T19:00:00+02:00 Choir",
            "2026-10-26T19:00:00+01:00 Choir",
            "2026-11-02T19:00:00+01:00 Choir",
            "2026-11-09T19:00:00+01:00 Choir",
        ]
    );
    // One is moved, one is called off.
    let second = ("eventId", "choir00001_20261026T180000Z");
    let moved = json!({"start": {"dateTime": "2026-10-27T19:00:00+01:00"},
        "end": {"dateTime": "2026-10-27T21:00:00+01:00"}});
    let moved = desk.ok(ALEX, "calendar.events.patch", &[PRIMARY, second], moved);
    assert_eq!(
        moved["originalStartTime"]["dateTime"],
        "2026-10-26T19:00:00+01:00"
    );
    assert_eq!(moved["recurringEventId"], "choir00001");
    let third = ("eventId", "choir00001_20261102T180000Z");
    desk.ok(
        ALEX,
        "calendar.events.delete",
        &[PRIMARY, third],
        Value::Null,
    );
    let left = [
        "2026-10-19T19:00:00+02:00 Choir",
        "2026-10-27T19:00:00+01:00 Choir",
        "2026-11-09T19:00:00+01:00 Choir",
    ];
    assert_eq!(desk.window(ALEX, from, to), left);
    // The guest sees the same.
    assert_eq!(desk.window(SAM, from, to), left);
    assert_eq!(
        desk.code(
            ALEX,
            "calendar.events.delete",
            &[PRIMARY, third],
            Value::Null
        ),
        (410, "deleted".to_owned())
    );
    let none = ("eventId", "choir00001_20261103T180000Z");
    assert_eq!(
        desk.code(ALEX, "calendar.events.get", &[PRIMARY, none], Value::Null)
            .0,
        404
    );
    // Ending the series earlier takes the exceptions behind the end with it.
    let shorter = json!({"recurrence": ["RRULE:FREQ=WEEKLY;UNTIL=20261020T000000Z"]});
    let series = ("eventId", "choir00001");
    desk.ok(ALEX, "calendar.events.patch", &[PRIMARY, series], shorter);
    assert_eq!(
        desk.window(ALEX, from, to),
        ["2026-10-19T19:00:00+02:00 Choir"]
    );
    desk.ok(
        ALEX,
        "calendar.events.delete",
        &[PRIMARY, series],
        Value::Null,
    );
    assert!(desk.window(ALEX, from, to).is_empty());
    assert!(desk.window(SAM, from, to).is_empty());
}

#[test]
fn invitations_answers_and_cancellations_reach_the_others() {
    let mut desk = Desk::new(Contents::Empty);
    let body = json!({
        "id": "meet00001", "summary": "Plan", "location": "Here",
        "start": {"dateTime": "2026-11-20T10:00:00+01:00"}, "end": {"dateTime": "2026-11-20T11:00:00+01:00"},
        "attendees": [{"email": SAM}, {"email": "pat@elsewhere.example"}],
    });
    let made = desk.ok(
        ALEX,
        "calendar.events.insert",
        &[PRIMARY, ("sendUpdates", "externalOnly")],
        body,
    );
    assert_eq!(made["attendees"][0]["displayName"], "Sam Okafor");
    assert_eq!(
        desk.notices.pop().expect("an invitation").to,
        ["pat@elsewhere.example"]
    );
    let id = ("eventId", "meet00001");
    let copy = desk.ok(SAM, "calendar.events.get", &[PRIMARY, id], Value::Null);
    assert_eq!(copy["organizer"]["email"], ALEX);
    assert_eq!(copy["attendees"][0]["self"], true);
    assert_eq!(copy["iCalUID"], made["iCalUID"]);
    // Sam may answer, and not move the meeting.
    let answer = json!({"attendees": [{"email": SAM, "responseStatus": "tentative"}, {"email": "pat@elsewhere.example"}]});
    desk.ok(SAM, "calendar.events.patch", &[PRIMARY, id], answer);
    let seen = desk.ok(ALEX, "calendar.events.get", &[PRIMARY, id], Value::Null);
    assert_eq!(seen["attendees"][0]["responseStatus"], "tentative");
    let steal = json!({"summary": "Mine"});
    assert_eq!(
        desk.code(SAM, "calendar.events.patch", &[PRIMARY, id], steal),
        (403, "forbiddenForNonOrganizer".to_owned())
    );
    // A guest who is taken off sees the event called off; all get mail.
    let fewer = json!({"attendees": [{"email": "pat@elsewhere.example"}]});
    desk.ok(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id, ("sendUpdates", "all")],
        fewer,
    );
    let gone = desk.ok(SAM, "calendar.events.get", &[PRIMARY, id], Value::Null);
    assert_eq!(gone["status"], "cancelled");
    let subjects: Vec<&str> = desk
        .notices
        .iter()
        .map(|notice| notice.subject.as_str())
        .collect();
    assert!(
        subjects[0].starts_with("Updated invitation: Plan @ Fri Nov 20, 2026 10:00"),
        "{subjects:?}"
    );
    assert!(subjects[1].starts_with("Canceled event: Plan"));
    // What one user has, the other cannot open.
    let theirs = [("calendarId", ALEX), id];
    assert_eq!(
        desk.code(SAM, "calendar.events.get", &theirs, Value::Null)
            .0,
        404
    );
}

#[test]
fn ids_etags_and_required_fields_are_guarded() {
    let mut desk = Desk::new(Contents::Empty);
    desk.ok(ALEX, "calendar.events.insert", &[PRIMARY], weekly());
    assert_eq!(
        desk.code(ALEX, "calendar.events.insert", &[PRIMARY], weekly()),
        (409, "duplicate".to_owned())
    );
    let id = ("eventId", "choir00001");
    let before = desk.ok(ALEX, "calendar.events.get", &[PRIMARY, id], Value::Null);
    let tag = before["etag"].as_str().expect("a tag").to_owned();
    let patch = json!({"summary": "Choir practice"});
    desk.ask(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id],
        patch.clone(),
        Some(&tag),
    )
    .expect("fresh");
    let stale = desk.ask(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id],
        patch,
        Some(&tag),
    );
    assert_eq!(stale.expect_err("stale").code, 412);
    let noon = json!({"dateTime": "2026-11-20T12:00:00+01:00"});
    let day = json!({"date": "2026-11-20"});
    for (body, reason) in [
        (json!({"start": noon}), "required"),
        (json!({"start": noon, "end": day}), "invalid"),
        (
            json!({"start": noon, "end": {"dateTime": "2026-11-20T11:00:00+01:00"}}),
            "timeRangeEmpty",
        ),
        (json!({"start": day, "end": day}), "timeRangeEmpty"),
        (
            json!({"start": {"dateTime": "2026-11-20T12:00:00"}, "end": noon}),
            "required",
        ),
        (
            json!({"start": noon, "end": noon, "recurrence": ["RRULE:FREQ=DAILY"]}),
            "required",
        ),
        (
            json!({"start": {"date": "2026-11-20"}, "end": {"date": "2026-11-21"}, "recurrence": ["FREQ=DAILY"]}),
            "invalid",
        ),
        (
            json!({"id": "UPPER", "start": noon, "end": noon}),
            "invalid",
        ),
        (
            json!({"start": noon, "end": noon, "attendees": [{"email": "nobody"}]}),
            "invalid",
        ),
        (
            json!({"start": noon, "end": noon, "reminders": {"useDefault": true, "overrides": [{"method": "popup", "minutes": 1}]}}),
            "cannotUseDefaultRemindersAndSpecifyOverride",
        ),
    ] {
        let (code, found) = desk.code(ALEX, "calendar.events.insert", &[PRIMARY], body.clone());
        assert_eq!((code, found.as_str()), (400, reason), "{body}");
    }
    let unordered = [PRIMARY, ("orderBy", "startTime")];
    assert_eq!(
        desk.code(ALEX, "calendar.events.list", &unordered, Value::Null)
            .0,
        400
    );
}

#[test]
fn one_conference_per_request_id_and_only_on_demand() {
    let mut desk = Desk::new(Contents::Empty);
    let request = json!({"conferenceData": {"createRequest": {"requestId": "r1",
        "conferenceSolutionKey": {"type": "hangoutsMeet"}}}});
    let mut body = weekly();
    body["conferenceData"] = request["conferenceData"].clone();
    let without = desk.ok(ALEX, "calendar.events.insert", &[PRIMARY], body);
    assert!(without.get("hangoutLink").is_none());
    let id = ("eventId", "choir00001");
    let version = ("conferenceDataVersion", "1");
    let with = desk.ok(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id, version],
        request.clone(),
    );
    let link = with["hangoutLink"].as_str().expect("a link").to_owned();
    assert!(link.starts_with("https://meet.google.com/"));
    let again = desk.ok(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id, version],
        request,
    );
    assert_eq!(again["hangoutLink"], link.as_str());
    // A client that knows nothing of conferences does not lose one.
    let renamed = desk.ok(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id],
        json!({"summary": "x"}),
    );
    assert_eq!(renamed["hangoutLink"], link.as_str());
    let removed = json!({"conferenceData": null});
    let removed = desk.ok(
        ALEX,
        "calendar.events.patch",
        &[PRIMARY, id, version],
        removed,
    );
    assert!(removed.get("hangoutLink").is_none());
}

#[test]
fn changes_are_synchronised_until_the_token_is_too_old() {
    let mut desk = Desk::new(Contents::Empty);
    desk.ok(ALEX, "calendar.events.insert", &[PRIMARY], weekly());
    let full = desk.ok(ALEX, "calendar.events.list", &[PRIMARY], Value::Null);
    assert_eq!(full["items"].as_array().unwrap().len(), 1);
    let token = full["nextSyncToken"].as_str().expect("a token").to_owned();
    let since = [PRIMARY, ("syncToken", token.as_str())];
    let nothing = desk.ok(ALEX, "calendar.events.list", &since, Value::Null);
    assert!(nothing["items"].as_array().unwrap().is_empty());
    desk.ok(
        ALEX,
        "calendar.events.delete",
        &[PRIMARY, ("eventId", "choir00001")],
        Value::Null,
    );
    let deleted = desk.ok(ALEX, "calendar.events.list", &since, Value::Null);
    assert_eq!(deleted["items"][0]["status"], "cancelled");
    let narrowed = [PRIMARY, ("syncToken", token.as_str()), ("q", "x")];
    assert_eq!(
        desk.code(ALEX, "calendar.events.list", &narrowed, Value::Null)
            .0,
        400
    );
    desk.ok(ALEX, "calendar.calendars.clear", &[PRIMARY], Value::Null);
    assert_eq!(
        desk.code(ALEX, "calendar.events.list", &since, Value::Null),
        (410, "fullSyncRequired".to_owned())
    );
}

#[test]
fn busy_blocks_are_joined_and_do_not_tell_with_what() {
    let mut desk = Desk::new(Contents::Empty);
    for (start, end, more) in [
        ("10:00", "11:00", json!({})),
        ("10:30", "12:00", json!({})),
        ("14:00", "15:00", json!({"transparency": "transparent"})),
        (
            "16:00",
            "17:00",
            json!({"attendees": [{"email": ALEX, "responseStatus": "declined"}]}),
        ),
    ] {
        let mut body = json!({"summary": "Secret",
            "start": {"dateTime": format!("2026-11-20T{start}:00+01:00")},
            "end": {"dateTime": format!("2026-11-20T{end}:00+01:00")}});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        desk.ok(ALEX, "calendar.events.insert", &[PRIMARY], body);
    }
    let body = json!({
        "timeMin": "2026-11-20T00:00:00+01:00", "timeMax": "2026-11-21T00:00:00+01:00",
        "timeZone": "Europe/Prague", "items": [{"id": ALEX}, {"id": "ghost@nowhere.example"}],
    });
    let answer = desk.ok(SAM, "calendar.freebusy.query", &[], body);
    assert_eq!(
        answer["calendars"][ALEX],
        json!({"busy": [{"start": "2026-11-20T10:00:00+01:00", "end": "2026-11-20T12:00:00+01:00"}]})
    );
    assert_eq!(
        answer["calendars"]["ghost@nowhere.example"]["errors"][0]["reason"],
        "notFound"
    );
    // A colleague who looks at the events sees times only.
    let params = [("calendarId", ALEX), ("singleEvents", "true")];
    let list = desk.ok(SAM, "calendar.events.list", &params, Value::Null);
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    assert!(!list.to_string().contains("Secret"));
}

#[test]
fn search_pages_instances_and_moving_work() {
    let mut desk = Desk::new(Contents::Demo);
    let ask = [PRIMARY, ("q", "lisbon TRIP"), ("singleEvents", "true")];
    let found = desk.ok(ALEX, "calendar.events.list", &ask, Value::Null);
    assert_eq!(found["items"][0]["summary"], "Trip to Lisbon");
    let id = found["items"][0]["id"].as_str().unwrap().to_owned();
    let team = "c_team@group.calendar.google.com";
    let params = [PRIMARY, ("eventId", id.as_str()), ("destination", team)];
    let moved = desk.ok(ALEX, "calendar.events.move", &params, Value::Null);
    assert_eq!(moved["organizer"]["email"], team);
    assert_eq!(
        desk.code(
            ALEX,
            "calendar.events.get",
            &[PRIMARY, ("eventId", id.as_str())],
            Value::Null
        )
        .0,
        404
    );
    let mut seen = 0;
    let mut token: Option<String> = None;
    loop {
        let mut params = vec![
            PRIMARY,
            ("singleEvents", "true"),
            ("orderBy", "startTime"),
            ("q", "stand-up"),
            ("timeMin", "2026-11-01T00:00:00Z"),
            ("timeMax", "2026-12-01T00:00:00Z"),
            ("maxResults", "7"),
        ];
        if let Some(token) = &token {
            params.push(("pageToken", token));
        }
        let page = desk.ok(ALEX, "calendar.events.list", &params, Value::Null);
        seen += page["items"].as_array().unwrap().len();
        token = page["nextPageToken"].as_str().map(String::from);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 21);
    let added = [PRIMARY, ("text", "Lunch with Robin tomorrow 12:30-13:15")];
    let added = desk.ok(ALEX, "calendar.events.quickAdd", &added, Value::Null);
    assert_eq!(added["summary"], "Lunch with Robin");
    assert_eq!(added["start"]["dateTime"], "2026-11-19T12:30:00+01:00");
    assert_eq!(added["end"]["dateTime"], "2026-11-19T13:15:00+01:00");
    let standup = desk.world.calendar.calendars[ALEX]
        .events
        .iter()
        .find(|(_, event)| event.fields["summary"] == "Team stand-up")
        .unwrap()
        .0
        .clone();
    let params = [
        PRIMARY,
        ("eventId", standup.as_str()),
        ("timeMin", "2026-11-16T00:00:00Z"),
        ("timeMax", "2026-11-21T00:00:00Z"),
    ];
    let instances = desk.ok(ALEX, "calendar.events.instances", &params, Value::Null);
    assert_eq!(instances["items"].as_array().unwrap().len(), 5);
    let bytes = serde_json::to_vec(&desk.world.calendar).expect("plain data");
    let back: super::State = serde_json::from_slice(&bytes).expect("reads back");
    assert_eq!(serde_json::to_vec(&back).expect("plain data"), bytes);
}
