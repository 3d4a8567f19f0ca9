//! Guests: addresses as callers write them, and whom a change tells.
//!
//! Invariant: nothing reaches guests before the policy has seen every address it goes to.

use schemars::JsonSchema;
use serde::Deserialize;

use super::google::Event;
use crate::{ToolCx, ToolError, policy::Action, text};

/// Who gets mail about a change.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum SendUpdates {
    #[default]
    All,
    ExternalOnly,
    None,
}

impl SendUpdates {
    /// Google's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ExternalOnly => "externalOnly",
            Self::None => "none",
        }
    }

    /// Asks the policy, and gives the word to send; nothing when nobody is to be told.
    pub(super) fn permitted(
        self,
        cx: &ToolCx,
        what: &str,
        to: &[String],
    ) -> Result<Option<&'static str>, ToolError> {
        let others: Vec<String> = to
            .iter()
            .filter(|guest| !guest.eq_ignore_ascii_case(&cx.email))
            .cloned()
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        // Without a mail the event and its words still stand in the guests' own calendars.
        cx.permit(&Action::Send { what, to: &others })?;
        Ok(Some(self.word()))
    }
}

/// What the caller is told about mail that went out.
pub(super) fn told(word: Option<&str>, guests: usize) -> String {
    let guests = if guests == 1 {
        "1 guest".to_owned()
    } else {
        format!("{guests} guests")
    };
    match word {
        None => String::new(),
        Some("all") => format!("\nCalendar mails {guests}."),
        Some("externalOnly") => {
            "\nCalendar mails the guests who do not use Google Calendar.".to_owned()
        }
        Some(_) => format!("\nNobody was told ({guests})."),
    }
}

/// The addresses of everybody an event reaches: guests, and the organizer.
pub(super) fn everybody(event: &Event) -> Vec<String> {
    let organizer = event
        .organizer
        .as_ref()
        .and_then(|person| person.email.clone());
    let organizer = organizer.filter(|_| !event.guests().is_empty());
    let mut all: Vec<String> = event
        .guests()
        .iter()
        .map(|guest| guest.email.clone())
        .collect();
    if let Some(organizer) = organizer
        // The address of a shared calendar is nobody's.
        && !organizer.ends_with("calendar.google.com")
        && !all.iter().any(|guest| guest.eq_ignore_ascii_case(&organizer))
    {
        all.push(organizer);
    }
    all
}

/// The addresses that calling the event off reaches: a guest only tells the organizer.
pub(super) fn told_of_deletion(event: &Event) -> Vec<String> {
    match &event.organizer {
        Some(organizer) if organizer.own != Some(true) && !event.guests().is_empty() => {
            organizer.email.iter().cloned().collect()
        }
        _ => everybody(event),
    }
}

/// Plain addresses out of what the caller wrote, each once.
pub(super) fn addresses(name: &str, written: &[String]) -> Result<Vec<String>, ToolError> {
    let mut found: Vec<String> = Vec::new();
    for entry in written.iter().flat_map(|entry| entry.split(',')) {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        let address = match entry.split_once('<') {
            Some((_, rest)) => rest.trim_end_matches('>').trim(),
            None => entry,
        };
        let sound = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.contains('@')
                && !address
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || c == '<')
        });
        if !sound {
            let entry = text::line(entry);
            return Err(
                ToolError::input(format!("{name}: \"{entry}\" is no e-mail address"))
                    .hint("give plain addresses such as kim@company.example"),
            );
        }
        if !found
            .iter()
            .any(|known| known.eq_ignore_ascii_case(address))
        {
            found.push(address.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_distinct() {
        let written = [
            "Kim <kim@x.example>, sam@x.example".to_owned(),
            "KIM@X.example".to_owned(),
        ];
        assert_eq!(
            addresses("attendees", &written).unwrap(),
            ["kim@x.example", "sam@x.example"]
        );
        for wrong in [
            "kim",
            "kim@",
            "@x.example",
            "a b@x.example",
            "kim@x.example\nbcc@y.example",
            "a@b@c.example",
        ] {
            assert!(
                addresses("attendees", &[wrong.to_owned()]).is_err(),
                "{wrong}"
            );
        }
    }
}
