//! How long tools take when every call to Google takes long.
//!
//! A tool's time is its longest chain of calls that depend on each other, not their sum. The
//! chains stand here; a tool that is not in the table is a failure.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use testkit::Mcp;

use super::{Bound, Figure};

/// The latency of every call to Google.
pub(super) const INJECTED: Duration = Duration::from_millis(100);

/// How much longer than its chain a tool may take.
const BOUND: f64 = 1.15;

/// Of several runs the fastest counts: neighbours only ever add.
const RUNS: usize = 5;

pub(super) async fn measure(mcp: &Mcp) -> anyhow::Result<Vec<Figure>> {
    let listed = mcp.request("tools/list", json!({})).await?;
    let names = listed["result"]["tools"].as_array().context("no tools")?;
    let cases = cases(mcp).await?;
    let mut figures = Vec::new();
    for name in names.iter().filter_map(|tool| tool["name"].as_str()) {
        if matches!(name, "start_google_auth" | "list_google_accounts") {
            continue;
        }
        let Some((_, chain, arguments)) = cases.iter().find(|(tool, ..)| *tool == name) else {
            bail!("{name} is not in the table of chains in xtask/src/bench/latency.rs");
        };
        let mut fastest = f64::INFINITY;
        for run in 0..RUNS {
            let started = Instant::now();
            mcp.call(name, for_run(arguments, run)).await?;
            fastest = fastest.min(started.elapsed().as_secs_f64());
        }
        let ideal = INJECTED.as_secs_f64() * f64::from(*chain);
        figures.push(Figure {
            name: format!("{name}: time / {chain} dependent calls"),
            value: fastest / ideal,
            unit: "×",
            bound: Bound::Reported(BOUND),
        });
    }
    Ok(figures)
}

/// Arguments that differ from run to run are a list.
fn for_run(arguments: &Value, run: usize) -> Value {
    arguments.get(run).unwrap_or(arguments).clone()
}

type Case = (&'static str, u8, Value);

/// Each tool's longest chain of dependent calls, and arguments that walk it.
async fn cases(mcp: &Mcp) -> anyhow::Result<Vec<Case>> {
    let query = json!({"query": "subject:\"Quarterly budget\" has:attachment", "page_size": 1});
    let found = mcp.call("search_gmail_messages", query).await?;
    let inbox = json!({"query": "in:inbox", "page_size": 6});
    let inbox = mcp.call("search_gmail_messages", inbox).await?;
    let several: Vec<&Value> = inbox["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|message| &message["id"])
        .collect();
    let message = &found["messages"][0]["id"];
    let thread = &found["messages"][0]["threadId"];
    let events = mcp.call("get_events", json!({"max_results": 5})).await?;
    let event = &events["events"][0]["id"];
    let files = mcp
        .call(
            "search_drive_files",
            json!({"query": "mimeType = 'text/plain'"}),
        )
        .await?;
    let file = &files["files"][0]["id"];
    let labels: Vec<Value> = (0..RUNS)
        .map(|run| json!({"action": "create", "name": format!("bench {run}")}))
        .collect();
    let mut doomed = Vec::new();
    for _ in 0..RUNS {
        let made = mcp.call("create_event", an_event()).await?;
        doomed.push(json!({"event_id": made["id"]}));
    }
    let colleague = "sam@sandbox.example";
    Ok(vec![
        // List, then all messages of the page at once.
        (
            "search_gmail_messages",
            2,
            json!({"query": "in:inbox", "page_size": 8}),
        ),
        (
            "get_gmail_message_content",
            1,
            json!({"message_id": message}),
        ),
        (
            "get_gmail_messages_content_batch",
            1,
            json!({"message_ids": several}),
        ),
        ("get_gmail_thread_content", 1, json!({"thread_id": thread})),
        // The message says where the attachment is.
        (
            "get_gmail_attachment_content",
            2,
            json!({"message_id": message, "attachment_id": "1", "as": "text"}),
        ),
        (
            "send_gmail_message",
            1,
            json!({"to": colleague, "subject": "s", "body": "b"}),
        ),
        (
            "draft_gmail_message",
            1,
            json!({"to": colleague, "subject": "s", "body": "b"}),
        ),
        ("list_gmail_labels", 1, json!({})),
        ("manage_gmail_label", 1, Value::from(labels)),
        (
            "modify_gmail_message_labels",
            1,
            json!({"message_id": message, "add_label_ids": ["STARRED"]}),
        ),
        ("trash_gmail_message", 1, json!({"message_id": message})),
        ("list_calendars", 1, json!({})),
        ("get_events", 1, json!({"max_results": 5})),
        ("create_event", 1, an_event()),
        // Whether it is a series decides what is deleted.
        ("delete_event", 2, Value::from(doomed)),
        // What is there decides what is changed.
        (
            "modify_event",
            2,
            json!({"event_id": event, "location": "Room 2"}),
        ),
        (
            "query_freebusy",
            1,
            json!({"time_min": "2027-03-01T00:00:00Z", "time_max": "2027-03-02T00:00:00Z"}),
        ),
        ("search_drive_files", 1, json!({"query": "budget"})),
        ("list_drive_items", 1, json!({})),
        // The names of the folders above.
        ("get_drive_file_metadata", 2, json!({"file_id": file})),
        // The type decides how it is read.
        ("get_drive_file_content", 2, json!({"file_id": file})),
        (
            "move_drive_file",
            2,
            json!({"file_id": file, "new_parent_id": "root"}),
        ),
        (
            "update_drive_file",
            1,
            json!({"file_id": file, "description": "d"}),
        ),
        ("delete_drive_file", 1, json!({"file_id": file})),
        ("download_drive_file", 1, json!({"file_id": file})),
        // An id first, so that a lost answer cannot make a second file.
        (
            "create_drive_file",
            2,
            json!({"file_name": "n.txt", "content": "c"}),
        ),
        ("create_drive_folder", 2, json!({"folder_name": "f"})),
        // Its name first, for the policy and the answer.
        (
            "share_drive_file",
            2,
            json!({"file_id": file, "email": colleague, "role": "reader"}),
        ),
    ])
}

fn an_event() -> Value {
    json!({
        "summary": "s", "timezone": "Europe/Prague",
        "start_time": "2027-03-01T10:00:00", "end_time": "2027-03-01T11:00:00",
    })
}
