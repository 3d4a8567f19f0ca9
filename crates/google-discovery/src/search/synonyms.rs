//! Everyday words for what Google calls something else.
//!
//! Not a thesaurus: a word is here because people ask with it. Invariant: the words on the right
//! are words that stand in the catalogue, checked by a test.

/// Words that say nothing about what is wanted.
const FILLERS: &[&str] = &[
    "a",
    "about",
    "all",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "by",
    "can",
    "do",
    "for",
    "from",
    "google",
    "have",
    "his",
    "her",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "me",
    "my",
    "of",
    "on",
    "one",
    "or",
    "our",
    "over",
    "please",
    "some",
    "somebody",
    "someone",
    "something",
    "that",
    "the",
    "their",
    "them",
    "there",
    "these",
    "this",
    "those",
    "to",
    "up",
    "want",
    "we",
    "what",
    "when",
    "where",
    "which",
    "who",
    "with",
    "within",
    "workspace",
    "you",
    "your",
];

/// What people say, and the words of the catalogue that it may mean, likeliest first.
const MEANINGS: &[(&str, &[&str])] = &[
    // What is done.
    ("add", &["create", "insert", "append"]),
    ("amend", &["update", "patch"]),
    ("archive", &["modify", "label"]),
    ("book", &["insert", "event"]),
    ("cancel", &["delete", "cancel"]),
    ("change", &["update", "patch", "modify", "change"]),
    ("compose", &["draft", "send"]),
    ("complete", &["update", "patch"]),
    ("create", &["insert", "add"]),
    ("decline", &["patch", "event", "decline"]),
    ("duplicate", &["copy"]),
    ("edit", &["update", "patch", "modify"]),
    ("empty", &["clear", "empty"]),
    ("erase", &["delete", "clear", "wipe"]),
    ("execute", &["run"]),
    ("fetch", &["get", "list"]),
    ("fill", &["update", "value"]),
    ("find", &["search", "list", "query", "find"]),
    ("format", &["batch", "update"]),
    ("free", &["freebusy"]),
    ("invite", &["insert", "create", "invitation"]),
    ("join", &["create", "member"]),
    ("look", &["search", "list", "get"]),
    ("make", &["create", "insert"]),
    ("mark", &["modify", "update"]),
    ("move", &["update"]),
    ("new", &["create", "insert"]),
    ("open", &["get"]),
    ("post", &["create"]),
    ("read", &["get", "list"]),
    ("remove", &["delete", "remove", "trash"]),
    ("rename", &["update", "patch"]),
    ("replace", &["update", "replace"]),
    ("react", &["reaction", "create"]),
    ("reply", &["send", "reply"]),
    ("reschedule", &["patch", "event"]),
    ("respond", &["patch", "reply"]),
    ("restore", &["untrash", "undelete"]),
    ("revoke", &["delete", "token"]),
    ("save", &["create", "update"]),
    ("schedule", &["insert", "event"]),
    ("search", &["list", "query"]),
    ("see", &["get", "list"]),
    ("set", &["update", "set", "patch"]),
    ("show", &["get", "list"]),
    ("star", &["modify"]),
    ("store", &["create"]),
    ("subscribe", &["watch", "subscription"]),
    ("turn", &["update"]),
    ("undo", &["untrash", "undelete"]),
    ("unshare", &["permission", "delete"]),
    ("upload", &["create", "upload"]),
    ("view", &["get"]),
    ("write", &["create", "update", "append", "send"]),
    // Mail.
    ("autoreply", &["vacation"]),
    ("conversation", &["thread"]),
    ("delegation", &["delegate"]),
    ("email", &["message", "gmail"]),
    ("forward", &["forwarding", "send"]),
    ("inbox", &["message", "gmail"]),
    ("letter", &["message"]),
    ("mail", &["message", "gmail"]),
    ("mailbox", &["gmail", "user"]),
    ("office", &["vacation"]),
    ("responder", &["vacation"]),
    ("rule", &["filter", "acl"]),
    ("signature", &["send", "as", "signature"]),
    ("tag", &["label"]),
    ("unread", &["modify", "label"]),
    // Files.
    ("access", &["permission"]),
    ("doc", &["document", "doc"]),
    ("document", &["document", "file"]),
    ("file", &["drive"]),
    ("folder", &["file"]),
    ("owner", &["permission"]),
    ("pdf", &["export"]),
    ("share", &["permission", "create"]),
    ("shared", &["drive", "permission"]),
    ("version", &["revision", "version"]),
    // Time.
    ("appointment", &["event"]),
    ("attendee", &["event"]),
    ("availability", &["freebusy"]),
    ("available", &["freebusy"]),
    ("busy", &["freebusy"]),
    ("guest", &["event"]),
    ("meeting", &["event", "meet", "conference"]),
    ("occurrence", &["instance"]),
    ("recurring", &["instance", "event"]),
    ("reminder", &["task", "event"]),
    ("slot", &["freebusy"]),
    ("todo", &["task"]),
    // Sheets, slides, forms, scripts.
    ("cell", &["value", "spreadsheet"]),
    ("column", &["value"]),
    ("csv", &["export"]),
    ("deck", &["presentation"]),
    ("excel", &["spreadsheet"]),
    ("function", &["run", "script"]),
    ("macro", &["script"]),
    ("questionnaire", &["form"]),
    ("quiz", &["form"]),
    ("row", &["value", "append"]),
    ("sheet", &["spreadsheet", "sheet"]),
    ("slide", &["presentation", "slide"]),
    ("survey", &["form"]),
    ("tab", &["sheet"]),
    ("table", &["value"]),
    ("answer", &["response"]),
    // Talking.
    ("channel", &["space"]),
    ("dm", &["space", "direct"]),
    ("emoji", &["reaction", "emoji"]),
    ("participant", &["member", "event"]),
    ("room", &["space"]),
    // Meetings on video.
    ("call", &["conference", "space", "meet"]),
    ("video", &["meet", "conference"]),
    // People.
    ("colleague", &["directory", "people"]),
    ("contact", &["people", "contact"]),
    ("employee", &["user", "directory"]),
    ("person", &["people"]),
    ("phone", &["mobiledevice", "contact"]),
    // School.
    ("assignment", &["work", "course"]),
    ("class", &["course"]),
    ("grade", &["submission", "grading"]),
    ("homework", &["work", "course"]),
    ("pupil", &["student"]),
    // Administration.
    ("account", &["user"]),
    ("audit", &["activity", "report"]),
    ("chromebook", &["chromeosdevice", "chromeo"]),
    ("computer", &["device"]),
    ("history", &["revision", "history", "activity"]),
    ("laptop", &["chromeosdevice", "device"]),
    ("reputation", &["stat", "domain"]),
    ("legal", &["hold", "matter", "vault"]),
    ("ediscovery", &["vault", "matter"]),
    ("licence", &["license", "licensing"]),
    ("log", &["activity", "report"]),
    ("mailing", &["group"]),
    ("ou", &["orgunit"]),
    ("password", &["user", "directory"]),
    ("seat", &["license"]),
    ("suspend", &["user", "update"]),
    ("warning", &["alert"]),
    ("web", &["cse", "customsearch"]),
];

pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

/// What a word may mean, with how sure that is: the word itself, its root, and its synonyms.
pub(super) fn meanings(word: &str, known: impl Fn(&str) -> bool) -> Vec<(String, f64)> {
    let mut meanings = Vec::new();
    for form in forms(word) {
        let listed = MEANINGS.iter().find(|(said, _)| *said == form);
        if !known(&form) && listed.is_none() {
            continue;
        }
        let synonyms = listed.map(|(_, means)| *means).unwrap_or_default();
        let mut trust = 0.9;
        for synonym in synonyms {
            meanings.push(((*synonym).to_owned(), trust));
            trust *= 0.85;
        }
        meanings.push((form, 1.0));
        break;
    }
    meanings
}

/// The word and what it may be built from: `sharing` from `share`, `booked` from `book`.
fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    for ending in ["ing", "ed", "er"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= 3) {
            forms.push(stem.to_owned());
            forms.push(format!("{stem}e"));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::index;

    #[test]
    fn every_meaning_is_a_word_of_the_catalogue() {
        let strange: Vec<&str> = MEANINGS
            .iter()
            .flat_map(|(_, means)| means.iter().copied())
            .filter(|word| !index::get().knows(word))
            .collect();
        assert_eq!(strange, Vec::<&str>::new());
    }

    #[test]
    fn every_word_is_explained_once() {
        let mut said: Vec<&str> = MEANINGS.iter().map(|(word, _)| *word).collect();
        said.sort_unstable();
        let all = said.len();
        said.dedup();
        assert_eq!(said.len(), all);
    }
}
