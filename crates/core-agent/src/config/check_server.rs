//! What is wrong with one server.
//!
//! Invariant: what is wrong with the words is an error; what is missing around them makes this
//! server unavailable and no other.

use http::{HeaderName, HeaderValue};
use url::Url;

use super::{
    ServerConfig, Severity,
    check::{Check, Reach, missing, reach},
    programs,
};
use crate::{
    ServerName,
    secret::{self, looks_secret, secret_arguments},
    upstream::stdio::find_program,
};

/// Headers that belong to the protocol.
const OURS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "accept",
    "connection",
    "transfer-encoding",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
];

/// The examination of one server.
pub(super) struct Server<'a, 'c> {
    check: &'a mut Check<'c>,
    name: &'a ServerName,
    said: &'a ServerConfig,
}

impl<'a, 'c> Server<'a, 'c> {
    pub(super) fn new(
        check: &'a mut Check<'c>,
        name: &'a ServerName,
        said: &'a ServerConfig,
    ) -> Self {
        Self { check, name, said }
    }

    pub(super) fn check(mut self) {
        match (&self.said.command, &self.said.url) {
            (Some(_), Some(_)) => self.error(
                &["url"],
                "it has both a command and a url",
                "a server is either a program on this machine or an address: remove one",
            ),
            (None, None) => self.error(
                &[],
                "it has neither a command nor a url",
                "write command = \"…\" for a program, or url = \"https://…\"",
            ),
            (Some(command), None) => {
                self.program(command);
                self.wrong_side(&["headers", "oauth"], "a server with a url");
            }
            (None, Some(_)) => {
                self.address();
                let programs = ["args", "env", "inherit", "cwd", "containment"];
                self.wrong_side(&programs, "a server with a command");
            }
        }
        self.tools();
        self.fallback();
        if let Some(timeout) = self.said.timeout_seconds
            && timeout > self.check.config.calls.cap_seconds
        {
            let problem = format!(
                "calls are given up after calls.cap_seconds = {} whatever they say",
                self.check.config.calls.cap_seconds
            );
            self.warning(&["timeout_seconds"], problem, "raise calls.cap_seconds");
        }
        if let Some(prefix) = &self.said.prefix
            && !(prefix.len() <= ServerName::LONGEST
                && prefix
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')))
        {
            let advice = "use at most 32 letters, digits, - and _";
            self.error(&["prefix"], "a tool's name cannot begin so", advice);
        }
    }

    fn program(&mut self, command: &str) {
        let server = self.said;
        if command.trim().is_empty() {
            self.error(&["command"], "the command is empty", "name a program");
            return;
        }
        if let Some(cwd) = &server.cwd
            && !cwd.is_dir()
        {
            self.unavailable(&["cwd"], missing(cwd, "folder"), "make it, or name another");
        }
        let folder = server.cwd.as_deref().unwrap_or(&self.check.options.folder);
        // Where it will be looked for when it is started; a reference is not looked up here.
        let path = match server.env.get("PATH") {
            Some(own) => own.literal(),
            None => self.check.options.env.get("PATH"),
        };
        if let Err(why) = find_program(command, path.as_deref(), Some(folder)) {
            if command.split_whitespace().count() > 1 {
                let advice = "write one program here and the rest in args";
                self.error(&["command"], "this is a line of several words", advice);
            } else if path.is_some() || !server.env.contains_key("PATH") {
                let advice = "install it, or write its full path";
                let problem = format!("this program was not found: {why}");
                self.unavailable(&["command"], problem, advice);
            }
        }
        let words: Vec<&str> = server.args.iter().map(|arg| arg.0.as_str()).collect();
        let variables = server.env.keys().map(String::as_str);
        for risk in programs::risks(command, &words, variables) {
            self.warning(&["command"], risk, "");
        }
        if self.check.production_is_meant()
            && let Some(package) = programs::unpinned(command, &words)
        {
            let problem = format!("whatever version of {package} is newest is run");
            self.warning(&["args"], problem, "write the version behind the name");
        }
        for (at, arg) in server.args.iter().enumerate() {
            self.template(&["args", &at.to_string()], arg);
        }
        for at in secret_arguments(&server.args) {
            self.written_out(&["args", &at.to_string()]);
        }
        for (name, value) in &server.env {
            if !secret::is_name(name) {
                let advice = "use letters, digits and _";
                self.error(&["env", name], "this cannot name a variable", advice);
            }
            self.template(&["env", name], value);
            if looks_secret(name, value) {
                self.written_out(&["env", name]);
            }
        }
        for (at, name) in server.inherit.iter().enumerate() {
            if !secret::is_name(name) {
                let advice = "write the name of one variable";
                self.error(
                    &["inherit", &at.to_string()],
                    "this cannot name a variable",
                    advice,
                );
            }
        }
    }

    fn address(&mut self) {
        let server = self.said;
        if let Some(url) = &server.url {
            self.template(&["url"], url);
            if looks_secret("url", url) {
                self.written_out(&["url"]);
            }
            match url.literal() {
                Some(text) => self.url(&text),
                None if url.0.contains("://") => {
                    let scheme = url.0.split("://").next().unwrap_or_default();
                    if !matches!(scheme, "http" | "https") {
                        let advice = "use https, or http inside a private network";
                        self.error(&["url"], "this scheme is not spoken", advice);
                    }
                }
                None => {}
            }
        }
        for (name, value) in &server.headers {
            let path = ["headers", name.as_str()];
            if name.parse::<HeaderName>().is_err() {
                self.error(
                    &path,
                    "this cannot name a header",
                    "use letters, digits and -",
                );
            } else if OURS.contains(&name.to_ascii_lowercase().as_str()) {
                self.error(&path, "this header belongs to the protocol", "remove it");
            }
            if value
                .literal()
                .is_some_and(|text| HeaderValue::from_str(&text).is_err())
            {
                self.error(
                    &path,
                    "this cannot be a header's value",
                    "write it on one line",
                );
            }
            self.template(&path, value);
            if looks_secret(name, value) {
                self.written_out(&path);
            }
        }
        let oauth = &server.oauth;
        for (key, secret) in [
            ("client_secret", &oauth.client_secret),
            ("client_key", &oauth.client_key),
            ("assertion", &oauth.assertion),
        ] {
            let Some(secret) = secret else { continue };
            self.template(&["oauth", key], secret);
            if secret.literal().is_some() {
                self.written_out(&["oauth", key]);
            }
            if key != "assertion" && oauth.client_id.is_none() {
                let advice = "write client_id too";
                self.error(
                    &["oauth", key],
                    "this belongs to a client id, and there is none",
                    advice,
                );
            }
        }
        if let Some(issuer) = &oauth.issuer
            && !Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            let advice = "write it as https://login.example.com";
            self.error(&["oauth", "issuer"], "this is no web address", advice);
        }
        if let Some(document) = &server.oauth.client_metadata_url
            && !Url::parse(document).is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
        {
            let advice = "write an https address with a path";
            self.error(
                &["oauth", "client_metadata_url"],
                "this cannot identify a client",
                advice,
            );
        }
    }

    fn url(&mut self, text: &str) {
        let example = "write it as https://example.com/mcp";
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            Ok(_) => {
                let advice = "use https, or http inside a private network";
                self.error(&["url"], "this scheme is not spoken", advice);
                return;
            }
            Err(_) => {
                self.error(&["url"], "this is no web address", example);
                return;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            let advice = "write headers = { Authorization = \"Basic ${env:NAME}\" } instead";
            self.error(&["url"], "an address does not carry a user's name", advice);
        }
        if url.fragment().is_some() {
            self.error(&["url"], "an address of a server has no #", "remove it");
        }
        if url.scheme() == "http" {
            match reach(&url) {
                Reach::Loopback => {}
                Reach::Private => {
                    self.warning(
                        &["url"],
                        "whoever is on this network can read along",
                        "use https",
                    );
                }
                Reach::Public => {
                    self.error(&["url"], "http beyond a private network", "use https");
                }
            }
        }
    }

    fn tools(&mut self) {
        for (key, list) in [("tools", &self.said.tools), ("exclude", &self.said.exclude)] {
            for (at, pattern) in list.iter().enumerate() {
                let inner = pattern.strip_suffix('*').unwrap_or(pattern);
                if pattern.is_empty() || inner.contains('*') {
                    let path = [key, &at.to_string()];
                    let advice = "write a tool's name, or its beginning with * at the end";
                    self.error(&path, "this names no tool", advice);
                }
            }
        }
        for (at, tool) in self.said.tools.iter().enumerate() {
            if self.said.exclude.contains(tool) {
                let path = ["tools", &at.to_string()];
                self.warning(
                    &path,
                    "it is in exclude too, which counts",
                    "remove it from one",
                );
            }
        }
    }

    fn fallback(&mut self) {
        for (tool, targets) in &self.said.fallback {
            for (at, target) in targets.iter().enumerate() {
                let path = ["fallback", tool, &at.to_string()];
                let Some((server, other)) = target
                    .split_once('/')
                    .filter(|(server, other)| !server.is_empty() && !other.is_empty())
                else {
                    self.error(&path, "this names no tool of a server", "write server/tool");
                    continue;
                };
                if server == self.name.as_str() && other == tool {
                    self.error(&path, "a tool cannot stand in for itself", "name another");
                    continue;
                }
                let config = self.check.config;
                let mut known = config.servers.keys().map(ServerName::as_str);
                if !known.any(|name| name == server) {
                    let names = config.servers.keys().map(ServerName::as_str);
                    let advice = foundation::nearest(server, names)
                        .map_or_else(String::new, |near| format!("did you mean {near}/{other}?"));
                    let problem = format!("no server is called {server}");
                    self.error(&path, problem, advice);
                }
            }
        }
    }

    fn wrong_side(&mut self, keys: &[&str], side: &str) {
        for key in keys {
            let path = ["servers", self.name.as_str(), key];
            if self
                .check
                .tree
                .at(&path)
                .is_some_and(|node| match node.table() {
                    Some(table) => !table.is_empty(),
                    None => node
                        .to_json()
                        .as_array()
                        .is_none_or(|list| !list.is_empty()),
                })
            {
                let problem = format!("this is for {side}, and has no effect here");
                self.warning(&[key], problem, "remove it");
            }
        }
    }

    fn template(&mut self, path: &[&str], template: &super::Template) {
        let path = self.whole(path);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let absent = self.absent();
        self.check.template(&path, template, absent);
    }

    fn written_out(&mut self, path: &[&str]) {
        let path = self.whole(path);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.check.written_out(&path);
    }

    fn error(&mut self, path: &[&str], problem: impl Into<String>, advice: impl Into<String>) {
        self.say(Severity::Error, path, problem, advice);
    }

    fn warning(&mut self, path: &[&str], problem: impl Into<String>, advice: impl Into<String>) {
        self.say(Severity::Warning, path, problem, advice);
    }

    fn unavailable(&mut self, path: &[&str], problem: impl Into<String>, advice: &str) {
        self.say(self.absent(), path, problem, advice);
    }

    /// What a server that is switched off lacks is nobody's trouble.
    fn absent(&self) -> Severity {
        if self.said.enabled {
            Severity::Unavailable
        } else {
            Severity::Warning
        }
    }

    fn say(
        &mut self,
        severity: Severity,
        path: &[&str],
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let path = self.whole(path);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.check.say(severity, &path, problem, advice);
    }

    fn whole(&self, path: &[&str]) -> Vec<String> {
        ["servers", self.name.as_str()]
            .iter()
            .chain(path)
            .map(|step| (*step).to_owned())
            .collect()
    }
}
