//! What environment variables say: the settings of containers, and servers by their URL.
//!
//! Invariant: variables win over files, and a value that may be a secret is kept as a reference.

use std::net::SocketAddr;

use foundation::settings::{Env, Setting};

use super::{
    Fault, Faults, Severity,
    tree::{Node, Value},
};
use crate::ServerName;

const CONFIG: Setting = Setting::new(
    "CORE_AGENT_CONFIG",
    "core-agent.toml, core-agent.json, mcp.json or .mcp.json in the working folder, else core-agent.toml or core-agent.json in $XDG_CONFIG_HOME/core-agent",
    "The configuration; also --config.",
);
const ENVIRONMENT: Setting = Setting::new(
    "CORE_AGENT_ENV",
    "the file's environment, else development",
    "development, staging or production; also --environment.",
);
const STATE: Setting = Setting::new(
    "CORE_AGENT_STATE",
    "the file's state, else $XDG_STATE_HOME/core-agent",
    "The folder of everything kept; also --state.",
);
const LISTEN: Setting = Setting::new(
    "CORE_AGENT_LISTEN",
    "127.0.0.1:8100",
    "Where it listens, such as 0.0.0.0:8100; beyond loopback, callers are required.",
);
const HOSTS: Setting = Setting::new(
    "CORE_AGENT_HOSTS",
    "loopback names",
    "Host names it answers to, separated by commas; * for any, behind a load balancer.",
);
const ORIGINS: Setting = Setting::new(
    "CORE_AGENT_ORIGINS",
    "none",
    "Web origins that may call it, separated by commas.",
);
const PREFIXES: Setting = Setting::new(
    "CORE_AGENT_PREFIXES",
    "none",
    "Path prefixes stripped from requests, separated by commas, such as /core-agent.",
);
const LISTING: Setting = Setting::new(
    "CORE_AGENT_LISTING",
    "meta",
    "meta for a handful of tools to find and call all others, merged for every tool of every server.",
);
const TOKEN: Setting = Setting::new(
    "CORE_AGENT_TOKEN",
    "none",
    "The bearer of a caller named default: at least 16 characters.",
)
.secret();
const TOKEN_FILE: Setting = Setting::new(
    "CORE_AGENT_TOKEN_FILE",
    "none",
    "A file with the bearer of a caller named default.",
);
const NAMES_USERS: Setting = Setting::new(
    "CORE_AGENT_NAMES_USERS",
    "false",
    "Whether the caller named default may name the end user it calls for.",
);
const LOG_FORMAT: Setting = Setting::new(
    "CORE_AGENT_LOG_FORMAT",
    "text on a terminal, else json; json in production",
    "How log lines look: json or text.",
);
const LOG_LEVEL: Setting = Setting::new(
    "CORE_AGENT_LOG_LEVEL",
    "info",
    "What is logged: error, warn, info, debug, trace, or a filter by module.",
)
.also(&["LOG_LEVEL"]);
const OTLP: Setting = Setting::new(
    "CORE_AGENT_OTLP_ENDPOINT",
    "none",
    "Where traces are sent by OTLP over HTTP, such as http://collector:4318.",
)
.also(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);

const SETTINGS: &[Setting] = &[
    CONFIG,
    ENVIRONMENT,
    STATE,
    LISTEN,
    HOSTS,
    ORIGINS,
    PREFIXES,
    LISTING,
    TOKEN,
    TOKEN_FILE,
    NAMES_USERS,
    LOG_FORMAT,
    LOG_LEVEL,
    OTLP,
    crate::oauth::KEY,
];

/// Where clients of the hub look for it; nothing the hub itself reads.
const OF_CLIENTS: &str = "CORE_AGENT_URL";

/// Words before `_URL` that say what the address is for, so that it is no server's.
const NOT_SERVERS: &[&str] = &[
    "SERVER",
    "HUB",
    "BASE",
    "PUBLIC",
    "EXTERNAL",
    "AUTH",
    "OAUTH",
    "OAUTH2",
    "AUTHORIZATION",
    "TOKEN",
    "ISSUER",
    "CALLBACK",
    "REDIRECT",
    "METADATA",
    "LOGIN",
    "LOGOUT",
    "PROXY",
    "HEALTH",
    "WEBHOOK",
    "DOCS",
    "REGISTRY",
];

/// The server a variable's name stands for: `MCP_GOOGLE_WORKSPACE_URL` for `google-workspace`.
pub(crate) fn server_named(variable: &str) -> Option<ServerName> {
    let middle = variable.strip_prefix("MCP_")?.strip_suffix("_URL")?;
    let last = middle.rsplit('_').next().unwrap_or_default();
    let plain = middle
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !plain || NOT_SERVERS.contains(&last) {
        return None;
    }
    middle.to_ascii_lowercase().replace('_', "-").parse().ok()
}

/// What the variables say, as a layer over the files, and which of them said something.
pub(crate) fn layer(env: &dyn Env, faults: &mut Faults) -> (Node, Vec<(String, String)>) {
    let mut layer = Layer {
        env,
        node: Node::of(Value::Table(std::collections::BTreeMap::new())),
        said: Vec::new(),
    };
    layer.text(LISTEN, &["http", "listen"]);
    if let Some((listen, name)) = LISTEN.read(env)
        && listen.trim().parse::<SocketAddr>().is_err()
    {
        faults.0.push(wrong(
            name,
            "this is no address with a port",
            "write it as 0.0.0.0:8100",
        ));
        layer.node = Node::of(Value::Table(std::collections::BTreeMap::new()));
    }
    layer.words(HOSTS, &["http", "hosts"]);
    layer.words(ORIGINS, &["http", "origins"]);
    layer.words(PREFIXES, &["http", "prefixes"]);
    layer.choice(LISTING, &["hub", "listing"], &["meta", "merged"], faults);
    layer.choice(
        LOG_FORMAT,
        &["telemetry", "log_format"],
        &["json", "text"],
        faults,
    );
    layer.text(LOG_LEVEL, &["telemetry", "log_level"]);
    layer.text(OTLP, &["telemetry", "otlp_endpoint"]);
    layer.caller(faults);
    let mut names = env.names();
    names.sort();
    for name in names {
        layer.server(&name, faults);
    }
    let mut misspelt = foundation::settings::Faults::default();
    foundation::settings::unknown_names(env, &["CORE_AGENT_"], SETTINGS, &mut misspelt);
    for fault in misspelt.all() {
        if fault.setting != OF_CLIENTS {
            faults.0.push(Fault {
                severity: Severity::Warning,
                place: None,
                key: fault.setting.clone(),
                problem: fault.problem.clone(),
                advice: fault.advice.clone(),
            });
        }
    }
    (layer.node, layer.said)
}

/// The environment a person chose, and how.
pub(crate) fn environment(env: &dyn Env) -> Option<(String, &'static str)> {
    ENVIRONMENT.read(env)
}

/// The file a person chose.
pub(crate) fn config(env: &dyn Env) -> Option<String> {
    CONFIG.text(env)
}

/// The folder of everything kept a person chose.
pub(crate) fn state(env: &dyn Env) -> Option<String> {
    STATE.text(env)
}

/// The reference page of the variables, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Variables of core-agent\n\n\
         Environment variables win over the files; an empty one counts as absent. A name that \
         begins with CORE_AGENT_ and is not here is reported.\n\n\
         | variable | meaning | default |\n| --- | --- | --- |\n",
    );
    for setting in SETTINGS {
        let mut also = String::new();
        for name in setting.aliases {
            also.push_str(&format!(" (also `{name}`)"));
        }
        page.push_str(&format!(
            "| `{}`{also} | {} | {} |\n",
            setting.name, setting.meaning, setting.default
        ));
    }
    page.push_str(&format!(
        "\n## Servers by their URL\n\n\
         `MCP_NAME_URL` is the full address of a server over HTTP, path included; the name is \
         written in small letters with - for _: `MCP_GOOGLE_WORKSPACE_URL` gives the server \
         `google-workspace`. As many as wanted stand side by side. Who sets such a variable runs \
         both ends: the server is trusted, and it is told the end user's e-mail and id when the \
         caller may name one; `servers.NAME.trust` and `servers.NAME.identity.pass_user` in the \
         file say otherwise. A variable \
         whose name ends with {} before `_URL` names no server.\n",
        NOT_SERVERS
            .iter()
            .map(|word| format!("_{word}"))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    page
}

struct Layer<'a> {
    env: &'a dyn Env,
    node: Node,
    /// Variables that said something, with the server they named or nothing.
    said: Vec<(String, String)>,
}

impl Layer<'_> {
    fn text(&mut self, setting: Setting, path: &[&str]) {
        if let Some((value, name)) = setting.read(self.env) {
            self.node.set(path, Node::text(value.trim()));
            self.said.push((name.to_owned(), String::new()));
        }
    }

    fn words(&mut self, setting: Setting, path: &[&str]) {
        if let Some((value, name)) = setting.read(self.env) {
            let words = value
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty());
            let list = Value::List(words.map(Node::text).collect());
            self.node.set(path, Node::of(list));
            self.said.push((name.to_owned(), String::new()));
        }
    }

    fn choice(&mut self, setting: Setting, path: &[&str], allowed: &[&str], faults: &mut Faults) {
        match setting.read(self.env) {
            Some((value, name)) if !allowed.contains(&value.trim()) => {
                let advice = format!("use {}", allowed.join(" or "));
                faults
                    .0
                    .push(wrong(name, "this word is not known", &advice));
            }
            _ => self.text(setting, path),
        }
    }

    fn caller(&mut self, faults: &mut Faults) {
        let reference = match (TOKEN.read(self.env), TOKEN_FILE.read(self.env)) {
            (Some(_), Some(_)) => {
                let problem = format!("{} is set too", TOKEN_FILE.name);
                faults
                    .0
                    .push(wrong(TOKEN.name, &problem, "set one of the two"));
                return;
            }
            (Some((_, name)), None) => (name, format!("${{env:{name}}}")),
            (None, Some((file, name))) => (name, format!("${{file:{}}}", file.trim())),
            (None, None) => return,
        };
        self.node
            .set(&["callers", "default", "token"], Node::text(reference.1));
        self.said.push((reference.0.to_owned(), String::new()));
        let mut unreadable = foundation::settings::Faults::default();
        if NAMES_USERS.flag(self.env, false, &mut unreadable) {
            let path = ["callers", "default", "names_users"];
            self.node.set(&path, Node::of(Value::Flag(true)));
        }
        if let Some(fault) = unreadable.all().first() {
            faults
                .0
                .push(wrong(&fault.setting, &fault.problem, &fault.advice));
        }
    }

    fn server(&mut self, variable: &str, faults: &mut Faults) {
        let Some(server) = server_named(variable) else {
            return;
        };
        let Some(address) = self.env.get(variable) else {
            return;
        };
        let web = url::Url::parse(address.trim())
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !web {
            faults.0.push(wrong(
                variable,
                "this is no web address",
                "write it in full, such as http://google-workspace.local:8000/mcp",
            ));
            return;
        }
        // No reference: an address is no secret, and logs may name it.
        let url = address.trim().replace("${", "$${");
        self.node
            .set(&["servers", server.as_str(), "url"], Node::text(url));
        self.said
            .push((variable.to_owned(), server.as_str().to_owned()));
    }
}

fn wrong(name: &str, problem: &str, advice: &str) -> Fault {
    Fault {
        severity: Severity::Error,
        place: None,
        key: name.to_owned(),
        problem: problem.to_owned(),
        advice: advice.to_owned(),
    }
}
