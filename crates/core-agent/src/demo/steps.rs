//! What is shown, in order.
//!
//! Invariant: each step checks what it shows; words alone are no proof.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use futures::future::{BoxFuture, join_all};
use rmcp::model::CallToolResult;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{Show, Stage, servers};
use crate::{
    ServerName,
    app::App,
    catalogue::{HubTool, Standing},
    journal,
    pipeline::{Call, Outcome, RefusalKind},
    search::SearchQuery,
    upstream::{Scope, Servers},
};

/// How long a change may take to reach the catalogue.
const SETTLE: Duration = Duration::from_secs(20);
const NOTE: &str = "Demonstration";

type Step = for<'a> fn(&'a Stage, &'a Show) -> BoxFuture<'a, anyhow::Result<()>>;

/// Shows everything.
pub async fn all(stage: &Stage, show: &mut Show) {
    let steps: [(&str, Step); 8] = [
        ("Servers come up", |stage, show| {
            Box::pin(come_up(stage, show))
        }),
        ("Tools are found by everyday words", |stage, show| {
            Box::pin(std::future::ready(find(stage, show)))
        }),
        ("Three servers are read at the same time", |stage, show| {
            Box::pin(read(stage, show))
        }),
        ("Something is written", |stage, show| {
            Box::pin(write(stage, show))
        }),
        (
            "A server changes its tool, and the tool is blocked",
            |stage, show| Box::pin(changed(stage, show)),
        ),
        ("A tool that destroys waits for a person", |stage, show| {
            Box::pin(approved(stage, show))
        }),
        ("A server is killed and comes back", |stage, show| {
            Box::pin(killed(stage, show))
        }),
        ("The journal knows what was done", |stage, show| {
            Box::pin(figures(stage, show))
        }),
    ];
    for (title, step) in steps {
        show.step(title);
        let outcome = step(stage, show).await;
        show.end(title, &outcome);
    }
}

async fn come_up(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    for missing in &stage.missing {
        show.line(missing);
    }
    let names = app.servers.names();
    let asked = join_all(names.iter().map(|name| async move {
        let began = Instant::now();
        let info = app.servers.ensure(name, &Scope::background()).await;
        (name, info, began.elapsed())
    }))
    .await;
    for (name, info, took) in asked {
        let info = info.map_err(|fault| anyhow::anyhow!("{fault}"))?;
        until(app, || known_tools(app, name) > 0).await?;
        show.line(format!(
            "{:8} {} {}, MCP {}, {} tools, after {} ms",
            name.as_str(),
            info.program.name,
            info.program.version,
            info.protocol,
            known_tools(app, name),
            took.as_millis()
        ));
    }
    Ok(())
}

fn find(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let mut questions = vec![
        ("what time is it now", "current_time"),
        ("remember something for later", "add_note"),
        ("convert kilometres to miles", "convert_length"),
    ];
    if stage.has_google() {
        questions.push(("search the mail in my inbox", "search_gmail_messages"));
    }
    for (words, expected) in questions {
        let began = Instant::now();
        let hits = stage.app.catalogue.search(&SearchQuery::new(words));
        let took = began.elapsed();
        let names: Vec<&str> = hits.iter().take(3).map(|hit| hit.tool.name()).collect();
        show.line(format!(
            "\"{words}\" → {} ({:.1} ms)",
            names.join(", "),
            took.as_secs_f64() * 1e3
        ));
        let within = hits
            .iter()
            .take(5)
            .any(|hit| hit.tool.original.name.contains(expected));
        ensure!(within, "{expected} is not among the first five");
    }
    Ok(())
}

async fn read(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let third = if stage.has_google() {
        ("google", "list_gmail_labels", json!({}))
    } else {
        (
            "units",
            "convert_length",
            json!({"value": 10, "from": "km", "to": "mi"}),
        )
    };
    let reads = [
        ("clock", "current_time", json!({"zone": "UTC"})),
        ("notes", "list_notes", json!({})),
        third,
    ];
    let began = Instant::now();
    let answers = join_all(reads.iter().map(|(server, tool, arguments)| async move {
        let began = Instant::now();
        let result = call(&stage.app, server, tool, arguments.clone()).await;
        (server, tool, result, began.elapsed())
    }))
    .await;
    let whole = began.elapsed();
    let mut sum = Duration::ZERO;
    for (server, tool, result, took) in answers {
        let result = result?;
        show.line(format!(
            "{server}/{tool}: {} ({} ms)",
            first_line(&result),
            took.as_millis()
        ));
        sum += took;
    }
    show.line(format!(
        "together {} ms, one after the other {} ms",
        whole.as_millis(),
        sum.as_millis()
    ));
    Ok(())
}

async fn write(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    let note = json!({"title": NOTE, "text": "Written through the hub."});
    let wrong = json!({"title": NOTE, "txt": "x"});
    match outcome(app, "notes", "add_note", wrong).await? {
        Outcome::Refused(refusal) if refusal.kind == RefusalKind::InvalidArguments => {
            show.line(format!("wrong arguments never leave: {}", refusal.message));
        }
        other => bail!("wrong arguments were not refused: {other:?}"),
    }
    let written = call(app, "notes", "add_note", note).await?;
    show.line(first_line(&written));
    let listed = call(app, "notes", "list_notes", json!({})).await?;
    ensure!(text(&listed).contains(NOTE), "the note is not there");
    Ok(())
}

async fn changed(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    let arguments = json!({"value": 10, "from": "km", "to": "mi"});
    let before = call(app, "units", "convert_length", arguments.clone()).await?;
    show.line(format!("before: {}", first_line(&before)));
    servers::change(&stage.folder.join("units"))?;
    let units: ServerName = "units".parse()?;
    app.servers
        .restart(&units)
        .await
        .map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let standing = || tool(app, "units", "convert_length").map(|tool| tool.standing.clone());
    until(app, || matches!(standing(), Ok(Standing::Changed { .. }))).await?;
    match outcome(app, "units", "convert_length", arguments).await? {
        Outcome::Refused(refusal) if refusal.kind == RefusalKind::Blocked => {
            show.line(format!("blocked: {}", refusal.message));
        }
        other => bail!("a changed tool was called: {other:?}"),
    }
    if let Ok(Standing::Changed { diff }) = standing() {
        show.line("what changed:");
        show.line(diff);
    }
    for finding in &tool(app, "units", "convert_length")?.findings {
        show.line(format!("the scan found: {finding}"));
    }
    Ok(())
}

async fn approved(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    let arguments = json!({"title": NOTE});
    let delete = || outcome(app, "notes", "delete_note", arguments.clone());
    let Outcome::ApprovalNeeded(needed) = delete().await? else {
        bail!("a note was deleted without being asked for");
    };
    show.line(&needed.question);
    let kept = call(app, "notes", "list_notes", json!({})).await?;
    ensure!(text(&kept).contains(NOTE), "it was deleted before a yes");
    app.approvals
        .answer(&needed.id, true, "demonstration", None)
        .await?;
    show.line(format!("approved: {}", needed.id));
    match delete().await? {
        Outcome::Result(result) if result.is_error != Some(true) => {
            show.line(first_line(&result));
        }
        other => bail!("the approved call did not go through: {other:?}"),
    }
    let left = call(app, "notes", "list_notes", json!({})).await?;
    ensure!(!text(&left).contains(NOTE), "the note is still there");
    match delete().await? {
        Outcome::ApprovalNeeded(_) => show.line("a second time it is asked anew"),
        other => bail!("one approval served twice: {other:?}"),
    }
    Ok(())
}

async fn killed(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    let notes: ServerName = "notes".parse()?;
    let status = || app.servers.status(&notes).context("notes is configured");
    let before = status()?;
    let pid = before.pid.context("it runs")?;
    let number = i32::try_from(pid).context("a process id")?;
    let process = rustix::process::Pid::from_raw(number).context("a process id")?;
    rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
    show.line(format!("killed process {pid}"));
    let began = Instant::now();
    let listed = call(app, "notes", "list_notes", json!({})).await?;
    let after = status()?;
    ensure!(
        after.pid.is_some_and(|new| new != pid),
        "it is the same process"
    );
    show.line(format!(
        "after {} ms process {} answers: {}",
        began.elapsed().as_millis(),
        after.pid.unwrap_or_default(),
        first_line(&listed)
    ));
    Ok(())
}

async fn figures(stage: &Stage, show: &Show) -> anyhow::Result<()> {
    let app = &stage.app;
    app.journal.flush().await;
    let figures = journal::figures(&app.store, 0)?;
    ensure!(!figures.is_empty(), "the journal is empty");
    show.line("server    calls  failed  refused  p50 ms  p95 ms");
    for of in &figures {
        show.line(format!(
            "{:8} {:6} {:7} {:8} {:7} {:7}",
            of.server, of.calls, of.failed, of.refused, of.p50_ms, of.p95_ms
        ));
    }
    let audit = app.journal.audit().verify()?;
    show.line(format!("the chain of the audit: {}", json!(audit)));
    Ok(())
}

/// A tool by its server's name of it.
fn tool(app: &App, server: &str, name: &str) -> anyhow::Result<Arc<HubTool>> {
    let server: ServerName = server.parse()?;
    let view = app.catalogue.view();
    let found = view.tool_of(&server, name).cloned();
    found.with_context(|| format!("{server} has no tool {name}"))
}

async fn outcome(app: &App, server: &str, name: &str, arguments: Value) -> anyhow::Result<Outcome> {
    let Value::Object(arguments) = arguments else {
        bail!("arguments are an object");
    };
    let call = Call {
        tool: tool(app, server, name)?,
        arguments,
        scope: Scope::background(),
        run: None,
        idempotency_key: None,
        round: None,
        unchanged: false,
        whole_data: false,
        relayed: None,
    };
    Ok(app.pipeline.call(call).await)
}

/// Calls a tool that has to succeed.
async fn call(
    app: &App,
    server: &str,
    name: &str,
    arguments: Value,
) -> anyhow::Result<CallToolResult> {
    match outcome(app, server, name, arguments).await? {
        Outcome::Result(result) if result.is_error != Some(true) => Ok(*result),
        Outcome::Result(result) => bail!("{server}/{name} failed: {}", text(&result)),
        Outcome::Failed(fault) => bail!("{server}/{name}: {fault}"),
        other => bail!("{server}/{name} was not made: {other:?}"),
    }
}

/// How many tools of a server the catalogue has.
fn known_tools(app: &App, server: &ServerName) -> usize {
    let view = app.catalogue.view();
    view.tools
        .iter()
        .filter(|tool| tool.server == *server)
        .count()
}

/// Waits until the catalogue is as wanted.
async fn until(app: &App, wanted: impl Fn() -> bool) -> anyhow::Result<()> {
    let mut revisions = app.catalogue.revisions();
    let waiting = async {
        while !wanted() {
            if revisions.changed().await.is_err() {
                break;
            }
        }
    };
    timeout(SETTLE, waiting)
        .await
        .context("the catalogue did not change in time")
}

fn text(result: &CallToolResult) -> String {
    crate::commands::readable(result)
}

fn first_line(result: &CallToolResult) -> String {
    let text = text(result);
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("nothing").chars().take(100).collect()
}
