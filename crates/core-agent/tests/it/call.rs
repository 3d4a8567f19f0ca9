//! `core-agent call`, from the shell: what it prints, how it ends, what it writes down.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::served::Setup;

fn run(setup: &Setup, line: &[&str]) -> Output {
    let mut command = setup.command(line[0]);
    command.args(&line[1..]).stdin(Stdio::null());
    command.output().unwrap()
}

/// How it ended, what it printed, and what it said besides.
fn told(setup: &Setup, line: &[&str]) -> (i32, String, String) {
    let output = run(setup, line);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// What was written down: kind and subject of each entry.
fn audit(setup: &Setup) -> Vec<(String, String)> {
    let output = run(setup, &["audit", "list", "--json"]);
    let entries = String::from_utf8(output.stdout).unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    entries
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|entry: Value| (text(&entry, "kind"), text(&entry, "subject")))
        .collect()
}

#[test]
fn a_call_says_why_nothing_is_known_of_its_tool() {
    let setup = Setup::new("[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"good\"]\n");
    let (code, out, said) = told(&setup, &["call", "zoo__echo", "text=hello"]);
    assert_eq!((code, out.as_str()), (1, ""), "{said}");
    assert!(
        said.contains("not approved") && said.contains("core-agent trust approve zoo"),
        "{said}"
    );
    assert_eq!(told(&setup, &["trust", "approve", "zoo"]).0, 0);
    let (code, out, said) = told(&setup, &["call", "zoo__echo", "text=hello"]);
    assert_eq!((code, out.as_str()), (0, "hello"), "{said}");
    let (code, _, said) = told(&setup, &["call", "zoo__ecco"]);
    assert_eq!(code, 1);
    assert!(said.contains("no server has a tool zoo__ecco"), "{said}");
    let (code, out, _) = told(&setup, &["call", "zoo__fail", "kind=tool"]);
    assert_eq!((code, out.as_str()), (1, "it did not work"));
}

#[test]
fn arguments_are_words_or_json_and_are_checked() {
    let setup = Setup::of_one(&["good"], "");
    let (code, out, said) = told(&setup, &["call", "--json", "add", "a=1", "b=2"]);
    assert_eq!(code, 0, "{said}");
    let result: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["structuredContent"], json!({"sum": 3.0}));
    // A number where a text is wanted is one.
    let (_, out, said) = told(&setup, &["call", "echo", "text=007"]);
    assert_eq!(out, "007", "{said}");
    let mut child = setup
        .command("call")
        .args(["echo", "--arguments", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"text\": \"from a pipe\"}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"from a pipe\n");
    for (line, problem) in [
        (&["call", "echo", "text"][..], "not of the form NAME=VALUE"),
        (&["call", "echo", "--arguments", "[1]"], "a JSON object"),
        (&["call", "echo", "--arguments", "{"], "no JSON"),
        (&["call", "echo", "txt=x"], "did you mean \"text\"?"),
    ] {
        let (code, out, said) = told(&setup, line);
        assert_eq!((code, out.as_str()), (1, ""), "{line:?}: {said}");
        assert!(said.contains(problem), "{line:?}: {said}");
    }
    let (code, out, _) = told(&setup, &["call", "echo", "--json", "txt=x"]);
    let refused: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &refused["refused"]),
        (1, &json!("invalid_arguments"))
    );
}

#[test]
fn a_person_is_asked_and_every_decision_is_written_down() {
    let setup = Setup::new("[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"good\"]\nprefix = \"\"\n");
    assert_eq!(told(&setup, &["trust", "approve", "--all-commands"]).0, 0);
    let line = ["call", "delete", "key=k"];
    let (code, out, said) = told(&setup, &line);
    assert_eq!((code, out.as_str()), (3, ""), "{said}");
    let id = said
        .split_once("core-agent approvals approve ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("{said}"));
    assert_eq!(told(&setup, &["approvals", "approve", id]).0, 0);
    let (code, out, said) = told(&setup, &line);
    assert_eq!((code, out.as_str()), (0, "was not there"), "{said}");
    assert_eq!(told(&setup, &line).0, 3, "one approval, one call");
    assert_eq!(told(&setup, &["trust", "block", "echo"]).0, 0);
    let (code, _, said) = told(&setup, &["call", "echo", "text=x"]);
    assert!(code == 1 && said.contains("trust"), "{said}");
    assert_eq!(told(&setup, &["trust", "approve", "echo"]).0, 0);
    assert_eq!(told(&setup, &["call", "echo", "text=x"]).1, "x");
    let written = audit(&setup);
    let kinds: Vec<&str> = written.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "command_approved",
            "approval_asked",
            "approval_given",
            "approval_used",
            "approval_asked",
            "tool_blocked",
            "tool_approved",
        ]
    );
    assert_eq!((&*written[0].1, &*written[5].1), ("zoo", "zoo/echo"));
    assert_eq!(told(&setup, &["audit", "verify"]).0, 0);
}

#[test]
fn a_call_waits_as_long_as_its_server_is_given() {
    let setup = Setup::of_one(&["good"], "[calls]\nattempts = 1\n");
    let file = setup.path("core-agent.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    config.push_str("timeout_seconds = 1\n");
    std::fs::write(&file, config).unwrap();
    assert_eq!(told(&setup, &["call", "echo", "text=x"]).1, "x");
    let begun = Instant::now();
    let (code, _, said) = told(&setup, &["call", "sleep", "ms=60000"]);
    assert_eq!(code, 1, "{said}");
    // Without the server's own time it would be the usual half a minute.
    assert!(begun.elapsed() < Duration::from_secs(25), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_said_by_every_command_that_names_one() {
    let setup = Setup::of_one(&["good"], "");
    for line in [
        &["tools", "zo"][..],
        &["tools", "--refresh", "zo"],
        &["find", "--server", "zo", "echo"],
        &["logs", "zo"],
        &["login", "zo"],
        &["logout", "zo"],
        &["servers", "show", "zo"],
        &["servers", "start", "zo"],
        &["servers", "restart", "zo"],
    ] {
        let (code, out, said) = told(&setup, line);
        assert_eq!((code, out.as_str()), (1, ""), "{line:?}: {said}");
        assert!(said.contains("did you mean zoo?"), "{line:?}: {said}");
    }
}

#[test]
fn what_a_server_lists_and_nobody_can_use_is_shown() {
    let setup = Setup::of_one(&["bad-tools"], "");
    let never = told(&setup, &["servers", "show", "zoo"]);
    assert!(never.0 == 0 && !never.1.contains("not_taken"), "{never:?}");
    assert_eq!(told(&setup, &["servers", "start", "zoo"]).0, 0);
    let (code, shown, said) = told(&setup, &["servers", "show", "zoo"]);
    assert!(
        code == 0 && shown.contains("not_taken:\n  ") && shown.contains("same name"),
        "{shown}{said}"
    );
}
