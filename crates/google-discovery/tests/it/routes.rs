//! A request on the wire is recognised as its method.

use google_discovery::{HttpMethod, Location, Method, catalogue};

fn id_of(verb: HttpMethod, host: &str, path: &str) -> Option<&'static str> {
    catalogue()
        .route(verb, host, path)
        .map(|(method, _)| method.id)
}

fn parameters_of(verb: HttpMethod, host: &str, path: &str) -> Vec<(String, String)> {
    catalogue().route(verb, host, path).expect(path).1
}

#[test]
fn plain_paths() {
    use HttpMethod::{Delete, Get, Patch, Post, Put};
    for (verb, host, path, id) in [
        (
            Get,
            "gmail.googleapis.com",
            "/gmail/v1/users/me/messages",
            "gmail.users.messages.list",
        ),
        (
            Get,
            "gmail",
            "/gmail/v1/users/me/messages/18c",
            "gmail.users.messages.get",
        ),
        (
            Post,
            "gmail",
            "/gmail/v1/users/me/messages/send",
            "gmail.users.messages.send",
        ),
        (
            Get,
            "www.googleapis.com",
            "/drive/v3/files/abc?alt=media",
            "drive.files.get",
        ),
        (
            Get,
            "www.googleapis.com",
            "/drive/v3/files/generateIds",
            "drive.files.generateIds",
        ),
        (
            Delete,
            "www.googleapis.com",
            "/drive/v3/files/trash",
            "drive.files.emptyTrash",
        ),
        (
            Delete,
            "www.googleapis.com",
            "/drive/v3/files/abc",
            "drive.files.delete",
        ),
        (Patch, "drive", "/drive/v3/files/abc", "drive.files.update"),
        (
            Get,
            "calendar",
            "/calendar/v3/calendars/primary/events",
            "calendar.events.list",
        ),
        (
            Post,
            "calendar",
            "/calendar/v3/freeBusy",
            "calendar.freebusy.query",
        ),
        (
            Get,
            "www.googleapis.com",
            "/groups/v1/groups/a%40b.c",
            "groupsSettings.groups.get",
        ),
        (
            Get,
            "www.googleapis.com",
            "/oauth2/v2/userinfo",
            "oauth2.userinfo.get",
        ),
        (
            Post,
            "docs",
            "/v1/documents/d1:batchUpdate",
            "docs.documents.batchUpdate",
        ),
        (
            Get,
            "sheets",
            "/v4/spreadsheets/s/values/A1:B2",
            "sheets.spreadsheets.values.get",
        ),
        (
            Put,
            "sheets",
            "/v4/spreadsheets/s/values/A1:B2",
            "sheets.spreadsheets.values.update",
        ),
        (
            Post,
            "sheets",
            "/v4/spreadsheets/s/values/A1:B2:append",
            "sheets.spreadsheets.values.append",
        ),
        (
            Get,
            "people",
            "/v1/people:searchContacts",
            "people.people.searchContacts",
        ),
        (Get, "people", "/v1/people/me", "people.people.get"),
        (Delete, "chat", "/v1/spaces/A", "chat.spaces.delete"),
        (
            Delete,
            "chat",
            "/v1/spaces/A/members/B",
            "chat.spaces.members.delete",
        ),
        (
            Delete,
            "chat",
            "/v1/spaces/A/messages/B",
            "chat.spaces.messages.delete",
        ),
        (
            Get,
            "admin.googleapis.com",
            "/admin/directory/v1/users",
            "directory.users.list",
        ),
        (
            Get,
            "admin.googleapis.com",
            "/admin/reports/v1/activity/users/all/applications/login",
            "reports.activities.list",
        ),
    ] {
        assert_eq!(id_of(verb, host, path), Some(id), "{verb} {path}");
    }
}

#[test]
fn upload_paths() {
    use HttpMethod::{Patch, Post};
    for (verb, host, path, id) in [
        (
            Post,
            "www.googleapis.com",
            "/upload/drive/v3/files?uploadType=multipart",
            "drive.files.create",
        ),
        (
            Patch,
            "www.googleapis.com",
            "/upload/drive/v3/files/abc",
            "drive.files.update",
        ),
        (
            Post,
            "www.googleapis.com",
            "/resumable/upload/drive/v3/files",
            "drive.files.create",
        ),
        (
            Post,
            "gmail",
            "/upload/gmail/v1/users/me/messages/send",
            "gmail.users.messages.send",
        ),
        (
            Post,
            "chat",
            "/upload/v1/spaces/A/attachments:upload",
            "chat.media.upload",
        ),
    ] {
        assert_eq!(id_of(verb, host, path), Some(id), "{verb} {path}");
    }
}

#[test]
fn parameters_are_decoded() {
    let found = parameters_of(
        HttpMethod::Get,
        "sheets",
        "/v4/spreadsheets/s1/values/%27Sheet%201%27%21A1%3AB2",
    );
    assert!(
        found.contains(&("range".to_owned(), "'Sheet 1'!A1:B2".to_owned())),
        "{found:?}"
    );
    let found = parameters_of(HttpMethod::Get, "chat", "/v1/spaces/A/messages/B.C");
    assert_eq!(
        found,
        [("name".to_owned(), "spaces/A/messages/B.C".to_owned())]
    );
    // Some clients escape the slashes of such names as well.
    let found = parameters_of(HttpMethod::Get, "chat", "/v1/spaces%2FA%2Fmessages%2FB.C");
    assert_eq!(
        found,
        [("name".to_owned(), "spaces/A/messages/B.C".to_owned())]
    );
    let found = parameters_of(
        HttpMethod::Get,
        "calendar",
        "/calendar/v3/calendars/a%2Fb/events",
    );
    assert_eq!(found, [("calendarId".to_owned(), "a/b".to_owned())]);
}

#[test]
fn what_is_no_method_is_none() {
    use HttpMethod::{Get, Put};
    for (verb, host, path) in [
        (Get, "gmail.googleapis.com", "/"),
        (Get, "gmail.googleapis.com", ""),
        (Get, "gmail.googleapis.com", "/gmail/v1/users//messages"),
        (Get, "gmail.googleapis.com", "/gmail/v1/users/me/nothing"),
        (Put, "gmail.googleapis.com", "/gmail/v1/users/me/messages"),
        (
            Get,
            "gmail.googleapis.com",
            "/gmail/v1/users/me/messages/a/b/c",
        ),
        (Get, "example.com", "/gmail/v1/users/me/messages"),
        (Get, "gmail.googleapis.com", "/%FF%FE/%00"),
    ] {
        assert_eq!(id_of(verb, host, path), None, "{verb} {path}");
    }
}

/// Every method, built from its own template, is found again with its own parameters.
#[test]
fn every_method_is_found_by_a_path_of_its_own() {
    let mut lost = Vec::new();
    for method in catalogue().methods() {
        let (path, expected) = sample(method);
        let found = catalogue().route(method.http_method, method.api().host(), &path);
        let own = method.matches(method.http_method, &path);
        assert_eq!(own.as_ref(), Some(&expected), "{}: {path}", method.id);
        match found {
            Some((found, parameters)) if found.id == method.id => {
                assert_eq!(parameters, expected, "{}", method.id);
            }
            // Google itself gives some methods the same verb and template.
            Some((found, _)) if found.path == method.path && found.api_name == method.api_name => {}
            other => lost.push((method.id, path, other.map(|(found, _)| found.id))),
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

fn sample(method: &'static Method) -> (String, Vec<(String, String)>) {
    let mut path = format!("/{}{}", method.api().service_path, method.path);
    let mut expected = Vec::new();
    for parameter in method
        .parameters
        .values()
        .filter(|one| one.location == Location::Path)
    {
        let several = format!("{{+{}}}", parameter.name);
        let value = match parameter.segments {
            Some(shape) if path.contains(&several) => shape.replace("**", "x").replace('*', "x1"),
            _ => format!("{}1", parameter.name),
        };
        path = path
            .replace(&several, &value)
            .replace(&format!("{{{}}}", parameter.name), &value);
        expected.push((parameter.name.to_owned(), value));
    }
    // In the order in which they stand in the path.
    expected.sort_by_key(|(name, _)| {
        method
            .path
            .find(&format!("{{{name}}}"))
            .or(method.path.find(&format!("{{+{name}}}")))
    });
    (path, expected)
}
