//! One Google API and the short list of all of them.
//!
//! Not where descriptions are unpacked: that is `packed`. Invariant: every row of [`SOURCES`] has
//! a line in the index, checked by a test.

use std::collections::BTreeMap;

use crate::{method::Method, schema::Schema};

/// One API with everything known about it.
#[derive(Debug)]
pub struct Api {
    /// Our short name, which is also how its method ids begin: `gmail`, `drive`, `directory`.
    pub name: &'static str,
    /// Google's version, such as `v1`.
    pub version: &'static str,
    /// The day Google published this description, such as `20261005`.
    pub revision: &'static str,
    /// Scheme and host, with a slash at the end.
    pub root_url: &'static str,
    /// What comes between root and [`Method::path`]; empty or with a slash at the end.
    pub service_path: &'static str,
    /// Where batches go, below the root.
    pub batch_path: &'static str,
    /// The methods by id.
    pub methods: BTreeMap<&'static str, Method>,
    /// The shapes of JSON by name.
    pub schemas: BTreeMap<&'static str, Schema>,
}

impl Api {
    /// The schema of this name.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.get(name)
    }

    /// The host without scheme, such as `gmail.googleapis.com`.
    pub fn host(&self) -> &'static str {
        host_of(self.root_url)
    }
}

/// What is known of an API without unpacking it.
#[derive(Debug)]
pub struct ApiSummary {
    /// As [`Api::name`].
    pub name: &'static str,
    /// As [`Api::version`].
    pub version: &'static str,
    /// The product's name for people.
    pub title: &'static str,
    /// As [`Api::revision`].
    pub revision: &'static str,
    /// How many methods it has.
    pub methods: usize,
    /// As [`Api::root_url`].
    pub root_url: &'static str,
    /// As [`Api::service_path`].
    pub service_path: &'static str,
}

impl ApiSummary {
    /// As [`Api::host`].
    pub fn host(&self) -> &'static str {
        host_of(self.root_url)
    }
}

fn host_of(root_url: &'static str) -> &'static str {
    root_url
        .trim_start_matches("https://")
        .trim_end_matches('/')
}

/// One embedded description.
pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How ids of its methods begin, when not with the name alone.
    pub(crate) prefixes: &'static [&'static str],
    pub(crate) packed: &'static [u8],
}

const fn source(name: &'static str, title: &'static str, packed: &'static [u8]) -> Source {
    Source {
        name,
        title,
        prefixes: &[],
        packed,
    }
}

/// All embedded descriptions: the everyday products first, then the wider circle.
pub(crate) const SOURCES: &[Source] = &[
    source("gmail", "Gmail", include_bytes!("../catalogue/gmail.gz")),
    source("drive", "Drive", include_bytes!("../catalogue/drive.gz")),
    source(
        "calendar",
        "Calendar",
        include_bytes!("../catalogue/calendar.gz"),
    ),
    source("docs", "Docs", include_bytes!("../catalogue/docs.gz")),
    source("sheets", "Sheets", include_bytes!("../catalogue/sheets.gz")),
    source("slides", "Slides", include_bytes!("../catalogue/slides.gz")),
    source("forms", "Forms", include_bytes!("../catalogue/forms.gz")),
    source("tasks", "Tasks", include_bytes!("../catalogue/tasks.gz")),
    source("chat", "Chat", include_bytes!("../catalogue/chat.gz")),
    Source {
        prefixes: &["search"],
        ..source(
            "customsearch",
            "Programmable Search",
            include_bytes!("../catalogue/customsearch.gz"),
        )
    },
    source(
        "people",
        "Contacts",
        include_bytes!("../catalogue/people.gz"),
    ),
    source(
        "script",
        "Apps Script",
        include_bytes!("../catalogue/script.gz"),
    ),
    source("meet", "Meet", include_bytes!("../catalogue/meet.gz")),
    source("keep", "Keep", include_bytes!("../catalogue/keep.gz")),
    source(
        "classroom",
        "Classroom",
        include_bytes!("../catalogue/classroom.gz"),
    ),
    source(
        "driveactivity",
        "Drive activity",
        include_bytes!("../catalogue/driveactivity.gz"),
    ),
    source(
        "drivelabels",
        "Drive labels",
        include_bytes!("../catalogue/drivelabels.gz"),
    ),
    Source {
        prefixes: &["admin"],
        ..source(
            "directory",
            "Admin directory",
            include_bytes!("../catalogue/directory.gz"),
        )
    },
    source(
        "reports",
        "Admin reports",
        include_bytes!("../catalogue/reports.gz"),
    ),
    Source {
        prefixes: &["groupsSettings"],
        ..source(
            "groupssettings",
            "Group settings",
            include_bytes!("../catalogue/groupssettings.gz"),
        )
    },
    source(
        "cloudidentity",
        "Cloud Identity",
        include_bytes!("../catalogue/cloudidentity.gz"),
    ),
    source(
        "licensing",
        "Licences",
        include_bytes!("../catalogue/licensing.gz"),
    ),
    source("vault", "Vault", include_bytes!("../catalogue/vault.gz")),
    source(
        "alertcenter",
        "Alert center",
        include_bytes!("../catalogue/alertcenter.gz"),
    ),
    source(
        "workspaceevents",
        "Workspace events",
        include_bytes!("../catalogue/workspaceevents.gz"),
    ),
    source(
        "gmailpostmastertools",
        "Gmail postmaster tools",
        include_bytes!("../catalogue/gmailpostmastertools.gz"),
    ),
    source(
        "oauth2",
        "Sign-in",
        include_bytes!("../catalogue/oauth2.gz"),
    ),
];
