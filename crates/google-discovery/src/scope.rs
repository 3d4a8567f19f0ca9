//! Which of several scopes is the least powerful.
//!
//! Not a policy: it orders what a method accepts and decides nothing. Invariant: the order depends
//! on the catalogue alone, so it is the same on every machine.

use crate::method::Method;

const AUTH: &str = "https://www.googleapis.com/auth/";

/// Scopes that reach only part of an account's data, or that ordinary users cannot use. A method
/// may accept them and still not find what it is asked for.
const PARTIAL: &[&str] = &[
    "calendar.app.created",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.events.public.readonly",
    "drive.appdata",
    "drive.apps.readonly",
    "drive.file",
    "drive.meet.readonly",
    "drive.photos.readonly",
    "drive.scripts",
    "forms.currentonly",
    "gmail.addons.current.action.compose",
    "gmail.addons.current.message.action",
    "gmail.addons.current.message.metadata",
    "gmail.addons.current.message.readonly",
    // Forbids the query parameter `q` and hides bodies.
    "gmail.metadata",
    "meetings.space.created",
    "script.external_request",
    "spreadsheets.currentonly",
    "documents.currentonly",
    "presentations.currentonly",
];

/// Scopes that open more than the API that lists them.
const BROAD: &[&str] = &["drive", "drive.readonly"];

pub(crate) fn narrowest_first(method: &Method) -> Vec<&'static str> {
    let api = method.api();
    let mut ranked: Vec<_> = method
        .scopes
        .iter()
        .map(|scope| {
            let short = scope.strip_prefix(AUTH).unwrap_or(scope);
            let unlocks = api
                .methods
                .values()
                .filter(|one| one.scopes.contains(scope))
                .count();
            let whole = !is_partial(short, method.supports_download);
            let own = !BROAD.contains(&short) && scope.starts_with(AUTH);
            (!whole, !own, unlocks, !short.ends_with(".readonly"), *scope)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(.., scope)| scope).collect()
}

fn is_partial(short: &str, downloads: bool) -> bool {
    PARTIAL.contains(&short)
        || ["chat.admin.", "chat.app.", "chat.bot", "chat.import"]
            .iter()
            .any(|prefix| short.starts_with(prefix))
        // These describe files and do not open them.
        || (downloads && short.starts_with("drive.metadata"))
}
