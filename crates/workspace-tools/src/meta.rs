//! What a tool says about itself.
//!
//! Everything here is checked by walking the registry (names, tiers, methods, examples), so that a
//! wrong declaration fails a test, not a user.

/// The Google service a tool belongs to; also the word for it in settings and `--tools`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Service {
    /// Signing in and the caller's own accounts; always on.
    Accounts,
    /// Gmail.
    Gmail,
    /// Google Drive.
    Drive,
    /// Google Calendar.
    Calendar,
}

impl Service {
    /// Every service, in the order of listings.
    pub const ALL: &[Self] = &[Self::Accounts, Self::Gmail, Self::Drive, Self::Calendar];

    /// The word used in settings and tool filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Gmail => "gmail",
            Self::Drive => "drive",
            Self::Calendar => "calendar",
        }
    }

    /// The name people know.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Accounts => "Accounts",
            Self::Gmail => "Gmail",
            Self::Drive => "Google Drive",
            Self::Calendar => "Google Calendar",
        }
    }

    /// The service of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|service| service.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// How essential a tool is. Each tier contains the ones before it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tier {
    /// What most people need every day.
    Core,
    /// What many people need now and then.
    Extended,
    /// Everything.
    Complete,
}

/// What a tool may do to the account.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// Only reads.
    Read,
    /// Adds or changes something.
    Write,
    /// Removes or overwrites something.
    Destructive,
}

/// Another name a tool answers to. Callable, never listed.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The other name.
    pub name: &'static str,
    /// Arguments spelled differently there: (there, here).
    pub renamed: &'static [(&'static str, &'static str)],
    /// Arguments assumed there when absent: (here, JSON value).
    pub assumed: &'static [(&'static str, &'static str)],
}

impl Alias {
    /// A name with the same arguments.
    pub const fn same(name: &'static str) -> Self {
        Self {
            name,
            renamed: &[],
            assumed: &[],
        }
    }
}

/// A call worth showing, run against the sandbox by a test.
///
/// In `arguments`, `{message:SUBJECT}`, `{thread:SUBJECT}`, `{file:NAME}`, `{event:TITLE}` and
/// `{label:NAME}` stand for the id of that thing in the demo user's account.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What a person would ask for.
    pub say: &'static str,
    /// The arguments, as JSON.
    pub arguments: &'static str,
    /// A part of the text that comes back.
    pub gives: &'static str,
}

/// A tool's declaration.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// The name models call, `verb_service_noun`.
    pub name: &'static str,
    /// The name people see.
    pub title: &'static str,
    /// One sentence in the imperative: what it does.
    pub description: &'static str,
    /// Where it belongs.
    pub service: Service,
    /// How essential it is.
    pub tier: Tier,
    /// What it may do.
    pub access: Access,
    /// Whether calling it twice has the effect of calling it once.
    pub idempotent: bool,
    /// The Google methods it may use; its scopes follow from them.
    pub methods: &'static [&'static str],
    /// Whether results carry words written by outsiders (mail, documents, names).
    pub outside_content: bool,
    /// Other names it answers to.
    pub aliases: &'static [Alias],
    /// Calls worth showing; at least one.
    pub examples: &'static [Example],
}
