//! What the sandbox's Calendar keeps.
//!
//! Events rest as Google's own JSON, without what depends on who looks (`self`, links, etags).
//! Invariant: every change raises the revision, from which etags and sync tokens are made.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The zone of calendars whose owner has chosen none.
pub(super) const HOME_ZONE: &str = "Europe/Prague";

/// A JSON object.
pub(super) type Fields = Map<String, Value>;

/// All calendars of all users.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    pub(super) calendars: BTreeMap<String, Calendar>,
    /// The calendar lists, by the address of the user.
    pub(super) lists: BTreeMap<String, Vec<Entry>>,
    revision: u64,
}

/// One calendar.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Calendar {
    pub(super) id: String,
    /// Whether it is the primary calendar of the user whose address is its id.
    pub(super) primary: bool,
    pub(super) summary: String,
    pub(super) description: Option<String>,
    pub(super) location: Option<String>,
    pub(super) time_zone: String,
    pub(super) rules: Vec<Rule>,
    pub(super) events: BTreeMap<String, Event>,
    pub(super) revision: u64,
    /// Sync tokens of before this revision are no longer good.
    pub(super) forgotten: u64,
}

/// Who may do what with a calendar.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Rule {
    /// `user`, `group`, `domain` or `default`.
    pub(super) kind: String,
    /// The address or domain; empty for `default`.
    pub(super) value: String,
    pub(super) role: Role,
}

/// The access a rule gives, weakest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Role {
    None,
    FreeBusyReader,
    Reader,
    Writer,
    Owner,
}

/// An event as it rests.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Event {
    pub(super) fields: Fields,
    pub(super) revision: u64,
}

/// A line of a user's calendar list: which calendar, and how the user wants to see it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fields: Fields,
    pub(super) revision: u64,
}

impl State {
    /// Counts a change.
    pub(super) fn advance(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// The latest change.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Adds a calendar that belongs to `owner`, and its line in the owner's list.
    pub(super) fn add(&mut self, id: &str, owner: &str, summary: &str, zone: &str) {
        let primary = id == owner;
        let mut rules = vec![Rule::user(owner, Role::Owner)];
        if primary && let Some((_, domain)) = owner.rsplit_once('@') {
            let (kind, value) = ("domain".to_owned(), domain.to_owned());
            rules.push(Rule {
                kind,
                value,
                role: Role::FreeBusyReader,
            });
        }
        let calendar = Calendar {
            id: id.to_owned(),
            primary,
            summary: summary.to_owned(),
            description: None,
            location: None,
            time_zone: zone.to_owned(),
            rules,
            events: BTreeMap::new(),
            revision: self.advance(),
            forgotten: 0,
        };
        self.calendars.insert(id.to_owned(), calendar);
        self.show(owner, id, if primary { "14" } else { "7" });
    }

    /// Puts a calendar on a user's list.
    pub(super) fn show(&mut self, user: &str, id: &str, color: &str) {
        let revision = self.advance();
        let mut fields = Fields::new();
        fields.insert("colorId".into(), json!(color));
        fields.insert("selected".into(), json!(true));
        let reminders = if id == user {
            json!([{"method": "popup", "minutes": 10}])
        } else {
            json!([])
        };
        fields.insert("defaultReminders".into(), reminders);
        let list = self.lists.entry(user.to_owned()).or_default();
        list.retain(|entry| entry.id != id);
        list.push(Entry {
            id: id.to_owned(),
            fields,
            revision,
        });
    }

    /// Opens a new account's primary calendar.
    pub(super) fn open(&mut self, email: &str, _now: Timestamp) {
        if !self.calendars.contains_key(email) {
            self.add(email, email, email, HOME_ZONE);
        }
    }

    /// Stores an event under its id.
    pub(super) fn store(&mut self, calendar: &str, id: &str, fields: Fields) {
        let revision = self.advance();
        if let Some(calendar) = self.calendars.get_mut(calendar) {
            calendar
                .events
                .insert(id.to_owned(), Event { fields, revision });
        }
    }
}

impl Calendar {
    /// The zone its days begin in.
    pub(super) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// What this user may do here.
    pub(super) fn role(&self, user: &str) -> Role {
        let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
        let fits = |rule: &&Rule| match rule.kind.as_str() {
            "user" | "group" => rule.value.eq_ignore_ascii_case(user),
            "domain" => rule.value.eq_ignore_ascii_case(domain),
            _ => rule.kind == "default",
        };
        self.rules
            .iter()
            .filter(fits)
            .map(|rule| rule.role)
            .max()
            .unwrap_or(Role::None)
    }
}

impl Rule {
    /// A rule for one person.
    pub(super) fn user(email: &str, role: Role) -> Self {
        Self {
            kind: "user".into(),
            value: email.to_owned(),
            role,
        }
    }

    /// The rule's id, as in `user:kim@sandbox.example`.
    pub(super) fn id(&self) -> String {
        match self.kind.as_str() {
            "default" => "default".to_owned(),
            kind => format!("{kind}:{}", self.value),
        }
    }
}

impl Role {
    /// Google's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [
            Self::None,
            Self::FreeBusyReader,
            Self::Reader,
            Self::Writer,
            Self::Owner,
        ]
        .into_iter()
        .find(|role| role.name() == name)
    }
}

/// The tag of something as of a revision.
pub(super) fn etag(revision: u64) -> String {
    format!("\"{}\"", 3_500_000_000_000_000_u64 + revision)
}
