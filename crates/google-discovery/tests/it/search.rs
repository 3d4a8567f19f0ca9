//! Searching by everyday words finds what people mean.

use google_discovery::catalogue;

/// What people ask, and the method that has to be among the first five.
const PHRASES: &[(&str, &str)] = &[
    ("search my email", "gmail.users.messages.list"),
    ("send an email", "gmail.users.messages.send"),
    ("read an e-mail thread", "gmail.users.threads.get"),
    (
        "set up a vacation responder",
        "gmail.users.settings.updateVacation",
    ),
    (
        "out of office auto reply",
        "gmail.users.settings.updateVacation",
    ),
    (
        "download mail attachment",
        "gmail.users.messages.attachments.get",
    ),
    (
        "create a mail filter",
        "gmail.users.settings.filters.create",
    ),
    ("list labels", "gmail.users.labels.list"),
    ("move mail to trash", "gmail.users.messages.trash"),
    ("mark emails as unread", "gmail.users.messages.modify"),
    ("share a file with somebody", "drive.permissions.create"),
    ("create a folder", "drive.files.create"),
    ("upload a file", "drive.files.create"),
    ("export document as pdf", "drive.files.export"),
    ("copy a file", "drive.files.copy"),
    ("list files in drive", "drive.files.list"),
    ("comment on a file", "drive.comments.create"),
    ("book a meeting", "calendar.events.insert"),
    ("add attendee to meeting", "calendar.events.insert"),
    ("when are people free or busy", "calendar.freebusy.query"),
    ("list my calendars", "calendar.calendarList.list"),
    (
        "occurrences of a recurring event",
        "calendar.events.instances",
    ),
    (
        "append rows to a spreadsheet",
        "sheets.spreadsheets.values.append",
    ),
    (
        "read cells of a spreadsheet",
        "sheets.spreadsheets.values.get",
    ),
    ("create a presentation", "slides.presentations.create"),
    ("edit a google doc", "docs.documents.batchUpdate"),
    ("answers to a survey", "forms.forms.responses.list"),
    ("add a todo", "tasks.tasks.insert"),
    ("post a chat message", "chat.spaces.messages.create"),
    ("find a contact by name", "people.people.searchContacts"),
    ("add a contact", "people.people.createContact"),
    ("run a script function", "script.scripts.run"),
    (
        "transcript of a video call",
        "meet.conferenceRecords.transcripts.get",
    ),
    (
        "list students of a class",
        "classroom.courses.students.list",
    ),
    ("add a member to a group", "directory.members.insert"),
    ("create a user account", "directory.users.insert"),
    ("login audit log", "reports.activities.list"),
    ("legal hold", "vault.matters.holds.create"),
    ("search the web", "search.cse.list"),
    (
        "what activity is there on this file",
        "driveactivity.activity.query",
    ),
    ("create a keep note", "keep.notes.create"),
    ("assign a license", "licensing.licenseAssignments.insert"),
    (
        "forward mail automatically",
        "gmail.users.settings.forwardingAddresses.create",
    ),
    ("email delegation", "gmail.users.settings.delegates.list"),
    ("unshare a document", "drive.permissions.delete"),
    ("empty trash", "drive.files.emptyTrash"),
    (
        "react with an emoji",
        "chat.spaces.messages.reactions.create",
    ),
    ("format cells", "sheets.spreadsheets.batchUpdate"),
    ("complete a task", "tasks.tasks.update"),
    ("reschedule a meeting", "calendar.events.patch"),
    ("suspend user", "directory.users.update"),
    (
        "domain reputation",
        "gmailpostmastertools.domains.domainStats.query",
    ),
    ("token info", "oauth2.tokeninfo"),
    ("shared drives", "drive.drives.list"),
];

#[test]
fn everyday_words_find_the_method() {
    let missed: Vec<String> = PHRASES
        .iter()
        .filter_map(|(words, wanted)| {
            let found = catalogue().search(words, 5);
            let ids: Vec<&str> = found.iter().map(|one| one.method.id).collect();
            (!ids.contains(wanted)).then(|| format!("{words}: wanted {wanted}, got {ids:?}"))
        })
        .collect();
    assert!(
        missed.is_empty(),
        "{} of {}:\n{}",
        missed.len(),
        PHRASES.len(),
        missed.join("\n")
    );
}

#[test]
fn the_first_answer_is_usually_the_right_one() {
    let first = PHRASES
        .iter()
        .filter(|(words, wanted)| {
            catalogue()
                .search(words, 1)
                .first()
                .is_some_and(|found| found.method.id == *wanted)
        })
        .count();
    let others: Vec<String> = PHRASES
        .iter()
        .filter_map(|(words, wanted)| {
            let first = catalogue().search(words, 1).first()?.method.id;
            (first != *wanted).then(|| format!("{words}: {first}"))
        })
        .collect();
    assert!(
        first * 10 >= PHRASES.len() * 7,
        "{first} of {}:\n{}",
        PHRASES.len(),
        others.join("\n")
    );
}

#[test]
fn a_method_is_found_by_its_own_id() {
    for id in [
        "gmail.users.messages.list",
        "drive.permissions.create",
        "sheets.spreadsheets.values.batchGet",
    ] {
        assert_eq!(catalogue().search(id, 1)[0].method.id, id);
    }
}

#[test]
fn nothing_is_found_for_nothing_and_limits_hold() {
    assert!(catalogue().search("", 5).is_empty());
    assert!(catalogue().search("xyzzy plugh", 5).is_empty());
    assert!(catalogue().search("the of and", 5).is_empty());
    assert_eq!(catalogue().search("list", 7).len(), 7);
    assert!(catalogue().search("list", 0).is_empty());
}

#[test]
fn the_order_never_changes() {
    let ids = || -> Vec<&str> {
        catalogue()
            .search("create file", 50)
            .iter()
            .map(|found| found.method.id)
            .collect()
    };
    assert_eq!(ids(), ids());
}
