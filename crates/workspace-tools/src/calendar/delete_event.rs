//! `delete_event`: calls an event off, or a part of a series.

use foundation::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    calendar_or_primary, explain,
    google::Event,
    people::{self, SendUpdates},
    series::{self, ApplyTo},
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Deletes an event.
pub(super) struct DeleteEvent;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Of an event, a series or one instance.
    event_id: String,
    /// Default primary.
    #[serde(default)]
    calendar_id: Option<String>,
    /// For an instance, default itself.
    #[serde(default)]
    apply_to: Option<ApplyTo>,
    /// Default all.
    #[serde(default)]
    send_updates: Option<SendUpdates>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The id of what is gone, or of the series that now ends earlier.
    id: String,
    deleted: bool,
}

impl Tool for DeleteEvent {
    const META: Meta = Meta {
        name: "delete_event",
        title: "Delete event",
        description: "Delete an event, one instance, the rest of a series or a whole series.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Destructive,
        idempotent: true,
        methods: &[
            "calendar.events.get",
            "calendar.events.delete",
            "calendar.events.patch",
            "calendar.events.instances",
        ],
        outside_content: true,
        aliases: &[Alias::same("delete_calendar_event")],
        examples: &[Example {
            say: "Cancel the dentist",
            arguments: r#"{"event_id": "{event:Dentist}"}"#,
            gives: "Successfully deleted event",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let calendar = calendar_or_primary(input.calendar_id.as_deref());
        let id = input.event_id.trim();
        let event = series::read(cx, calendar, id).await?;
        if event.is_cancelled() {
            return Ok(said(cx, calendar, id, &event, "was deleted before", ""));
        }
        let mut guests = people::told_of_deletion(&event);
        if let (Some(ApplyTo::Series | ApplyTo::Following), Some(series)) =
            (input.apply_to, &event.recurring_event_id)
        {
            // The other dates may have guests that this one has not.
            let series = series::read(cx, calendar, series).await?;
            for guest in people::told_of_deletion(&series) {
                if !guests
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&guest))
                {
                    guests.push(guest);
                }
            }
        }
        let what = format!("a cancellation of \"{}\"", event.title());
        let others = guests
            .iter()
            .filter(|guest| !guest.eq_ignore_ascii_case(&cx.email))
            .count();
        let updates = match input.send_updates.unwrap_or_default() {
            // A silent removal brings no words to anybody.
            quiet @ SendUpdates::None => (others > 0).then_some(quiet.word()),
            loud => loud.permitted(cx, &what, &guests)?,
        };
        let told = people::told(updates, others);
        let target = match input.apply_to {
            None | Some(ApplyTo::Instance) => id.to_owned(),
            Some(ApplyTo::Series) => event
                .recurring_event_id
                .clone()
                .unwrap_or_else(|| id.to_owned()),
            Some(ApplyTo::Following) => {
                let split = series::split(cx, calendar, &event).await?;
                if !split.is_first {
                    series::shorten(cx, calendar, &split, updates).await?;
                    let text = format!(
                        "Successfully deleted event (ID: {id}) and all that follow from calendar '{}' for {}; the series '{}' (ID: {}) now ends before it.{told}",
                        text::line(calendar),
                        cx.email,
                        event.title(),
                        split.series
                    );
                    return Ok(Reply::new(
                        Output {
                            id: split.series,
                            deleted: true,
                        },
                        text,
                    ));
                }
                split.series
            }
        };
        let sent = cx
            .call("calendar.events.delete")
            .param("calendarId", calendar)
            .param("eventId", &target)
            .param_opt("sendUpdates", updates)
            .send()
            .await;
        match sent {
            Ok(_) => {}
            // It was there a moment ago: an answer was lost, or somebody was faster.
            Err(error) if error.status == Some(410) || error.kind == Kind::NotFound => {}
            Err(error) => return Err(explain(error, calendar, Some(&target))),
        }
        let which = match (&event.recurrence, target == id) {
            (Some(_), _) | (None, false) => "with the whole series, is deleted",
            (None, true) => "is deleted",
        };
        Ok(said(cx, calendar, &target, &event, which, &told))
    }
}

fn said(
    cx: &ToolCx,
    calendar: &str,
    id: &str,
    event: &Event,
    what: &str,
    told: &str,
) -> Reply<Output> {
    let (calendar, title) = (text::line(calendar), event.title());
    let text = format!(
        "Successfully deleted event (ID: {id}) from calendar '{calendar}' for {}: '{title}' {what}.{told}",
        cx.email
    );
    Reply::new(
        Output {
            id: id.to_owned(),
            deleted: true,
        },
        text,
    )
}
