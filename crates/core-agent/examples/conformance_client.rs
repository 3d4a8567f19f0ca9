//! The hub's client side under the official conformance suite.
//!
//! `conformance client --command conformance_client --scenario auth/…` runs it with the scenario
//! in `MCP_CONFORMANCE_SCENARIO`, its particulars in `MCP_CONFORMANCE_CONTEXT` and the server's
//! address as the last argument. Not a client of its own: it configures one server and uses it
//! the way the hub does; the person at the browser is played by a request that follows where the
//! authorization server sends it.
//!
//! Invariant: nothing here knows what a scenario checks.

use std::{collections::BTreeMap, env, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use core_agent::{
    ClientSide, Fault, FaultKind, ServerName,
    config::{Config, OauthConfig, ServerConfig, Template},
    oauth::{Consent, NoConsent, SignInOptions, SignIns, SystemNames, Vault},
    secret::Secrets,
    store::Store,
    upstream::{Listing, Listings, Scope, ServerInfo, Servers, UpstreamOptions, Upstreams},
};
use foundation::{Random, SystemClock, SystemRandom, settings::Env};
use futures::future::{BoxFuture, FutureExt};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientRequest, ClientResult,
        ListToolsRequest, ServerNotification, ServerRequest, ServerResult,
    },
};
use serde_json::{Map, Value, json};
use url::Url;

/// The document that describes the client where the suite's authorization server wants one.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// Rounds of one call.
const ROUNDS: usize = 5;

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(run());
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map(|()| ExitCode::SUCCESS)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suite speaks to this program through its environment"
)]
async fn run() -> anyhow::Result<()> {
    let url = env::args()
        .next_back()
        .context("give the server's address")?;
    let scenario = env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let context: Value = env::var("MCP_CONFORMANCE_CONTEXT")
        .ok()
        .map_or(Ok(Value::Null), |text| serde_json::from_str(&text))?;
    let name: ServerName = "conformance".parse()?;
    let folder = Folder::new()?;
    let servers = servers(&folder.0, &name, url, oauth(&scenario, &context))?;
    let done = use_tools(servers.as_ref(), &name, &context).await;
    servers.stop().await;
    done
}

/// Lists the server's tools and makes the calls the scenario names, or calls each tool once.
async fn use_tools(servers: &Upstreams, name: &ServerName, context: &Value) -> anyhow::Result<()> {
    let scope = Scope {
        client: Some(Arc::new(Agreeable)),
        ..Scope::background()
    };
    servers.ensure(name, &scope).await?;
    let list = ClientRequest::ListToolsRequest(ListToolsRequest::default());
    let ServerResult::ListToolsResult(list) = servers.request(name, list, &scope).await? else {
        anyhow::bail!("the answer to tools/list is another result");
    };
    let named = context["toolCalls"].as_array().into_iter().flatten();
    let mut calls: Vec<(String, Value)> = named
        .filter_map(|call| Some((call["name"].as_str()?.to_owned(), call["arguments"].clone())))
        .collect();
    if calls.is_empty() {
        let schemas: Vec<Value> = list
            .tools
            .iter()
            .map(|tool| json!(tool.input_schema))
            .collect();
        let first = schemas.first().cloned().unwrap_or_default();
        calls = list
            .tools
            .iter()
            .zip(&schemas)
            .map(|(tool, schema)| (tool.name.to_string(), arguments(schema, &first)))
            .collect();
    }
    let mut failed = None;
    for (tool, arguments) in calls {
        // A tool that fails is no reason not to call the next, and one the server refuses, with
        // arguments that are made up, is none to be unhappy.
        if let Err(fault) = call(servers, name, &scope, tool, arguments).await
            && fault.kind != FaultKind::Rejected
        {
            failed = Some(fault);
        }
    }
    failed.map_or(Ok(()), |fault| Err(fault.into()))
}

/// Calls a tool, in as many rounds as it takes.
async fn call(
    servers: &Upstreams,
    name: &ServerName,
    scope: &Scope,
    tool: String,
    arguments: Value,
) -> Result<(), Fault> {
    let mut params = CallToolRequestParams::new(tool);
    params.arguments = arguments.as_object().cloned();
    for _ in 0..ROUNDS {
        let request = CallToolRequest::new(params.clone());
        let request = ClientRequest::CallToolRequest(request);
        let ServerResult::InputRequiredResult(more) = servers.request(name, request, scope).await?
        else {
            return Ok(());
        };
        params.input_responses = more.input_requests.map(|asked| {
            asked
                .into_iter()
                .map(|(key, request)| (key, answer(&json!(request))))
                .collect()
        });
        params.request_state = more.request_state;
    }
    Ok(())
}

/// Arguments that a schema wants. One that is a schema itself is the first tool's.
fn arguments(schema: &Value, first: &Value) -> Value {
    let mut arguments = Map::new();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        let value = match name {
            "schema" => first.clone(),
            _ => made_up(&schema["properties"][name]),
        };
        arguments.insert(name.to_owned(), value);
    }
    Value::Object(arguments)
}

fn made_up(schema: &Value) -> Value {
    if !schema["default"].is_null() {
        return schema["default"].clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("number" | "integer") => json!(5),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => arguments(schema, &Value::Null),
        _ => json!("text"),
    }
}

/// What a person who agrees to everything answers to a server's request.
fn answer(request: &Value) -> Value {
    match request["method"].as_str() {
        Some("elicitation/create") => {
            let properties = request["params"]["requestedSchema"]["properties"].as_object();
            let content: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), made_up(schema)))
                .collect();
            json!({"action": "accept", "content": content})
        }
        Some("roots/list") => json!({"roots": []}),
        _ => json!({
            "role": "assistant",
            "content": {"type": "text", "text": "text"},
            "model": "none",
        }),
    }
}

/// A client that can be asked everything and agrees.
struct Agreeable;

impl ClientSide for Agreeable {
    fn capabilities(&self) -> ClientCapabilities {
        serde_json::from_value(json!({"elicitation": {}, "sampling": {}, "roots": {}}))
            .expect("these are capabilities")
    }

    fn ask(&self, request: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>> {
        async move {
            let answer = answer(&json!(request));
            let read = match request {
                ServerRequest::ElicitRequest(_) => {
                    serde_json::from_value(answer).map(ClientResult::ElicitResult)
                }
                ServerRequest::ListRootsRequest(_) => {
                    serde_json::from_value(answer).map(ClientResult::ListRootsResult)
                }
                ServerRequest::CreateMessageRequest(_) => serde_json::from_value(answer)
                    .map(|result| ClientResult::CreateMessageResult(Box::new(result))),
                _ => return Err(ErrorData::internal_error("it cannot be asked this", None)),
            };
            read.map_err(|error| ErrorData::internal_error(error.to_string(), None))
        }
        .boxed()
    }

    fn tell(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn oauth(scenario: &str, context: &Value) -> OauthConfig {
    let text = |name: &str| context[name].as_str().map(str::to_owned);
    OauthConfig {
        client_id: text("client_id"),
        client_secret: text("client_secret").map(Template),
        client_key: text("private_key_pem").map(Template),
        assertion: text("valid_jwt").map(Template),
        issuer: text("issuer"),
        client_metadata_url: (scenario == "auth/basic-cimd").then(|| DOCUMENT.into()),
        ..OauthConfig::default()
    }
}

fn servers(
    state: &std::path::Path,
    name: &ServerName,
    url: String,
    oauth: OauthConfig,
) -> anyhow::Result<Arc<Upstreams>> {
    let clock = Arc::new(SystemClock);
    let random = Arc::new(SystemRandom);
    let variables: Arc<dyn Env + Send + Sync> = Arc::new(BTreeMap::<String, String>::new());
    let secrets = Arc::new(Secrets::new(variables.clone(), clock.clone()));
    let server = ServerConfig {
        url: Some(Template(url)),
        oauth,
        enabled: true,
        ..ServerConfig::default()
    };
    let config = Config {
        servers: BTreeMap::from([(name.clone(), server)]),
        ..Config::default()
    };
    let sign_ins = SignIns::new(SignInOptions {
        servers: config.servers.clone(),
        vault: Vault::open(state, None, random.clone())?,
        secrets: secrets.clone(),
        names: Arc::new(SystemNames),
        consent: Some(Arc::new(Follows)),
        clock: clock.clone(),
        random: random.clone(),
    });
    Ok(Upstreams::start(UpstreamOptions {
        config: Arc::new(config),
        store: Store::open(&state.join("core-agent.db"))?,
        listings: Arc::new(Nowhere),
        secrets,
        variables,
        sign_in: Some(Arc::new(sign_ins)),
        command_gate: None,
        state: state.to_owned(),
        clock,
        random,
        executable: env::current_exe()?,
    }))
}

/// A browser whose person consents to everything.
struct Follows;

impl Consent for Follows {
    fn ask<'a>(
        &'a self,
        _: &'a ServerName,
        address: &'a Url,
    ) -> BoxFuture<'a, Result<String, NoConsent>> {
        async move {
            let back = follow(address).await;
            let back = back.map_err(|error| NoConsent(format!("{error:#}")))?;
            let arrived = reqwest::get(&back).await;
            if arrived.is_ok_and(|answer| answer.status().is_success()) {
                futures::future::pending().await
            } else {
                Ok(back)
            }
        }
        .boxed()
    }
}

async fn follow(address: &Url) -> anyhow::Result<String> {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let answer = browser.get(address.clone()).send().await?;
    let back = answer.headers().get("location");
    let back = back.context("the authorization endpoint sends the browser nowhere")?;
    Ok(back.to_str()?.to_owned())
}

/// Nobody reads the lists.
struct Nowhere;

impl Listings for Nowhere {
    fn listed<'a>(&'a self, _: &'a ServerName, _: &'a ServerInfo, _: Listing) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

/// A folder that goes with the process.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let name = format!("core-agent-conformance-{}", SystemRandom.hex(8));
        let folder = env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
