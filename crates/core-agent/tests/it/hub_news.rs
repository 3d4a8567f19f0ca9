//! What clients of either era are told without having asked, and tasks.
//!
//! Invariant: a client is told what it asked to be told; a message below its level is not said.
#![expect(
    deprecated,
    reason = "levels and subscriptions are what the handshake era has"
)]

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, LoggingLevel,
        LoggingMessageNotificationParam, ProtocolVersion, ResourceUpdatedNotificationParam,
        ServerNotification, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
        UnsubscribeRequestParams,
    },
    service::{
        ClientLifecycleMode, NotificationContext, RunningService, serve_client_with_lifecycle,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};

use crate::{keeper::until, served::Setup};

/// A client that writes down what it is told.
#[derive(Clone, Default)]
struct Listener {
    told: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn note(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
    }

    fn heard(&self, what: &str) -> bool {
        self.told.lock().unwrap().iter().any(|told| told == what)
    }

    fn hears(&self, what: &str) -> bool {
        tokio::task::block_in_place(|| until(Duration::from_secs(20), || self.heard(what)))
    }
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().build();
        ClientConfig::new(capabilities, Implementation::new("listener", "1"))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.note("tools");
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(params.uri);
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(params.data.as_str().unwrap_or_default());
    }
}

type Client = RunningService<RoleClient, Listener>;

async fn connect(url: &str, lifecycle: ClientLifecycleMode, listener: &Listener) -> Client {
    let transport = StreamableHttpClientTransport::with_client(
        reqwest::Client::builder().build().unwrap(),
        StreamableHttpClientTransportConfig::with_uri(url.to_owned()),
    );
    serve_client_with_lifecycle(listener.clone(), transport, lifecycle)
        .await
        .unwrap()
}

fn new_era() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

async fn call(client: &Client, tool: &'static str, arguments: Value) -> String {
    let mut params = CallToolRequestParams::new(tool);
    params.arguments = arguments.as_object().cloned();
    let result = client.call_tool(params).await.unwrap();
    result.content[0].as_text().unwrap().text.clone()
}

const MERGED: &str = "[hub]\nlisting = \"merged\"";
const MAP: &str = "zoo://map";

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_told_in_either_era() {
    for era in ["old", "new"] {
        let folder = tempfile::tempdir().unwrap();
        let switch = folder.path().join("changed");
        // The zoo's name in the text stands for its program; here it is part of a variable's.
        let hub = Setup::new(&format!(
            "{MERGED}\n[trust]\napprove_commands = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"list-changes\", \"--mutate\", \"added\", \"--era\", \"{era}\"]\ntrust = \"trusted\"\nprefix = \"\"\nenv = {{ \"Z\\u004FO_CHANGED_FILE\" = '{}' }}\n[servers.zoo.containment]\nread = ['{}']\n",
            switch.display(),
            folder.path().display(),
        ))
        .serve();
        let old = Listener::default();
        let old_client = connect(&hub.url, ClientLifecycleMode::Initialize, &old).await;
        let new = Listener::default();
        let new_client = connect(&hub.url, new_era(), &new).await;
        let mut news = new_client
            .listen(SubscriptionFilter::builder().tools_list_changed().build())
            .await
            .unwrap();
        let listed = async |client: &Client| {
            let tools = client.list_all_tools().await.unwrap();
            tools.iter().any(|tool| tool.name == "tool_1")
        };
        assert!(!listed(&old_client).await && !listed(&new_client).await);
        old.told.lock().unwrap().clear();
        std::fs::write(&switch, "").unwrap();
        let told = tokio::time::timeout(Duration::from_secs(20), news.next())
            .await
            .expect("the stateless client is told");
        assert!(
            matches!(
                told,
                Ok(Some(ServerNotification::ToolListChangedNotification(_)))
            ),
            "{era}: {told:?}"
        );
        assert!(old.hears("tools"), "{era}");
        assert!(
            listed(&old_client).await && listed(&new_client).await,
            "{era}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_resource_is_told_of_in_either_era() {
    for era in ["old", "new"] {
        let hub = Setup::of_one(&["good", "--era", era], MERGED).serve();
        let old = Listener::default();
        let old_client = connect(&hub.url, ClientLifecycleMode::Initialize, &old).await;
        let idle = Listener::default();
        let idle_client = connect(&hub.url, ClientLifecycleMode::Initialize, &idle).await;
        let new = Listener::default();
        let new_client = connect(&hub.url, new_era(), &new).await;
        let put = async || call(&idle_client, "put", json!({"key": "k", "value": "v"})).await;
        assert_eq!(put().await, "kept");
        old_client
            .subscribe(SubscribeRequestParams::new(MAP))
            .await
            .unwrap();
        let filter = SubscriptionFilter::builder()
            .resource_subscriptions([MAP])
            .build();
        let mut news = new_client.listen(filter).await.unwrap();
        // What a server is told by listening takes effect a moment later.
        let told = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                assert_eq!(put().await, "kept");
                let next = tokio::time::timeout(Duration::from_millis(300), news.next()).await;
                if let Ok(told) = next {
                    return told;
                }
            }
        })
        .await
        .expect("the stateless client is told");
        let Ok(Some(ServerNotification::ResourceUpdatedNotification(updated))) = told else {
            panic!("{era}: {told:?}");
        };
        assert_eq!(updated.params.uri, MAP);
        assert!(old.hears(MAP), "{era}");
        assert!(!idle.heard(MAP), "{era}: it did not ask");
        old_client
            .unsubscribe(UnsubscribeRequestParams::new(MAP))
            .await
            .unwrap();
        // What was said before may still be on its way; what is watched is told to others only.
        call(&old_client, "echo", json!({"text": "x"})).await;
    }
}

/// What a hub on a pipe says to one request, and then to its log until it has ended: the input ends
/// after the request, or after the first line of the answer.
fn over_a_pipe(setup: &Setup, method: &str, mut params: Value, waits: bool) -> (String, String) {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut command = setup.command("stdio");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut hub = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = hub.stdin.take().unwrap();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    writeln!(input, "{request}").unwrap();
    let input = waits.then_some(input);
    let mut output = BufReader::new(hub.stdout.take().unwrap());
    let mut said = String::new();
    output.read_line(&mut said).unwrap();
    drop(input);
    let ended = hub.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{log}");
    (said, log)
}

#[test]
fn a_pipe_whose_client_has_left_is_closed_quietly() {
    let quiet = |log: &str| assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    // A client that listens to the end.
    let setup = Setup::of_one(&["good"], MERGED);
    let changes = json!({"notifications": {"toolsListChanged": true}});
    let (said, log) = over_a_pipe(&setup, "subscriptions/listen", changes, true);
    assert!(said.contains("subscriptions/acknowledged"), "{said}");
    quiet(&log);
    // One that says all it has to say at once, to a hub that knows no tools yet.
    let setup = Setup::of_one(&["good"], MERGED);
    let (said, log) = over_a_pipe(&setup, "tools/list", json!({}), false);
    assert!(said.contains("\"echo\""), "{said}");
    quiet(&log);
    // A server that is still starting.
    let setup = Setup::new(
        "[trust]\napprove_commands = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"hang\"]\neager = true\n",
    );
    let (said, log) = over_a_pipe(&setup, "tools/list", json!({}), true);
    assert!(said.contains("find_tools"), "{said}");
    quiet(&log);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_below_the_level_are_not_said() {
    for era in ["old", "new"] {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let hub = Setup::of_one(
            &[
                "logs",
                "--era",
                era,
                "--journal",
                &journal.display().to_string(),
            ],
            MERGED,
        )
        .serve();
        let listener = Listener::default();
        let client = connect(&hub.url, ClientLifecycleMode::Initialize, &listener).await;
        let set = async |level| {
            client
                .set_level(SetLevelRequestParams::new(level))
                .await
                .unwrap();
        };
        let log = async |text: &str| {
            assert_eq!(call(&client, "log", json!({"text": text})).await, "said");
        };
        log("first").await;
        assert!(listener.hears("first"), "{era}");
        set(LoggingLevel::Error).await;
        log("second").await;
        set(LoggingLevel::Debug).await;
        log("third").await;
        assert!(listener.hears("third"), "{era}");
        assert!(!listener.heard("second"), "{era}");
        if era == "old" {
            let noted = std::fs::read_to_string(&journal).unwrap();
            assert!(noted.contains("level \"error\""), "{noted}");
            assert!(noted.contains("level \"debug\""), "{noted}");
        }
    }
}
