//! Google Calendar tools.
//!
//! Invariant: a new event carries an id chosen here, so that a lost answer never makes two.

use foundation::{Kind, Random};
use google_api::ApiError;

use crate::{Entry, ToolError, text, tool::entry};

mod changes;
mod create_event;
mod delete_event;
mod edit;
mod get_events;
mod google;
mod list_calendars;
mod modify_event;
mod patch;
mod people;
mod query_freebusy;
mod recurrence;
mod series;
mod slots;
mod times;
mod window;
mod words;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[
    entry::<list_calendars::ListCalendars>(),
    entry::<get_events::GetEvents>(),
    entry::<create_event::CreateEvent>(),
    entry::<modify_event::ModifyEvent>(),
    entry::<delete_event::DeleteEvent>(),
    entry::<query_freebusy::QueryFreebusy>(),
];

/// The calendar a tool works on.
fn calendar_or_primary(calendar: Option<&str>) -> &str {
    calendar
        .map(str::trim)
        .filter(|calendar| !calendar.is_empty())
        .unwrap_or("primary")
}

/// A new id in the alphabet Google asks for (base32hex).
fn new_id(random: &dyn Random) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut bytes = [0; 26];
    random.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// Google's no, with the id that was not found and how to find the right one.
fn explain(error: ApiError, calendar: &str, event: Option<&str>) -> ToolError {
    let calendar = text::line(calendar);
    match (error.kind, error.status, event) {
        (Kind::NotFound, _, Some(event)) => {
            let event = text::line(event);
            let message = format!("there is no event \"{event}\" in the calendar \"{calendar}\"");
            let hint = "find the id with get_events; an event of another calendar needs calendar_id (see list_calendars)";
            ToolError {
                message,
                ..ToolError::from(error)
            }
            .hint(hint)
        }
        (Kind::NotFound, _, None) => {
            let message = format!("there is no calendar \"{calendar}\" that this account can see");
            ToolError {
                message,
                ..ToolError::from(error)
            }
            .hint("list_calendars shows the calendars with their ids")
        }
        _ => error.into(),
    }
}
