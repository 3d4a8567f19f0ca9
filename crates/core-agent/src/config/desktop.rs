//! The forms in which other programs write servers down, put into ours.
//!
//! Desktop clients agree on `command`, `args`, `env` and `url`, and on little else.
//! Invariant: what is not understood is said, never silently dropped.

use std::collections::BTreeMap;

use super::{
    Fault, Faults, Severity, keys,
    tree::{Entry, Node, Value},
};
use crate::ServerName;

/// The keys under which clients keep their servers.
pub(crate) const SERVERS: &[&str] = &["mcpServers", "mcp_servers", "context_servers"];

/// Puts `mcpServers` where our servers are.
pub(crate) fn normalise(root: &mut Node, faults: &mut Faults) {
    let found = SERVERS.iter().find(|key| root.get(key).is_some());
    let Some(key) = found else { return };
    let foreign = root.table_mut().remove(*key).unwrap_or_default();
    // Clients keep more in that file than servers.
    let strange: Vec<String> = root
        .table()
        .into_iter()
        .flat_map(|table| table.keys())
        .filter(|name| !keys::ROOT.iter().any(|key| key.name == *name))
        .cloned()
        .collect();
    for name in strange {
        root.table_mut().remove(&name);
    }
    let Some(servers) = foreign.node.table() else {
        faults.0.push(Fault {
            severity: Severity::Error,
            place: foreign.node.place.clone(),
            key: (*key).to_owned(),
            problem: format!("{} cannot stand here", foreign.node.kind()),
            advice: "use a table of servers".to_owned(),
        });
        return;
    };
    for (name, server) in named(servers, key, faults) {
        let place = server.node.place.clone();
        let mut node = server_of(&server.node, &format!("{key}.{name}"), faults);
        node.place = node.place.or(place);
        let entry = Entry {
            key: server.key.clone(),
            node,
        };
        let servers = root.table_mut().entry("servers".to_owned()).or_default();
        servers.node.table_mut().insert(name, entry);
    }
}

/// The servers under names that are allowed; those whose names cannot be told apart are faults.
pub(crate) fn named<'a>(
    servers: &'a BTreeMap<String, Entry>,
    key: &str,
    faults: &mut Faults,
) -> BTreeMap<String, &'a Entry> {
    let mut named: BTreeMap<String, &Entry> = BTreeMap::new();
    for (original, server) in servers {
        let mut fault = |severity, problem: String, advice: &str| {
            faults.0.push(Fault {
                severity,
                place: server.key.clone(),
                key: format!("{key}.{original}"),
                problem,
                advice: advice.to_owned(),
            });
        };
        let Some(name) = ServerName::nearest(original) else {
            fault(
                Severity::Error,
                "this name has no letter or digit".to_owned(),
                "use a to z, 0 to 9, - and _",
            );
            continue;
        };
        let name = String::from(name);
        if name != *original {
            let problem = format!("it is called {name} here");
            fault(
                Severity::Warning,
                problem,
                "rename it if that is not wanted",
            );
        }
        if named.contains_key(&name) {
            let problem = format!("another server is called {name} here too");
            fault(Severity::Error, problem, "rename one of the two");
            continue;
        }
        named.insert(name, server);
    }
    named
}

/// One server in our form.
pub(crate) fn server_of(foreign: &Node, path: &str, faults: &mut Faults) -> Node {
    let mut server = Node::of(Value::Table(BTreeMap::new()));
    let Some(table) = foreign.table() else {
        // The examination says that this is no table.
        return foreign.clone();
    };
    for (key, entry) in table {
        let node = &entry.node;
        match (key.as_str(), &node.value) {
            // `command` of Zed's first form is a table of its own.
            ("command", Value::Table(command)) => {
                for (key, entry) in command {
                    let to = if key == "path" { "command" } else { key };
                    put(&mut server, to, entry);
                }
            }
            ("serverUrl" | "httpUrl" | "uri" | "endpoint", _) => put(&mut server, "url", entry),
            ("http_headers", _) => lay(&mut server, "headers", node.clone()),
            ("env_http_headers", Value::Table(headers)) => {
                for (header, variable) in headers {
                    if let Some(variable) = variable.node.as_text() {
                        set(&mut server, &["headers", header], &reference(variable));
                    }
                }
            }
            ("bearer_token_env_var", Value::Text(variable)) => {
                let value = format!("Bearer {}", reference(variable));
                set(&mut server, &["headers", "Authorization"], &value);
            }
            ("env_vars", Value::List(_)) => put(&mut server, "inherit", entry),
            ("disabled", Value::Flag(flag)) => {
                server.set(&["enabled"], at(node, Value::Flag(!flag)));
            }
            ("isActive", Value::Flag(_)) => put(&mut server, "enabled", entry),
            ("includeTools" | "enabled_tools", Value::List(_)) => put(&mut server, "tools", entry),
            ("excludeTools" | "disabled_tools" | "disabledTools", Value::List(_)) => {
                put(&mut server, "exclude", entry);
            }
            ("tool_timeout_sec", Value::Whole(_)) => put(&mut server, "timeout_seconds", entry),
            ("oauth", Value::Table(oauth)) if oauth.contains_key("clientId") => {
                if let Some(id) = foreign.at(&["oauth", "clientId"]) {
                    server.set(&["oauth", "client_id"], id.clone());
                }
            }
            ("type" | "transport" | "transportType", Value::Text(kind)) => {
                if let Some(problem) = transport(kind) {
                    faults.0.push(note(entry, path, key, problem));
                }
            }
            ("trust", Value::Flag(_)) => {
                let problem = "it stays untrusted: trust = \"trusted\" is for you to say";
                faults.0.push(note(entry, path, key, problem));
            }
            ("env" | "headers", Value::Table(_)) => lay(&mut server, key, texts(node)),
            ("args", Value::List(_)) => server.set(&["args"], texts(node)),
            ("source" | "name" | "description" | "gallery" | "version" | "icon", _) => {}
            (ours, _) if keys::SERVER.iter().any(|key| key.name == ours) => {
                put(&mut server, ours, entry);
            }
            _ => {
                let problem = "this is not understood here and left out";
                faults.0.push(note(entry, path, key, problem));
            }
        }
    }
    server
}

fn transport(kind: &str) -> Option<&'static str> {
    let plain: String = kind.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "stdio" | "local" | "http" | "streamablehttp" | "streaming" | "remote" => None,
        "sse" => Some(
            "the transport with two addresses of 2024 is not spoken: streamable HTTP is tried at this address",
        ),
        _ => Some("this transport is not spoken: stdio and streamable HTTP are"),
    }
}

/// Variables and headers are texts; JSON lets people write numbers.
fn texts(node: &Node) -> Node {
    let value = match &node.value {
        Value::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, entry)| {
                    let entry = Entry {
                        key: entry.key.clone(),
                        node: texts(&entry.node),
                    };
                    (key.clone(), entry)
                })
                .collect(),
        ),
        Value::List(list) => Value::List(list.iter().map(texts).collect()),
        Value::Whole(number) => Value::Text(number.to_string()),
        Value::Fraction(number) => Value::Text(number.to_string()),
        Value::Flag(flag) => Value::Text(flag.to_string()),
        other => other.clone(),
    };
    at(node, value)
}

fn at(node: &Node, value: Value) -> Node {
    Node {
        value,
        place: node.place.clone(),
    }
}

fn put(server: &mut Node, key: &str, entry: &Entry) {
    server.table_mut().insert(key.to_owned(), entry.clone());
}

fn lay(server: &mut Node, key: &str, node: Node) {
    let table = server.table_mut().entry(key.to_owned()).or_default();
    table.node.lay_over(node);
}

fn set(server: &mut Node, path: &[&str], text: &str) {
    server.set(path, Node::text(text));
}

fn reference(variable: &str) -> String {
    format!("${{env:{variable}}}")
}

fn note(entry: &Entry, path: &str, key: &str, problem: &str) -> Fault {
    Fault {
        severity: Severity::Warning,
        place: entry.key.clone().or_else(|| entry.node.place.clone()),
        key: format!("{path}.{key}"),
        problem: problem.to_owned(),
        advice: String::new(),
    }
}
