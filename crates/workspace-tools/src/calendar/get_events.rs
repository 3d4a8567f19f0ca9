//! `get_events`: events of a window, by words, or one by its id.

use google_api::join_bounded;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    calendar_or_primary, explain,
    google::{BRIEF, Event, FULL},
    times,
    window::{Part, Window},
    words,
};
use crate::{
    Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError,
    text::{self, within},
};

/// The most events of one answer.
const MOST: usize = 250;

/// The longest page Google gives.
const LONGEST_PAGE: usize = 2500;

/// How many calendars are read at once.
const BOUND: usize = 8;

/// Reads events.
pub(super) struct GetEvents;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Default primary.
    #[serde(default)]
    calendar_id: Option<String>,
    /// Several at once.
    #[serde(default)]
    calendar_ids: Option<Vec<String>>,
    /// Only this one.
    #[serde(default)]
    event_id: Option<String>,
    /// Time or day, default now.
    #[serde(default)]
    time_min: Option<String>,
    /// Exclusive.
    #[serde(default)]
    time_max: Option<String>,
    /// Words; without times a year back and ahead.
    #[serde(default)]
    query: Option<String>,
    /// 1 to 250, default 25.
    #[serde(default)]
    max_results: Option<usize>,
    /// With descriptions, guests, attachments.
    #[serde(default)]
    detailed: Option<bool>,
    /// Default the calendar's.
    #[serde(default)]
    timezone: Option<String>,
    /// From nextPageToken.
    #[serde(default)]
    page_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

impl Tool for GetEvents {
    const META: Meta = Meta {
        name: "get_events",
        title: "Get events",
        description: "Get calendar events in a time window, by words, or one by its id.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["calendar.events.list", "calendar.events.get"],
        outside_content: true,
        aliases: &[
            Alias {
                name: "get_event",
                renamed: &[],
                assumed: &[("detailed", "true")],
            },
            Alias {
                name: "get_calendar_event",
                renamed: &[],
                assumed: &[("detailed", "true")],
            },
            Alias::same("list_calendar_events"),
            Alias::same("search_calendar_events"),
        ],
        examples: &[
            Example {
                say: "What is on my calendar next week?",
                arguments: r#"{"max_results": 5}"#,
                gives: "Team stand-up",
            },
            Example {
                say: "When was the retrospective?",
                arguments: r#"{"query": "retrospective"}"#,
                gives: "\"Retrospective\"",
            },
            Example {
                say: "Show me everything about the quarterly planning",
                arguments: r#"{"event_id": "{event:Quarterly planning}", "detailed": true}"#,
                gives: "- Title: Quarterly planning",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let zone = input.timezone.as_deref().map(times::zone).transpose()?;
        if let Some(id) = input
            .event_id
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty())
        {
            return one(
                cx,
                calendar_or_primary(input.calendar_id.as_deref()),
                id,
                zone,
            )
            .await;
        }
        several(cx, &input, zone).await
    }
}

async fn one(
    cx: &ToolCx,
    calendar: &str,
    id: &str,
    zone: Option<TimeZone>,
) -> Result<Reply<Output>, ToolError> {
    let event: Event = cx
        .call("calendar.events.get")
        .param("calendarId", calendar)
        .param("eventId", id)
        .param_opt("timeZone", zone.as_ref().and_then(TimeZone::iana_name))
        .fields(FULL)
        .send_as()
        .await
        .map_err(|error| explain(error, calendar, Some(id)))?;
    let zone = zone.or_else(|| event.zone()).unwrap_or(TimeZone::UTC);
    let text = format!("Event Details:\n{}", words::details(&event, &zone));
    let time_zone = zone.iana_name().map(String::from);
    Ok(Reply::new(
        Output {
            events: vec![event],
            time_zone,
            next_page_token: None,
        },
        text,
    ))
}

async fn several(
    cx: &ToolCx,
    input: &Input,
    zone: Option<TimeZone>,
) -> Result<Reply<Output>, ToolError> {
    let most = within("max_results", input.max_results, 25, MOST)?;
    let calendars: Vec<&str> = match &input.calendar_ids {
        Some(ids) if !ids.is_empty() => ids.iter().map(String::as_str).collect(),
        _ => vec![calendar_or_primary(input.calendar_id.as_deref())],
    };
    if input.page_token.is_some() && calendars.len() > 1 {
        return Err(ToolError::input("page_token goes on in one calendar only")
            .hint("give the calendar as calendar_id, without calendar_ids"));
    }
    let bounds = (input.time_min.as_deref(), input.time_max.as_deref());
    let searches = input
        .query
        .as_deref()
        .is_some_and(|query| !query.trim().is_empty());
    let window = Window::read(cx, bounds, searches, calendars[0], zone.as_ref()).await?;
    let detailed = input.detailed.unwrap_or(false);
    let ask = Ask {
        cx,
        input,
        detailed,
        most,
        zone: zone.as_ref(),
    };
    let parts = window.parts();
    let mut asked: Vec<(&str, Part)> = Vec::new();
    for calendar in &calendars {
        asked.extend(parts.iter().map(|part| (*calendar, *part)));
    }
    let mut jobs = Vec::new();
    for (calendar, part) in &asked {
        jobs.push(ask.page(calendar, *part));
    }
    let pages = join_bounded(jobs, BOUND).await;
    let pages = pages
        .into_iter()
        .collect::<Result<Vec<Page>, ToolError>>()?;
    let known = pages
        .first()
        .and_then(|page| TimeZone::get(page.time_zone.as_deref()?).ok());
    let shown = zone.or(known).unwrap_or(TimeZone::UTC);
    let next = match pages.as_slice() {
        [only] => only.next_page_token.clone(),
        _ => None,
    };
    let cut = pages.iter().any(|page| page.next_page_token.is_some());
    let mut events = Vec::new();
    let (mut past, mut upcoming) = (Vec::new(), Vec::new());
    for ((calendar, part), page) in asked.into_iter().zip(pages) {
        for mut event in page.items {
            if calendars.len() > 1 {
                event.calendar_id = Some(calendar.to_owned());
            }
            if part.is_past {
                past.push(event);
            } else {
                upcoming.push(event);
            }
        }
    }
    past.sort_by_key(|event| event.begins(&shown));
    upcoming.sort_by_key(|event| event.begins(&shown));
    // An event that is going on now is in both halves of a search.
    past.retain(|event| {
        !upcoming
            .iter()
            .any(|other| other.id == event.id && other.calendar_id == event.calendar_id)
    });
    // What comes matters more than what was, but a search shows some of both.
    let room = most.saturating_sub(upcoming.len()).max(most / 3);
    events.extend(past.split_off(past.len().saturating_sub(room)));
    let left = most - events.len().min(most);
    let more = cut || !past.is_empty() || upcoming.len() > left;
    upcoming.truncate(left);
    events.extend(upcoming);
    let text = text_of(
        cx,
        input,
        &calendars,
        &events,
        &shown,
        detailed,
        &window,
        (more, next.is_some()),
    );
    let time_zone = shown.iana_name().map(String::from);
    Ok(Reply::new(
        Output {
            events,
            time_zone,
            next_page_token: next,
        },
        text,
    ))
}

/// What is asked of every calendar.
struct Ask<'a> {
    cx: &'a ToolCx,
    input: &'a Input,
    detailed: bool,
    most: usize,
    zone: Option<&'a TimeZone>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Event>,
    time_zone: Option<String>,
    next_page_token: Option<String>,
}

impl Ask<'_> {
    async fn page(&self, calendar: &str, part: Part) -> Result<Page, ToolError> {
        let mask = if self.detailed { FULL } else { BRIEF };
        // Google lists the oldest first, so the latest of the past are at the end of a long page.
        let size = if part.is_past {
            LONGEST_PAGE
        } else {
            self.most
        };
        let call = |token: Option<&str>| {
            self.cx
                .call("calendar.events.list")
                .param("calendarId", calendar)
                .param("singleEvents", true)
                .param("orderBy", "startTime")
                .param("maxResults", size)
                .param_opt("timeMin", part.from)
                .param_opt("timeMax", part.to)
                .param_opt(
                    "q",
                    self.input
                        .query
                        .as_deref()
                        .filter(|query| !query.trim().is_empty()),
                )
                .param_opt("timeZone", self.zone.and_then(TimeZone::iana_name))
                .param_opt("pageToken", token)
                .fields(format!("timeZone,nextPageToken,items({mask})"))
        };
        let mut page: Page = call(self.input.page_token.as_deref())
            .send_as()
            .await
            .map_err(|error| explain(error, calendar, None))?;
        // Google may end a page early; a page that is empty and not the last says nothing.
        let mut turns = 0;
        while page.items.is_empty()
            && turns < 10
            && let Some(token) = page.next_page_token.take()
        {
            turns += 1;
            page = call(Some(&token)).send_as().await?;
        }
        Ok(page)
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything the answer knows goes into its words"
)]
fn text_of(
    cx: &ToolCx,
    input: &Input,
    calendars: &[&str],
    events: &[Event],
    zone: &TimeZone,
    detailed: bool,
    window: &Window,
    (more, has_token): (bool, bool),
) -> String {
    let names = calendars
        .iter()
        .map(|name| text::line(name))
        .collect::<Vec<_>>()
        .join("', '");
    let noun = if calendars.len() == 1 {
        "calendar"
    } else {
        "calendars"
    };
    let matching = match input.query.as_deref().map(text::line) {
        Some(query) if !query.is_empty() => format!(" matching '{query}'"),
        _ => String::new(),
    };
    let reach = match (window.search_at, window.from, window.to) {
        (Some(_), ..) => " (a year back and ahead)".to_owned(),
        (None, Some(from), Some(to)) => {
            format!(
                " ({} – {})",
                words::moment(from, zone),
                words::moment(to, zone)
            )
        }
        (None, Some(from), None) => format!(" (from {})", words::moment(from, zone)),
        _ => String::new(),
    };
    if events.is_empty() {
        return format!(
            "No events found in {noun} '{names}' for {}{matching}{reach}.",
            cx.email
        );
    }
    let count = if events.len() == 1 {
        "1 event".to_owned()
    } else {
        format!("{} events", events.len())
    };
    let mut said = format!(
        "Successfully retrieved {count} from {noun} '{names}' for {}{matching}{reach}; times in {}:",
        cx.email,
        words::zone_name(zone)
    );
    for event in events {
        said.push('\n');
        said.push_str(&if detailed {
            words::details(event, zone)
        } else {
            words::list_line(event, zone)
        });
        if detailed {
            said.push('\n');
        }
    }
    if has_token {
        said.push_str("\nThere are more: call again with page_token = nextPageToken.");
    } else if more {
        said.push_str("\nThere are more: narrow time_min and time_max or raise max_results.");
    }
    said
}
