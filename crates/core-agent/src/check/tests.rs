//! Checks of servers that are scripted: a good one, and one for each fault.

use std::{sync::Arc, time::Duration};

use foundation::SystemClock;
use futures::future::{BoxFuture, FutureExt};
use mcp_service::Era;
use rmcp::model::{ClientRequest, Implementation, ServerResult};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::{CheckOptions, Report, Severity, Standing, all, render};
use crate::{
    Fault, FaultKind, ServerName,
    upstream::{Scope, ServerEvent, ServerInfo, ServerStatus, Servers},
};

type Script = fn(&str, &Value) -> Result<Value, (i64, &'static str)>;

/// A server that answers from a script.
struct Scripted {
    script: Script,
    fault: Option<FaultKind>,
}

impl Servers for Scripted {
    fn names(&self) -> Vec<ServerName> {
        vec!["one".parse().unwrap()]
    }

    fn status(&self, _: &ServerName) -> Option<ServerStatus> {
        None
    }

    fn ensure<'a>(
        &'a self,
        server: &'a ServerName,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>> {
        async move {
            if let Some(kind) = self.fault {
                return Err(Fault::before(server, kind, "it does not come up"));
            }
            Ok(Arc::new(ServerInfo {
                program: Implementation::new("scripted", "1"),
                protocol: "2025-11-25".into(),
                era: Era::Handshake,
                capabilities: serde_json::from_value(json!({"tools": {}, "resources": {}}))
                    .unwrap(),
                instructions: None,
            }))
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        server: &'a ServerName,
        _: ClientRequest,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<ServerResult, Fault>> {
        async move { Err(Fault::before(server, FaultKind::Protocol, "raw only")) }.boxed()
    }

    fn relay<'a>(
        &'a self,
        _: &'a ServerName,
        message: Value,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Value, Fault>> {
        async move {
            let method = message["method"].as_str().unwrap();
            let mut answer = json!({"jsonrpc": "2.0", "id": message["id"]});
            match (self.script)(method, &message["params"]) {
                Ok(result) => answer["result"] = result,
                Err((code, message)) => {
                    answer["error"] = json!({"code": code, "message": message});
                }
            }
            Ok(answer)
        }
        .boxed()
    }

    fn events(&self) -> broadcast::Receiver<ServerEvent> {
        broadcast::channel(1).1
    }
}

async fn checked(script: Script, fault: Option<FaultKind>) -> Report {
    checked_with(script, fault, true).await
}

async fn checked_with(script: Script, fault: Option<FaultKind>, calls: bool) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let options = CheckOptions {
        calls,
        start: Duration::from_secs(1),
        at_once: 2,
        state: folder.path().to_owned(),
    };
    let servers = Arc::new(Scripted { script, fault });
    let names = vec![("one".parse().unwrap(), "stdio")];
    all(servers, names, options, &SystemClock).await
}

fn good(method: &str, params: &Value) -> Result<Value, (i64, &'static str)> {
    let look = json!({
        "name": "look", "description": "Looks.", "inputSchema": {"type": "object"},
        "outputSchema": {
            "type": "object", "properties": {"seen": {"type": "integer"}}, "required": ["seen"],
        },
        "annotations": {"readOnlyHint": true},
    });
    let find = json!({
        "name": "find", "description": "Finds.",
        "inputSchema": {
            "type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"],
        },
        "annotations": {"readOnlyHint": true},
    });
    let wipe = json!({
        "name": "wipe", "description": "Wipes.", "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": false},
    });
    match method {
        "ping" => Ok(json!({})),
        "tools/list" => match params["cursor"].as_str() {
            None => Ok(json!({"tools": [look, find], "nextCursor": "2"})),
            Some("2") => Ok(json!({"tools": [wipe]})),
            Some(_) => Err((-32602, "no such page")),
        },
        "resources/list" => Ok(json!({"resources": []})),
        "resources/templates/list" => Ok(json!({"resourceTemplates": []})),
        "resources/read" => Err((-32002, "no such resource")),
        "tools/call" => match params["name"].as_str() {
            Some("look") => Ok(json!({
                "content": [{"type": "text", "text": "7"}], "structuredContent": {"seen": 7},
            })),
            Some("find") => Err((-32602, "what is missing")),
            Some("wipe") => panic!("a tool that changes something was called"),
            _ => Err((-32602, "no such tool")),
        },
        _ => Err((-32601, "no such method")),
    }
}

#[tokio::test]
async fn no_tool_is_called_where_none_may_be() {
    let script: Script = |method, params| match (method, params["name"].as_str()) {
        ("tools/call", Some(name @ ("look" | "find" | "wipe"))) => panic!("{name} was called"),
        _ => good(method, params),
    };
    let report = checked_with(script, None, false).await;
    let one = &report.servers[0];
    assert_eq!((&one.standing, one.calls.len()), (&Standing::Passed, 0));
}

#[tokio::test]
async fn a_good_server_passes_and_is_called_where_it_only_looks() {
    let report = checked(good, None).await;
    let one = &report.servers[0];
    let errors: Vec<_> = one
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Note)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(one.standing, Standing::Passed);
    assert_eq!((one.counts.tools, one.counts.typed), (3, 1));
    assert_eq!(one.calls.len(), 1);
    assert!(one.calls[0].is_good() && one.calls[0].as_declared == Some(true));
    assert_eq!(one.skipped.len(), 2);
    assert!(one.probes >= 8, "{}", one.probes);
    assert_eq!(report.totals.exit_code(), 0);
    let text = render(&report, true);
    assert!(text.contains("1 of 1 available servers passed"), "{text}");
}

#[tokio::test]
async fn each_fault_is_found() {
    let cases: [(Script, &str); 8] = [
        (
            |method, params| match method {
                "tools/call" if params["name"] == "look" => Ok(json!({"content": []})),
                _ => good(method, params),
            },
            "no structuredContent",
        ),
        (
            |method, params| match method {
                "tools/call" if params["name"] == "look" => Ok(json!({
                    "content": [], "structuredContent": {"seen": "x"},
                })),
                _ => good(method, params),
            },
            "not what it declares",
        ),
        (
            |method, params| match method {
                "tools/list" => Ok(json!({"tools": [], "nextCursor": "again"})),
                _ => good(method, params),
            },
            "the same cursor",
        ),
        (
            |method, params| match method {
                "tools/list" => Ok(json!({"list": []})),
                _ => good(method, params),
            },
            "no list of tools",
        ),
        (
            |method, params| match method {
                "check/nothing" => Ok(json!({})),
                _ => good(method, params),
            },
            "an unknown method",
        ),
        (
            |method, params| match method {
                "ping" => Err((-32601, "no")),
                _ => good(method, params),
            },
            "-32601",
        ),
        (
            |method, params| match method {
                "resources/list" => Err((-32601, "no")),
                _ => good(method, params),
            },
            "declared, but",
        ),
        (
            |method, params| match method {
                "tools/call" if params["name"] != "look" => Ok(json!({"content": []})),
                _ => good(method, params),
            },
            "called with success",
        ),
    ];
    for (script, words) in cases {
        let report = checked(script, None).await;
        let one = &report.servers[0];
        let found = one
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error && finding.what.contains(words));
        assert!(found, "{words}: {:?}", one.findings);
        assert_eq!(one.standing, Standing::Failed, "{words}");
        assert_eq!(report.totals.exit_code(), 1);
    }
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_is_broken() {
    for (kind, available) in [
        (FaultKind::NotAvailable, false),
        (FaultKind::SignInRequired, false),
        (FaultKind::NotApproved, false),
        (FaultKind::StartFailed, true),
        (FaultKind::TimedOut, true),
    ] {
        let report = checked(good, Some(kind)).await;
        assert_eq!(report.totals.available == 1, available, "{kind:?}");
        assert_eq!(report.totals.passed, 0, "{kind:?}");
        let code = if available { 1 } else { 3 };
        assert_eq!(report.totals.exit_code(), code, "{kind:?}");
    }
}
