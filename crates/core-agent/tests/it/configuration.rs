//! The commands about the configuration: what they print, how they end, what they never show.

use std::{fs, path::Path, process::Output};

const CANARY: &str = "canary-6f2d-never-shown";

fn core_agent(home: &Path, arguments: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_core-agent"))
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("PATH", home.join("bin"))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{out}{err}")
}

#[test]
fn servers_are_imported_validated_and_shown_without_their_secrets() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join(".cursor")).unwrap();
    fs::write(
        home.join(".cursor/mcp.json"),
        format!(
            r#"{{"mcpServers": {{
                "web": {{"url": "https://example.com/mcp", "headers": {{"Authorization": "Bearer {CANARY}"}}}},
                "tool": {{"command": "absent", "args": ["--api-key={CANARY}"], "env": {{"A_TOKEN": "{CANARY}"}}}}
            }}}}"#
        ),
    )
    .unwrap();
    let target = home.join(".config/core-agent/core-agent.toml");

    let planned = core_agent(home, &["import"]);
    assert!(planned.status.success() && !target.exists());
    let again = core_agent(home, &["import", "--json"]);
    let written = core_agent(home, &["import", "--write", "--keep-secrets"]);
    assert!(written.status.success(), "{}", text(&written));
    assert!(!fs::read_to_string(&target).unwrap().contains(CANARY));

    // A program that is not there: the configuration can be used, that server cannot.
    let validated = core_agent(home, &["validate", "--json"]);
    assert_eq!(validated.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&validated.stdout).unwrap();
    assert_eq!(
        (&report["usable"], &report["valid"]),
        (&true.into(), &false.into())
    );
    assert_eq!(report["faults"][0]["key"], "servers.tool.command");

    let shown = core_agent(home, &["config", "show"]);
    assert!(
        text(&shown).contains("Bearer ${env:WEB_TOKEN}"),
        "{}",
        text(&shown)
    );
    fs::write(
        home.join("bad.toml"),
        format!("servers.a.env.A_TOKEN = '{CANARY}'\nservers.a.comand = 1"),
    )
    .unwrap();
    let bad = core_agent(home, &["--config", "bad.toml", "validate"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        text(&bad).contains(
            "bad.toml:2:11: error: servers.a.comand: this key is not known; did you mean command?"
        ),
        "{}",
        text(&bad)
    );

    fs::write(
        home.join("written-out.toml"),
        format!("[servers.tool]\ncommand = 'absent'\nargs = ['--api-key={CANARY}', 'plain']\n[servers.web]\nurl = 'https://example.com/mcp?api_key={CANARY}'"),
    )
    .unwrap();
    let written_out = |arguments: &[&str]| {
        core_agent(
            home,
            &[&["--config", "written-out.toml"], arguments].concat(),
        )
    };
    let list = written_out(&["servers", "list", "--json"]);
    let servers: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let command = servers["servers"][0]["command"].as_str().unwrap();
    assert!(
        command.starts_with("absent --api-key=") && command.ends_with(" plain"),
        "{command}"
    );
    let show = written_out(&["servers", "show", "web"]);
    let trust = written_out(&["trust", "list"]);
    assert!(
        text(&trust).contains("its command is not approved"),
        "{}",
        text(&trust)
    );

    for output in [
        planned, again, written, validated, shown, bad, list, show, trust,
    ] {
        assert!(!text(&output).contains(CANARY), "{}", text(&output));
    }
}

#[test]
fn the_reference_pages_are_what_the_program_prints() {
    let home = tempfile::tempdir().unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (command, page) in [
        ("reference", "core-agent-config.md"),
        ("variables", "core-agent-settings.md"),
    ] {
        let printed = core_agent(home.path(), &["config", command]);
        let kept = fs::read(docs.join(page)).unwrap();
        assert!(
            printed.stdout == kept,
            "{page} is out of date: run cargo xtask docs"
        );
    }
}
