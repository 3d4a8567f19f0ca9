//! The main job: sign in, find mail, read it with its attachment, reply, meet, upload, share.
//!
//! Every step uses what the step before brought; a failed call ends the demo.

use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::{show, sign_in};
use crate::client::{Called, Session};

/// The demo user, and a colleague.
const EMAIL: &str = "alex@sandbox.example";
const COLLEAGUE: &str = "sam@sandbox.example";

/// Tells the story; returns how many calls it made.
pub(super) async fn tell(session: &Session, quiet: bool) -> anyhow::Result<usize> {
    let mut teller = Teller {
        session,
        quiet,
        steps: 0,
        calls: 0,
    };

    teller.step("Sign in to Google");
    let link = teller
        .call("start_google_auth", json!({"service_name": "gmail"}))
        .await?;
    let url = text(&link, "authorization_url")?;
    sign_in::consent(&url, EMAIL).await?;
    show::note(&format!(
        "consent given on the sandbox's page: signed in as {EMAIL}"
    ));

    teller.step("Find the mail about the budget");
    let query = json!({"query": "subject:\"Quarterly budget\" has:attachment", "page_size": 5});
    let found = teller.call("search_gmail_messages", query).await?;
    let message = text(&found["messages"][0], "id")?;
    let thread = text(&found["messages"][0], "threadId")?;

    teller.step("Read the whole thread");
    teller
        .call("get_gmail_thread_content", json!({"thread_id": thread}))
        .await?;

    teller.step("Open the attachment");
    let mail = teller
        .call("get_gmail_message_content", json!({"message_id": message}))
        .await?;
    let part = text(&mail["attachments"][0], "partId")?;
    let arguments = json!({"message_id": message, "attachment_id": part, "as": "text"});
    teller
        .call("get_gmail_attachment_content", arguments)
        .await?;

    teller.step("Reply to everybody");
    let reply = json!({
        "reply_to_message_id": message,
        "reply_all": true,
        "body": "Thanks, the figures look right. I have put a weekly review into the calendar.",
    });
    teller.call("send_gmail_message", reply).await?;

    teller.step("Book the weekly review");
    let calendars = teller.call("list_calendars", json!({})).await?;
    let zone = calendars["calendars"][0]["timeZone"]
        .as_str()
        .unwrap_or("UTC")
        .to_owned();
    let (start, end) = next_monday()?;
    let meeting = json!({
        "summary": "Budget review",
        "start_time": start,
        "end_time": end,
        "timezone": zone,
        "attendees": [COLLEAGUE],
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=6"],
        "add_google_meet": true,
    });
    teller.call("create_event", meeting).await?;
    teller
        .call(
            "get_events",
            json!({"query": "Budget review", "max_results": 6}),
        )
        .await?;

    teller.step("Upload the notes and share them");
    let notes = json!({
        "file_name": "Budget review notes.md",
        "content": "# Budget review\n\n- figures confirmed\n- next: travel costs\n",
        "mime_type": "text/markdown",
    });
    let file = teller.call("create_drive_file", notes).await?;
    let file_id = text(&file, "id")?;
    let share = json!({"file_id": file_id, "email": COLLEAGUE, "role": "writer"});
    teller.call("share_drive_file", share).await?;
    teller
        .call("get_drive_file_content", json!({"file_id": file_id}))
        .await?;
    Ok(teller.calls)
}

struct Teller<'a> {
    session: &'a Session,
    quiet: bool,
    steps: usize,
    calls: usize,
}

impl Teller<'_> {
    fn step(&mut self, title: &str) {
        self.steps += 1;
        show::step(self.steps, title);
    }

    /// Calls a tool and shows it; its data, or an error when the tool failed.
    async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let Value::Object(arguments) = arguments else {
            bail!("arguments are an object")
        };
        let started = Instant::now();
        let result: Called = self.session.call(tool, Map::clone(&arguments)).await?;
        show::call(tool, &arguments, &result, started.elapsed(), self.quiet);
        self.calls += 1;
        if result.is_error {
            bail!("{tool} did not succeed");
        }
        result
            .structured
            .with_context(|| format!("{tool} gave no data"))
    }
}

fn text(data: &Value, name: &str) -> anyhow::Result<String> {
    data[name]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("there is no {name} in {data}"))
}

/// Ten to eleven on the next Monday, as local times without a zone.
fn next_monday() -> anyhow::Result<(String, String)> {
    use foundation::Clock;
    let today = foundation::SystemClock
        .now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let monday = today.nth_weekday(1, jiff::civil::Weekday::Monday)?;
    Ok((
        monday.at(10, 0, 0, 0).to_string(),
        monday.at(11, 0, 0, 0).to_string(),
    ))
}
