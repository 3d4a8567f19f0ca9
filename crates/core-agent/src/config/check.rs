//! What values mean together, and whether what they need is there.
//!
//! Not their shapes. Invariant: no program is started, no server asked, and no secret shown.

use std::{collections::BTreeMap, path::Path};

use foundation::settings::Env;
use url::{Host, Url};

use super::{
    AlertMetric, Config, Environment, Fault, Faults, LoadOptions, Severity, Template,
    check_server::Server,
    tree::{Node, Value},
    variables,
};
use crate::{ServerName, secret};

/// The shortest bearer of a caller.
const SHORTEST_TOKEN: usize = 16;

/// Collects faults with their places.
pub(super) struct Check<'a> {
    pub(super) config: &'a Config,
    pub(super) tree: &'a Node,
    pub(super) options: &'a LoadOptions,
    pub(super) faults: &'a mut Faults,
}

/// Finds what is wrong with the whole.
pub(super) fn check(config: &Config, tree: &Node, options: &LoadOptions, faults: &mut Faults) {
    let mut check = Check {
        config,
        tree,
        options,
        faults,
    };
    for (name, server) in &config.servers {
        Server::new(&mut check, name, server).check();
    }
    check.prefixes();
    check.callers();
    check.http();
    check.files();
    check.telemetry();
    check.alerts();
    check.production();
}

/// Finds what a file may not say that was merely found in the working folder: whoever wrote it
/// may be somebody else, such as the author of a repository that was cloned.
pub(super) fn found(node: &Node, env: &dyn Env, faults: &mut Faults) {
    // Whoever names a server's address by a variable runs both ends.
    let addressed = |server: &str| {
        env.names().iter().any(|variable| {
            env.get(variable).is_some()
                && variables::server_named(variable).is_some_and(|name| name.as_str() == server)
        })
    };
    let mut refuse = |node: &Node, path: &[&str], why: &str| {
        if node.at(path).is_some() {
            faults.0.push(Fault {
                severity: Severity::Error,
                place: node.place_of(path),
                key: path.join("."),
                problem: format!("a file that is only found in the working folder may not {why}"),
                advice: "name the file with --config or CORE_AGENT_CONFIG if it is yours"
                    .to_owned(),
            });
        }
    };
    refuse(node, &["state"], "choose where approvals are kept");
    refuse(node, &["policy", "files"], "bring policies of its own");
    refuse(node, &["callers"], "say who may call");
    refuse(node, &["http"], "say where is listened and who may call");
    refuse(
        node,
        &["telemetry", "otlp_endpoint"],
        "say who is told of every call",
    );
    refuse(node, &["alerts"], "choose what is told to operators");
    for key in ["pins", "approve_commands"] {
        if node.at(&["trust", key]).and_then(Node::as_flag) == Some(false) {
            refuse(node, &["trust", key], "switch checks off");
        }
    }
    let mut commands = Vec::new();
    refer(node, &["${command:"], &mut Vec::new(), &mut commands);
    for path in &commands {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        refuse(node, &path, "have programs run with ${command:…}");
    }
    let servers = node.get("servers").and_then(Node::table);
    for (name, server) in servers.into_iter().flatten() {
        let trust = ["servers", name.as_str(), "trust"];
        if node.at(&trust).and_then(Node::as_text) == Some("trusted") {
            refuse(node, &trust, "trust a server for you");
        }
        for key in ["pass_user", "pass_bearer"] {
            let passed = ["servers", name.as_str(), "identity", key];
            if !addressed(name) && node.at(&passed).and_then(Node::as_flag) == Some(true) {
                refuse(node, &passed, "send users' identities to an address");
            }
        }
        let inside = ["servers", name.as_str(), "oauth", "allow_private_addresses"];
        if node.at(&inside).and_then(Node::as_flag) == Some(true) {
            refuse(node, &inside, "open private networks to an address");
        }
        for key in ["url", "headers", "oauth"] {
            let mut sent = Vec::new();
            let path = vec!["servers".to_owned(), name.clone(), key.to_owned()];
            if let Some(value) = server.node.get(key) {
                refer(value, &["${"], &mut path.clone(), &mut sent);
            }
            for path in sent.iter().filter(|path| !commands.contains(path)) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                // A command is approved before it starts; an address is only connected to.
                refuse(node, &path, "send secrets of this machine to an address");
            }
        }
    }
}

/// The paths of texts with such references, lists named as a whole.
fn refer(node: &Node, marks: &[&str], path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let marked = |node: &Node| {
        node.as_text()
            .is_some_and(|text| marks.iter().any(|mark| text.contains(mark)))
    };
    match &node.value {
        Value::Table(table) => {
            for (key, entry) in table {
                path.push(key.clone());
                refer(&entry.node, marks, path, found);
                path.pop();
            }
        }
        Value::List(items) if items.iter().any(marked) => found.push(path.clone()),
        _ if marked(node) => found.push(path.clone()),
        _ => {}
    }
}

impl Check<'_> {
    pub(super) fn say(
        &mut self,
        severity: Severity,
        path: &[&str],
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.faults.0.push(Fault {
            severity,
            place: self.tree.place_of(path),
            key: path.join("."),
            problem: problem.into(),
            advice: advice.into(),
        });
    }

    /// Says what is wrong with a template: its words, or what it refers to.
    pub(super) fn template(&mut self, path: &[&str], template: &Template, absent: Severity) {
        if let Err(error) = template.parts() {
            self.say(Severity::Error, path, error.to_string(), "");
            return;
        }
        for reference in template.references() {
            match secret::check(&reference, self.options.env.as_ref()) {
                Ok(None) => {}
                Ok(Some(warning)) => self.say(Severity::Warning, path, warning, ""),
                Err(error) => self.say(absent, path, error.to_string(), advice(&error)),
            }
        }
    }

    /// Says when a secret is written out: a fault in production.
    pub(super) fn written_out(&mut self, path: &[&str]) {
        let severity = if self.production_is_meant() {
            Severity::Error
        } else {
            Severity::Warning
        };
        self.say(
            severity,
            path,
            "this looks like a secret written out",
            "keep it elsewhere and write ${env:NAME}, ${file:/path}, ${command:…} or ${keyring:service/account}",
        );
    }

    pub(super) fn production_is_meant(&self) -> bool {
        self.config.environment == Environment::Production
    }

    fn prefixes(&mut self) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        let mut said = Vec::new();
        let enabled = self
            .config
            .servers
            .iter()
            .filter(|(_, server)| server.enabled);
        for (name, server) in enabled.clone() {
            let prefix = server.prefix.as_deref().unwrap_or(name.as_str());
            if let Some(other) = seen.insert(prefix, name.as_str()) {
                said.push((name, prefix.is_empty(), other.to_owned()));
            }
        }
        for (name, bare, other) in said {
            let path = ["servers", name.as_str(), "prefix"];
            if bare {
                let problem = format!("the tools of {other} have bare names too");
                let advice = "names that both have are listed under their servers' names";
                self.say(Severity::Warning, &path, problem, advice);
            } else {
                let problem = format!("the tools of {other} begin with the same");
                self.say(
                    Severity::Error,
                    &path,
                    problem,
                    "give one of the two another prefix",
                );
            }
        }
    }

    fn callers(&mut self) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, caller) in &self.config.callers {
            let path = ["callers", name.as_str(), "token"];
            if name == "local" {
                let problem = "local is the person at this machine";
                self.say(Severity::Error, &path[..2], problem, "choose another name");
            }
            if caller.token.0.is_empty() {
                let advice = "write token = \"${env:NAME}\"";
                self.say(Severity::Error, &path[..2], "it has no token", advice);
                continue;
            }
            self.template(&path, &caller.token, Severity::Error);
            if let Some(length) = self.length(&caller.token)
                && length < SHORTEST_TOKEN
            {
                let problem = format!("the token is shorter than {SHORTEST_TOKEN} characters");
                self.say(
                    Severity::Error,
                    &path,
                    problem,
                    "make one with openssl rand -hex 32",
                );
            }
            if caller.token.literal().is_some() {
                self.written_out(&path);
            }
            if let Some(other) = seen.insert(self.identity_of(&caller.token), name) {
                let problem = format!("{other} has the same token");
                self.say(Severity::Error, &path, problem, "give each caller its own");
            }
        }
    }

    /// The length of a token that can be known without asking anybody.
    fn length(&self, token: &Template) -> Option<usize> {
        Some(self.near(token)?.chars().count())
    }

    /// What tells two tokens apart: their values where they are near, their words otherwise.
    fn identity_of(&self, token: &Template) -> String {
        self.near(token).unwrap_or_else(|| token.0.clone())
    }

    fn near(&self, token: &Template) -> Option<String> {
        let mut text = String::new();
        for part in token.parts().ok()? {
            match part {
                secret::Part::Text(plain) => text.push_str(&plain),
                secret::Part::Reference(secret::Reference::Env { name, default }) => {
                    text.push_str(&self.options.env.get(&name).or(default)?);
                }
                secret::Part::Reference(_) => return None,
            }
        }
        Some(text)
    }

    fn http(&mut self) {
        let http = &self.config.http;
        let open = !http.listen.ip().is_loopback();
        if open && self.config.callers.is_empty() {
            let problem = format!(
                "{} is open to other machines and nobody is asked for a token",
                http.listen
            );
            self.say(
                Severity::Error,
                &["http", "listen"],
                problem,
                "set CORE_AGENT_TOKEN or a [callers.NAME] with a token, or listen on 127.0.0.1",
            );
        }
        if open && http.hosts.is_empty() {
            self.say(
                Severity::Warning,
                &["http", "hosts"],
                "requests that name this machine otherwise than localhost are refused",
                "list the names it answers to, or * behind a load balancer",
            );
        }
        for (at, host) in http.hosts.iter().enumerate() {
            if host.is_empty() || host.contains("//") || host.contains(['/', ' ']) {
                let path = ["http", "hosts", &at.to_string()];
                let advice = "write it without scheme and path, such as hub.example.com";
                self.say(Severity::Error, &path, "this is no host name", advice);
            }
        }
        for (at, origin) in http.origins.iter().enumerate() {
            let good = Url::parse(origin).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == *origin
            });
            if !good {
                let path = ["http", "origins", &at.to_string()];
                let advice = "write scheme, host and port, such as https://app.example.com";
                self.say(Severity::Error, &path, "this is no web origin", advice);
            }
        }
        for (at, prefix) in http.prefixes.iter().enumerate() {
            if !prefix.starts_with('/') || prefix.contains([' ', '?', '#']) {
                let path = ["http", "prefixes", &at.to_string()];
                self.say(Severity::Error, &path, "this is no path", "begin it with /");
            }
        }
    }

    fn files(&mut self) {
        for (at, file) in self.config.policy.files.iter().enumerate() {
            if !file.is_file() {
                let path = ["policy", "files", &at.to_string()];
                // Calls must not be allowed because a rule was not found.
                self.say(Severity::Error, &path, missing(file, "file"), "");
            }
        }
        if let Some(folder) = &self.config.search.encoder
            && !folder.is_dir()
        {
            let advice = "tools are found by words alone";
            self.say(
                Severity::Warning,
                &["search", "encoder"],
                missing(folder, "folder"),
                advice,
            );
        }
    }

    fn telemetry(&mut self) {
        let telemetry = &self.config.telemetry;
        if let Some(level) = &telemetry.log_level
            && level.parse::<tracing_subscriber::EnvFilter>().is_err()
        {
            self.say(
                Severity::Error,
                &["telemetry", "log_level"],
                "this is no filter",
                "use error, warn, info, debug, trace, or module=level separated by commas",
            );
        }
        if let Some(endpoint) = &telemetry.otlp_endpoint
            && !Url::parse(endpoint)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            self.say(
                Severity::Error,
                &["telemetry", "otlp_endpoint"],
                "this is no web address",
                "write it as http://collector:4318",
            );
        }
    }

    fn alerts(&mut self) {
        use AlertMetric as Metric;
        for (at, alert) in self.config.alerts.iter().flatten().enumerate() {
            let at = at.to_string();
            let Some(metric) = alert.metric else {
                let problem = "an alert needs a metric";
                self.say(
                    Severity::Error,
                    &["alerts", &at],
                    problem,
                    "say metric = \"error_rate\"",
                );
                continue;
            };
            let of_server = !matches!(metric, Metric::MemoryMb | Metric::ApprovalsWaiting);
            let of_tool = matches!(metric, Metric::ErrorRate | Metric::ResponseSeconds);
            for (given, fits, key) in [
                (alert.server.is_some(), of_server, "server"),
                (alert.tool.is_some(), of_tool, "tool"),
            ] {
                if given && !fits {
                    let problem = format!("{} is no figure of a {key}", metric.name());
                    self.say(
                        Severity::Error,
                        &["alerts", &at, key],
                        problem,
                        "leave it out",
                    );
                }
            }
            if let Some(server) = &alert.server
                && !self
                    .config
                    .servers
                    .keys()
                    .any(|name| name.as_str() == server)
            {
                let problem = format!("there is no server {server:?}");
                let names = self.config.servers.keys().map(ServerName::as_str);
                let advice = foundation::nearest(server, names)
                    .map_or_else(String::new, |near| format!("did you mean {near}?"));
                self.say(
                    Severity::Warning,
                    &["alerts", &at, "server"],
                    problem,
                    advice,
                );
            }
        }
    }

    fn production(&mut self) {
        if !self.production_is_meant() {
            return;
        }
        if self.config.telemetry.log_format.as_deref() == Some("text") {
            self.say(
                Severity::Error,
                &["telemetry", "log_format"],
                "logs of production are read by programs",
                "use json, or leave it out",
            );
        }
        for (off, key, what) in [
            (
                !self.config.trust.pins,
                "pins",
                "changed tools are not noticed",
            ),
            (
                !self.config.trust.approve_commands,
                "approve_commands",
                "any command is started",
            ),
        ] {
            if off {
                self.say(
                    Severity::Warning,
                    &["trust", key],
                    what,
                    "switch it on again",
                );
            }
        }
    }
}

/// What to do about a secret that is not there.
fn advice(error: &secret::NotThere) -> &'static str {
    match error {
        secret::NotThere::Variable(_) => "set it before core-agent is started",
        secret::NotThere::File { .. } => "make the file, readable by this user alone",
        secret::NotThere::Program(_) => "install it, or write its full path",
        _ => "",
    }
}

pub(super) fn missing(path: &Path, what: &str) -> String {
    format!("there is no {what} {}", path.display())
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    Loopback,
    Private,
    Public,
}

pub(super) fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Host::Ipv4(ip)) if ip.is_private() || ip.is_link_local() => Reach::Private,
        Some(Host::Ipv6(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Host::Ipv6(ip)) if ip.is_unique_local() || ip.is_unicast_link_local() => {
            Reach::Private
        }
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let ends = |ending: &str| name.ends_with(ending);
            if name == "localhost" || ends(".localhost") {
                Reach::Loopback
            } else if !name.contains('.')
                || [".local", ".internal", ".lan", ".home.arpa", ".svc", ".test"]
                    .into_iter()
                    .any(ends)
            {
                Reach::Private
            } else {
                Reach::Public
            }
        }
        _ => Reach::Public,
    }
}
