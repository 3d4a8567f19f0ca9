//! `query_freebusy`: when people are busy, and when all of them are free.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    slots::{self, Hours},
    times::{self, Spoken},
    words,
};
use crate::{
    Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError,
    text::{self, within},
};

/// The window when no end was given.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How many free slots are proposed.
const SLOTS: usize = 20;

/// Asks who is busy when.
pub(super) struct QueryFreebusy;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Ids or e-mail addresses, default primary.
    #[serde(default)]
    calendar_ids: Option<Vec<String>>,
    /// Time or day, default now.
    #[serde(default)]
    time_min: Option<String>,
    /// Exclusive, default a week later.
    #[serde(default)]
    time_max: Option<String>,
    /// Default the calendar's.
    #[serde(default)]
    timezone: Option<String>,
    /// Propose slots of this length.
    #[serde(default)]
    slot_minutes: Option<usize>,
    /// For slots, default 09:00-17:00.
    #[serde(default)]
    working_hours: Option<String>,
    /// Slots then too.
    #[serde(default)]
    weekends: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    calendars: Vec<Calendar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<Vec<Block>>,
    time_zone: String,
}

#[derive(Serialize, JsonSchema)]
struct Calendar {
    id: String,
    busy: Vec<Block>,
    /// Why nothing is known about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Block {
    start: String,
    end: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    calendars: BTreeMap<String, Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    busy: Vec<Block>,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl Tool for QueryFreebusy {
    const META: Meta = Meta {
        name: "query_freebusy",
        title: "Find free time",
        description: "Get when people are busy and propose slots free for all of them.",
        service: Service::Calendar,
        tier: Tier::Extended,
        access: Access::Read,
        idempotent: true,
        methods: &["calendar.freebusy.query", "calendar.events.list"],
        outside_content: false,
        aliases: &[
            Alias {
                name: "query_calendar_freebusy",
                renamed: &[("attendees", "calendar_ids")],
                assumed: &[],
            },
            Alias {
                name: "find_meeting_slots",
                renamed: &[
                    ("attendees", "calendar_ids"),
                    ("duration_minutes", "slot_minutes"),
                ],
                assumed: &[("slot_minutes", "30")],
            },
        ],
        examples: &[Example {
            say: "When do Sam and I both have an hour this week?",
            arguments: r#"{"calendar_ids": ["primary", "sam@sandbox.example"], "slot_minutes": 60}"#,
            gives: "Free for all",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let hours = Hours::read(input.working_hours.as_deref().unwrap_or("09:00-17:00"))?;
        let slot = input
            .slot_minutes
            .map(|slot| within("slot_minutes", Some(slot), 30, 1440))
            .transpose()?;
        let calendars: Vec<String> = match input.calendar_ids {
            Some(ids) if !ids.is_empty() => ids.iter().map(|id| id.trim().to_owned()).collect(),
            _ => vec!["primary".to_owned()],
        };
        if calendars.len() > 50 {
            return Err(ToolError::input(format!(
                "{} calendars; allowed are at most 50",
                calendars.len()
            )));
        }
        let min = Spoken::read_opt("time_min", input.time_min.as_deref())?;
        let max = Spoken::read_opt("time_max", input.time_max.as_deref())?;
        let named = input.timezone.as_deref().map(times::zone).transpose()?;
        let clear = |spoken: &Option<Spoken>| {
            spoken
                .as_ref()
                .is_none_or(|spoken| matches!(spoken, Spoken::Moment(..)))
        };
        let (zone, answer, window) = match named {
            // The zone is only for showing: both questions go out at once.
            None if clear(&min) && clear(&max) => {
                let window = window(cx, min.as_ref(), max.as_ref(), &TimeZone::UTC)?;
                let zone = times::zone_of(cx, "primary");
                let (zone, answer) =
                    futures::future::try_join(zone, ask(cx, &calendars, window)).await?;
                (zone, answer, window)
            }
            named => {
                let zone = match named {
                    Some(zone) => zone,
                    None => times::zone_of(cx, "primary").await?,
                };
                let window = window(cx, min.as_ref(), max.as_ref(), &zone)?;
                let answer = ask(cx, &calendars, window).await?;
                (zone, answer, window)
            }
        };
        let found: Vec<(String, Found)> = answer.calendars.into_iter().collect();
        let mut blocks: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut shown = Vec::new();
        for id in &calendars {
            let known = found
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(id))
                .map(|(_, found)| found);
            let busy = known.map(|found| spans(&found.busy)).unwrap_or_default();
            let reason = known
                .and_then(|found| found.errors.first())
                .and_then(|error| error.reason.clone());
            let error = match (known, reason) {
                (None, _) => Some("notFound".to_owned()),
                (_, reason) => reason,
            };
            blocks.extend(&busy);
            shown.push(Calendar {
                id: id.clone(),
                busy: busy.iter().map(|span| block(*span, &zone)).collect(),
                error,
            });
        }
        let free = slot.map(|minutes| {
            let length = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(1440));
            slots::free(
                &blocks,
                window,
                length,
                hours,
                input.weekends.unwrap_or(false),
                &zone,
                SLOTS,
            )
        });
        let text = said(&shown, free.as_deref(), slot, window, &zone);
        let free = free.map(|free| free.into_iter().map(|span| block(span, &zone)).collect());
        let time_zone = words::zone_name(&zone).to_owned();
        Ok(Reply::new(
            Output {
                calendars: shown,
                free,
                time_zone,
            },
            text,
        ))
    }
}

fn window(
    cx: &ToolCx,
    min: Option<&Spoken>,
    max: Option<&Spoken>,
    zone: &TimeZone,
) -> Result<(Timestamp, Timestamp), ToolError> {
    let from = match min {
        Some(min) => min.moment("time_min", zone)?,
        None => cx.now(),
    };
    let to = match (min, max) {
        (Some(Spoken::Day(first)), Some(Spoken::Day(last))) if first == last => {
            times::midnight(last.tomorrow().unwrap_or(*last), zone)
        }
        (_, Some(max)) => max.moment("time_max", zone)?,
        (_, None) => from.checked_add(USUAL).unwrap_or(Timestamp::MAX),
    };
    if to <= from {
        return Err(ToolError::input("time_max is not after time_min")
            .hint("time_max is the first moment that is no longer wanted"));
    }
    Ok((from, to))
}

async fn ask(
    cx: &ToolCx,
    calendars: &[String],
    (from, to): (Timestamp, Timestamp),
) -> Result<Answer, ToolError> {
    let items: Vec<_> = calendars.iter().map(|id| json!({"id": id})).collect();
    let answer = cx
        .call("calendar.freebusy.query")
        .fields("calendars")
        .body(json!({"timeMin": from.to_string(), "timeMax": to.to_string(), "items": items}))
        .idempotency(google_api::Idempotency::Keyed)
        .send_as()
        .await?;
    Ok(answer)
}

fn spans(blocks: &[Block]) -> Vec<(Timestamp, Timestamp)> {
    let span = |block: &Block| Some((block.start.parse().ok()?, block.end.parse().ok()?));
    blocks.iter().filter_map(span).collect()
}

fn block((start, end): (Timestamp, Timestamp), zone: &TimeZone) -> Block {
    Block {
        start: times::rfc3339(start, zone),
        end: times::rfc3339(end, zone),
    }
}

fn said(
    calendars: &[Calendar],
    free: Option<&[(Timestamp, Timestamp)]>,
    slot: Option<usize>,
    (from, to): (Timestamp, Timestamp),
    zone: &TimeZone,
) -> String {
    let line = |(start, end): &(Timestamp, Timestamp)| {
        let same_day = zone.to_datetime(*start).date() == zone.to_datetime(*end).date();
        let end = if same_day {
            words::clock(*end, zone)
        } else {
            words::moment(*end, zone)
        };
        format!("\n  {} – {end}", words::moment(*start, zone))
    };
    let mut said = format!(
        "Busy times from {} to {} ({}):",
        words::moment(from, zone),
        words::moment(to, zone),
        words::zone_name(zone)
    );
    for calendar in calendars {
        said.push_str(&format!("\n- {}:", text::line(&calendar.id)));
        match (&calendar.error, calendar.busy.is_empty()) {
            (Some(error), _) => said.push_str(&format!(
                " nothing is known ({}); check the address and whether it is shared with you",
                text::line(error)
            )),
            (None, true) => said.push_str(" free all the time"),
            (None, false) => {
                for span in spans(&calendar.busy) {
                    said.push_str(&line(&span));
                }
            }
        }
    }
    if let (Some(free), Some(minutes)) = (free, slot) {
        if free.is_empty() {
            said.push_str(&format!(
                "\nNo {minutes} minutes in working hours are free for all; try a longer window, other working_hours or weekends."
            ));
        } else {
            said.push_str(&format!("\nFree for all, at least {minutes} min:"));
            for span in free {
                said.push_str(&line(span));
            }
        }
    }
    said
}
