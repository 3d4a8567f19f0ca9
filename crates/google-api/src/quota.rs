//! What Google allows one user per minute, and what each method costs of it.
//!
//! The one place for these figures (November 2026, projects made since May 2026); they change.
//! Where Google publishes none for a user, the figure is set so low that one user does not use up
//! the quota of a whole project; such rows say *assumed*.
//! Invariant: every method has a quota, so a new API is limited from its first day.

use google_discovery::{Access, Method};

/// An amount per minute.
#[derive(Debug)]
pub(crate) struct Quota {
    /// What it counts; its key.
    pub(crate) name: &'static str,
    /// Units per minute.
    pub(crate) per_minute: u32,
}

/// What one request takes out of which quota.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge {
    pub(crate) quota: &'static Quota,
    pub(crate) units: u32,
}

/// One row: an API, what kind of requests, how many a minute.
struct Row {
    api: &'static str,
    requests: Requests,
    quota: Quota,
}

/// Which requests of an API a row is for. The first row that fits counts.
enum Requests {
    All,
    Reading,
    One(&'static str),
}

const fn row(api: &'static str, requests: Requests, name: &'static str, per_minute: u32) -> Row {
    Row {
        api,
        requests,
        quota: Quota { name, per_minute },
    }
}

static ROWS: &[Row] = &[
    row("gmail", Requests::All, "Gmail units", 6_000),
    // Published as 325 000 units whose prices differ by method; requests, as before, are stricter.
    row("drive", Requests::All, "Drive requests", 12_000),
    row("calendar", Requests::All, "Calendar requests", 600),
    row("docs", Requests::Reading, "Docs reads", 300),
    row("docs", Requests::All, "Docs writes", 60),
    row("sheets", Requests::Reading, "Sheets reads", 60),
    row("sheets", Requests::All, "Sheets writes", 60),
    row(
        "slides",
        Requests::One("slides.presentations.pages.getThumbnail"),
        "Slides thumbnails",
        60,
    ),
    row("slides", Requests::Reading, "Slides reads", 600),
    row("slides", Requests::All, "Slides writes", 60),
    row(
        "forms",
        Requests::One("forms.forms.responses.list"),
        "Forms answers",
        180,
    ),
    row("forms", Requests::Reading, "Forms reads", 390),
    row("forms", Requests::All, "Forms writes", 150),
    // Published for each space: 15 reads and 1 write a second.
    row("chat", Requests::Reading, "Chat reads", 900),
    row("chat", Requests::All, "Chat writes", 60),
    row("people", Requests::Reading, "Contacts reads", 90),
    // Assumed.
    row("people", Requests::All, "Contacts writes", 90),
    row("tasks", Requests::All, "Tasks requests", 300),
    row("customsearch", Requests::All, "searches", 100),
];

/// For APIs without a row; assumed.
static OTHERS: Quota = Quota {
    name: "requests to other APIs",
    per_minute: 300,
};

/// The price of Gmail's methods in units; whatever is missing costs [`GMAIL_OTHERS`].
const GMAIL_UNITS: &[(&str, u32)] = &[
    ("gmail.users.getProfile", 1),
    ("gmail.users.stop", 50),
    ("gmail.users.watch", 100),
    ("gmail.users.history.list", 2),
    ("gmail.users.labels.get", 1),
    ("gmail.users.labels.list", 1),
    ("gmail.users.labels.create", 5),
    ("gmail.users.labels.delete", 5),
    ("gmail.users.labels.patch", 5),
    ("gmail.users.labels.update", 5),
    ("gmail.users.messages.list", 5),
    ("gmail.users.messages.get", 20),
    ("gmail.users.messages.attachments.get", 20),
    ("gmail.users.messages.modify", 5),
    ("gmail.users.messages.trash", 5),
    ("gmail.users.messages.untrash", 5),
    ("gmail.users.messages.delete", 10),
    ("gmail.users.messages.batchDelete", 50),
    ("gmail.users.messages.batchModify", 50),
    ("gmail.users.messages.import", 25),
    ("gmail.users.messages.insert", 25),
    ("gmail.users.messages.send", 100),
    ("gmail.users.threads.get", 40),
    ("gmail.users.threads.delete", 20),
    ("gmail.users.drafts.get", 20),
    ("gmail.users.drafts.list", 5),
    ("gmail.users.drafts.update", 15),
    ("gmail.users.drafts.send", 100),
    ("gmail.users.settings.updateVacation", 5),
    ("gmail.users.settings.sendAs.create", 100),
    ("gmail.users.settings.delegates.create", 100),
    ("gmail.users.settings.forwardingAddresses.create", 100),
];
const GMAIL_OTHERS: u32 = 10;

/// What a request of this method costs.
pub(crate) fn charge(method: &Method) -> Charge {
    let quota = ROWS
        .iter()
        .find(|row| {
            row.api == method.api_name
                && match row.requests {
                    Requests::All => true,
                    Requests::Reading => method.access == Access::Read,
                    Requests::One(id) => id == method.id,
                }
        })
        .map_or(&OTHERS, |row| &row.quota);
    let units = if method.api_name == "gmail" {
        GMAIL_UNITS
            .iter()
            .find(|(id, _)| *id == method.id)
            .map_or(GMAIL_OTHERS, |(_, units)| *units)
    } else {
        1
    };
    Charge { quota, units }
}

#[cfg(test)]
mod tests {
    use google_discovery::catalogue;

    use super::*;

    #[test]
    fn every_name_in_the_table_exists() {
        for (id, _) in GMAIL_UNITS {
            assert!(catalogue().method(id).is_ok(), "{id}");
        }
        for row in ROWS {
            assert!(catalogue().api(row.api).is_some(), "{}", row.api);
            if let Requests::One(id) = row.requests {
                assert!(catalogue().method(id).is_ok(), "{id}");
            }
        }
    }

    #[test]
    fn reading_and_writing_are_counted_apart() {
        let quota = |id: &str| charge(catalogue().method(id).unwrap()).quota.name;
        assert_eq!(quota("docs.documents.get"), "Docs reads");
        assert_eq!(quota("docs.documents.batchUpdate"), "Docs writes");
        assert_eq!(
            quota("slides.presentations.pages.getThumbnail"),
            "Slides thumbnails"
        );
        assert_eq!(quota("vault.matters.list"), OTHERS.name);
        assert_eq!(
            charge(catalogue().method("gmail.users.messages.get").unwrap()).units,
            20
        );
    }
}
