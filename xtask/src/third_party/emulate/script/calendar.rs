//! Calendar: what exists, new events, reading, free time, deleting.

use super::{Step, keeping, refused, step};

pub(super) const STEPS: &[Step] = &[
    step("list_calendars", "all", "{}"),
    keeping(
        "create_event",
        "with guests and reminders",
        r#"{"summary": "Launch", "start_time": "2027-03-01T10:00:00+01:00", "end_time": "2027-03-01T11:00:00+01:00",
            "location": "Harbour", "description": "Bring the plans",
            "attendees": ["kim@partner.example", "sam@sandbox.example"],
            "reminders": [{"method": "popup", "minutes": 15}]}"#,
        &[("launch", "/id")],
    ),
    keeping(
        "create_event",
        "a whole day",
        r#"{"summary": "Holiday", "start_time": "2027-03-02", "end_time": "2027-03-04"}"#,
        &[("holiday", "/id")],
    ),
    step(
        "create_event",
        "that blocks no time",
        r#"{"summary": "Birthday of Kim", "start_time": "2027-03-01T15:00:00+01:00", "duration_minutes": 30,
            "transparency": "transparent"}"#,
    ),
    step(
        "get_events",
        "of a week",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00"}"#,
    ),
    step(
        "get_events",
        "with details",
        r#"{"timezone": "Europe/Prague", "time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-01T12:00:00+01:00", "detailed": true}"#,
    ),
    step(
        "get_events",
        "by a word",
        r#"{"query": "launch", "time_min": "2027-01-01", "time_max": "2027-12-31"}"#,
    ),
    step(
        "get_events",
        "of a week in a zone",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague"}"#,
    ),
    keeping(
        "get_events",
        "a first page",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague", "max_results": 2}"#,
        &[("events_page", "/nextPageToken")],
    ),
    step(
        "get_events",
        "a second page",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague", "max_results": 2, "page_token": "{events_page}"}"#,
    ),
    refused(
        "get_events",
        "of an unknown calendar",
        r#"{"calendar_id": "nobody@nowhere.example", "time_min": "2027-03-01", "time_max": "2027-03-02"}"#,
    ),
    refused(
        "create_event",
        "that ends before it begins",
        r#"{"summary": "Never", "start_time": "2027-03-01T10:00:00Z", "end_time": "2027-03-01T09:00:00Z"}"#,
    ),
    step(
        "get_events",
        "by id",
        r#"{"event_id": "{launch}", "detailed": true}"#,
    ),
    step(
        "get_events",
        "none",
        r#"{"time_min": "2027-05-01T00:00:00+02:00", "time_max": "2027-05-02T00:00:00+02:00"}"#,
    ),
    step(
        "query_freebusy",
        "of a day",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00"}"#,
    ),
    step(
        "query_freebusy",
        "with free slots",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00", "slot_minutes": 60,
            "timezone": "Europe/Prague"}"#,
    ),
    step(
        "query_freebusy",
        "of an unknown calendar",
        r#"{"calendar_ids": ["nobody@nowhere.example"], "time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00"}"#,
    ),
    step(
        "modify_event",
        "an hour later",
        r#"{"event_id": "{launch}", "start_time": "2027-03-01T12:00:00+01:00"}"#,
    ),
    step("delete_event", "with guests", r#"{"event_id": "{launch}"}"#),
    step(
        "delete_event",
        "a whole day",
        r#"{"event_id": "{holiday}"}"#,
    ),
    refused(
        "delete_event",
        "an unknown id",
        r#"{"event_id": "gone0000000"}"#,
    ),
    step(
        "get_events",
        "what is left",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00"}"#,
    ),
    keeping(
        "create_event",
        "a series",
        r#"{"summary": "Weekly", "start_time": "2027-04-05T09:00:00+02:00", "duration_minutes": 30,
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"]}"#,
        &[("weekly", "/id")],
    ),
    step(
        "get_events",
        "of a series",
        r#"{"time_min": "2027-04-01T00:00:00+02:00", "time_max": "2027-05-01T00:00:00+02:00"}"#,
    ),
];
