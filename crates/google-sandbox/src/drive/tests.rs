//! The methods as clients meet them, without the network.

use std::collections::BTreeSet;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::SERVICE;
use crate::{
    call::{Body, Call, Media, Notice},
    error::ApiError,
    world::{Contents, World, demo_users},
};

const ALEX: &str = "alex@sandbox.example";
const SAM: &str = "sam@sandbox.example";
const FULL: &str = "https://www.googleapis.com/auth/drive";

/// A world, and calls in it.
struct Desk {
    world: World,
    now: Timestamp,
    scope: &'static str,
    client: &'static str,
    notices: Vec<Notice>,
}

impl Desk {
    fn demo() -> Self {
        let now: Timestamp = "2026-11-18T08:00:00Z".parse().expect("a moment");
        let world = World::new(demo_users(), 1, now, Contents::Demo);
        Self {
            world,
            now,
            scope: FULL,
            client: "client",
            notices: Vec::new(),
        }
    }

    fn ask(
        &mut self,
        user: &str,
        method: &str,
        params: &[(&str, &str)],
        body: Value,
        media: Option<(&str, &[u8])>,
    ) -> Result<Body, ApiError> {
        let method = google_discovery::catalogue()
            .method(method)
            .expect("Google has this method");
        let handler = SERVICE
            .routes
            .iter()
            .find(|(id, _)| *id == method.id)
            .expect("simulated")
            .1;
        let mut call = Call {
            method,
            params: params
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            body,
            media: media.map(|(content_type, bytes)| Media {
                content_type: content_type.to_owned(),
                bytes: bytes.to_vec().into(),
            }),
            headers: HeaderMap::new(),
            user: user.to_owned(),
            scopes: vec![self.scope.to_owned()],
            client_id: self.client.to_owned(),
            now: self.now,
            world: &mut self.world,
            notices: Vec::new(),
        };
        let reply = handler(&mut call)?;
        self.notices.extend(std::mem::take(&mut call.notices));
        Ok(reply.body)
    }

    fn json(&mut self, user: &str, method: &str, params: &[(&str, &str)], body: Value) -> Value {
        match self
            .ask(user, method, params, body, None)
            .expect("Google would say yes")
        {
            Body::Json(value) => value,
            other => panic!("not JSON: {other:?}"),
        }
    }

    fn text(&mut self, user: &str, method: &str, params: &[(&str, &str)]) -> String {
        match self
            .ask(user, method, params, Value::Null, None)
            .expect("Google would say yes")
        {
            Body::Media(media) => String::from_utf8_lossy(&media.bytes).into_owned(),
            other => panic!("not media: {other:?}"),
        }
    }

    fn refusal(
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

    /// The names a search finds.
    fn names(&mut self, user: &str, params: &[(&str, &str)]) -> Vec<String> {
        let list = self.json(user, "drive.files.list", params, Value::Null);
        let files = list["files"].as_array().expect("files");
        files
            .iter()
            .map(|file| file["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    fn found(&mut self, user: &str, q: &str) -> BTreeSet<String> {
        self.names(user, &[("q", q), ("pageSize", "1000")])
            .into_iter()
            .collect()
    }

    /// The id of the one file of that name.
    fn id(&mut self, name: &str) -> String {
        let named = |file: &&super::file::File| file.name == name;
        self.world
            .drive
            .files
            .values()
            .find(named)
            .expect("in the demo data")
            .id
            .clone()
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn searches_answer_as_drive_does() {
    let mut desk = Desk::demo();
    let mut is = |q: &str, names: &[&str]| assert_eq!(desk.found(ALEX, q), set(names), "{q}");
    is(
        r"name = 'O\'Brien\'s résumé (final).pdf'",
        &["O'Brien's résumé (final).pdf"],
    );
    is(
        "name contains 'Atl' and mimeType = 'application/vnd.google-apps.document'",
        &["Atlas launch plan"],
    );
    is("name contains 'las'", &[]);
    is(
        "fullText contains 'Borealis summary'",
        &["Research summary.pdf"],
    );
    is(
        "fullText contains '\"order number\"'",
        &["Research summary.pdf"],
    );
    is("trashed = true", &["Old draft.txt"]);
    is("starred = true", &["Meeting notes"]);
    is(
        "sharedWithMe",
        &["Onboarding checklist", "Roadmap 2027", "Vendor proposal"],
    );
    is(
        "'sam@sandbox.example' in owners and not sharedWithMe = true",
        &["Atlas kick-off", "Risk register.xlsx", "Team handbook"],
    );
    is("mimeType contains 'image/'", &["sign-ups.png"]);
    is(
        "'dana@northwind.example' in readers",
        &["Contract Northwind.docx"],
    );
    is(
        "modifiedTime > '2026-11-15T12:00:00' and 'root' in parents and trashed = false",
        &["Meeting notes", "To do.txt"],
    );
    is("visibility = 'domainCanFind'", &["Team handbook"]);
    assert_eq!(
        desk.found(SAM, "'me' in owners and name contains 'road'"),
        set(&["Roadmap 2027"])
    );
    let nowhere = [("q", "'1nowhere' in parents")];
    let refusal = desk.refusal(ALEX, "drive.files.list", &nowhere, Value::Null);
    assert_eq!(refusal, (404, "notFound".to_owned()));
    for wrong in ["name = 'it's'", "size > 5", "hello world"] {
        let error = desk
            .ask(ALEX, "drive.files.list", &[("q", wrong)], Value::Null, None)
            .expect_err("no query");
        assert_eq!(
            (error.code, error.reason.as_str()),
            (400, "invalid"),
            "{wrong}"
        );
        assert_eq!(error.location, Some(("parameter", "q".to_owned())));
    }
}

#[test]
fn what_is_not_shared_does_not_exist_for_others() {
    let mut desk = Desk::demo();
    let journal = desk.id("Private journal");
    assert_eq!(
        desk.refusal(
            ALEX,
            "drive.files.get",
            &[("fileId", &journal)],
            Value::Null
        ),
        (404, "notFound".to_owned())
    );
    assert!(desk.found(ALEX, "name contains 'Private'").is_empty());
    assert_eq!(
        desk.found(SAM, "name contains 'Private'"),
        set(&["Private journal"])
    );
    // By link, but not in lists until it was opened.
    let kit = desk.id("Press kit.pptx");
    assert!(desk.found(ALEX, "name contains 'Press'").is_empty());
    let file = desk.json(ALEX, "drive.files.get", &[("fileId", &kit)], Value::Null);
    assert_eq!(file["name"], "Press kit.pptx");
}

#[test]
fn pages_join_to_the_whole_in_order() {
    let mut desk = Desk::demo();
    let archive = desk.id("Archive");
    let q = format!("'{archive}' in parents");
    let asked = vec![
        ("q", q.as_str()),
        ("pageSize", "7"),
        ("orderBy", "name"),
        ("fields", "*"),
    ];
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let last = token.clone();
        let mut params = asked.clone();
        if !last.is_empty() {
            params.push(("pageToken", &last));
        }
        let page = desk.json(ALEX, "drive.files.list", &params, Value::Null);
        names.extend(
            page["files"]
                .as_array()
                .expect("files")
                .iter()
                .map(|file| file["name"].to_string()),
        );
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names.len(), 30);
    assert!(names.is_sorted());
    assert_eq!(
        desk.refusal(
            ALEX,
            "drive.files.list",
            &[("q", "fullText contains 'a'"), ("orderBy", "name")],
            Value::Null
        )
        .0,
        403
    );
}

#[test]
fn shared_drives_need_to_be_asked_for() {
    let mut desk = Desk::demo();
    let all = [
        ("corpora", "allDrives"),
        ("includeItemsFromAllDrives", "true"),
        ("supportsAllDrives", "true"),
        ("q", "name = 'Launch checklist'"),
    ];
    assert_eq!(desk.names(ALEX, &all), ["Launch checklist"]);
    assert!(desk.names(ALEX, &all[3..]).is_empty());
    assert_eq!(
        desk.refusal(ALEX, "drive.files.list", &all[..1], Value::Null)
            .0,
        403
    );
    let id = desk.id("Launch checklist");
    let get = [
        ("fileId", id.as_str()),
        ("supportsAllDrives", "true"),
        ("fields", "*"),
    ];
    assert_eq!(
        desk.refusal(ALEX, "drive.files.get", &get[..1], Value::Null)
            .0,
        404
    );
    let file = desk.json(ALEX, "drive.files.get", &get, Value::Null);
    assert_eq!(file.get("owners"), None);
    let drives = desk.json(SAM, "drive.drives.list", &[], Value::Null);
    assert_eq!(drives["drives"][0]["name"], "Product");
    assert_eq!(drives["drives"][0]["id"], file["driveId"]);
}

#[test]
fn without_a_mask_drive_says_almost_nothing() {
    let mut desk = Desk::demo();
    let id = desk.id("Invoice 2026-0117 Northwind.pdf");
    let file = desk.json(ALEX, "drive.files.get", &[("fileId", &id)], Value::Null);
    let mut names: Vec<&String> = file.as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(names, ["id", "kind", "mimeType", "name"]);
    let file = desk.json(
        ALEX,
        "drive.files.get",
        &[("fileId", &id), ("fields", "*")],
        Value::Null,
    );
    assert_eq!(file["owners"][0]["emailAddress"], ALEX);
    assert_eq!(file["md5Checksum"].as_str().map(str::len), Some(32));
    assert!(file["size"].is_string());
    assert_eq!(file["capabilities"]["canEdit"], true);
    assert_eq!(
        desk.refusal(ALEX, "drive.about.get", &[], Value::Null),
        (400, "required".to_owned())
    );
}

#[test]
fn native_files_are_exported_and_others_downloaded() {
    let mut desk = Desk::demo();
    let plan = desk.id("Atlas launch plan");
    let export = |mime| [("fileId", plan.as_str()), ("mimeType", mime)];
    let markdown = desk.text(ALEX, "drive.files.export", &export("text/markdown"));
    assert!(markdown.starts_with("# Atlas launch plan\n"));
    assert!(markdown.contains("| Launch | everybody | 2026-12-08 |"));
    let text = desk.text(ALEX, "drive.files.export", &export("text/plain"));
    assert!(text.starts_with('\u{feff}') && text.contains("\r\n"));
    assert_eq!(
        desk.refusal(
            ALEX,
            "drive.files.export",
            &export("image/png"),
            Value::Null
        ),
        (400, "badRequest".to_owned())
    );
    let media = [("fileId", plan.as_str()), ("alt", "media")];
    assert_eq!(
        desk.refusal(ALEX, "drive.files.get", &media, Value::Null),
        (403, "fileNotDownloadable".to_owned())
    );
    let notes = desk.id("To do.txt");
    let media = [("fileId", notes.as_str()), ("alt", "media")];
    assert!(
        desk.text(ALEX, "drive.files.get", &media)
            .starts_with("Answer Dana")
    );
    let export = [("fileId", notes.as_str()), ("mimeType", "text/plain")];
    assert_eq!(
        desk.refusal(ALEX, "drive.files.export", &export, Value::Null),
        (403, "fileNotExportable".to_owned())
    );
}

#[test]
fn more_than_ten_megabytes_are_not_exported() {
    let mut desk = Desk::demo();
    let body = json!({"name": "Long", "mimeType": super::file::DOCUMENT});
    let text = "words and more words\n".repeat(600_000);
    let media = Some(("text/plain", text.as_bytes()));
    let Ok(Body::Json(file)) = desk.ask(ALEX, "drive.files.create", &[], body, media) else {
        panic!("created")
    };
    let id = file["id"].as_str().expect("an id");
    assert_eq!(
        desk.refusal(
            ALEX,
            "drive.files.export",
            &[("fileId", id), ("mimeType", "text/plain")],
            Value::Null
        ),
        (403, "exportSizeLimitExceeded".to_owned())
    );
}

#[test]
fn a_chosen_id_makes_a_repeat_harmless() {
    let mut desk = Desk::demo();
    let ids = desk.json(
        ALEX,
        "drive.files.generateIds",
        &[("count", "2")],
        Value::Null,
    );
    let id = ids["ids"][0].as_str().expect("an id").to_owned();
    let body = json!({"id": id, "name": "Once", "mimeType": "text/plain"});
    let file = desk.json(ALEX, "drive.files.create", &[], body.clone());
    assert_eq!(file["id"], json!(id));
    assert_eq!(
        desk.refusal(ALEX, "drive.files.create", &[], body),
        (409, "fileIdInUse".to_owned())
    );
    let invented = json!({"id": "1inventedByTheCaller", "name": "x"});
    assert_eq!(
        desk.refusal(ALEX, "drive.files.create", &[], invented).0,
        400
    );
    let native = json!({"id": ids["ids"][1], "mimeType": super::file::DOCUMENT});
    assert_eq!(desk.refusal(ALEX, "drive.files.create", &[], native).0, 400);
    assert_eq!(desk.found(ALEX, "name = 'Once'").len(), 1);
}

#[test]
fn folders_hold_move_and_take_their_contents_along() {
    let mut desk = Desk::demo();
    let (finance, projects, atlas) = (desk.id("Finance"), desk.id("Projects"), desk.id("Atlas"));
    let todo = desk.id("To do.txt");
    let root = desk.world.drive.root(ALEX).to_owned();
    let to = |target: &str, from: &str, id: &str| {
        [
            ("fileId", id),
            ("addParents", target),
            ("removeParents", from),
            ("fields", "parents"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let params = to(&finance, "root", &todo);
    let params: Vec<(&str, &str)> = params.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let file = desk.json(ALEX, "drive.files.update", &params, json!({}));
    assert_eq!(file["parents"], json!([finance]));
    let cycle = [
        ("fileId", projects.as_str()),
        ("addParents", &atlas),
        ("removeParents", &root),
    ];
    assert_eq!(
        desk.refusal(ALEX, "drive.files.update", &cycle, json!({}))
            .0,
        403
    );
    let two = [("fileId", todo.as_str()), ("addParents", projects.as_str())];
    assert_eq!(
        desk.refusal(ALEX, "drive.files.update", &two, json!({})),
        (403, "cannotAddParent".to_owned())
    );
    // The trash takes everything below a folder along, and gives it back.
    let trash = [("fileId", finance.as_str())];
    desk.json(ALEX, "drive.files.update", &trash, json!({"trashed": true}));
    assert!(desk.found(ALEX, "trashed = true").contains("To do.txt"));
    desk.json(
        ALEX,
        "drive.files.update",
        &trash,
        json!({"trashed": false}),
    );
    assert!(!desk.found(ALEX, "trashed = true").contains("To do.txt"));
    desk.json(ALEX, "drive.files.update", &trash, json!({"trashed": true}));
    desk.ask(ALEX, "drive.files.emptyTrash", &[], Value::Null, None)
        .expect("emptied");
    assert_eq!(
        desk.refusal(ALEX, "drive.files.get", &[("fileId", &todo)], Value::Null)
            .0,
        404
    );
}

#[test]
fn sharing_shows_the_file_to_the_other_and_no_more_than_the_role() {
    let mut desk = Desk::demo();
    let id = desk.id("To do.txt");
    let file = [("fileId", id.as_str())];
    let fields = [("fileId", id.as_str()), ("fields", "*")];
    assert_eq!(
        desk.refusal(SAM, "drive.files.get", &file, Value::Null).0,
        404
    );
    let body = json!({"type": "user", "role": "reader", "emailAddress": SAM});
    let permission = desk.json(ALEX, "drive.permissions.create", &fields, body);
    assert_eq!(permission["displayName"], "Sam Okafor");
    assert_eq!(desk.notices.len(), 1);
    assert_eq!(desk.notices[0].to, [SAM]);
    assert!(desk.found(SAM, "sharedWithMe").contains("To do.txt"));
    let rename = || json!({"name": "Mine now"});
    assert_eq!(
        desk.refusal(SAM, "drive.files.update", &file, rename()),
        (403, "insufficientFilePermissions".to_owned())
    );
    assert_eq!(
        desk.refusal(SAM, "drive.permissions.list", &file, Value::Null)
            .0,
        403
    );
    // The same person again is the same permission with the new role.
    let quiet = [
        ("fileId", id.as_str()),
        ("sendNotificationEmail", "false"),
        ("fields", "id,role"),
    ];
    let body = json!({"type": "user", "role": "writer", "emailAddress": SAM});
    let again = desk.json(ALEX, "drive.permissions.create", &quiet, body);
    assert_eq!(again["id"], permission["id"]);
    assert_eq!(desk.notices.len(), 1);
    assert_eq!(
        desk.json(SAM, "drive.files.update", &file, rename())["name"],
        "Mine now"
    );
    assert_eq!(
        desk.refusal(SAM, "drive.files.delete", &file, Value::Null)
            .0,
        403
    );
    let gone = [
        ("fileId", id.as_str()),
        ("permissionId", permission["id"].as_str().expect("id")),
    ];
    desk.ask(ALEX, "drive.permissions.delete", &gone, Value::Null, None)
        .expect("taken back");
    assert_eq!(
        desk.refusal(SAM, "drive.files.get", &file, Value::Null).0,
        404
    );
}

#[test]
fn ownership_moves_only_when_said_twice() {
    let mut desk = Desk::demo();
    let id = desk.id("To do.txt");
    let body = || json!({"type": "user", "role": "owner", "emailAddress": SAM});
    assert_eq!(
        desk.refusal(ALEX, "drive.permissions.create", &[("fileId", &id)], body())
            .0,
        403
    );
    let twice = [("fileId", id.as_str()), ("transferOwnership", "true")];
    desk.json(ALEX, "drive.permissions.create", &twice, body());
    let file = desk.json(
        SAM,
        "drive.files.get",
        &[("fileId", &id), ("fields", "*")],
        Value::Null,
    );
    assert_eq!(file["owners"].as_array().map(Vec::len), Some(1));
    assert_eq!(file["owners"][0]["emailAddress"], SAM);
    let stranger = json!({"type": "user", "role": "reader", "emailAddress": "no@sandbox.example"});
    assert_eq!(
        desk.refusal(
            SAM,
            "drive.permissions.create",
            &[("fileId", &id)],
            stranger
        ),
        (400, "invalidSharingRequest".to_owned())
    );
}

#[test]
fn new_content_is_a_new_revision_and_a_change() {
    let mut desk = Desk::demo();
    let id = desk.id("To do.txt");
    let start = desk.json(ALEX, "drive.changes.getStartPageToken", &[], Value::Null);
    let token = start["startPageToken"]
        .as_str()
        .expect("a token")
        .to_owned();
    let get = [
        ("fileId", id.as_str()),
        ("fields", "md5Checksum,headRevisionId,version"),
    ];
    let before = desk.json(ALEX, "drive.files.get", &get, Value::Null);
    let media = Some(("text/plain", b"All done.".as_slice()));
    desk.ask(
        ALEX,
        "drive.files.update",
        &[("fileId", &id)],
        Value::Null,
        media,
    )
    .expect("changed");
    let after = desk.json(ALEX, "drive.files.get", &get, Value::Null);
    assert_ne!(before["md5Checksum"], after["md5Checksum"]);
    assert_ne!(before["headRevisionId"], after["headRevisionId"]);
    assert_eq!(after["md5Checksum"], "f29a2567d501c9dfde517d03b2e6bd97");
    let revisions = desk.json(
        ALEX,
        "drive.revisions.list",
        &[("fileId", &id)],
        Value::Null,
    );
    assert_eq!(revisions["revisions"].as_array().map(Vec::len), Some(2));
    let since = [("pageToken", token.as_str()), ("fields", "*")];
    let changes = desk.json(ALEX, "drive.changes.list", &since, Value::Null);
    assert_eq!(changes["changes"][0]["fileId"], json!(id));
    let next = changes["newStartPageToken"]
        .as_str()
        .expect("the end")
        .to_owned();
    let none = desk.json(
        ALEX,
        "drive.changes.list",
        &[("pageToken", &next)],
        Value::Null,
    );
    assert_eq!(none["changes"], json!([]));
}

#[test]
fn a_copy_is_a_file_of_its_own() {
    let mut desk = Desk::demo();
    let id = desk.id("Roadmap 2027");
    let copy = desk.json(
        ALEX,
        "drive.files.copy",
        &[("fileId", &id), ("fields", "*")],
        json!({}),
    );
    assert_eq!(copy["name"], "Copy of Roadmap 2027");
    assert_eq!(copy["ownedByMe"], true);
    assert_ne!(copy["id"], json!(id));
    let folder = desk.id("Archive");
    assert_eq!(
        desk.refusal(ALEX, "drive.files.copy", &[("fileId", &folder)], json!({}))
            .0,
        403
    );
}

#[test]
fn a_token_for_own_files_sees_only_what_its_client_made() {
    let mut desk = Desk::demo();
    desk.scope = "https://www.googleapis.com/auth/drive.file";
    assert!(desk.names(ALEX, &[]).is_empty());
    desk.json(
        ALEX,
        "drive.files.create",
        &[],
        json!({"name": "Made here"}),
    );
    assert_eq!(desk.names(ALEX, &[]), ["Made here"]);
    desk.client = "another";
    assert!(desk.names(ALEX, &[]).is_empty());
}

#[test]
fn comments_are_answered_and_resolved() {
    let mut desk = Desk::demo();
    let id = desk.id("Onboarding checklist");
    let file = [("fileId", id.as_str()), ("fields", "*")];
    let comment = desk.json(
        ALEX,
        "drive.comments.create",
        &file,
        json!({"content": "Who orders badges?"}),
    );
    let on = [
        ("fileId", id.as_str()),
        ("commentId", comment["id"].as_str().expect("an id")),
        ("fields", "*"),
    ];
    desk.json(
        SAM,
        "drive.replies.create",
        &on,
        json!({"content": "I do.", "action": "resolve"}),
    );
    let list = desk.json(ALEX, "drive.comments.list", &file, Value::Null);
    assert_eq!(list["comments"][0]["resolved"], true);
    assert_eq!(list["comments"][0]["replies"][0]["content"], "I do.");
    let roadmap = desk.id("Roadmap 2027");
    let reader = [("fileId", roadmap.as_str()), ("fields", "*")];
    assert_eq!(
        desk.refusal(
            ALEX,
            "drive.comments.create",
            &reader,
            json!({"content": "x"})
        )
        .0,
        403
    );
}

#[test]
fn the_state_survives_a_file() {
    let desk = Desk::demo();
    let text = serde_json::to_string(&desk.world.drive).expect("plain data");
    let back: super::State = serde_json::from_str(&text).expect("plain data");
    assert_eq!(serde_json::to_string(&back).expect("plain data"), text);
}
