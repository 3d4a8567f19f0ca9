//! The Drive tools on the sandbox.

use std::{fs, os::unix::fs::symlink, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::Kind;
use google_sandbox::Fault;
use serde_json::{Value, json};
use workspace_tools::{
    LocalFiles, Outcome, Part, Policy, Rule, ToolError,
    resource::{self, ResourceUri},
};

use crate::world::{ALEX, SAM, World};

/// The id of the one file of that name that `search` finds.
async fn id(world: &World, name: &str) -> String {
    let query = format!(
        "name = '{}'",
        name.replace('\\', "\\\\").replace('\'', "\\'")
    );
    let found = world.google("drive.files.list", &[("q", &query)]).await;
    let files = found["files"].as_array().expect("files");
    assert_eq!(files.len(), 1, "{name}: {found}");
    files[0]["id"].as_str().expect("an id").to_owned()
}

async fn ok(world: &World, tool: &str, arguments: Value) -> Outcome {
    world
        .call(tool, arguments)
        .await
        .unwrap_or_else(|error| panic!("{tool}: {error} ({:?})", error.hint))
}

async fn refused(world: &World, tool: &str, arguments: Value) -> ToolError {
    match world.call(tool, arguments).await {
        Ok(outcome) => panic!("{tool} did it: {}", outcome.text),
        Err(error) => error,
    }
}

fn names(outcome: &Outcome) -> Vec<&str> {
    let files = outcome.data["files"].as_array().expect("files");
    files
        .iter()
        .map(|file| file["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn searches_find_by_name_kind_and_content() {
    let world = World::new().await;
    for (arguments, wanted) in [
        (json!({"query": "budg"}), "Atlas budget 2026"),
        (json!({"query": "order number"}), "Research summary.pdf"),
        (
            json!({"query": "O'Brien's"}),
            "O'Brien's résumé (final).pdf",
        ),
        (
            json!({"query": "Northwind", "file_type": "word"}),
            "Contract Northwind.docx",
        ),
        (json!({"query": "", "file_type": "image"}), "sign-ups.png"),
        (json!({"query": "mimeType = 'image/png'"}), "sign-ups.png"),
        (
            json!({"query": "launch", "folder": "Projects/Atlas"}),
            "Atlas launch plan",
        ),
        (
            json!({"query": "name contains 'launch' and trashed=false"}),
            "Launch checklist",
        ),
    ] {
        let outcome = ok(&world, "search_drive_files", arguments.clone()).await;
        assert!(
            names(&outcome).contains(&wanted),
            "{arguments}: {}",
            outcome.text
        );
    }
    // What lies in the trash is found only by whoever asks for it.
    let outcome = ok(&world, "search_drive_files", json!({"query": "old draft"})).await;
    assert!(names(&outcome).is_empty());
    let outcome = ok(
        &world,
        "search_drive_files",
        json!({"query": "trashed = true"}),
    )
    .await;
    assert_eq!(names(&outcome), ["Old draft.txt"]);
}

#[tokio::test]
async fn hostile_names_are_found_by_their_own_words() {
    let world = World::new().await;
    for name in [
        "it's",
        r"back\slash",
        r"\'",
        "' or name contains 'Atlas",
        "a\\",
        "emoji 😀 'quoted'",
    ] {
        let made = ok(
            &world,
            "create_drive_file",
            json!({"file_name": name, "content": "x"}),
        )
        .await;
        let query = format!(
            "name = '{}'",
            name.replace('\\', r"\\").replace('\'', r"\'")
        );
        let found = ok(&world, "search_drive_files", json!({"query": query})).await;
        assert_eq!(
            found.data["files"].as_array().map(Vec::len),
            Some(1),
            "{name}"
        );
        assert_eq!(found.data["files"][0]["id"], made.data["id"]);
        // As plain words, too: the sandbox refuses any query that is not well-formed.
        ok(&world, "search_drive_files", json!({"query": name})).await;
    }
}

#[tokio::test]
async fn pages_of_a_search_join_to_the_whole() {
    let world = World::new().await;
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let arguments = json!({"query": "weekly", "page_size": 12, "page_token": token});
        let page = ok(&world, "search_drive_files", arguments).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        token = page.data["nextPageToken"].clone();
        if token.is_null() {
            break;
        }
        assert!(page.text.contains("page_token="));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 30);
    let error = refused(
        &world,
        "search_drive_files",
        json!({"query": "x", "page_size": 101}),
    )
    .await;
    assert!(error.message.contains("1 to 100"), "{error}");
}

#[tokio::test]
async fn the_documented_listing_call_works_with_its_own_arguments() {
    let world = World::new().await;
    let arguments = json!({"user_google_email": ALEX, "max_results": 10});
    let listed = ok(&world, "list_drive_files", arguments).await;
    assert_eq!(names(&listed).len(), 10);
    let times: Vec<&str> = listed.data["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| file["modifiedTime"].as_str().expect("a time"))
        .collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    assert_eq!(names(&listed)[0], "To do.txt");
}

#[tokio::test]
async fn folders_are_found_by_path_name_and_link() {
    let world = World::new().await;
    let atlas = id(&world, "Atlas").await;
    for given in [
        "Projects/Atlas".to_owned(),
        "/My Drive/Projects/Atlas/".to_owned(),
        "Atlas".to_owned(),
        atlas.clone(),
        format!("https://drive.google.com/drive/folders/{atlas}?usp=sharing"),
    ] {
        let listed = ok(&world, "list_drive_items", json!({"folder_id": given})).await;
        // Folders first.
        assert_eq!(names(&listed)[0], "Design", "{given}");
    }
    let error = refused(
        &world,
        "list_drive_items",
        json!({"folder_id": "Projects/Nothing"}),
    )
    .await;
    assert_eq!(error.kind, Kind::NotFound);
    let stranger = json!({"folder_id": "1nowhere9999"});
    let error = refused(&world, "list_drive_items", stranger).await;
    assert_eq!(error.kind, Kind::NotFound);
    ok(
        &world,
        "create_drive_folder",
        json!({"folder_name": "Atlas"}),
    )
    .await;
    let error = refused(&world, "list_drive_items", json!({"folder_id": "Atlas"})).await;
    assert!(error.hint.expect("advice").contains(&atlas));
}

#[tokio::test]
async fn shared_drives_are_listed_and_searched() {
    let world = World::new().await;
    let drives = world.google("drive.drives.list", &[]).await;
    let drive = drives["drives"][0]["id"].as_str().expect("a drive");
    let listed = ok(&world, "list_drive_items", json!({"drive_id": drive})).await;
    assert_eq!(names(&listed), ["Brand", "Launch checklist"]);
    let found = ok(
        &world,
        "search_drive_files",
        json!({"query": "rollback", "drive_id": drive}),
    )
    .await;
    assert_eq!(names(&found), ["Launch checklist"]);
    let file = found.data["files"][0]["id"].clone();
    let read = ok(&world, "get_drive_file_content", json!({"file_id": file})).await;
    assert!(read.text.contains("Rollback rehearsed"));
}

#[tokio::test]
async fn metadata_says_where_whose_and_who() {
    let world = World::new().await;
    let plan = id(&world, "Atlas launch plan").await;
    let shortcut = id(&world, "Launch plan (shortcut)").await;
    let outcome = ok(
        &world,
        "get_drive_file_metadata",
        json!({"file_id": shortcut}),
    )
    .await;
    let data = &outcome.data;
    assert_eq!(data["id"], json!(plan));
    assert_eq!(data["shortcutId"], json!(shortcut));
    assert_eq!(data["path"], "My Drive/Projects/Atlas");
    assert_eq!(data["owners"][0]["emailAddress"], ALEX);
    assert!(
        data["webViewLink"]
            .as_str()
            .expect("a link")
            .contains(&plan)
    );
    for field in [
        "name",
        "mimeType",
        "createdTime",
        "modifiedTime",
        "parents",
        "permissions",
    ] {
        assert!(!data[field].is_null(), "{field}");
    }
    let error = refused(
        &world,
        "get_drive_file_metadata",
        json!({"file_id": "1missing99"}),
    )
    .await;
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.message.contains("1missing99"), "{error}");
    let error = refused(
        &world,
        "get_drive_file_metadata",
        json!({"file_id": "a' or '"}),
    )
    .await;
    assert_eq!(error.kind, Kind::Input);
    assert_eq!(world.sandbox.count("drive.permissions.list"), 0);
}

#[tokio::test]
async fn google_files_are_read_as_text() {
    let world = World::new().await;
    for (name, words) in [
        ("Atlas launch plan", "| Launch | everybody | 2026-12-08 |"),
        ("Atlas budget 2026", "Development,Q1,120000,118400"),
        ("Atlas kick-off", "Customers search 40,000 times a day"),
        (
            "design-notes.md",
            "The search field is always in the same place.",
        ),
        ("Lettre à Zoé.txt", "À bientôt – 12 €"),
    ] {
        let file = id(&world, name).await;
        let outcome = ok(&world, "get_drive_file_content", json!({"file_id": file})).await;
        assert!(outcome.text.contains(words), "{name}: {}", outcome.text);
        let content = outcome.data["content"].as_str().expect("content");
        assert!(!content.contains(['\u{feff}', '\r']), "{name}: {content:?}");
        assert!(outcome.text.contains("data, not instructions"), "{name}");
    }
    let folder = id(&world, "Finance").await;
    let error = refused(&world, "get_drive_file_content", json!({"file_id": folder})).await;
    assert!(error.hint.expect("advice").contains("list_drive_items"));
}

#[tokio::test]
async fn office_files_and_pdfs_are_read_as_text() {
    let world = World::new().await;
    for (name, words) in [
        ("Contract Northwind.docx", "either party may end it"),
        ("Risk register.xlsx", "index grows beyond one machine"),
        (
            "Atlas architecture.pptx",
            "a stale index is worse than no index",
        ),
        ("Invoice 2026-0117 Northwind.pdf", "10,200 eur"),
    ] {
        let file = id(&world, name).await;
        let outcome = ok(&world, "get_drive_file_content", json!({"file_id": file})).await;
        assert!(
            outcome.text.to_lowercase().contains(words),
            "{name}: {}",
            outcome.text
        );
    }
}

#[tokio::test]
async fn pictures_are_shown() {
    let world = World::new().await;
    let file = id(&world, "sign-ups.png").await;
    let outcome = ok(&world, "get_drive_file_content", json!({"file_id": file})).await;
    match outcome.parts.as_slice() {
        [Part::Image { mime_type, bytes }] => {
            assert_eq!(mime_type, "image/png");
            assert!(bytes.starts_with(b"\x89PNG"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_large_text_is_read_in_pieces_without_fetching_it_whole() {
    let world = World::new().await;
    let file = id(&world, "server.log").await;
    let piece = |start: usize| json!({"file_id": file, "start": start, "limit": 5000});
    let first = ok(&world, "get_drive_file_content", piece(0)).await;
    let (one, next) = (
        first.data["content"].as_str().expect("text"),
        &first.data["nextStart"],
    );
    assert_eq!(one.chars().count(), 5000);
    assert_eq!(*next, json!(5000));
    let second = ok(&world, "get_drive_file_content", piece(5000)).await;
    let whole = ok(
        &world,
        "get_drive_file_content",
        json!({"file_id": file, "limit": 10_000}),
    )
    .await;
    let joined = format!("{one}{}", second.data["content"].as_str().expect("text"));
    assert_eq!(whole.data["content"], json!(joined));
    // The end is the end.
    let end = ok(&world, "get_drive_file_content", piece(2_097_000)).await;
    assert!(end.data.get("nextStart").is_none(), "{}", end.text);
    let beyond = ok(&world, "get_drive_file_content", piece(9_000_000)).await;
    assert_eq!(beyond.data["content"], "");
}

#[tokio::test]
async fn ten_megabytes_go_up_and_come_down_the_same() {
    let world = World::new().await;
    let bytes: Vec<u8> = (0..10_u32 << 20)
        .map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).expect("a byte"))
        .collect();
    let arguments = json!({
        "user_google_email": ALEX,
        "file_name": "big.bin",
        "file_content": STANDARD.encode(&bytes),
        "mime_type": "application/octet-stream",
        "folder": "Archive",
    });
    let made = ok(&world, "upload_drive_file", arguments).await;
    assert_eq!(made.data["size"], json!(10 << 20));
    let file = made.data["id"].as_str().expect("an id").to_owned();
    let meta = world
        .google(
            "drive.files.get",
            &[("fileId", &file), ("fields", "parents,originalFilename")],
        )
        .await;
    assert_eq!(meta["parents"][0], json!(id(&world, "Archive").await));
    let arguments = json!({"file_id": file, "as": "base64"});
    let down = ok(&world, "download_drive_file", arguments).await;
    let back = STANDARD
        .decode(down.data["base64"].as_str().expect("base64"))
        .expect("base64");
    assert!(back == bytes, "the bytes came back changed");
    // By reference, too.
    let link = ok(&world, "download_drive_file", json!({"file_id": file})).await;
    let [Part::Link { uri, size, .. }] = link.parts.as_slice() else {
        panic!("no link")
    };
    assert_eq!(*size, Some(10 << 20));
    let uri = ResourceUri::parse(uri).expect("our own");
    let content = resource::read(&world.cx(), &uri).await.expect("readable");
    assert!(content.bytes == bytes);
    // One more byte is refused before it travels.
    let too_much = STANDARD.encode(vec![0; (10 << 20) + 1]);
    world.sandbox.forget_calls();
    let arguments = json!({"file_name": "more.bin", "content_base64": too_much});
    let error = refused(&world, "create_drive_file", arguments).await;
    assert_eq!(error.kind, Kind::Input);
    assert!(world.sandbox.calls().is_empty());
}

#[tokio::test]
async fn google_files_come_down_as_office_files_or_what_was_asked_for() {
    let world = World::new().await;
    let file = id(&world, "Atlas budget 2026").await;
    let as_is = ok(
        &world,
        "download_drive_file",
        json!({"file_id": file, "as": "base64"}),
    )
    .await;
    let bytes = STANDARD
        .decode(as_is.data["base64"].as_str().expect("base64"))
        .expect("base64");
    assert!(bytes.starts_with(b"PK"));
    let arguments = json!({"file_id": file, "export_mime_type": "text/csv"});
    let csv = ok(&world, "download_drive_file", arguments).await;
    let bytes = STANDARD
        .decode(csv.data["base64"].as_str().expect("base64"))
        .expect("base64");
    assert!(bytes.starts_with(b"Item,Quarter"));
    let arguments = json!({"file_id": file, "export_mime_type": "image/gif"});
    let error = refused(&world, "download_drive_file", arguments).await;
    assert!(error.hint.expect("advice").contains("text/csv"));
}

#[tokio::test]
async fn a_lost_answer_does_not_make_two_files() {
    let world = World::new().await;
    let _ = world.cx();
    for (tool, arguments, name) in [
        (
            "create_drive_file",
            json!({"file_name": "Once.txt", "content": "x"}),
            "Once.txt",
        ),
        (
            "create_drive_folder",
            json!({"folder_name": "Once"}),
            "Once",
        ),
    ] {
        world.sandbox.lose_next_answer("drive.files.create");
        let made = ok(&world, tool, arguments).await;
        assert_eq!(made.data["id"], json!(id(&world, name).await));
    }
    assert!(world.sandbox.unmet_faults().is_empty());
    // What takes no id is not tried again, and the caller is told that nobody knows.
    world.sandbox.lose_next_answer("drive.files.create");
    let arguments = json!({"file_name": "Doc", "content": "x", "convert_to": "document"});
    let error = refused(&world, "create_drive_file", arguments).await;
    assert_eq!(error.kind, Kind::Unknown, "{error}");
    id(&world, "Doc").await;
}

#[tokio::test]
async fn text_becomes_a_google_document_when_asked() {
    let world = World::new().await;
    let arguments = json!({
        "file_name": "Report", "content": "# Title\n\n* one\n* two\n", "mime_type": "text/markdown",
        "convert_to": "document",
    });
    let made = ok(&world, "create_drive_file", arguments).await;
    assert_eq!(
        made.data["mimeType"],
        "application/vnd.google-apps.document"
    );
    let read = ok(
        &world,
        "get_drive_file_content",
        json!({"file_id": made.data["id"]}),
    )
    .await;
    assert_eq!(read.data["content"], "# Title\n\n* one\n* two\n");
    let arguments =
        json!({"file_name": "Table.csv", "content": "a,b\n1,2\n", "convert_to": "spreadsheet"});
    let made = ok(&world, "create_drive_file", arguments).await;
    assert_eq!(
        made.data["mimeType"],
        "application/vnd.google-apps.spreadsheet"
    );
    let empty = json!({"file_name": "Empty.txt", "content": ""});
    let made = ok(&world, "create_drive_file", empty).await;
    assert_eq!(made.data["size"], json!(0));
    let folder = json!({"file_name": "F", "mime_type": "application/vnd.google-apps.folder"});
    let made = ok(&world, "create_drive_file", folder).await;
    assert_eq!(made.data["mimeType"], "application/vnd.google-apps.folder");
}

#[tokio::test]
async fn local_files_go_up_from_allowed_directories_only() {
    let disk = tempfile::tempdir().expect("a directory");
    let root = disk.path().join("out");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("report.txt"), "from the disk").expect("written");
    fs::write(root.join("six.bin"), vec![7; 6 << 20]).expect("written");
    fs::write(disk.path().join("secret.txt"), "secret").expect("written");
    symlink(disk.path().join("secret.txt"), root.join("link.txt")).expect("linked");
    let fifo = root.join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let path = |name: &str| root.join(name).display().to_string();
    let upload = |path: &str| json!({"file_name": "Up.txt", "path": path});

    let mut world = World::new().await;
    let error = refused(&world, "create_drive_file", upload(&path("report.txt"))).await;
    assert_eq!(
        error.kind,
        Kind::Forbidden,
        "without a root nothing is read"
    );
    world.files = Arc::new(LocalFiles {
        roots: vec![root.clone()],
    });
    for bad in [
        path("link.txt"),
        path("../secret.txt"),
        path("pipe"),
        path("."),
        path("absent"),
        "/proc/self/environ".to_owned(),
        "file:///proc/self/environ".to_owned(),
        "/dev/zero".to_owned(),
        "/etc/passwd".to_owned(),
    ] {
        let error = refused(&world, "create_drive_file", upload(&bad)).await;
        assert_eq!(error.kind, Kind::Forbidden, "{bad}: {error}");
    }
    for url in [
        "http://169.254.170.2/v2/credentials",
        "https://example.com/x",
    ] {
        let by_path = refused(&world, "create_drive_file", upload(url)).await;
        let arguments = json!({"file_name": "x", "fileUrl": url});
        let by_url = refused(&world, "create_drive_file", arguments).await;
        for error in [by_path, by_url] {
            assert_eq!(error.kind, Kind::Input);
            assert!(error.hint.expect("alternatives").contains("content_base64"));
        }
    }
    assert_eq!(world.sandbox.count("drive.files.create"), 0);
    let made = ok(&world, "create_drive_file", upload(&path("report.txt"))).await;
    assert_eq!(made.data["size"], json!(13));
    let big = json!({"file_name": "six.bin", "path": path("six.bin")});
    let made = ok(&world, "create_drive_file", big).await;
    assert_eq!(made.data["size"], json!(6 << 20));
}

#[tokio::test]
async fn what_is_shared_is_seen_by_the_other() {
    let mut world = World::new().await;
    let file = id(&world, "To do.txt").await;
    let read = json!({"file_id": file});
    world.act_as(SAM);
    assert_eq!(
        refused(&world, "get_drive_file_content", read.clone())
            .await
            .kind,
        Kind::NotFound
    );
    world.act_as(ALEX);
    let share = json!({"file_id": file, "email": SAM, "role": "reader", "message": "As promised"});
    let shared = ok(&world, "share_drive_file", share).await;
    assert!(shared.text.contains("told by mail"), "{}", shared.text);
    world.act_as(SAM);
    ok(&world, "get_drive_file_content", read.clone()).await;
    let rename = json!({"file_id": file, "name": "Mine"});
    assert_eq!(
        refused(&world, "update_drive_file", rename).await.kind,
        Kind::Forbidden
    );
    world.act_as(ALEX);
    world.policy = Arc::new(Policy {
        share_outside: Rule::Ask,
        ..Policy::default()
    });
    let anyone = json!({"file_id": file, "anyone": true});
    let error = refused(&world, "share_drive_file", anyone.clone()).await;
    let question = error.question.expect("a question");
    assert!(question.message.contains("To do.txt") && question.message.contains("anyone"));
    let mut cx = world.cx();
    cx.confirmed = Some(question.key);
    let Value::Object(arguments) = anyone else {
        panic!("an object")
    };
    let shared = world
        .call_in(&cx, "share_drive_file", arguments)
        .await
        .expect("confirmed");
    assert!(shared.text.contains("anyone with the link"));
    for wrong in [
        json!({"file_id": file}),
        json!({"file_id": file, "email": "a@b.example, c@d.example"}),
        json!({"file_id": file, "email": SAM, "anyone": true}),
        json!({"file_id": file, "email": SAM, "role": "owner"}),
    ] {
        assert_eq!(
            refused(&world, "share_drive_file", wrong).await.kind,
            Kind::Input
        );
    }
}

#[tokio::test]
async fn files_are_moved_renamed_thrown_away_and_brought_back() {
    let mut world = World::new().await;
    let file = id(&world, "To do.txt").await;
    let to = |folder: &str| json!({"file_id": file, "new_parent_id": folder});
    let moved = ok(&world, "move_drive_file", to("Projects/Borealis")).await;
    assert_eq!(moved.data["parents"], json!([id(&world, "Borealis").await]));
    ok(&world, "move_drive_file", to("Projects/Borealis")).await;
    ok(
        &world,
        "update_drive_file",
        json!({"file_id": file, "name": "Done.txt"}),
    )
    .await;
    ok(&world, "delete_drive_file", json!({"file_id": file})).await;
    let back = json!({"file_id": file, "trashed": false});
    ok(&world, "update_drive_file", back).await;
    let gone = json!({"file_id": file, "permanent": true});
    world.policy = Arc::new(Policy {
        delete_forever: Rule::Refuse,
        ..Policy::default()
    });
    assert_eq!(
        refused(&world, "delete_drive_file", gone.clone())
            .await
            .kind,
        Kind::Forbidden
    );
    world.policy = Arc::default();
    ok(&world, "delete_drive_file", gone).await;
    let read = json!({"file_id": file});
    assert_eq!(
        refused(&world, "get_drive_file_content", read).await.kind,
        Kind::NotFound
    );
}

#[tokio::test]
async fn limits_of_google_are_waited_out() {
    let world = World::new().await;
    world
        .sandbox
        .fail_next(1, "drive.files.list", Fault::rate_limited(1));
    ok(&world, "list_drive_items", json!({})).await;
    assert!(world.sandbox.unmet_faults().is_empty());
}
