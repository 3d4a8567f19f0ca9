//! Where the emulator is known to differ from Google, and so from our sandbox.
//!
//! Invariant: nothing is added that is ours to repair; what no longer occurs is taken off.

/// A difference with its reason.
pub(super) struct Difference {
    pub tools: &'static [&'static str],
    /// Only at these steps; at all without one.
    pub steps: &'static [&'static str],
    pub fields: &'static [&'static str],
    pub why: &'static str,
}

impl Difference {
    pub(super) fn covers(&self, tool: &str, step: &str, field: &str) -> bool {
        self.tools.contains(&tool)
            && (self.steps.is_empty() || self.steps.contains(&step))
            && self.fields.contains(&field)
    }
}

/// Everything on the lists, in the words that the tally notes what occurs.
pub(super) fn all() -> impl Iterator<Item = String> {
    let differences = DIFFERENCES.iter().flat_map(|one| {
        [one.tools, one.steps, one.fields]
            .into_iter()
            .flatten()
            .map(|word| format!("{}|{word}", one.why))
    });
    let requests = MISSING.iter().chain(BRIDGED);
    differences.chain(requests.map(|(request, _)| (*request).to_owned()))
}

/// Numbered from 1 in what the suite prints.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        tools: &["list_gmail_labels"],
        steps: &[],
        fields: &["/data/labels/CHAT"],
        why: "the emulator has no CHAT among Gmail's own labels",
    },
    Difference {
        tools: &["search_gmail_messages", "get_gmail_messages_content_batch"],
        steps: &["in:inbox", "read", "without a label", "a first page", "two"],
        fields: &["/data/messages/*/from", "/data/messages/*/subject"],
        why: "the emulator gives encoded words as they were sent; Gmail decodes them",
    },
    Difference {
        tools: &["get_gmail_message_content"],
        steps: &["umlauts"],
        fields: &["/data/headers/From", "/data/headers/Subject"],
        why: "the emulator gives encoded words as they were sent, when read too; Gmail decodes them",
    },
    Difference {
        tools: &["get_gmail_message_content"],
        steps: &["what was sent with a file"],
        fields: &["/data/headers/Subject"],
        why: "the emulator gives the encoded words we sent; Gmail decodes them",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["to an address"],
        fields: &["/data/messages/only ours"],
        why: "the emulator's to: looks at To alone; Gmail's also at Cc and Bcc",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["a Message-ID"],
        fields: &["/data/messages/only ours"],
        why: "the emulator cuts the operator rfc822msgid: one character short and finds nothing",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["a category"],
        fields: &["/data/messages/only ours"],
        why: "the emulator does not know category: and looks for it as a word",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["in spam", "in the trash"],
        fields: &["/data/messages/only ours"],
        why: "the emulator leaves spam and trash out even when in: names them",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["not from"],
        fields: &["/data/messages/only ours"],
        why: "the emulator negates label: only",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["one or the other"],
        fields: &["/data/messages/only ours"],
        why: "the emulator ignores OR and wants both",
    },
    Difference {
        tools: &["search_gmail_messages"],
        steps: &["a name of a file"],
        fields: &["/data/messages/only ours"],
        why: "the emulator does not know filename: and looks for it as a word",
    },
    Difference {
        tools: &["get_gmail_message_content"],
        steps: &["with a file", "HTML as Markdown", "headers", "umlauts"],
        fields: &["/data/headers/Date"],
        why: "the emulator writes the Date header anew",
    },
    Difference {
        tools: &["get_gmail_message_content"],
        steps: &["headers"],
        fields: &["/data/headers/Content-Type", "/data/headers/MIME-Version"],
        why: "the emulator keeps ten headers of a message; Gmail all",
    },
    Difference {
        tools: &["get_gmail_message_content"],
        steps: &[
            "what was sent",
            "what was sent with a file",
            "headers of the answer",
            "somebody unseen",
        ],
        fields: &["/data/headers/From"],
        why: "without a sender the emulator writes the bare address; Gmail adds the name",
    },
    Difference {
        tools: &["get_gmail_thread_content"],
        steps: &["with the answer"],
        fields: &["/data/messages/*/from"],
        why: "without a sender the emulator writes the bare address; Gmail adds the name of the account",
    },
    Difference {
        tools: &["search_gmail_messages", "get_gmail_message_content"],
        steps: &["drafts", "a draft"],
        fields: &["/data/messages/*/from", "/data/headers/From"],
        why: "the emulator gives a draft a sender at once; our sandbox when it is sent",
    },
    Difference {
        tools: &["create_event"],
        steps: &["a whole day"],
        fields: &["/data/start/timeZone", "/data/end/timeZone"],
        why: "the emulator names a zone for days too",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &[
            "/data/events/*/start/timeZone",
            "/data/events/*/end/timeZone",
        ],
        why: "the emulator names a zone for days in lists too",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &["/data/timeZone"],
        why: "the emulator's list of events does not say in which zone the calendar is",
    },
    Difference {
        tools: &["query_freebusy"],
        steps: &["of a day", "of an unknown calendar"],
        fields: &["/data/timeZone"],
        why: "the emulator does not say in which zone the calendar is; we ask for it in a list of events",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &[
            "/data/events/*/attendees/*/responseStatus",
            "/data/events/*/attendees/*/displayName",
        ],
        why: "the emulator keeps of a guest what was sent; Google adds the answer so far and a known name",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &["/data/events/*/attendees"],
        why: "the emulator gives an empty list of guests; Google leaves it out",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &["/data/events/*/description"],
        why: "the emulator ignores the fields parameter and gives what we did not ask for",
    },
    Difference {
        tools: &["get_events"],
        steps: &[],
        fields: &["/data/events/*/organizer", "/data/events/*/transparency"],
        why: "the emulator keeps no organizer and does not give transparency back",
    },
    Difference {
        tools: &["get_events"],
        steps: &["with details", "by id"],
        fields: &["/data/events/*/reminders"],
        why: "the emulator drops reminders",
    },
    Difference {
        tools: &["create_event"],
        steps: &["a series"],
        fields: &["/data/recurrence"],
        why: "the emulator drops recurrence",
    },
    Difference {
        tools: &["get_events"],
        steps: &["of a series"],
        fields: &["/data/events/only ours", "/data/events/only theirs"],
        why: "the emulator has no recurring events, so a series is one event",
    },
    Difference {
        tools: &["search_drive_files"],
        steps: &["a word"],
        fields: &["/data/files/only theirs"],
        why: "the emulator's search knows parents, mimeType and trashed; it ignores words",
    },
    Difference {
        tools: &["get_drive_file_metadata"],
        steps: &["of a file"],
        fields: &["/data/owners", "/data/permissions", "/data/webContentLink"],
        why: "the emulator has no owners, permissions and download links",
    },
    Difference {
        tools: &["get_drive_file_metadata"],
        steps: &["of a file"],
        fields: &["/data/path"],
        why: "the emulator has no object for My Drive, so the path ends below it",
    },
    Difference {
        tools: &["move_drive_file"],
        steps: &["into a folder"],
        fields: &["/data/previousParents/*"],
        why: "the emulator calls My Drive root; Google gives its id",
    },
    Difference {
        tools: &["list_drive_items"],
        steps: &["a folder after that"],
        fields: &["/data/files/only theirs"],
        why: "the emulator ignores trashed in an update",
    },
    Difference {
        tools: &["manage_gmail_label"],
        steps: &["create once more"],
        fields: &["/content/*/*"],
        why: "the emulator refuses a name that exists with status 400; Gmail with 409",
    },
];

/// Requests that the emulator has no route for, each with what our tool wants there.
pub(super) const MISSING: &[(&str, &str)] = &[
    (
        "PATCH /calendar/v3/calendars/*/events/*",
        "changing an event",
    ),
    (
        "POST /drive/v3/files/*/permissions",
        "giving access to a file",
    ),
];

/// Requests that the front answers, each with why.
pub(super) const BRIDGED: &[(&str, &str)] = &[
    (
        "GET /drive/v3/files/generateIds",
        "the emulator has no ids in advance; made up, and ignored by it",
    ),
    (
        "GET /calendar/v3/calendars/*/events/*",
        "the emulator has no single event; taken from its list",
    ),
];
