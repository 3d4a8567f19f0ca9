//! Words: names split into them, their plain forms, and everyday words that mean the same.
//!
//! Invariant: everything here is decided by lists in this file; nothing is learned.

/// The words of a name: `snake_case`, `kebab-case`, `camelCase`, `HTTPServer2`.
pub(crate) fn split(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = name.chars().take(256).collect();
    for (at, &character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(at + 1);
        let begins = character.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || (before.is_some_and(|before| before.is_uppercase())
                    && after.is_some_and(|after| after.is_lowercase())));
        if begins {
            words.push(std::mem::take(&mut word));
        }
        word.extend(character.to_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The words of a text, lower-case.
pub(crate) fn of_text(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The plain form of a word, near enough to find it in a list: `emails`, `creating`, `copied`.
pub(crate) fn plain(word: &str) -> String {
    let stem = |end: &str, least: usize| {
        word.strip_suffix(end)
            .filter(|stem| stem.chars().count() >= least)
    };
    if let Some(stem) = stem("ies", 2).or_else(|| stem("ied", 2)) {
        return format!("{stem}y");
    }
    if let Some(stem) = ["sses", "shes", "ches", "xes"]
        .iter()
        .find_map(|end| word.ends_with(end).then(|| stem("es", 2)).flatten())
    {
        return stem.to_owned();
    }
    for end in ["ing", "ed"] {
        if let Some(stem) = stem(end, 3) {
            let mut last = stem.chars().rev();
            let (last, before) = (last.next(), last.next());
            let doubled = last == before && !matches!(last, Some('l' | 's' | 'z'));
            return match (doubled, last) {
                (true, _) => stem.chars().take(stem.chars().count() - 1).collect(),
                // `create`, `change`, `update`, `share`: the dropped `e`.
                (_, Some('t' | 'g' | 'v' | 'c' | 'r' | 's' | 'z')) if needs_e(stem) => {
                    format!("{stem}e")
                }
                _ => stem.to_owned(),
            };
        }
    }
    if !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
        && let Some(stem) = stem("s", 2)
    {
        return stem.to_owned();
    }
    word.to_owned()
}

fn needs_e(stem: &str) -> bool {
    [
        "at", "ut", "et", "it", "ng", "rg", "dg", "ag", "v", "c", "ar", "or", "ir", "ur", "us",
        "as", "os", "is", "iz", "rs",
    ]
    .iter()
    .any(|end| stem.ends_with(end))
        && ![
            "edit", "visit", "submit", "post", "list", "test", "set", "get", "put", "format",
            "exit", "limit", "commit", "repeat", "treat", "chat", "audit", "deposit",
        ]
        .contains(&stem)
}

/// Words of a request that say nothing about the tool.
pub(crate) fn says_nothing(word: &str) -> bool {
    NOTHING.binary_search(&word).is_ok()
}

/// Words that mean the same as this one, itself not among them.
pub(crate) fn same(word: &str) -> Vec<&'static str> {
    let plain = plain(word);
    let mut found: Vec<&'static str> = Vec::new();
    for group in SAME {
        if group.iter().any(|known| *known == word || *known == plain) {
            found.extend(
                group
                    .iter()
                    .filter(|known| **known != word && **known != plain),
            );
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Sorted.
const NOTHING: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "anything",
    "are",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "but",
    "by",
    "can",
    "could",
    "d",
    "did",
    "do",
    "does",
    "don",
    "each",
    "for",
    "from",
    "get",
    "give",
    "good",
    "had",
    "has",
    "have",
    "he",
    "help",
    "her",
    "here",
    "hers",
    "hey",
    "hi",
    "him",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "kind",
    "know",
    "let",
    "like",
    "ll",
    "m",
    "make",
    "may",
    "me",
    "might",
    "mine",
    "much",
    "must",
    "my",
    "need",
    "now",
    "of",
    "ok",
    "on",
    "one",
    "ones",
    "or",
    "our",
    "out",
    "over",
    "please",
    "s",
    "she",
    "should",
    "so",
    "some",
    "something",
    "sure",
    "t",
    "tell",
    "than",
    "thanks",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "this",
    "those",
    "to",
    "too",
    "up",
    "us",
    "use",
    "using",
    "ve",
    "very",
    "via",
    "want",
    "was",
    "we",
    "well",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whose",
    "why",
    "will",
    "with",
    "within",
    "would",
    "you",
    "your",
];

/// Groups of words that people use for the same thing.
const SAME: &[&[&str]] = &[
    // What is done.
    &[
        "create", "add", "make", "new", "insert", "write", "generate", "build", "compose", "draft",
        "start", "set",
    ],
    &[
        "delete", "remove", "erase", "trash", "drop", "destroy", "clear", "discard", "throw",
    ],
    &[
        "update", "edit", "change", "modify", "patch", "adjust", "alter", "set", "revise", "fix",
    ],
    &[
        "list",
        "show",
        "display",
        "view",
        "see",
        "enumerate",
        "browse",
        "give",
        "get",
        "fetch",
    ],
    &[
        "get", "read", "fetch", "retrieve", "show", "view", "open", "look", "see", "load", "check",
        "tell", "describe",
    ],
    &[
        "find", "search", "lookup", "locate", "query", "look", "discover", "seek",
    ],
    &[
        "send", "post", "deliver", "mail", "share", "forward", "dispatch",
    ],
    &["reply", "respond", "answer"],
    &["move", "relocate", "transfer", "shift", "reorganize"],
    &["rename", "retitle", "name"],
    &["copy", "duplicate", "clone", "replicate"],
    &["merge", "combine", "join", "unite", "concatenate"],
    &[
        "run", "execute", "launch", "invoke", "start", "trigger", "perform",
    ],
    &[
        "stop",
        "end",
        "halt",
        "kill",
        "terminate",
        "cancel",
        "quit",
        "abort",
    ],
    &["download", "export", "save", "fetch"],
    &["upload", "import", "attach"],
    &["restart", "reboot", "reset"],
    &["cancel", "call", "decline", "reject"],
    &["accept", "approve", "confirm"],
    &["schedule", "book", "plan", "arrange", "reserve"],
    &["invite", "add", "ask"],
    &["compare", "diff", "difference", "versus"],
    &["count", "number", "many", "total"],
    &["summarize", "summary", "overview", "recap"],
    &["check", "verify", "validate", "status", "inspect", "test"],
    &["enable", "activate", "on"],
    &["disable", "deactivate", "off"],
    &["undo", "revert", "rollback", "restore", "recover"],
    &["hide", "archive"],
    &["click", "press", "tap", "push"],
    &["type", "fill", "enter", "input"],
    &["draw", "plot", "chart", "visualize", "graph", "render"],
    &["convert", "transform", "turn", "translate"],
    &["complete", "finish", "done", "close", "resolve", "tick"],
    &["assign", "delegate", "allocate"],
    &["buy", "purchase", "order"],
    &["pay", "payment", "settle"],
    &["watch", "monitor", "follow", "track", "subscribe"],
    &["go", "navigate", "visit", "open"],
    // What it is done to.
    &["mail", "email", "message", "inbox", "e-mail"],
    &["message", "chat", "text", "dm", "post"],
    &[
        "meeting",
        "event",
        "appointment",
        "calendar",
        "invitation",
        "session",
    ],
    &["calendar", "schedule", "agenda", "diary", "availability"],
    &["folder", "directory", "dir", "path"],
    &["file", "document", "attachment"],
    &["document", "doc", "docx", "word", "page"],
    &[
        "spreadsheet",
        "excel",
        "workbook",
        "sheet",
        "worksheet",
        "xlsx",
        "table",
    ],
    &[
        "presentation",
        "powerpoint",
        "slide",
        "pptx",
        "deck",
        "slideshow",
    ],
    &["picture", "image", "photo", "screenshot", "graphic", "png"],
    &["screenshot", "capture", "snapshot"],
    &["video", "movie", "clip", "film"],
    &["audio", "sound", "music", "song"],
    &["repo", "repository", "project", "codebase"],
    &["branch", "fork"],
    &["commit", "revision", "change"],
    &["pr", "pull", "merge"],
    &["issue", "ticket", "bug", "task", "story", "card"],
    &["task", "todo", "item", "card", "reminder", "assignment"],
    &["project", "board", "workspace"],
    &["sprint", "iteration", "cycle", "milestone"],
    &["comment", "note", "remark", "feedback", "annotation"],
    &["label", "tag", "category", "topic"],
    &[
        "user",
        "person",
        "people",
        "member",
        "contact",
        "colleague",
        "teammate",
        "someone",
        "guy",
    ],
    &["team", "group", "department"],
    &["contact", "address", "phone"],
    &["boss", "manager", "supervisor"],
    &["assistant", "report", "subordinate", "direct"],
    &["customer", "client", "buyer"],
    &["supplier", "vendor", "seller"],
    &["invoice", "bill", "receipt"],
    &["money", "payment", "cash", "balance"],
    &["account", "profile"],
    &["cost", "price", "expense", "spending"],
    &[
        "company",
        "organization",
        "organisation",
        "business",
        "org",
        "firm",
    ],
    &["website", "site", "page", "url", "webpage", "web"],
    &["link", "url", "address"],
    &["web", "internet", "online"],
    &["browser", "tab", "window", "chrome"],
    &["database", "db", "sql", "table", "collection", "schema"],
    &["record", "row", "entry", "item", "document"],
    &["column", "field", "attribute"],
    &[
        "server", "machine", "host", "vps", "vm", "instance", "computer",
    ],
    &["container", "docker", "pod"],
    &["cluster", "kubernetes", "k8s"],
    &["log", "output", "trace", "history"],
    &["error", "failure", "problem", "exception", "crash", "issue"],
    &["alert", "alarm", "warning", "notification", "monitor"],
    &[
        "weather",
        "forecast",
        "temperature",
        "rain",
        "conditions",
        "climate",
    ],
    &["map", "location", "place", "geocode", "geographic"],
    &["direction", "route", "navigation", "way", "travel"],
    &["restaurant", "cafe", "place", "hotel", "shop", "nearby"],
    &[
        "hotel",
        "accommodation",
        "stay",
        "lodging",
        "listing",
        "apartment",
    ],
    &["news", "headline", "article"],
    &["time", "clock", "timezone", "hour", "date"],
    &["workout", "activity", "run", "ride", "exercise", "training"],
    &["runner", "athlete"],
    &["domain", "dns", "hostname"],
    &["backup", "snapshot", "restore"],
    &["permission", "access", "role", "right", "privilege"],
    &["password", "secret", "credential", "key", "token"],
    &["setting", "configuration", "config", "preference", "option"],
    &["chart", "graph", "diagram", "plot"],
    &["color", "colour", "shade"],
    &["font", "typeface", "text"],
    &["friend", "contact", "follower"],
    &["channel", "room", "conversation"],
    &["emoji", "reaction"],
    &["video", "youtube", "clip"],
    &["wiki", "knowledge", "documentation", "docs"],
    &["memory", "remember", "recall", "memorize", "knowledge"],
    &["directory", "list"],
    &["size", "big", "large", "space"],
    &["recent", "latest", "last", "newest", "new"],
    &["unread", "unseen", "new"],
    &["free", "available", "availability", "busy"],
    &["vacation", "holiday", "leave", "absence", "ooo"],
    &["pipeline", "build", "ci", "workflow"],
    &["deploy", "deployment", "release", "publish", "ship"],
    &["code", "source", "snippet", "script", "program"],
    &["function", "method", "procedure"],
    &["api", "endpoint", "request"],
    &["mock", "fake", "stub"],
    &["subreddit", "reddit"],
    &["stock", "share", "inventory"],
    &["salary", "pay", "payroll", "wage"],
    &["profit", "loss", "earnings", "income", "revenue"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        for (name, words) in [
            ("create_pull_request", "create pull request"),
            ("getHTTPServer2Status", "get http server2 status"),
            ("list-mail-folders", "list mail folders"),
            ("API-post-page", "api post page"),
            ("__x__", "x"),
        ] {
            assert_eq!(split(name).join(" "), words, "{name}");
        }
    }

    #[test]
    fn plain_forms_are_found() {
        for (word, form) in [
            ("emails", "email"),
            ("directories", "directory"),
            ("copied", "copy"),
            ("creating", "create"),
            ("changed", "change"),
            ("running", "run"),
            ("searches", "search"),
            ("editing", "edit"),
            ("address", "address"),
            ("status", "status"),
            ("sent", "sent"),
        ] {
            assert_eq!(plain(word), form, "{word}");
        }
    }

    #[test]
    fn lists_are_in_order() {
        assert!(NOTHING.is_sorted());
        assert!(says_nothing("please") && !says_nothing("email"));
        assert!(same("emails").contains(&"mail") && same("folder").contains(&"directory"));
        assert!(!same("email").contains(&"email"));
    }
}
