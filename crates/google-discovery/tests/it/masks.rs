//! Partial-response masks are checked against the answer's shape.

use google_discovery::catalogue;

fn check(id: &str, mask: &str) -> String {
    match catalogue().method(id).expect(id).check_fields(mask) {
        Ok(()) => String::new(),
        Err(wrong) => wrong
            .problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn good_masks_pass() {
    for (id, mask) in [
        ("drive.files.list", "nextPageToken, files(id, name)"),
        (
            "drive.files.list",
            "files(id,name,owners/emailAddress,shortcutDetails(targetId)),nextPageToken",
        ),
        ("drive.files.list", "*"),
        ("drive.files.list", "files/*"),
        ("drive.files.list", "files(*)"),
        ("drive.files.get", "id,appProperties/anything,exportLinks"),
        (
            "gmail.users.messages.get",
            "id,payload(headers(name,value),parts/parts/parts/body/size)",
        ),
        (
            "sheets.spreadsheets.get",
            "sheets.properties.title,sheets(data(rowData/values/formattedValue))",
        ),
        ("sheets.spreadsheets.values.get", "values"),
        (
            "calendar.events.list",
            "items(id,creator/email,extendedProperties/private/x),nextSyncToken",
        ),
        ("calendar.freebusy.query", "calendars/*/busy,timeMin"),
        (
            "docs.documents.get",
            "body(content(paragraph(elements(textRun(content)))))",
        ),
    ] {
        assert_eq!(check(id, mask), "", "{mask}");
    }
}

#[test]
fn wrong_names_are_placed_and_explained() {
    let wrong = check("drive.files.list", "files(id,nam),nextPageTokn");
    assert!(
        wrong.contains("fields.files/nam: is unknown; did you mean `name`?"),
        "{wrong}"
    );
    assert!(wrong.contains("fields.nextPageTokn: is unknown; did you mean `nextPageToken`?"));
    let wrong = check("drive.files.list", "files/owners/emial");
    assert!(
        wrong.starts_with("fields.files/owners/emial: is unknown"),
        "{wrong}"
    );
    assert!(check("drive.files.list", "files(id/x)").contains("plain value"));
    assert!(check("drive.files.list", "files(id(x))").contains("plain value"));
}

#[test]
fn wrong_spelling_is_an_error() {
    for mask in [
        "",
        ",",
        "files,",
        "files(",
        "files(id",
        "files(id))",
        "files()",
        "files//id",
        ")",
        "files(id)name",
    ] {
        assert_ne!(check("drive.files.list", mask), "", "{mask:?}");
    }
    assert!(check("gmail.users.messages.delete", "id").contains("no fields"));
    assert!(check("drive.files.list", &"files(".repeat(100_000)).contains("longer than"));
    assert_ne!(check("drive.files.list", &"files(".repeat(1_000)), "");
}
