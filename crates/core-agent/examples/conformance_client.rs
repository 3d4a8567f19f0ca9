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
    ServerName,
    config::{Config, OauthConfig, ServerConfig, Template},
    oauth::{Consent, NoConsent, SignInOptions, SignIns, SystemNames, Vault},
    secret::Secrets,
    store::Store,
    upstream::{Listing, Listings, Scope, ServerInfo, Servers, UpstreamOptions, Upstreams},
};
use foundation::{Random, SystemClock, SystemRandom, settings::Env};
use futures::future::{BoxFuture, FutureExt};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, ListToolsRequest, ServerResult,
};
use serde_json::Value;
use url::Url;

/// The document that describes the client where the suite's authorization server wants one.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

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
    let done = use_tools(servers.as_ref(), &name).await;
    servers.stop().await;
    done
}

/// Lists the server's tools and calls each once.
async fn use_tools(servers: &Upstreams, name: &ServerName) -> anyhow::Result<()> {
    let scope = Scope::background();
    servers.ensure(name, &scope).await?;
    let list = ClientRequest::ListToolsRequest(ListToolsRequest::default());
    let ServerResult::ListToolsResult(list) = servers.request(name, list, &scope).await? else {
        anyhow::bail!("the answer to tools/list is another result");
    };
    for tool in list.tools {
        let params = CallToolRequestParams::new(tool.name);
        let call = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        servers.request(name, call, &scope).await?;
    }
    Ok(())
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
