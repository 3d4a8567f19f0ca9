//! Requests that people really send pass.

use google_discovery::catalogue;
use serde_json::{Value, json};

/// Method, parameters and body.
type Request = (&'static str, Vec<(&'static str, &'static str)>, Value);

fn requests() -> Vec<Request> {
    vec![
        (
            "gmail.users.labels.create",
            vec![("userId", "me")],
            json!({"name": "Receipts"}),
        ),
        (
            "gmail.users.messages.modify",
            vec![("userId", "me"), ("id", "18c")],
            json!({"addLabelIds": ["STARRED"], "removeLabelIds": ["UNREAD", "INBOX"]}),
        ),
        (
            "gmail.users.settings.filters.create",
            vec![("userId", "me")],
            json!({"criteria": {"from": "x@example.com", "size": 1000, "sizeComparison": "larger"},
                   "action": {"addLabelIds": ["TRASH"]}}),
        ),
        (
            "drive.files.create",
            vec![("fields", "id,webViewLink"), ("supportsAllDrives", "true")],
            json!({"name": "Plans", "mimeType": "application/vnd.google-apps.folder",
                   "parents": ["root"]}),
        ),
        (
            "drive.files.update",
            vec![("fileId", "f"), ("addParents", "a"), ("removeParents", "b")],
            json!({"name": "New name", "trashed": false}),
        ),
        (
            "drive.permissions.create",
            vec![("fileId", "f"), ("sendNotificationEmail", "false")],
            json!({"role": "reader", "type": "user", "emailAddress": "b@example.com"}),
        ),
        (
            "calendar.events.insert",
            vec![
                ("calendarId", "primary"),
                ("conferenceDataVersion", "1"),
                ("sendUpdates", "all"),
            ],
            json!({"summary": "Sync", "start": {"date": "2026-03-29"}, "end": {"date": "2026-03-30"},
                   "conferenceData": {"createRequest": {"requestId": "r1",
                       "conferenceSolutionKey": {"type": "hangoutsMeet"}}}}),
        ),
        (
            "calendar.events.insert",
            vec![("calendarId", "primary")],
            json!({"start": {"dateTime": "2026-03-29T09:00:00", "timeZone": "Europe/Prague"},
                   "end": {"dateTime": "2026-03-29T10:00:00", "timeZone": "Europe/Prague"}}),
        ),
        (
            "calendar.freebusy.query",
            vec![],
            json!({"timeMin": "2026-03-29T00:00:00Z", "timeMax": "2026-03-30T00:00:00Z",
                   "items": [{"id": "primary"}]}),
        ),
        (
            "docs.documents.batchUpdate",
            vec![("documentId", "d")],
            json!({"requests": [
                {"insertText": {"location": {"index": 1}, "text": "Hi"}},
                {"updateTextStyle": {"range": {"startIndex": 1, "endIndex": 3},
                    "textStyle": {"bold": true}, "fields": "bold"}},
                {"replaceAllText": {"containsText": {"text": "x", "matchCase": true},
                    "replaceText": "y"}},
            ], "writeControl": {"requiredRevisionId": "r"}}),
        ),
        (
            "sheets.spreadsheets.batchUpdate",
            vec![("spreadsheetId", "s")],
            json!({"requests": [
                {"addSheet": {"properties": {"title": "T", "gridProperties": {"rowCount": 10}}}},
                {"repeatCell": {"range": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1},
                    "cell": {"userEnteredFormat": {"textFormat": {"bold": true}}},
                    "fields": "userEnteredFormat.textFormat.bold"}},
                {"addConditionalFormatRule": {"index": 0, "rule": {"ranges": [{"sheetId": 0}],
                    "booleanRule": {"condition": {"type": "NUMBER_GREATER",
                        "values": [{"userEnteredValue": "5"}]},
                        "format": {"backgroundColor": {"red": 1, "green": 0.5}}}}}},
            ]}),
        ),
        (
            "sheets.spreadsheets.values.append",
            vec![
                ("spreadsheetId", "s"),
                ("range", "A1"),
                ("valueInputOption", "USER_ENTERED"),
            ],
            json!({"values": [["a", 1, true, null]]}),
        ),
        (
            "slides.presentations.batchUpdate",
            vec![("presentationId", "p")],
            json!({"requests": [{"createSlide": {"objectId": "slide_1", "insertionIndex": 1,
                "slideLayoutReference": {"predefinedLayout": "TITLE_AND_BODY"}}},
                {"createShape": {"shapeType": "TEXT_BOX", "elementProperties": {
                    "pageObjectId": "slide_1",
                    "size": {"height": {"magnitude": 50, "unit": "PT"}},
                    "transform": {"scaleX": 1, "translateX": 10.5, "unit": "PT"}}}}]}),
        ),
        (
            "forms.forms.create",
            vec![],
            json!({"info": {"title": "Lunch"}}),
        ),
        (
            "forms.forms.batchUpdate",
            vec![("formId", "f")],
            json!({"requests": [{"createItem": {"location": {"index": 0}, "item": {
                "title": "Which?", "questionItem": {"question": {"required": true,
                    "choiceQuestion": {"type": "RADIO", "options": [{"value": "A"}]}}}}}}]}),
        ),
        (
            "tasks.tasks.insert",
            vec![("tasklist", "@default")],
            json!({"title": "Buy milk", "due": "2026-03-29T00:00:00.000Z", "notes": "2 l"}),
        ),
        (
            "chat.spaces.messages.create",
            vec![("parent", "spaces/A"), ("requestId", "r1")],
            json!({"text": "hi", "thread": {"threadKey": "k"}}),
        ),
        (
            "people.people.createContact",
            vec![("personFields", "names,emailAddresses")],
            json!({"names": [{"givenName": "A", "familyName": "B"}],
                   "emailAddresses": [{"value": "a@example.com"}]}),
        ),
        (
            "people.people.updateContact",
            vec![
                ("resourceName", "people/c1"),
                ("updatePersonFields", "names"),
            ],
            json!({"etag": "e", "names": [{"givenName": "A"}]}),
        ),
        (
            "people.contactGroups.create",
            vec![],
            json!({"contactGroup": {"name": "Friends"}}),
        ),
        (
            "script.projects.updateContent",
            vec![("scriptId", "s")],
            json!({"files": [{"name": "Code", "type": "SERVER_JS", "source": "function a(){}"}]}),
        ),
        (
            "script.scripts.run",
            vec![("scriptId", "s")],
            json!({"function": "a", "parameters": [1, "x", {"y": []}], "devMode": true}),
        ),
        (
            "meet.spaces.create",
            vec![],
            json!({"config": {"accessType": "TRUSTED"}}),
        ),
        (
            "directory.users.insert",
            vec![],
            json!({"primaryEmail": "a@example.com", "password": "secret123",
                   "name": {"givenName": "A", "familyName": "B"}}),
        ),
        (
            "directory.members.insert",
            vec![("groupKey", "g@example.com")],
            json!({"email": "a@example.com", "role": "MEMBER"}),
        ),
        (
            "driveactivity.activity.query",
            vec![],
            json!({"itemName": "items/f", "pageSize": 10, "filter": "time > 0"}),
        ),
    ]
}

#[test]
fn real_requests_pass() {
    for (id, parameters, body) in requests() {
        let method = catalogue().method(id).expect(id);
        if let Err(wrong) = method.validate(&parameters, Some(&body)) {
            panic!("{wrong}");
        }
    }
}

/// One misspelt property in each of them is found.
#[test]
fn the_same_requests_with_a_slip_fail() {
    for (id, parameters, mut body) in requests() {
        let method = catalogue().method(id).expect(id);
        let fields = body.as_object_mut().expect("bodies are objects");
        let name = fields.keys().next().expect("bodies hold something").clone();
        let value = fields.remove(&name).expect("it was just there");
        fields.insert(format!("{name}x"), value);
        let wrong = method.validate(&parameters, Some(&body)).expect_err(id);
        let hint = format!("body.{name}x: is unknown; did you mean `{name}`?");
        assert!(wrong.to_string().contains(&hint), "{wrong}");
    }
}
