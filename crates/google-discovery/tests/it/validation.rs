//! Requests are judged as Google would, before Google sees them.

use google_discovery::{Invalid, Method, catalogue};
use serde_json::{Value, json};

fn method(id: &str) -> &'static Method {
    catalogue().method(id).expect(id)
}

/// The problems as `path: message`.
fn problems(result: Result<(), Invalid>) -> Vec<String> {
    result.map_or_else(
        |wrong| wrong.problems.iter().map(ToString::to_string).collect(),
        |()| vec![],
    )
}

fn body_problems(id: &str, parameters: &[(&str, &str)], body: &Value) -> Vec<String> {
    problems(method(id).validate(parameters, Some(body)))
}

#[test]
fn everything_wrong_is_said_at_once() {
    let list = method("gmail.users.messages.list");
    let wrong = list.validate(&[("maxResults", "many"), ("max_results", "5")], None);
    let found = problems(wrong.clone());
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("parameters.maxResults: must be a whole number"));
    assert!(found[1].starts_with("parameters.max_results: is unknown; did you mean `maxResults`?"));
    assert!(
        found[2].starts_with("parameters.userId: is required"),
        "{}",
        found[2]
    );
    assert!(found[2].contains("usually `me`"));
    let words = wrong.unwrap_err().to_string();
    assert!(
        words.starts_with("gmail.users.messages.list cannot be called like this: "),
        "{words}"
    );
}

#[test]
fn parameters_have_types_ranges_and_values() {
    let check = |id: &str, parameters: &[(&str, &str)]| {
        problems(method(id).validate(parameters, None)).join("\n")
    };
    let get = [("userId", "me"), ("id", "1")];
    let with = |extra: (&'static str, &'static str)| [get[0], get[1], extra];
    assert_eq!(
        check("gmail.users.messages.get", &with(("format", "metadata"))),
        ""
    );
    let wrong = check("gmail.users.messages.get", &with(("format", "meta")));
    assert!(
        wrong.contains("one of minimal, full, raw, metadata"),
        "{wrong}"
    );
    let wrong = check("drive.files.list", &[("pageSize", "5000")]);
    assert!(wrong.contains("must be from 1 to 1000"), "{wrong}");
    let wrong = check(
        "gmail.users.messages.list",
        &[("userId", "me"), ("maxResults", "-1")],
    );
    assert!(wrong.contains("from 0 to 4294967295"), "{wrong}");
    let wrong = check("gmail.users.messages.get", &with(("alt", "media")));
    assert!(wrong.contains("no content to download"), "{wrong}");
    let wrong = check("gmail.users.messages.get", &with(("uploadType", "media")));
    assert!(wrong.contains("takes no content"), "{wrong}");
    let wrong = check("gmail.users.messages.get", &with(("fields", "id,payloads")));
    assert!(
        wrong.contains("fields.payloads: is unknown; did you mean `payload`?"),
        "{wrong}"
    );
}

#[test]
fn times_need_their_distance_from_utc_in_queries() {
    let at = |time: &str| {
        let parameters = [("calendarId", "primary"), ("timeMin", time)];
        problems(method("calendar.events.list").validate(&parameters, None)).join("")
    };
    for right in [
        "2026-03-29T09:30:00Z",
        "2026-03-29T09:30:00.123+02:00",
        "2026-03-29t09:30:00z",
    ] {
        assert_eq!(at(right), "", "{right}");
    }
    for wrong in [
        "2026-03-29",
        "2026-03-29T09:30:00",
        "2026-03-29T09:30Z",
        "now",
        "",
        "2026-03-29T09:30:00.Z",
    ] {
        assert!(at(wrong).contains("distance from UTC"), "{wrong}");
    }
}

#[test]
fn path_values_cannot_turn_a_request_into_another() {
    let name = |value: &str| {
        problems(method("chat.spaces.messages.get").validate(&[("name", value)], None)).join("")
    };
    assert_eq!(name("spaces/A/messages/B"), "");
    assert!(name("spaces/A").contains("must look like spaces/*/messages/*"));
    assert!(name("spaces/../messages/B").contains("segments . and .."));
    assert!(name("spaces/A/messages/B\u{0}").contains("control characters"));
    assert!(name("").contains("is required"));
    let file = |value: &str| {
        problems(method("drive.files.get").validate(&[("fileId", value)], None)).join("")
    };
    assert!(file("..").contains("segments . and .."));
    assert!(file("a\r\nHost: x").contains("control characters"));
    assert_eq!(file("a/b c"), "");
}

#[test]
fn bodies_have_types_all_the_way_down() {
    let draft =
        |body: Value| body_problems("gmail.users.drafts.create", &[("userId", "me")], &body);
    assert!(draft(json!({"message": {"raw": "aGk_-=="}})).is_empty());
    assert!(
        draft(json!({"message": {"raw": "hi there"}}))[0]
            .starts_with("body.message.raw: must be base64")
    );
    assert!(draft(json!({"message": {"rw": "aGk"}}))[0].contains("did you mean `raw`?"));
    assert!(
        draft(json!({"message": "hi"}))[0].contains("must be an object (Message), not a string")
    );
    assert!(draft(json!([]))[0].starts_with("body: must be an object"));
    assert!(draft(json!({"message": {"labelIds": "INBOX"}}))[0].contains("list of string"));
    assert!(
        draft(json!({"message": {"labelIds": ["INBOX", 5]}}))[0]
            .starts_with("body.message.labelIds[1]: must be a string, not a number")
    );

    let docs = json!({"requests": [{"insertText": {"text": "x", "location": {"index": "one"}}}]});
    let found = body_problems("docs.documents.batchUpdate", &[("documentId", "d")], &docs);
    assert_eq!(
        found,
        ["body.requests[0].insertText.location.index: must be a whole number"]
    );

    let colour = json!({"requests": [{"addSheet": {"properties": {"sheetType": "GRIDD"}}}]});
    let found = body_problems(
        "sheets.spreadsheets.batchUpdate",
        &[("spreadsheetId", "s")],
        &colour,
    );
    assert!(found[0].contains("did you mean `GRID`?"), "{found:?}");

    let quoted = json!({"start": {"date": "2026-03-29"}, "end": {"date": "29.3."}, "guestsCanModify": "true"});
    let found = body_problems(
        "calendar.events.insert",
        &[("calendarId", "primary")],
        &quoted,
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("body.guestsCanModify: must be true or false without quotes"));
    assert!(found[1].starts_with("body.end.date: must be a date like"));
}

#[test]
fn nulls_any_maps_and_read_only_fields_pass() {
    let values = json!({"values": [["a", null, 5, true, {"x": []}], null], "majorDimension": null});
    let parameters = [("spreadsheetId", "s"), ("range", "A1")];
    assert_eq!(
        body_problems("sheets.spreadsheets.values.update", &parameters, &values),
        Vec::<String>::new()
    );
    let file = json!({
        "name": "x",
        "appProperties": {"free": "name"},
        "capabilities": {"canEdit": "whatever it was when it was read"},
    });
    assert_eq!(
        body_problems("drive.files.create", &[], &file),
        Vec::<String>::new()
    );
    let file = json!({"appProperties": {"free": 5}});
    assert!(
        body_problems("drive.files.create", &[], &file)[0].starts_with("body.appProperties.free")
    );
}

#[test]
fn required_fields_of_inner_objects() {
    let rule = json!({"role": "reader", "scope": {"value": "a@example.com"}});
    let found = body_problems("calendar.acl.insert", &[("calendarId", "primary")], &rule);
    assert_eq!(found, ["body.scope.type: is required: string"]);
    let null = json!({"role": "reader", "type": null});
    let found = body_problems("drive.permissions.create", &[("fileId", "f")], &null);
    assert_eq!(found, ["body.type: is required: string"]);
    let none = method("drive.permissions.create").validate(&[("fileId", "f")], None);
    assert_eq!(
        problems(none),
        [
            "body.role: is required: string",
            "body.type: is required: string"
        ]
    );
}

#[test]
fn an_upload_may_come_without_what_its_content_says() {
    let send = method("gmail.users.messages.send");
    assert!(
        send.validate(&[("userId", "me")], Some(&json!({})))
            .is_err()
    );
    assert!(
        send.validate(&[("userId", "me"), ("uploadType", "media")], None)
            .is_ok()
    );
    let body = json!({"threadId": "t1"});
    assert!(
        send.validate(
            &[("userId", "me"), ("uploadType", "multipart")],
            Some(&body)
        )
        .is_ok()
    );
}

#[test]
fn a_method_without_body_takes_none() {
    let get = method("gmail.users.getProfile");
    let parameters = [("userId", "me")];
    assert!(get.validate(&parameters, Some(&json!({}))).is_ok());
    assert!(get.validate(&parameters, Some(&json!({"a": 1}))).is_err());
}

#[test]
fn long_lists_of_problems_are_cut_and_counted() {
    let body: Value = (0..100).map(|n| (format!("zz{n}"), json!(1))).collect();
    let wrong = method("gmail.users.labels.create").validate(&[("userId", "me")], Some(&body));
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.problems.len() + wrong.omitted, 101);
    assert!(wrong.problems.len() <= 30);
    assert!(wrong.to_string().ends_with("more problems"));
}

#[test]
fn neither_depth_nor_size_hurts() {
    // Values this deep can neither be cloned nor dropped; the test builds and takes them apart by
    // hand.
    let mut deep = json!({});
    for _ in 0..100_000 {
        deep = object("parts", Value::Array(vec![deep]));
    }
    let body = object("message", object("payload", deep));
    let found = body_problems("gmail.users.drafts.create", &[("userId", "me")], &body);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("deeper than 100"), "{}", found[0]);
    take_apart(body);

    let mut any = json!(1);
    for _ in 0..100_000 {
        any = Value::Array(vec![any]);
    }
    let body = object("values", Value::Array(vec![any]));
    let parameters = [("spreadsheetId", "s"), ("range", "A1")];
    let found = body_problems("sheets.spreadsheets.values.update", &parameters, &body);
    assert!(found[0].contains("deeper than 100"), "{}", found[0]);
    take_apart(body);

    let wide: Vec<Value> = (0..200_000).map(|n| json!([n])).collect();
    let body = json!({"values": wide});
    assert!(body_problems("sheets.spreadsheets.values.update", &parameters, &body).is_empty());
}

fn object(name: &str, value: Value) -> Value {
    Value::Object([(name.to_owned(), value)].into_iter().collect())
}

fn take_apart(value: Value) {
    let mut open = vec![value];
    while let Some(next) = open.pop() {
        match next {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.into_iter().map(|(_, one)| one)),
            _ => {}
        }
    }
}
