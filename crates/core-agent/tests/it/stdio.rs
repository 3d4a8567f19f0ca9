//! Conversations with children that are odd in one way each.

use std::time::Duration;

use core_agent::{
    Effect, FaultKind,
    upstream::stdio::{Child, NOT_MCP, Problem, RawFault},
};
use rmcp::service::ServiceError;
use secrecy::SecretString;
use serde_json::json;

use crate::keeper::{alive, call, greet, meet, memory, ring, skip, spec, start, try_start, until};

const GRACE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn correct_servers_are_understood_however_they_write() {
    for behaviour in [
        "good",
        "old-era-only",
        "crlf",
        "partial-writes",
        "batch",
        "string-ids",
        "banner",
        "non-utf8",
        "unknown-notification",
        "answers-twice",
        "stderr-flood",
        "zombies",
    ] {
        let (child, client) = meet("correct", &[behaviour]).await;
        for number in 0..20 {
            let text = format!("{behaviour} {number}");
            let said = call(&client, "echo", json!({"text": text})).await.unwrap();
            assert_eq!(said.content[0].as_text().unwrap().text, text);
        }
        assert!(child.pid().is_some());
        // Ends by the end of its input alone, however busy the machine is.
        child.stop(Duration::from_mins(1)).await;
        assert_eq!(child.exit().unwrap().signal, None, "{behaviour} was killed");
    }
    assert!(alive("correct").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_odd_is_counted() {
    let counts = async |behaviour| {
        let (child, client) = meet("counted", &[behaviour]).await;
        call(&client, "echo", json!({"text": "x"})).await.unwrap();
        call(&client, "echo", json!({"text": "y"})).await.unwrap();
        let health = child.health();
        // What comes after the last answer may still be on its way.
        let most = Duration::from_secs(10);
        let duplicates = if behaviour == "answers-twice" { 3 } else { 0 };
        until(most, || health.counts().duplicate_ids >= duplicates);
        child.stop(GRACE).await;
        (health.counts(), health.findings())
    };
    let (banner, findings) = counts("banner").await;
    assert_eq!(banner.noise, 2);
    assert!(findings[0].contains("Zoo server 1.0"), "{findings:?}");
    let odd = counts("non-utf8").await.0;
    assert_eq!(odd.noise + odd.not_mcp, 2);
    // Three answers, each twice.
    assert_eq!(counts("answers-twice").await.0.duplicate_ids, 3);
    assert_eq!(counts("good").await.0.noise, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_conversation_is_typed_and_says_why() {
    for (behaviour, kind, words) in [
        (
            "exit-at-start",
            FaultKind::Closed,
            "status 7; its last words: zoo: no, not today",
        ),
        ("crash-at-start", FaultKind::Closed, "aborted (signal 6)"),
        ("needs-env", FaultKind::Closed, "ZOO_KEY is not set"),
        ("line-100mb", FaultKind::TooLarge, "4194304 bytes"),
        ("endless-line", FaultKind::TooLarge, "4194304 bytes"),
        (
            "noise",
            FaultKind::Protocol,
            "lines without a message (not a message: ",
        ),
        ("closes-stdout", FaultKind::Closed, "ended by itself"),
    ] {
        let (child, transport) = start("typed", &[behaviour]);
        assert!(greet(transport).await.is_err(), "{behaviour}");
        let fault = child.health().fault(Effect::Unknown).await;
        assert_eq!(fault.kind, kind, "{behaviour}: {fault}");
        assert!(fault.message.contains(words), "{behaviour}: {fault}");
        assert_eq!(fault.effect, Effect::Unknown);
        child.stop(GRACE).await;
    }
    assert!(alive("typed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_mcp_ends_its_call_alone() {
    let (child, client) = meet("not-mcp", &["good"]).await;
    let error = call(&client, "fail", json!({"kind": "not-mcp"}))
        .await
        .unwrap_err();
    let ServiceError::McpError(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.code, NOT_MCP);
    call(&client, "echo", json!({"text": "x"})).await.unwrap();
    assert_eq!(child.health().counts().not_mcp, 1);
    child.stop(GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_read_holds_nobody_up() {
    let (child, transport) = start("deaf", &["closes-stdin"]);
    let door = transport.raw_door();
    let tell = async || {
        // The first words still find room in the pipe.
        while door
            .notify(&json!({"jsonrpc": "2.0", "method": "x"}))
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(10), tell()).await;
    assert!(told.is_ok(), "its input is closed, and nobody noticed");
    assert_eq!(child.health().problem(), Some(Problem::InputClosed));
    child.stop(GRACE).await;

    // The pipe fills and nobody empties it: the sender waits, and the end frees it.
    let (child, transport) = start("deaf", &["hang"]);
    let door = transport.raw_door();
    let long =
        json!({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"text": "x".repeat(1 << 20)}});
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (door, long) = (door.clone(), long.clone());
        asks.spawn(async move { door.exchange(long).await });
    }
    tokio::task::yield_now().await;
    child.stop(Duration::from_millis(50)).await;
    while let Some(asked) = asks.join_next().await {
        assert!(asked.unwrap().is_err());
    }
    drop(transport);
    assert!(alive("deaf").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_way_in_changes_nothing_but_the_id() {
    let (child, transport) = start("door", &["good"]);
    let door = transport.raw_door();
    let client = greet(transport).await.unwrap();
    let asked = json!({"jsonrpc": "2.0", "id": "mine", "method": "tools/call", "odd": true,
        "params": {"name": "add", "arguments": {"a": 1, "b": 2}, "odd": {"deep": [1]}}});
    let answer = door.exchange(asked).await.unwrap();
    assert_eq!(answer["id"], "mine");
    assert_eq!(answer["result"]["structuredContent"]["sum"], 3.0);
    // The same id at the same time, and one that the typed side uses too.
    let ask = |id: u64, ms: u64| {
        door.exchange(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "sleep", "arguments": {"ms": ms}}}))
    };
    let (one, two, typed) = tokio::join!(
        ask(1, 40),
        ask(1, 20),
        call(&client, "echo", json!({"text": "typed"}))
    );
    let text = |answer: &serde_json::Value| {
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(text(&one.unwrap()), "slept 40 ms");
    assert_eq!(text(&two.unwrap()), "slept 20 ms");
    typed.unwrap();
    let error = door
        .exchange(json!({"jsonrpc": "2.0", "id": 5, "method": "no/such"}))
        .await
        .unwrap();
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(5), &json!(-32601))
    );
    assert_eq!(
        door.exchange(json!({"jsonrpc": "2.0", "method": "no id"}))
            .await,
        Err(RawFault::NotARequest)
    );
    assert_eq!(child.health().counts().unknown_ids, 0);
    child.stop(GRACE).await;
    assert!(ask(2, 1).await.is_err(), "the conversation has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_is_told_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let (child, transport) = start(
        "given-up",
        &["good", "--journal", journal.to_str().unwrap()],
    );
    let door = transport.raw_door();
    let _client = greet(transport).await.unwrap();
    let asked = door.exchange(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "sleep", "arguments": {"ms": 60_000}}}));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), asked)
            .await
            .is_err()
    );
    let noted = || std::fs::read_to_string(&journal).unwrap_or_default();
    assert!(
        until(Duration::from_secs(10), || noted() == "cancelled sleep\n"),
        "{}",
        noted()
    );
    child.stop(GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_sees_the_listed_variables_alone() {
    let mut spec = spec("listed", &["good"]);
    let mut surroundings = (*spec.surroundings).clone();
    surroundings.insert("AWS_SECRET_ACCESS_KEY".into(), "x".into());
    surroundings.insert("CHOSEN".into(), "x".into());
    spec.surroundings = surroundings.into();
    spec.inherit = vec!["CHOSEN".into()];
    spec.env.insert("OWN".into(), SecretString::from("secret"));
    let (child, transport) = try_start(&spec).unwrap();
    let client = greet(transport).await.unwrap();
    let seen = call(&client, "env_seen", json!({})).await.unwrap();
    let names = seen.structured_content.unwrap()["names"].clone();
    let names: Vec<&str> = names
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    for there in ["PATH", "CHOSEN", "OWN"] {
        assert!(names.contains(&there), "{there} in {names:?}");
    }
    for not_there in [
        "AWS_SECRET_ACCESS_KEY",
        "CARGO_MANIFEST_DIR",
        "RUST_BACKTRACE",
    ] {
        assert!(!names.contains(&not_there), "{not_there} in {names:?}");
    }
    let shown = child.containment().join("\n");
    assert!(
        shown.contains("OWN") && !shown.contains("secret"),
        "{shown}"
    );
    assert!(!format!("{spec:?}").contains("secret"));
    child.stop(GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_shell_and_no_start_without_a_program() {
    for command in [
        "no-such-program-at-all",
        "echo hi; touch /tmp/x",
        "/nowhere/at/all",
        "",
    ] {
        let mut spec = spec("none", &[]);
        spec.command = command.into();
        let fault = try_start(&spec).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotAvailable, "{fault}");
        assert!(fault.hint.is_some());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    let write = |text| {
        std::fs::write(&file, text).unwrap();
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, all).unwrap();
    };
    let mut spec = spec("none", &["; touch", "$(id)"]);
    spec.command = file.display().to_string();
    // A shell would take this for a script.
    write("echo run by a shell");
    let fault = try_start(&spec).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotAvailable, "{fault}");
    // Looks like a program, and cannot be run.
    write("#!/no/such/interpreter");
    let words = ring();
    let (child, transport) = Child::spawn(&spec, words.clone()).unwrap();
    assert!(greet(transport).await.is_err());
    assert_eq!(child.exited().await.code, Some(126));
    assert!(until(Duration::from_secs(5), || !words.last(1).is_empty()));
    assert!(
        words.last(1)[0].contains("cannot run"),
        "{:?}",
        words.last(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_is_small() {
    let (child, _client) = meet("small", &["good"]).await;
    let own = memory(child.supervisor_pid(), "VmRSS");
    // What is not shared with the hub's own program file is what it costs; most of that is what
    // the loader fills in.
    let anonymous = memory(child.supervisor_pid(), "RssAnon");
    assert!(anonymous < 5 << 10, "{anonymous} KiB");
    println!("a supervisor: {own} KiB, of which {anonymous} KiB are its own");
    child.stop(GRACE).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_supervisor_takes_its_tree_along_and_nobody_elses() {
    use rustix::process::{Pid, Signal, kill_process};

    let pid = |pid: u32| Pid::from_raw(pid.cast_signed()).unwrap();
    let (child, _client) = meet("killed", &["double-fork"]).await;
    // A daemon that some other helper of the hub's left behind: it comes to this process too.
    let mut helper = std::process::Command::new(crate::keeper::zoo())
        .arg("as-forker")
        .env("ZOO_TOKEN", "helper")
        .spawn()
        .unwrap();
    helper.wait().unwrap();
    let most = Duration::from_secs(20);
    assert!(until(most, || alive("helper").len() == 1));
    assert!(until(most, || alive("killed").len() >= 2));
    kill_process(pid(child.supervisor_pid()), Signal::KILL).unwrap();
    child.exited().await;
    child.stop(GRACE).await;
    assert!(alive("killed").is_empty(), "{:?}", alive("killed"));
    let spared = alive("helper");
    for daemon in &spared {
        kill_process(pid(*daemon), Signal::KILL).unwrap();
    }
    assert_eq!(spared.len(), 1);
}

/// In a container that is started from outside, the session of the hub has no number inside.
#[cfg(target_os = "linux")]
#[test]
fn what_is_left_behind_is_found_in_a_container_too() {
    const NEW: [&str; 5] = [
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
    ];
    let contained = |program: &std::path::Path, args: &[&str]| {
        std::process::Command::new("unshare")
            .args(NEW)
            .arg(program)
            .args(args)
            .output()
    };
    match contained("true".as_ref(), &[]) {
        Ok(output) if output.status.success() => {}
        other => return skip(&format!("this machine makes no containers: {other:?}")),
    }
    let test = "stdio::a_killed_supervisor_takes_its_tree_along_and_nobody_elses";
    let output = contained(&std::env::current_exe().unwrap(), &[test, "--exact"]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}
