//! The command line.

use std::process::{Command, Output};

use crate::{program, world, world_with};

fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    Command::new(program())
        .args(arguments)
        .env_clear()
        .env("HOME", empty.path())
        .envs(env.iter().copied())
        .current_dir(empty.path())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn unknown_words_and_flags_end_with_a_failure() {
    for arguments in [
        &["invalid-command"][..],
        &["--nonsense"],
        &["serve", "stray"],
        // Else the server would start without the restriction.
        &["--read-only", "serve"],
    ] {
        let output = run(arguments, &[]);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_version_is_said() {
    let output = run(&["version"], &[]);
    assert_eq!(
        text(&output).trim(),
        format!("workspace-mcp {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let output = run(
        &["config", "check"],
        &[
            ("WORKSPACE_MCP_PORT", "many"),
            ("WORKSPACE_MCP_HOST", "0.0.0.0"),
            ("GOOGLE_OAUTH_CLIENT_ID", "only-half"),
            ("WORKSPACE_MCP_TOOLS", "gmial"),
            ("WORKSPACE_MCP_PROT", "1"),
            ("WORKSPACE_MCP_SERVICE_TOKEN", ""),
            ("GOOGLE_PSE_API_KEY", "hidden-value-1234"),
            ("MCP_ENABLE_OAUTH21", "true"),
        ],
    );
    assert!(!output.status.success());
    let text = text(&output);
    for told in [
        "\"many\" cannot be used",
        "many-user sign-in for MCP clients is not part of this version",
        "can be reached from other machines",
        "GOOGLE_OAUTH_CLIENT_SECRET",
        "MCP_GOOGLE_OAUTH_CLIENT_SECRET",
        "did you mean gmail?",
        "did you mean WORKSPACE_MCP_PORT?",
    ] {
        assert!(text.contains(told), "{told} is missing in:\n{text}");
    }
    assert!(!text.contains("hidden-value-1234"));
}

#[test]
fn a_server_that_others_could_reach_does_not_start_without_a_token() {
    let output = run(&["serve", "--host", "0.0.0.0", "--port", "0"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output);
    assert!(
        told.contains("ERROR:") && told.contains("WORKSPACE_MCP_SERVICE_TOKEN"),
        "{told}"
    );
    for spelling in ["GOOGLE_OAUTH_CLIENT_ID", "MCP_GOOGLE_OAUTH_CLIENT_SECRET"] {
        assert!(told.contains(spelling), "{told}");
    }
}

#[test]
fn tools_are_printed_as_a_table_and_as_json() {
    let table = text(&run(&["tools"], &[]));
    assert!(table.contains("search_gmail_messages") && table.contains("Google Calendar"));
    let json = run(&["tools", "--json", "--tools", "gmail", "--read-only"], &[]);
    let tools: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let tools = tools.as_array().unwrap();
    assert!(
        tools
            .iter()
            .all(|tool| tool["access"] == "read" || tool["service"] == "accounts")
    );
    assert!(
        tools
            .iter()
            .any(|tool| tool["name"] == "search_gmail_messages")
    );
}

#[tokio::test]
async fn a_tool_is_called_here_and_on_a_server() {
    let world = world().await;
    let server = format!("{}/mcp", world.base);
    let remote = run(&["call", "--server", &server, "list_gmail_labels"], &[]);
    assert!(text(&remote).contains("INBOX"), "{}", text(&remote));
    let place = world.credentials.display().to_string();
    let env = [
        ("GOOGLE_API_BASE", world.sandbox.as_str()),
        ("GOOGLE_MCP_CREDENTIALS_DIR", &place),
        (
            "GOOGLE_OAUTH_CLIENT_ID",
            "sandbox-client.apps.googleusercontent.com",
        ),
        ("GOOGLE_OAUTH_CLIENT_SECRET", "sandbox-client-secret"),
        ("LOG_LEVEL", "trace"),
    ];
    let here = run(
        &[
            "call",
            "--json",
            "search_gmail_messages",
            "query=in:inbox",
            "page_size=2",
        ],
        &env,
    );
    let data: serde_json::Value = serde_json::from_slice(&here.stdout).unwrap();
    assert_eq!(data["messages"].as_array().unwrap().len(), 2);
    let log = String::from_utf8_lossy(&here.stderr);
    assert!(!log.is_empty(), "the log was read");
    world.canaries.assert_absent("the log of a call", &log);
    let wrong = run(
        &[
            "call",
            "--server",
            &server,
            "get_gmail_message_content",
            "message_id=x",
        ],
        &[],
    );
    assert!(!wrong.status.success());
    let accounts = run(&["accounts"], &env);
    assert!(text(&accounts).contains(testkit::EMAIL));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_person_confirms_what_the_policy_asks_about() {
    let world = world_with(&[("WORKSPACE_MCP_SEND", "ask")]).await;
    let server = format!("{}/mcp", world.base);
    let mail = [
        "to=sam@sandbox.example",
        "subject=asked first",
        "body=hello",
    ];
    let mailing = |yes: &[&str]| {
        let arguments = [
            &["call", "--server", &server, "send_gmail_message"],
            &mail[..],
            yes,
        ];
        run(&arguments.concat(), &[])
    };
    let sent = || async {
        let query = serde_json::json!({"query": "subject:\"asked first\" in:sent"});
        let found = world
            .mcp()
            .call("search_gmail_messages", query)
            .await
            .unwrap();
        found["messages"].as_array().unwrap().len()
    };
    let refused = mailing(&[]);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert_eq!(sent().await, 0, "no answer means no");
    let confirmed = mailing(&["--yes"]);
    assert!(confirmed.status.success(), "{}", text(&confirmed));
    assert_eq!(sent().await, 1);
    // A client that cannot ask is told so at once.
    let mail = serde_json::json!({"to": "sam@sandbox.example", "subject": "s", "body": "b"});
    let result = world
        .mcp()
        .result("send_gmail_message", mail)
        .await
        .unwrap();
    assert_eq!(result["isError"], true);
    assert!(result.to_string().contains("asks a person"), "{result}");
    world.stop().await.unwrap();
}

#[test]
fn the_demo_does_the_main_job() {
    let output = run(&["demo"], &[]);
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("all succeeded"), "{text}");
    for step in [
        "Sign in",
        "Open the attachment",
        "Reply",
        "weekly review",
        "share",
    ] {
        assert!(text.contains(step), "{step}:\n{text}");
    }
}
