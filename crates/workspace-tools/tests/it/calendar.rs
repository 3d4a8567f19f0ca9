//! Calendar against the sandbox.

use foundation::Kind;
use serde_json::{Value, json};
use workspace_tools::{Outcome, Policy, Rule, ToolError};

use crate::world::{ALEX, SAM, World};

async fn call(world: &World, tool: &str, arguments: Value) -> Outcome {
    match world.call(tool, arguments).await {
        Ok(outcome) => outcome,
        Err(error) => panic!("{tool}: {error} ({:?})", error.hint),
    }
}

async fn refused(world: &World, tool: &str, arguments: Value) -> ToolError {
    world
        .call(tool, arguments)
        .await
        .expect_err("this must fail")
}

async fn event(world: &World, id: &str) -> Value {
    world
        .google(
            "calendar.events.get",
            &[("calendarId", "primary"), ("eventId", id)],
        )
        .await
}

fn id(outcome: &Outcome) -> String {
    outcome.data["id"].as_str().expect("an id").to_owned()
}

/// The titles and days of single events of a window, as Google tells them.
async fn days(world: &World, query: &str) -> Vec<String> {
    let parameters = [
        ("calendarId", "primary"),
        ("singleEvents", "true"),
        ("orderBy", "startTime"),
        ("q", query),
        ("timeMin", "2027-01-01T00:00:00Z"),
        ("timeMax", "2028-01-01T00:00:00Z"),
    ];
    let found = world.google("calendar.events.list", &parameters).await;
    let items = found["items"].as_array().expect("items");
    let day = |item: &Value| {
        let start = item["start"]["dateTime"]
            .as_str()
            .or(item["start"]["date"].as_str());
        format!(
            "{} {}",
            start.expect("a start"),
            item["summary"].as_str().unwrap_or("-")
        )
    };
    items.iter().map(day).collect()
}

#[tokio::test]
async fn the_documented_example_books_a_meeting_under_its_old_name() {
    let world = World::new().await;
    let arguments = json!({
        "user_google_email": ALEX, "summary": "Test Meeting",
        "start_time": "2025-02-01T10:00:00-05:00", "end_time": "2025-02-01T11:00:00-05:00",
    });
    let outcome = call(&world, "create_calendar_event", arguments).await;
    assert!(
        outcome
            .text
            .starts_with("Successfully created event 'Test Meeting' for alex@sandbox.example")
    );
    assert!(outcome.data.get("hangoutLink").is_none());
    let made = event(&world, &id(&outcome)).await;
    assert_eq!(made["start"]["dateTime"], "2025-02-01T16:00:00+01:00");
    assert_eq!(
        world.sandbox.count("calendar.events.list"),
        0,
        "an offset needs no zone"
    );
}

#[tokio::test]
async fn a_recurring_meeting_with_everything() {
    let world = World::new().await;
    let arguments = json!({
        "summary": "Choir", "start_time": "2027-03-22T19:00", "duration_minutes": 90,
        "description": "Bring the <b>notes</b>", "location": "Hall",
        "attendees": ["Sam Okafor <sam@sandbox.example>"], "optional_attendees": ["pat@elsewhere.example"],
        "recurrence": ["every 2 weeks until 2027-05-01"], "add_google_meet": true,
        "reminders": [{"minutes": 30}, {"method": "email", "minutes": 60}],
        "visibility": "private", "transparency": "transparent",
    });
    let outcome = call(&world, "create_event", arguments).await;
    let text = &outcome.text;
    assert!(
        text.contains("Starts: Mon 22 Mar 2027, 19:00, Ends: 20:30, 1 h 30 min (Europe/Prague)"),
        "{text}"
    );
    assert!(
        text.contains("Repeats: every 2 weeks, until 1 May 2027"),
        "{text}"
    );
    assert!(
        text.contains("Google Meet: https://meet.google.com/"),
        "{text}"
    );
    assert!(text.contains("Calendar mails 2 guests"), "{text}");
    let made = event(&world, &id(&outcome)).await;
    assert_eq!(made["attendees"][1]["optional"], true);
    assert_eq!(
        made["reminders"]["overrides"][0],
        json!({"method": "popup", "minutes": 30})
    );
    assert_eq!(made["start"]["timeZone"], "Europe/Prague");
    // The clocks change on 28 March; nineteen o'clock stays.
    assert_eq!(
        days(&world, "choir").await,
        [
            "2027-03-22T19:00:00+01:00 Choir",
            "2027-04-05T19:00:00+02:00 Choir",
            "2027-04-19T19:00:00+02:00 Choir"
        ]
    );
    world.act_as(SAM);
    assert_eq!(days(&world, "choir").await.len(), 3);
    // Google's mail about it has arrived.
    let mail = world
        .google(
            "gmail.users.messages.list",
            &[("userId", "me"), ("q", "Invitation Choir")],
        )
        .await;
    assert_eq!(mail["messages"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_hundred_lost_answers_never_make_two_events() {
    // Ten worlds at once: what takes time is the wait before each repeat.
    let rounds = (0..10).map(|_| async {
        let world = World::new().await;
        for number in 0..10 {
            world.sandbox.lose_next_answer("calendar.events.insert");
            let arguments = json!({
                "summary": format!("Once {number}"), "start_time": "2027-06-01T10:00:00+02:00",
                "add_google_meet": true,
            });
            let outcome = call(&world, "create_event", arguments).await;
            assert!(outcome.data["hangoutLink"].is_string());
        }
        assert!(
            world.sandbox.unmet_faults().is_empty(),
            "every answer was lost for real"
        );
        assert_eq!(days(&world, "once").await.len(), 10);
    });
    google_api::join_bounded(rounds, 10).await;
}

#[tokio::test]
async fn wrong_times_and_rules_are_explained_before_anything_is_sent() {
    let world = World::new().await;
    for (arguments, message, hint) in [
        (
            json!({"start_time": "2027-03-28T02:30"}),
            "does not exist in Europe/Prague",
            "use 2027-03-28T03:30:00",
        ),
        (
            json!({"start_time": "2027-03-28T10:00", "end_time": "2027-03-28T09:00"}),
            "lies before start_time",
            "check",
        ),
        (
            json!({"start_time": "2027-03-28", "end_time": "2027-03-28T09:00"}),
            "both be days or both be times",
            "all-day",
        ),
        (
            json!({"start_time": "next week"}),
            "is no day or time",
            "2026-03-30",
        ),
        (
            json!({"start_time": "2027-03-28T10:00", "timezone": "Europe/Pragu"}),
            "no time zone",
            "Europe/Prague",
        ),
        (
            json!({"start_time": "2027-03-28", "recurrence": ["RRULE:FREQ=HOURLY"]}),
            "DAILY, WEEKLY",
            "RRULE",
        ),
        (
            json!({"start_time": "2027-03-28", "attendees": ["sam"]}),
            "no e-mail address",
            "plain addresses",
        ),
        (
            json!({"start_time": "2027-03-28", "end_time": "2027-03-29", "duration_minutes": 5}),
            "twice",
            "one of them",
        ),
    ] {
        let mut given = json!({"summary": "x"});
        given
            .as_object_mut()
            .unwrap()
            .extend(arguments.as_object().unwrap().clone());
        let error = refused(&world, "create_event", given).await;
        assert_eq!(error.kind, Kind::Input);
        assert!(
            error.message.contains(message),
            "{arguments}: {}",
            error.message
        );
        assert!(
            error.hint.as_deref().unwrap_or_default().contains(hint),
            "{arguments}: {:?}",
            error.hint
        );
    }
    assert_eq!(world.sandbox.count("calendar.events.insert"), 0);
    let elsewhere = json!({"summary": "x", "start_time": "2027-03-28", "calendar_id": "c_nowhere"});
    let error = refused(&world, "create_event", elsewhere).await;
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.hint.unwrap().contains("list_calendars"));
}

#[tokio::test]
async fn windows_days_searches_and_single_events_are_read() {
    let world = World::new().await;
    // A Friday morning in Prague: the stand-up of today is over, those of next week come.
    let upcoming = call(&world, "get_events", json!({"max_results": 3})).await;
    assert_eq!(upcoming.data["events"].as_array().unwrap().len(), 3);
    assert!(upcoming.data["nextPageToken"].is_string());
    assert!(
        upcoming.text.contains("times in Europe/Prague"),
        "{}",
        upcoming.text
    );
    let token = upcoming.data["nextPageToken"].clone();
    let next = call(
        &world,
        "get_events",
        json!({"max_results": 3, "page_token": token}),
    )
    .await;
    assert_ne!(
        next.data["events"][0]["id"],
        upcoming.data["events"][0]["id"]
    );
    // One day, said once at each end, in the calendar's own zone.
    let day = json!({"time_min": "2026-11-18", "time_max": "2026-11-18", "query": "budget"});
    let day = call(&world, "list_calendar_events", day).await;
    assert!(
        day.text
            .contains("\"Budget talk\" (Starts: Wed 18 Nov 2026, 11:00, Ends: 11:45, 45 min)"),
        "{}",
        day.text
    );
    assert!(
        day.text.contains("your answer: no answer yet"),
        "{}",
        day.text
    );
    // A search without times finds what is over as well.
    let found = call(&world, "search_calendar_events", json!({"query": "Vienna"})).await;
    assert!(
        found.text.contains("Conference in Vienna"),
        "{}",
        found.text
    );
    assert!(found.text.contains("all day, 3 days"), "{}", found.text);
    let both = call(
        &world,
        "get_events",
        json!({"query": "stand-up", "max_results": 9}),
    )
    .await;
    let starts: Vec<&str> = both.data["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["start"]["dateTime"].as_str().unwrap())
        .collect();
    assert_eq!(starts.len(), 9);
    assert!(
        starts.is_sorted() && starts[2] < "2026-11-20T10" && starts[3] > "2026-11-20T10",
        "{starts:?}"
    );
    let nothing = call(&world, "get_events", json!({"query": "zebra crossing"})).await;
    assert!(
        nothing
            .text
            .starts_with("No events found in calendar 'primary' for alex@sandbox.example")
    );
    // Several calendars at once, each event saying where it is from.
    let team = "c_team@group.calendar.google.com";
    let several = json!({"calendar_ids": ["primary", team], "query": "on call"});
    let several = call(&world, "get_events", several).await;
    assert!(
        several.data["events"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["calendarId"] == team)
    );
    let planning = days_of(&world, "Quarterly planning").await;
    let one = call(&world, "get_event", json!({"event_id": planning})).await;
    for line in [
        "Event Details:",
        "- Title: Quarterly planning",
        "- Ends: 13:00",
        "(accepted, you)",
        "- Reminders: email 1440 min before, popup 15 min before",
        "⟦content from outside: event description",
    ] {
        assert!(one.text.contains(line), "{line} is not in:\n{}", one.text);
    }
    let error = refused(
        &world,
        "get_calendar_event",
        json!({"event_id": "nothing00"}),
    )
    .await;
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.message.contains("nothing00") && error.hint.unwrap().contains("get_events"));
}

async fn days_of(world: &World, title: &str) -> String {
    let found = world
        .google(
            "calendar.events.list",
            &[("calendarId", "primary"), ("q", title)],
        )
        .await;
    found["items"][0]["id"]
        .as_str()
        .expect("the demo has it")
        .to_owned()
}

#[tokio::test]
async fn changes_keep_what_they_do_not_name() {
    let world = World::new().await;
    let planning = days_of(&world, "Quarterly planning").await;
    let before = event(&world, &planning).await;
    let change = json!({"event_id": planning, "start_time": "2027-02-03T14:00", "add_attendees": ["pat@elsewhere.example"]});
    let changed = call(&world, "update_calendar_event", change).await;
    assert!(
        changed.text.contains("Changed: time, guests."),
        "{}",
        changed.text
    );
    let after = event(&world, &planning).await;
    assert_eq!(after["start"]["dateTime"], "2027-02-03T14:00:00+01:00");
    assert_eq!(
        after["end"]["dateTime"], "2027-02-03T17:00:00+01:00",
        "three hours as before"
    );
    assert_eq!(
        after["attendees"][1]["responseStatus"], "accepted",
        "answers stay"
    );
    assert_eq!(after["attendees"][2]["email"], "pat@elsewhere.example");
    for kept in ["summary", "description", "location", "reminders"] {
        assert_eq!(after[kept], before[kept]);
    }
    // A guest list that names one person keeps the organizer and drops the rest.
    let only_sam =
        json!({"event_id": planning, "attendees": [SAM], "location": "", "add_google_meet": true});
    let changed = call(&world, "modify_event", only_sam).await;
    assert!(changed.data["hangoutLink"].is_string());
    let after = event(&world, &planning).await;
    let emails: Vec<&str> = after["attendees"]
        .as_array()
        .unwrap()
        .iter()
        .map(|guest| guest["email"].as_str().unwrap())
        .collect();
    assert_eq!(emails, [ALEX, SAM]);
    let removed = json!({"event_id": planning, "add_google_meet": false});
    let removed = call(&world, "modify_event", removed).await;
    assert!(
        removed.text.contains("(Google Meet removed)"),
        "{}",
        removed.text
    );
    // All-day and back.
    let days = json!({"event_id": planning, "start_time": "2027-02-03"});
    call(&world, "modify_event", days).await;
    assert_eq!(
        event(&world, &planning).await["end"],
        json!({"date": "2027-02-04"})
    );
    let timed =
        json!({"event_id": planning, "start_time": "2027-02-03T09:00", "duration_minutes": 20});
    call(&world, "modify_event", timed).await;
    let after = event(&world, &planning).await;
    assert_eq!(after["end"]["dateTime"], "2027-02-03T09:20:00+01:00");
    assert!(after["start"].get("date").is_none());
    let error = refused(&world, "modify_event", json!({"event_id": planning})).await;
    assert!(error.message.contains("nothing to change"));
    let error = refused(
        &world,
        "modify_event",
        json!({"event_id": planning, "remove_attendees": ["x@y.example"]}),
    )
    .await;
    assert!(error.hint.unwrap().contains(SAM));
}

#[tokio::test]
async fn a_change_by_somebody_else_is_taken_in() {
    let world = World::new().await;
    let planning = days_of(&world, "Quarterly planning").await;
    world.sandbox.fail_next(
        1,
        "calendar.events.patch",
        google_sandbox::Fault::status(412),
    );
    let change = json!({"event_id": planning, "add_attendees": ["pat@elsewhere.example"]});
    call(&world, "modify_event", change).await;
    assert_eq!(world.sandbox.count("calendar.events.get"), 2);
    assert_eq!(
        event(&world, &planning).await["attendees"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn invitations_are_answered_and_others_see_it() {
    let world = World::new().await;
    let talk = days_of(&world, "Budget talk").await;
    let answered = call(
        &world,
        "modify_event",
        json!({"event_id": talk, "response": "tentative"}),
    )
    .await;
    assert!(
        answered.text.contains("Changed: your answer."),
        "{}",
        answered.text
    );
    world.act_as(SAM);
    let seen = event(&world, &talk).await;
    let alex = seen["attendees"]
        .as_array()
        .unwrap()
        .iter()
        .find(|guest| guest["email"] == ALEX)
        .unwrap();
    assert_eq!(alex["responseStatus"], "tentative");
    world.act_as(ALEX);
    let steal = json!({"event_id": talk, "summary": "Mine"});
    assert_eq!(
        refused(&world, "modify_event", steal).await.kind,
        Kind::Forbidden
    );
    let dentist = days_of(&world, "Dentist").await;
    let error = refused(
        &world,
        "modify_event",
        json!({"event_id": dentist, "response": "accepted"}),
    )
    .await;
    assert!(error.message.contains("not invited"));
}

async fn weekly(world: &World) -> String {
    weekly_with(world, SAM).await
}

async fn weekly_with(world: &World, guest: &str) -> String {
    let arguments = json!({
        "summary": "Course", "start_time": "2027-03-15T10:00", "end_time": "2027-03-15T11:00",
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=5"], "add_google_meet": true, "attendees": [guest],
    });
    id(&call(world, "create_event", arguments).await)
}

#[tokio::test]
async fn one_instance_the_rest_or_the_whole_series_changes() {
    let world = World::new().await;
    let series = weekly(&world).await;
    let second = format!("{series}_20270322T090000Z");
    let moved = json!({"event_id": second, "start_time": "2027-03-23T10:00"});
    call(&world, "modify_event", moved).await;
    let fourth = format!("{series}_20270405T080000Z");
    let later = json!({"event_id": fourth, "apply_to": "following", "start_time": "2027-04-05T15:00", "summary": "Late course"});
    let rest = call(&world, "modify_event", later.clone()).await;
    assert!(rest.text.contains("series of its own"), "{}", rest.text);
    assert_eq!(
        rest.data["recurrence"],
        json!(["RRULE:FREQ=WEEKLY;COUNT=2"])
    );
    let after = [
        "2027-03-15T10:00:00+01:00 Course",
        "2027-03-23T10:00:00+01:00 Course",
        "2027-03-29T10:00:00+02:00 Course",
        "2027-04-05T15:00:00+02:00 Late course",
        "2027-04-12T15:00:00+02:00 Late course",
    ];
    assert_eq!(days(&world, "course").await, after);
    world.act_as(SAM);
    assert_eq!(days(&world, "course").await, after);
    world.act_as(ALEX);
    // The whole series, said by one of its instances: an hour later in winter and in summer.
    let third = format!("{series}_20270329T080000Z");
    let all = json!({"event_id": third, "apply_to": "series", "start_time": "2027-03-29T11:00", "duration_minutes": 30});
    call(&world, "modify_event", all).await;
    assert_eq!(
        days(&world, "course").await,
        [
            "2027-03-15T11:00:00+01:00 Course",
            "2027-03-22T11:00:00+01:00 Course",
            "2027-03-29T11:00:00+02:00 Course",
            "2027-04-05T15:00:00+02:00 Late course",
            "2027-04-12T15:00:00+02:00 Late course",
        ]
    );
    let single = json!({"event_id": days_of(&world, "Dentist").await, "apply_to": "following", "summary": "x"});
    assert!(
        refused(&world, "modify_event", single)
            .await
            .message
            .contains("does not recur")
    );
}

#[tokio::test]
async fn an_interrupted_split_is_completed_by_asking_again() {
    let world = World::new().await;
    let series = weekly(&world).await;
    world.sandbox.fail_next(
        1,
        "calendar.events.patch",
        google_sandbox::Fault::reason(403, "domainPolicy"),
    );
    let third = format!("{series}_20270329T080000Z");
    let split = json!({"event_id": third, "apply_to": "following", "location": "Upstairs"});
    assert!(world.call("modify_event", split.clone()).await.is_err());
    assert_eq!(
        days(&world, "course").await.len(),
        8,
        "both parts are there for now"
    );
    call(&world, "modify_event", split).await;
    assert_eq!(days(&world, "course").await.len(), 5);
}

#[tokio::test]
async fn events_instances_and_ends_of_series_are_deleted() {
    let world = World::new().await;
    let series = weekly(&world).await;
    let second = format!("{series}_20270322T090000Z");
    let gone = call(&world, "delete_event", json!({"event_id": second})).await;
    assert!(
        gone.text.contains("Calendar mails 1 guest"),
        "{}",
        gone.text
    );
    assert_eq!(days(&world, "course").await.len(), 4);
    let again = call(&world, "delete_event", json!({"event_id": second})).await;
    assert!(again.text.contains("was deleted before"), "{}", again.text);
    let fourth = format!("{series}_20270405T080000Z");
    let rest = call(
        &world,
        "delete_event",
        json!({"event_id": fourth, "apply_to": "following"}),
    )
    .await;
    assert!(rest.text.contains("now ends before it"), "{}", rest.text);
    assert_eq!(days(&world, "course").await.len(), 2);
    let third = format!("{series}_20270329T080000Z");
    world.sandbox.lose_next_answer("calendar.events.delete");
    let all = json!({"event_id": third, "apply_to": "series", "send_updates": "none"});
    let all = call(&world, "delete_calendar_event", all).await;
    assert!(all.text.contains("Nobody was told"), "{}", all.text);
    assert!(days(&world, "course").await.is_empty());
    let error = refused(&world, "delete_event", json!({"event_id": "nothing00"})).await;
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn free_slots_avoid_everybodys_busy_times() {
    let world = World::new().await;
    let arguments = json!({
        "calendar_ids": ["primary", SAM, "ghost@nowhere.example"], "slot_minutes": 45,
        "time_min": "2026-11-23", "time_max": "2026-11-24",
    });
    let outcome = call(&world, "query_freebusy", arguments).await;
    let calendars = outcome.data["calendars"].as_array().unwrap();
    // Sam's focus time is Sam's alone; the stand-up is both's.
    assert_eq!(
        calendars[0]["busy"],
        json!([{"start": "2026-11-23T09:30:00+01:00", "end": "2026-11-23T09:45:00+01:00"}])
    );
    assert_eq!(
        calendars[1]["busy"][0]["start"],
        "2026-11-23T08:00:00+01:00"
    );
    assert_eq!(calendars[2]["error"], "notFound");
    assert_eq!(
        outcome.data["free"],
        json!([{"start": "2026-11-23T09:45:00+01:00", "end": "2026-11-23T17:00:00+01:00"}])
    );
    assert!(
        outcome
            .text
            .contains("Free for all, at least 45 min:\n  Mon 23 Nov 2026, 09:45 – 17:00"),
        "{}",
        outcome.text
    );
    let backwards = json!({"time_min": "2026-11-24T10:00:00Z", "time_max": "2026-11-23T10:00:00Z"});
    assert_eq!(
        refused(&world, "query_freebusy", backwards).await.kind,
        Kind::Input
    );
}

#[tokio::test]
async fn invitations_obey_the_policy_with_the_real_guests() {
    let mut world = World::new().await;
    world.policy = std::sync::Arc::new(Policy {
        recipients: vec!["@sandbox.example".to_owned()],
        ..Policy::default()
    });
    let invite =
        |guest: &str| json!({"summary": "x", "start_time": "2027-03-15", "attendees": [guest]});
    call(&world, "create_event", invite(SAM)).await;
    let error = refused(&world, "create_event", invite("eve@elsewhere.example")).await;
    assert_eq!(error.kind, Kind::Forbidden);
    let planning = days_of(&world, "Quarterly planning").await;
    let add = json!({"event_id": planning, "add_attendees": ["eve@elsewhere.example"]});
    assert_eq!(
        refused(&world, "modify_event", add).await.kind,
        Kind::Forbidden
    );
    let interview = days_of(&world, "Interview").await;
    assert_eq!(
        refused(&world, "delete_event", json!({"event_id": interview}))
            .await
            .kind,
        Kind::Forbidden
    );
    // One date was thinned out; the rest of its series still has guests elsewhere.
    world.policy = std::sync::Arc::default();
    let series = weekly_with(&world, "eve@elsewhere.example").await;
    let second = format!("{series}_20270322T090000Z");
    let thinned = json!({
        "event_id": second, "remove_attendees": ["eve@elsewhere.example"], "send_updates": "none",
    });
    call(&world, "modify_event", thinned).await;
    world.policy = std::sync::Arc::new(Policy {
        recipients: vec!["@sandbox.example".to_owned()],
        ..Policy::default()
    });
    for apply_to in ["series", "following"] {
        let arguments = json!({"event_id": second, "apply_to": apply_to});
        let error = refused(&world, "delete_event", arguments).await;
        assert_eq!(error.kind, Kind::Forbidden, "{apply_to}");
    }
    world.policy = std::sync::Arc::new(Policy {
        send: Rule::Ask,
        ..Policy::default()
    });
    let error = refused(&world, "create_event", invite(SAM)).await;
    let question = error.question.expect("a question");
    assert!(question.message.contains(SAM) && question.message.contains("invitation"));
    assert_eq!(world.sandbox.count("calendar.events.insert"), 2);
    // What tells nobody needs no question.
    let quiet = json!({"event_id": planning, "reminders": []});
    call(&world, "modify_event", quiet).await;
}

#[tokio::test]
async fn what_does_not_depend_on_each_other_is_asked_at_once() {
    let world = World::new().await;
    world
        .sandbox
        .set_latency(std::time::Duration::from_millis(100));
    let team = "c_team@group.calendar.google.com";
    // Two calendars, each a year back and a year ahead.
    call(
        &world,
        "get_events",
        json!({"calendar_ids": ["primary", team], "query": "call"}),
    )
    .await;
    assert_eq!(world.sandbox.count("calendar.events.list"), 4);
    assert_eq!(world.sandbox.most_in_flight(), 4);
    // The zone and the busy times.
    let world = World::new().await;
    world
        .sandbox
        .set_latency(std::time::Duration::from_millis(100));
    call(&world, "query_freebusy", json!({"slot_minutes": 30})).await;
    assert_eq!(world.sandbox.calls().len(), 2);
    assert_eq!(world.sandbox.most_in_flight(), 2);
}
