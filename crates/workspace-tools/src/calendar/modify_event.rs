//! `modify_event`: changes an event, one instance, the rest of a series or a whole series.

use jiff::{SignedDuration, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    calendar_or_primary,
    changes::{self, Show, Visibility},
    edit::Job,
    google::{Reminder, Saved},
    people::{self, SendUpdates},
    series::{self, ApplyTo},
    times::{self, Spoken},
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// Changes an event.
pub(super) struct ModifyEvent;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Of an event, a series or one instance.
    pub(super) event_id: String,
    /// Default primary.
    #[serde(default)]
    pub(super) calendar_id: Option<String>,
    /// For an instance, default itself.
    #[serde(default)]
    pub(super) apply_to: Option<ApplyTo>,
    #[serde(default)]
    pub(super) summary: Option<String>,
    /// The length stays unless given.
    #[serde(default)]
    pub(super) start_time: Option<String>,
    #[serde(default)]
    pub(super) end_time: Option<String>,
    #[serde(default)]
    pub(super) duration_minutes: Option<i64>,
    /// Of local times, default the event's.
    #[serde(default)]
    pub(super) timezone: Option<String>,
    /// "" removes it.
    #[serde(default)]
    pub(super) description: Option<String>,
    /// "" removes it.
    #[serde(default)]
    pub(super) location: Option<String>,
    /// The whole list; who stays keeps the answer.
    #[serde(default)]
    pub(super) attendees: Option<Vec<String>>,
    #[serde(default)]
    pub(super) add_attendees: Option<Vec<String>>,
    #[serde(default)]
    pub(super) remove_attendees: Option<Vec<String>>,
    /// Your answer to an invitation.
    #[serde(default)]
    pub(super) response: Option<Answer>,
    /// As in create_event; [] ends it.
    #[serde(default)]
    pub(super) recurrence: Option<Vec<String>>,
    /// As in create_event.
    #[serde(default)]
    pub(super) reminders: Option<Vec<Reminder>>,
    /// false removes it.
    #[serde(default)]
    pub(super) add_google_meet: Option<bool>,
    #[serde(default)]
    pub(super) visibility: Option<Visibility>,
    #[serde(default)]
    pub(super) transparency: Option<Show>,
    /// Default all.
    #[serde(default)]
    pub(super) send_updates: Option<SendUpdates>,
}

/// An answer to an invitation.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Accepted,
    Declined,
    Tentative,
}

impl Answer {
    /// Google's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Tentative => "tentative",
        }
    }
}

impl Tool for ModifyEvent {
    const META: Meta = Meta {
        name: "modify_event",
        title: "Modify event",
        description: "Change an event or answer an invitation; only what is given changes.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: true,
        methods: &[
            "calendar.events.get",
            "calendar.events.list",
            "calendar.events.patch",
            "calendar.events.insert",
            "calendar.events.instances",
        ],
        outside_content: true,
        aliases: &[
            Alias::same("update_event"),
            Alias::same("update_calendar_event"),
        ],
        examples: &[
            Example {
                say: "Add Sam to the dentist appointment, and move it to the small room",
                arguments: r#"{"event_id": "{event:Release 1.4}", "location": "Small room", "add_attendees": ["pat@elsewhere.example"]}"#,
                gives: "Successfully modified event 'Release 1.4'",
            },
            Example {
                say: "Accept the budget talk",
                arguments: r#"{"event_id": "{event:Budget talk}", "response": "accepted"}"#,
                gives: "your answer",
            },
        ],
    };
    type Input = Input;
    type Output = Saved;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Saved>, ToolError> {
        let calendar = calendar_or_primary(input.calendar_id.as_deref());
        let wanted = Wanted::read(&input)?;
        let id = input.event_id.trim().to_owned();
        // A local time needs a zone; that of the calendar is the last resort, asked at once.
        let home = async {
            match (&wanted.zone, wanted.is_local()) {
                (None, true) => times::zone_of(cx, calendar).await.map(Some),
                _ => Ok(None),
            }
        };
        let (event, home) =
            futures::future::try_join(series::read(cx, calendar, &id), home).await?;
        let job = Job {
            cx,
            calendar,
            input: &input,
            wanted: &wanted,
            home: home.as_ref(),
        };
        match input.apply_to {
            Some(ApplyTo::Following) => job.following(event).await,
            Some(ApplyTo::Series) if event.recurring_event_id.is_some() => job.series(event).await,
            _ => job.patch(event, None).await,
        }
    }
}

/// What is wanted, as far as it can be read without the event.
pub(super) struct Wanted {
    pub(super) start: Option<Spoken>,
    pub(super) end: Option<Spoken>,
    pub(super) length: Option<SignedDuration>,
    pub(super) zone: Option<TimeZone>,
    pub(super) attendees: Option<Vec<String>>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) reminders: Option<Value>,
}

impl Wanted {
    fn read(input: &Input) -> Result<Self, ToolError> {
        let end = Spoken::read_opt("end_time", input.end_time.as_deref())?;
        let list = |name, list: &Option<Vec<String>>| {
            people::addresses(name, list.as_deref().unwrap_or_default())
        };
        let wanted = Self {
            start: Spoken::read_opt("start_time", input.start_time.as_deref())?,
            length: changes::length(input.duration_minutes, end.is_some())?,
            end,
            zone: input.timezone.as_deref().map(times::zone).transpose()?,
            attendees: match &input.attendees {
                None => None,
                given => Some(list("attendees", given)?),
            },
            added: list("add_attendees", &input.add_attendees)?,
            removed: list("remove_attendees", &input.remove_attendees)?,
            reminders: input
                .reminders
                .as_deref()
                .map(changes::reminders)
                .transpose()?,
        };
        let nothing = input.summary.is_none()
            && input.description.is_none()
            && input.location.is_none()
            && input.response.is_none()
            && input.recurrence.is_none()
            && input.add_google_meet.is_none()
            && input.visibility.is_none()
            && input.transparency.is_none()
            && wanted.reminders.is_none()
            && !wanted.moves()
            && !wanted.invites();
        if nothing {
            return Err(ToolError::input("there is nothing to change").hint(
                "give at least one argument besides event_id, such as start_time or summary",
            ));
        }
        Ok(wanted)
    }

    pub(super) fn moves(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.length.is_some() || self.zone.is_some()
    }

    pub(super) fn invites(&self) -> bool {
        self.attendees.is_some() || !self.added.is_empty() || !self.removed.is_empty()
    }

    fn is_local(&self) -> bool {
        [&self.start, &self.end]
            .into_iter()
            .flatten()
            .any(Spoken::needs_zone)
    }
}
