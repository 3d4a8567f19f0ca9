//! `connect_external_servers`: brings servers up and says how each is doing.
//!
//! Invariant: one server that hangs or fails is one line of the answer, not the end of it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong},
};
use crate::{
    ServerName,
    hub::{Hub, results::data, visit::Visit},
    upstream::{Patience, Scope},
};

/// Servers connected at once.
const ABREAST: usize = 8;

pub(super) const TOOL: Own = Own {
    name: "connect_external_servers",
    description: "Connect to the configured servers and report the state and tools of each.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "server_filter": { "type": "array", "items": { "type": "string" } },
                "force_reconnect": { "type": "boolean", "description": "Restart servers that have no calls at work" }
            }
        })
    },
    effect: Effect::Settles,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, visit: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        let (servers, force) = wishes(hub, &arguments)?;
        Ok(connect(hub, visit, servers, force).await)
    })
}

fn wishes(hub: &Hub, arguments: &Arguments) -> Result<(BTreeSet<ServerName>, bool), Wrong> {
    let named = arguments.texts(&["server_filter", "servers", "server"])?;
    let servers = if named.is_empty() {
        hub.options.servers.names().into_iter().collect()
    } else {
        named
            .into_iter()
            .map(|name| hub.server_named(name))
            .collect::<Result<_, _>>()?
    };
    let force = arguments.truth(&["force_reconnect", "forceReconnect"])?;
    Ok((servers, force))
}

async fn connect(
    hub: &Hub,
    visit: &Visit,
    servers: BTreeSet<ServerName>,
    force: bool,
) -> CallToolResult {
    let mut work = Vec::new();
    for server in servers {
        work.push(one(hub, visit, server, force));
    }
    let mut lines: Vec<(ServerName, bool, Value)> = futures::stream::iter(work)
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    let connected = lines.iter().filter(|(_, connected, _)| *connected).count();
    let total = lines.len();
    let servers: Map<String, Value> = lines
        .into_iter()
        .map(|(server, _, line)| (server.to_string(), line))
        .collect();
    data(json!({
        "success": connected == total,
        "connected": connected,
        "total": total,
        "servers": servers,
        "timestamp": hub.options.clock.now().to_string(),
    }))
}

async fn one(
    hub: &Hub,
    visit: &Visit,
    server: ServerName,
    force: bool,
) -> (ServerName, bool, Value) {
    let begun = Instant::now();
    let scope = Scope {
        actor: Arc::clone(&visit.actor),
        patience: Patience::short(),
        ..Scope::background()
    };
    let limit = Duration::from_secs(hub.options.config.calls.start_seconds + 15);
    let busy = hub
        .options
        .servers
        .status(&server)
        .map_or(0, |status| status.in_flight);
    let restarted = force && busy == 0;
    let upstream = &hub.options.servers;
    let attempt = async {
        if restarted {
            upstream.restart(&server, &scope).await
        } else {
            upstream.ensure(&server, &scope).await
        }
    };
    let outcome = timeout(limit, attempt).await;
    let mut line = json!({
        "restarted": restarted,
        "duration_ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if force && !restarted {
        line["not_restarted_because"] = json!(format!("{busy} calls are at work"));
    }
    let connected = match outcome {
        Ok(Ok(info)) => {
            let view = hub.options.catalogue.view();
            line["status"] = json!("connected");
            line["program"] = json!(info.program.name);
            line["version"] = json!(info.program.version);
            line["protocol"] = json!(info.protocol);
            line["tools"] = json!(
                view.tools
                    .iter()
                    .filter(|tool| tool.server == server)
                    .count()
            );
            true
        }
        Ok(Err(fault)) => {
            line["status"] = json!(fault.kind.name());
            line["error"] = json!(fault.message);
            line["recovery_suggestions"] = json!(fault.hint.iter().collect::<Vec<_>>());
            false
        }
        Err(_) => {
            line["status"] = json!("timed_out");
            line["error"] = json!(format!("it did not come up within {} s", limit.as_secs()));
            line["recovery_suggestions"] =
                json!([format!("see what it says with: core-agent logs {server}")]);
            false
        }
    };
    (server, connected, line)
}

/// Makes servers known of which nothing is known yet; each for itself.
pub(in crate::hub) async fn ensure_all(hub: &Hub, servers: &[ServerName]) {
    let scope = Scope::background();
    let scope = &scope;
    join_all(servers.iter().map(|server| async move {
        if let Err(fault) = hub.options.servers.ensure(server, scope).await {
            tracing::info!(%server, kind = fault.kind.name(), "a server's tools are not known yet: {fault}");
        }
    }))
    .await;
}
