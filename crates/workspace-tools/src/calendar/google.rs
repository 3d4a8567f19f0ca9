//! Events as Google writes them, as far as tools read them and hand them on.
//!
//! Invariant: field names are Google's own; what Google left out stays out.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::query_freebusy::Block;

/// The fields of an event that lists need.
pub(super) const BRIEF: &str = "id,status,summary,start,end,location,attendees(email,displayName,responseStatus,optional,organizer,self,resource),organizer(email,displayName,self),hangoutLink,htmlLink,recurringEventId,recurrence,transparency,visibility";

/// The fields of an event for somebody who wants to know everything.
pub(super) const FULL: &str = "id,etag,status,summary,description,start,end,location,attendees(email,displayName,responseStatus,optional,organizer,self,resource,comment,additionalGuests),organizer(email,displayName,self),hangoutLink,htmlLink,recurringEventId,originalStartTime,recurrence,attachments(fileUrl,title,mimeType,fileId),reminders,transparency,visibility,colorId,guestsCanModify,guestsCanInviteOthers,guestsCanSeeOtherGuests";

/// An event.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) id: String,
    /// The calendar it was read from; ours, when several were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calendar_id: Option<String>,
    #[serde(skip_serializing)]
    pub(super) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attendees: Option<Vec<Attendee>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organizer: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hangout_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recurring_event_id: Option<String>,
    #[serde(skip_serializing)]
    pub(super) original_start_time: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recurrence: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attachments: Option<Vec<Attachment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reminders: Option<Reminders>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transparency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<String>,
}

/// A day or a moment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct When {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_zone: Option<String>,
}

/// Somebody who is invited.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attendee {
    #[serde(default)]
    pub(super) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) optional: Option<bool>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<bool>,
    // What has to survive when the list is written back, and tells a reader little.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organizer: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_guests: Option<i64>,
}

impl Attendee {
    /// Somebody who is invited from now on.
    pub(super) fn named(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            display_name: None,
            response_status: None,
            optional: None,
            own: None,
            organizer: None,
            resource: None,
            comment: None,
            additional_guests: None,
        }
    }
}

/// Who organises.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<String>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<bool>,
}

/// A file that belongs to the event.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<String>,
}

/// When the account is reminded.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reminders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) use_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overrides: Option<Vec<Reminder>>,
}

/// One reminder.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Reminder {
    /// `popup` or `email`.
    #[serde(default = "popup")]
    pub(super) method: String,
    /// Minutes before the start.
    pub(super) minutes: i64,
}

fn popup() -> String {
    "popup".to_owned()
}

/// Parts of an event are listed as plain objects: their fields are Google's, which models know,
/// and every listed byte costs every conversation.
macro_rules! plain_object {
    ($($part:ty),*) => {$(
        impl JsonSchema for $part {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($part).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "object"})
            }
        }
    )*};
}

plain_object!(
    When, Attendee, Person, Attachment, Reminders, Reminder, Block
);

/// What a caller goes on with is described, the rest is as Google has it.
impl JsonSchema for Event {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (text, object) = (
            json_schema!({"type": "string"}),
            json_schema!({"type": "object"}),
        );
        json_schema!({
            "type": "object",
            "properties": {
                "id": text,
                "summary": text,
                "start": object,
                "end": object,
                "attendees": {"type": "array", "items": object},
                "hangoutLink": text,
                "htmlLink": text,
                "recurringEventId": text,
            },
            "required": ["id"],
            "additionalProperties": {},
        })
    }
}

/// What a written event looks like to whoever wrote it.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hangout_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurring_event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrence: Option<Vec<String>>,
}

impl From<&Event> for Saved {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.clone(),
            html_link: event.html_link.clone(),
            hangout_link: event.hangout_link.clone(),
            start: event.start.clone(),
            end: event.end.clone(),
            recurring_event_id: event.recurring_event_id.clone(),
            recurrence: event.recurrence.clone(),
        }
    }
}

impl Event {
    /// The title, as people see it.
    pub(super) fn title(&self) -> String {
        let title = crate::text::line(self.summary.as_deref().unwrap_or_default());
        if title.is_empty() {
            "(no title)".to_owned()
        } else {
            title
        }
    }

    /// Whether it is called off.
    pub(super) fn is_cancelled(&self) -> bool {
        self.status.as_deref() == Some("cancelled")
    }

    /// The moment by which lists are ordered; days begin with their midnight in `zone`.
    pub(super) fn begins(&self, zone: &TimeZone) -> Option<Timestamp> {
        let start = self.start.as_ref()?;
        match start.day() {
            Some(day) => zone
                .to_ambiguous_zoned(day.into())
                .compatible()
                .ok()
                .map(|z| z.timestamp()),
            None => start.moment(),
        }
    }

    /// The zone the event was made in.
    pub(super) fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(self.start.as_ref()?.time_zone.as_deref()?).ok()
    }

    /// Those who are invited.
    pub(super) fn guests(&self) -> &[Attendee] {
        self.attendees.as_deref().unwrap_or_default()
    }
}

impl When {
    /// A whole day.
    pub(super) fn day(&self) -> Option<Date> {
        self.date.as_deref()?.parse().ok()
    }

    /// A moment.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        self.date_time.as_deref()?.parse().ok()
    }
}
