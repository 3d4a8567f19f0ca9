//! Clients of either era use servers of the other through the hub.
//!
//! The clients are the protocol library's, over HTTP and over a pipe; the hub is the real program;
//! the servers speak one era only.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientConfig, ClientRequest,
        ElicitRequestParams, ElicitResult, ElicitationAction, Implementation,
        ProgressNotificationParam, ProtocolVersion,
    },
    service::{
        ClientLifecycleMode, NotificationContext, PeerRequestOptions, RequestContext,
        RunningService, ServiceError, serve_client_with_lifecycle,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};

use crate::{keeper::until, served::Setup};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Era {
    Old,
    New,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Http,
    Pipe,
}

/// A client with a person who is called Ada.
#[derive(Clone, Default)]
struct Desk {
    progress: Arc<Mutex<Vec<f64>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Desk {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("desk", "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if let ElicitRequestParams::FormElicitationParams { message, .. } = request {
            self.asked.lock().unwrap().push(message);
        }
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": "Ada"})))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.progress.lock().unwrap().push(params.progress);
    }
}

type Client = RunningService<RoleClient, Desk>;

fn lifecycle(era: Era) -> ClientLifecycleMode {
    match era {
        Era::Old => ClientLifecycleMode::Initialize,
        Era::New => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    }
}

async fn over_http(url: &str, token: Option<&str>, era: Era, desk: &Desk) -> Client {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.to_owned());
    config.auth_header = token.map(str::to_owned);
    let transport = StreamableHttpClientTransport::with_client(
        reqwest::Client::builder().build().unwrap(),
        config,
    );
    serve_client_with_lifecycle(desk.clone(), transport, lifecycle(era))
        .await
        .unwrap()
}

async fn over_pipe(setup: &Setup, era: Era, desk: &Desk) -> (Client, tokio::process::Child) {
    let log = std::fs::File::create(setup.path("log")).unwrap();
    let mut command = tokio::process::Command::from(setup.command("stdio"));
    let mut child = command
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let client = serve_client_with_lifecycle(desk.clone(), pipes, lifecycle(era))
        .await
        .unwrap();
    (client, child)
}

fn params(tool: &'static str, arguments: &Value) -> CallToolRequestParams {
    let mut params = CallToolRequestParams::new(tool);
    params.arguments = arguments.as_object().cloned();
    params
}

async fn said(client: &Client, tool: &'static str, arguments: Value) -> Result<String, String> {
    let result = client
        .call_tool(params(tool, &arguments))
        .await
        .map_err(|error| error.to_string())?;
    let text = result.content[0].as_text().unwrap().text.clone();
    if result.is_error == Some(true) {
        Err(text)
    } else {
        Ok(text)
    }
}

type Column = (&'static str, Result<(), String>);

fn holds(fine: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if fine { Ok(()) } else { Err(otherwise.into()) }
}

async fn columns(client: &Client, desk: &Desk, noted: impl Fn() -> String) -> Vec<Column> {
    vec![
        ("list", list(client).await),
        ("call", called(client).await),
        ("progress", progress(client, desk).await),
        ("cancel", cancel(client, noted).await),
        ("elicitation", elicitation(client, desk).await),
        ("error", error(client).await),
    ]
}

async fn list(client: &Client) -> Result<(), String> {
    let tools = client
        .list_all_tools()
        .await
        .map_err(|error| error.to_string())?;
    holds(
        tools.iter().any(|tool| tool.name == "echo"),
        format!("{} tools", tools.len()),
    )
}

async fn called(client: &Client) -> Result<(), String> {
    let text = said(client, "echo", json!({"text": "grüß dich"})).await?;
    holds(text == "grüß dich", text)
}

async fn progress(client: &Client, desk: &Desk) -> Result<(), String> {
    desk.progress.lock().unwrap().clear();
    said(client, "sleep", json!({"ms": 60, "steps": 3})).await?;
    // The library hands notifications to tasks of their own.
    let told = || desk.progress.lock().unwrap().len();
    holds(
        until(Duration::from_secs(10), || told() == 3),
        format!("{} steps", told()),
    )?;
    let steps = desk.progress.lock().unwrap().clone();
    holds(
        steps.iter().sum::<f64>() > 5.9,
        format!("the steps were {steps:?}"),
    )
}

/// A cancelled call reaches the server as one.
async fn cancel(client: &Client, noted: impl Fn() -> String) -> Result<(), String> {
    let request = CallToolRequest::new(params("sleep", &json!({"ms": 60_000, "steps": 600})));
    let handle = client
        .peer()
        .send_cancellable_request(
            ClientRequest::CallToolRequest(request),
            PeerRequestOptions::no_options(),
        )
        .await
        .map_err(|error| error.to_string())?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    handle
        .cancel(Some("the person left".into()))
        .await
        .map_err(|error| error.to_string())?;
    let cancelled = tokio::task::block_in_place(|| {
        until(Duration::from_secs(15), || {
            noted().contains("cancelled sleep")
        })
    });
    holds(cancelled, "the server was not told")
}

async fn elicitation(client: &Client, desk: &Desk) -> Result<(), String> {
    let text = said(client, "ask", json!({})).await?;
    holds(text.contains("Ada"), text)?;
    let asked = desk.asked.lock().unwrap().clone();
    holds(asked == ["What is your name?"], format!("asked {asked:?}"))
}

/// A server's own error passes with its code, and a tool's failure as a result.
async fn error(client: &Client) -> Result<(), String> {
    match client
        .call_tool(params("fail", &json!({"kind": "error"})))
        .await
    {
        Err(ServiceError::McpError(error)) => {
            holds(error.code.0 == -32000, format!("code {}", error.code.0))?;
        }
        other => return Err(format!("{other:?}")),
    }
    match said(client, "fail", json!({"kind": "tool"})).await {
        Err(text) => holds(text == "it did not work", text),
        Ok(text) => Err(text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_era_meets_every_era() {
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for way in [Way::Http, Way::Pipe] {
        for client_era in [Era::Old, Era::New] {
            for server_era in [Era::Old, Era::New] {
                let columns = one(way, client_era, server_era).await;
                let mut line = format!(
                    "{:<5} {:<7} {:<7}",
                    format!("{way:?}").to_lowercase(),
                    format!("{client_era:?}").to_lowercase(),
                    format!("{server_era:?}").to_lowercase(),
                );
                for (name, outcome) in columns {
                    line.push_str(if outcome.is_ok() {
                        " ok    "
                    } else {
                        " FAILED"
                    });
                    if let Err(why) = outcome {
                        failed.push(format!("{line}: {name}: {why}"));
                    }
                }
                lines.push(line);
            }
        }
    }
    println!("way   client  server  list   call   progr. cancel elicit error");
    println!("{}", lines.join("\n"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn one(way: Way, client_era: Era, server_era: Era) -> Vec<Column> {
    let spoken = match server_era {
        Era::Old => "old",
        Era::New => "new",
    };
    let notes = tempfile::tempdir().unwrap();
    let journal = notes.path().join("journal");
    let setup = Setup::of_one(
        &[
            "elicits",
            "--era",
            spoken,
            "--journal",
            &journal.display().to_string(),
        ],
        "[hub]\nlisting = \"merged\"",
    );
    let noted = || std::fs::read_to_string(&journal).unwrap_or_default();
    let desk = Desk::default();
    match way {
        Way::Http => {
            let served = setup.serve();
            let client = over_http(&served.url, None, client_era, &desk).await;
            let columns = columns(&client, &desk, noted).await;
            let _ = client.cancel().await;
            columns
        }
        Way::Pipe => {
            let (client, _child) = over_pipe(&setup, client_era, &desk).await;
            let columns = columns(&client, &desk, noted).await;
            let _ = client.cancel().await;
            columns
        }
    }
}

const TOKEN: &str = "a-long-token-of-the-desk";

/// A client that speaks for a person is asked for approvals, in the way its era knows; each
/// approval is good for one call.
#[tokio::test(flavor = "multi_thread")]
async fn approvals_are_asked_for_in_either_era() {
    for client_era in [Era::Old, Era::New] {
        for server_era in ["old", "new"] {
            let served = Setup::new(&format!(
                "[hub]\nlisting = \"merged\"\n[trust]\napprove_commands = false\n[callers.desk]\ntoken = \"{TOKEN}\"\nspeaks_for_person = true\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"good\", \"--era\", \"{server_era}\"]\nprefix = \"\"\n"
            ))
            .serve();
            let desk = Desk::default();
            let client = over_http(&served.url, Some(TOKEN), client_era, &desk).await;
            for times in 1..=2 {
                let text = said(&client, "delete", json!({"key": "k"})).await;
                assert_eq!(
                    text.as_deref(),
                    Ok("was not there"),
                    "{client_era:?} {server_era}"
                );
                let asked = desk.asked.lock().unwrap().clone();
                assert_eq!(asked.len(), times, "{asked:?}");
                assert!(asked[0].contains("delete"), "{asked:?}");
            }
            let _ = client.cancel().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_on_a_pipe_is_one_run() {
    for era in [Era::Old, Era::New] {
        let setup = Setup::of_one(&["good"], "[budgets]\ncalls_per_run = 2\n");
        let (client, _child) = over_pipe(&setup, era, &Desk::default()).await;
        let echo = async || {
            let arguments = json!({"name": "echo", "arguments": {"text": "x"}});
            said(&client, "call_read_tool", arguments).await
        };
        assert_eq!(echo().await, Ok("x".to_owned()), "{era:?}");
        assert_eq!(echo().await, Ok("x".to_owned()), "{era:?}");
        let over = echo().await.unwrap_err();
        assert!(over.contains("the budget of this run"), "{over}");
    }
}
