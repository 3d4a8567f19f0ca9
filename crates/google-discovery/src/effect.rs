//! What a method does to an account's data, and whether repeating it is harmless.
//!
//! Not derived from scopes: several methods that write accept read-only scopes. The HTTP verb
//! decides, except where the tables below say otherwise. Invariant: whatever is unknown is a write
//! that must not be repeated.

use crate::method::HttpMethod;

/// What a method does to data.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// Looks only.
    Read,
    /// Creates or changes.
    Write,
    /// Removes, empties or wipes.
    Destructive,
}

impl Access {
    /// The word used in results and policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}

/// Methods that only look, though they are sent with POST because the question is long.
const READING_POSTS: &[&str] = &[
    "calendar.freebusy.query",
    "chat.spaces.messages.search",
    // Starts a long-running export; the account's data stays as it is.
    "drive.files.download",
    "driveactivity.activity.query",
    "gmailpostmastertools.domainStats.batchQuery",
    "gmailpostmastertools.domains.domainStats.query",
    "oauth2.tokeninfo",
    "sheets.spreadsheets.developerMetadata.search",
    "sheets.spreadsheets.getByDataFilter",
    "sheets.spreadsheets.values.batchGetByDataFilter",
    // Starts a count over mail and files; nothing is kept but the number.
    "vault.matters.count",
];

/// Last parts of ids that take something away, whatever the verb.
const DESTRUCTIVE_ENDINGS: &[&str] = &[
    "batchClear",
    "batchClearByDataFilter",
    "batchDelete",
    "batchDeleteContacts",
    "batchDeletePrintServers",
    "batchDeletePrinters",
    "clear",
    "delete",
    "obliterate",
    "removeHeldAccounts",
    "removePermissions",
    "trash",
    "wipe",
];

/// Methods whose body can order a device to be wiped or retired.
const DESTRUCTIVE: &[&str] = &[
    "admin.customer.devices.chromeos.batchChangeStatus",
    "admin.customer.devices.chromeos.issueCommand",
    "directory.chromeosdevices.action",
    "directory.mobiledevices.action",
];

/// POST methods that set something to a given state, so that twice is the same as once.
const REPEATABLE_POSTS: &[&str] = &[
    "drive.drives.hide",
    "drive.drives.unhide",
    "gmail.users.messages.batchDelete",
    "gmail.users.messages.batchModify",
    "gmail.users.messages.modify",
    "gmail.users.messages.trash",
    "gmail.users.messages.untrash",
    "gmail.users.stop",
    "gmail.users.threads.modify",
    "gmail.users.threads.trash",
    "gmail.users.threads.untrash",
    "people.contactGroups.members.modify",
    "sheets.spreadsheets.values.batchClear",
    "sheets.spreadsheets.values.batchClearByDataFilter",
    "sheets.spreadsheets.values.batchUpdate",
    "sheets.spreadsheets.values.batchUpdateByDataFilter",
    "sheets.spreadsheets.values.clear",
    "tasks.tasks.clear",
];

pub(crate) fn access(id: &str, http_method: HttpMethod) -> Access {
    let ending = id.rsplit('.').next().unwrap_or(id);
    if http_method == HttpMethod::Get || READING_POSTS.contains(&id) {
        Access::Read
    } else if http_method == HttpMethod::Delete
        || DESTRUCTIVE_ENDINGS.contains(&ending)
        || DESTRUCTIVE.contains(&id)
    {
        Access::Destructive
    } else {
        Access::Write
    }
}

pub(crate) fn idempotent(id: &str, http_method: HttpMethod) -> bool {
    // A long-running job is started anew each time.
    const STARTS_A_JOB: &[&str] = &["drive.files.download", "vault.matters.count"];
    match http_method {
        HttpMethod::Get | HttpMethod::Put | HttpMethod::Delete | HttpMethod::Patch => true,
        HttpMethod::Post => {
            REPEATABLE_POSTS.contains(&id)
                || (READING_POSTS.contains(&id) && !STARTS_A_JOB.contains(&id))
        }
    }
}
