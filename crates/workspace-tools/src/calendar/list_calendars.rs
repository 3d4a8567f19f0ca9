//! `list_calendars`: the calendars on an account's list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Lists calendars.
pub(super) struct ListCalendars;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// The primary calendar first.
    calendars: Vec<Calendar>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Calendar {
    id: String,
    #[serde(default)]
    #[schemars(!default)]
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Tool for ListCalendars {
    const META: Meta = Meta {
        name: "list_calendars",
        title: "List calendars",
        description: "List the account's calendars with ids, roles and time zones.",
        service: Service::Calendar,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["calendar.calendarList.list"],
        outside_content: true,
        aliases: &[Alias::same("list_google_calendars")],
        examples: &[Example {
            say: "Which calendars do I have?",
            arguments: "{}",
            gives: "\"Team\" (ID: ",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, _: Input) -> Result<Reply<Output>, ToolError> {
        let (mut calendars, _): (Vec<Calendar>, _) = cx
            .call("calendar.calendarList.list")
            .fields("nextPageToken,items(id,summary,summaryOverride,primary,accessRole,timeZone,description)")
            .collect("items", 1000)
            .await?;
        calendars.sort_by_key(|calendar| calendar.primary != Some(true));
        let text = text(&cx.email, &calendars);
        Ok(Reply::new(Output { calendars }, text))
    }
}

fn text(email: &str, calendars: &[Calendar]) -> String {
    if calendars.is_empty() {
        return format!("No calendars found for {email}.");
    }
    let mut said = format!(
        "Successfully listed {} calendars for {email}:",
        calendars.len()
    );
    for calendar in calendars {
        let name = calendar
            .summary_override
            .as_deref()
            .unwrap_or(&calendar.summary);
        let primary = if calendar.primary == Some(true) {
            " (Primary)"
        } else {
            ""
        };
        said.push_str(&format!(
            "\n- \"{}\"{primary} (ID: {})",
            text::line(name),
            calendar.id
        ));
        let role = match calendar.access_role.as_deref() {
            Some("reader") => Some("read only"),
            Some("freeBusyReader") => Some("free and busy times only"),
            _ => None,
        };
        let notes: Vec<&str> = calendar
            .time_zone
            .as_deref()
            .into_iter()
            .chain(role)
            .collect();
        if !notes.is_empty() {
            said.push_str(&format!(" {}", notes.join(", ")));
        }
    }
    said
}
