//! `check` and `demo`, from the shell.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn run(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_core-agent"))
        .args(arguments)
        .env_clear()
        .env("HOME", state)
        .env("TMPDIR", state)
        .env("CORE_AGENT_STATE", state.join("state"))
        // A server of whoever runs this, which is down: no business of what is run here.
        .env("MCP_ELSEWHERE_URL", "http://127.0.0.1:9/mcp")
        .current_dir(state)
        .output()
        .unwrap()
}

#[test]
fn a_command_is_checked_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let program = env!("CARGO_BIN_EXE_core-agent");
    let line = [
        "check",
        "--json",
        "-",
        "--",
        program,
        "demo-server",
        "notes",
        "--folder",
        &place,
    ];
    let output = run(folder.path(), &line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["totals"]["passed"], 1);
    let server = &report["servers"][0];
    assert_eq!(server["standing"], "passed");
    assert_eq!(server["counts"]["tools"], 4);
    assert_eq!(server["calls"][0]["tool"], "list_notes");
    assert_eq!(server["skipped"].as_array().unwrap().len(), 3);
    assert!(server["timings"]["connect"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_is_not_there_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["check", "--", "/nowhere/server"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_ne!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("0 of "), "{text}");
    let output = run(folder.path(), &["check", "--", "/bin/false"]);
    assert_eq!(output.status.code(), Some(1), "a program that ends at once");
    let output = run(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_demonstration_works() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["demo", "--offline"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for shown in [
        "blocked:",
        "what changed:",
        "approved:",
        "killed process",
        "all worked",
    ] {
        assert!(text.contains(shown), "{shown}:\n{text}");
    }
}
