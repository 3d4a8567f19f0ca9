//! The catalogue is quick enough to be used on every call.
//!
//! Figures are printed (`cargo test -p google-discovery speed -- --nocapture`); the limits are
//! some ten times what a development build needs on a busy machine, so that only a change of
//! order fails.

use std::time::{Duration, Instant};

use google_discovery::{HttpMethod, catalogue};
use serde_json::json;

fn mean(times: u32, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed() / times
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what somebody runs this for"
)]
#[test]
fn figures() {
    let start = Instant::now();
    let send = catalogue()
        .method("gmail.users.messages.send")
        .expect("a method");
    let first = start.elapsed();
    let start = Instant::now();
    let methods = catalogue().methods().count();
    let all = start.elapsed();
    let start = Instant::now();
    let found = catalogue().search("share a file", 5).len();
    let index = start.elapsed();
    assert_eq!((methods, found), (772, 5));

    let event = json!({
        "summary": "Planning", "location": "Room 1",
        "start": {"dateTime": "2026-03-29T09:30:00+02:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-03-29T10:30:00+02:00", "timeZone": "Europe/Prague"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
        "attendees": [{"email": "a@example.com"}, {"email": "b@example.com", "optional": true}],
        "reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 10}]},
    });
    let insert = catalogue()
        .method("calendar.events.insert")
        .expect("a method");
    let parameters = [("calendarId", "primary"), ("sendUpdates", "all")];
    let body = mean(500, || {
        assert!(insert.validate(&parameters, Some(&event)).is_ok());
    });
    let lookup = mean(500, || {
        assert!(catalogue().method("gmail.users.messages.list").is_ok());
    });
    let list = catalogue().method("drive.files.list").expect("a method");
    let mask = mean(500, || {
        assert!(
            list.check_fields("nextPageToken,files(id,name,owners/emailAddress)")
                .is_ok()
        );
    });
    let route = mean(500, || {
        let path = "/gmail/v1/users/me/messages/18c";
        let host = "gmail.googleapis.com";
        assert!(catalogue().route(HttpMethod::Get, host, path).is_some());
    });
    let search = mean(50, || {
        assert!(!catalogue().search("share a file", 5).is_empty());
    });
    println!(
        "first use of gmail {first:?}, all unpacked {all:?}, search index {index:?}; a body \
         {body:?}, lookup {lookup:?}, mask {mask:?}, route {route:?}, search {search:?}"
    );
    assert_eq!(send.api_name, "gmail");
    for (what, took, limit) in [
        ("first use of gmail", first, 50),
        ("all unpacked", all, 500),
        ("search index", index, 1500),
        ("a body", body, 2),
        ("lookup", lookup, 1),
        ("mask", mask, 2),
        ("route", route, 10),
        ("search", search, 100),
    ] {
        assert!(took < Duration::from_millis(limit), "{what} took {took:?}");
    }
}
