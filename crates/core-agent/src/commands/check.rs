//! `core-agent check`: is a server in order?
//!
//! Not a test of the hub. Invariant: the exit code is 0 only when every server asked for could be
//! asked and passed.

use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;

use super::{Common, Printer};
use crate::{
    ServerName,
    app::{App, loaded},
    check::{self, CheckOptions},
    config::{Config, ServerConfig, Template},
};

/// Connect to servers, check protocol, schemas and annotations, call what only looks, time it all.
///
/// The exit code is 0 when all passed, 1 when one failed, 3 when none failed but one was not
/// available.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Configured servers, or addresses of servers over HTTP that are not configured.
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Check all configured servers that are enabled.
    #[arg(long, conflicts_with_all = ["servers", "command"])]
    all: bool,
    /// Write the report as JSON too; `-` for standard output instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show notes, and which tools were not called.
    #[arg(long)]
    notes: bool,
    /// Call no tool.
    #[arg(long)]
    no_calls: bool,
    /// Seconds a server may take to come up.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    start: u64,
    /// Servers checked at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    at_once: usize,
    /// A variable for the command given after `--`.
    #[arg(long, value_name = "NAME=VALUE", requires = "command")]
    env: Vec<String>,
    /// The command of a server that is not configured.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Check {
    /// Runs the command.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let (mut loaded, variables) = loaded(common)?;
        let mut config = Config::clone(&loaded.config);
        let names = self.choose(&mut config)?;
        config.calls.start_seconds = self.start;
        loaded.config = Arc::new(config);
        let app = App::with(&loaded, variables).await?;
        let options = CheckOptions {
            calls: !self.no_calls,
            start: Duration::from_secs(self.start),
            at_once: self.at_once,
            state: app.state.clone(),
        };
        let report = check::all(app.servers.clone(), names, options, &*app.clock).await;
        app.stop().await;
        let json = serde_json::to_string_pretty(&report)?;
        match &self.json {
            Some(file) if file.as_os_str() == "-" => Printer.line(&json),
            Some(file) => {
                fs::write(file, json)
                    .with_context(|| format!("cannot write the report to {}", file.display()))?;
                Printer.line(&check::render(&report, self.notes));
            }
            None => Printer.line(&check::render(&report, self.notes)),
        }
        Ok(ExitCode::from(report.totals.exit_code()))
    }

    /// Which servers, with their transports; what is not configured is added to `config`.
    fn choose(&self, config: &mut Config) -> anyhow::Result<Vec<(ServerName, &'static str)>> {
        let mut names = Vec::new();
        if self.all {
            let enabled = config.servers.iter().filter(|(_, server)| server.enabled);
            names.extend(enabled.map(|(name, _)| name.clone()));
            if names.is_empty() {
                bail!(
                    "no server is configured and enabled; `core-agent import` brings those other programs use"
                );
            }
        }
        for server in &self.servers {
            if server.starts_with("http://") || server.starts_with("https://") {
                let added = ServerConfig {
                    url: Some(Template(server.clone())),
                    enabled: true,
                    ..ServerConfig::default()
                };
                // The host says more than the path, which is /mcp nearly everywhere.
                let host = server.split('/').nth(2).unwrap_or(server);
                names.push(add(config, host, added));
                continue;
            }
            let name: ServerName = server.parse()?;
            if !config.servers.contains_key(&name) {
                let known: Vec<&str> = config.servers.keys().map(ServerName::as_str).collect();
                bail!(
                    "no server {name} is configured; there are: {}. Give a command after -- or an \
                     address to check one that is not configured",
                    known.join(", ")
                );
            }
            names.push(name);
        }
        if let Some((program, args)) = self.command.split_first() {
            let added = ServerConfig {
                command: Some(program.clone()),
                args: args.iter().map(|argument| literal(argument)).collect(),
                env: self.variables()?,
                enabled: true,
                ..ServerConfig::default()
            };
            names.push(add(config, program, added));
            // Whoever types a command has approved it; nothing else is started.
            if self.servers.is_empty() {
                config.servers.retain(|name, _| names.contains(name));
                config.trust.approve_commands = false;
            } else {
                bail!("check configured servers and a command one after the other");
            }
        }
        if names.is_empty() {
            bail!("name the servers to check, or say --all, or give a command after --");
        }
        names.sort();
        names.dedup();
        let transport = |name: &ServerName| match config.servers.get(name) {
            Some(server) if server.url.is_some() => "http",
            _ => "stdio",
        };
        Ok(names
            .into_iter()
            .map(|name| {
                let transport = transport(&name);
                (name, transport)
            })
            .collect())
    }

    fn variables(&self) -> anyhow::Result<BTreeMap<String, Template>> {
        let pairs = self.env.iter().map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("{pair} is not of the form NAME=VALUE"))?;
            Ok((name.to_owned(), literal(value)))
        });
        pairs.collect()
    }
}

/// What was typed, as it is: no reference in it is looked up.
fn literal(text: &str) -> Template {
    Template(text.replace("${", "$${"))
}

/// Adds a server under a name of its own.
fn add(config: &mut Config, what: &str, server: ServerConfig) -> ServerName {
    let last = what.rsplit(['/', '\\']).find(|part| !part.is_empty());
    let near = ServerName::nearest(last.unwrap_or(what));
    let base = near.map_or_else(|| "server".to_owned(), |name| name.as_str().to_owned());
    let mut number = 1_u32;
    loop {
        let base: String = base.chars().take(ServerName::LONGEST - 4).collect();
        let name = if number == 1 {
            base
        } else {
            format!("{base}-{number}")
        };
        number += 1;
        let Ok(name) = name.parse::<ServerName>() else {
            continue;
        };
        if !config.servers.contains_key(&name) {
            config.servers.insert(name.clone(), server);
            return name;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        check: Check,
    }

    fn chosen(line: &[&str], config: &mut Config) -> anyhow::Result<Vec<(String, &'static str)>> {
        let line = Line::parse_from([&["check"], line].concat());
        let names = line.check.choose(config)?;
        Ok(names
            .into_iter()
            .map(|(name, transport)| (name.as_str().to_owned(), transport))
            .collect())
    }

    fn configured() -> Config {
        let mut config = Config::default();
        for name in ["one", "two"] {
            let server = ServerConfig {
                enabled: true,
                ..ServerConfig::default()
            };
            config.servers.insert(name.parse().unwrap(), server);
        }
        config
    }

    #[test]
    fn all_are_those_that_are_enabled() {
        let mut config = configured();
        config.servers.values_mut().next().unwrap().enabled = false;
        let all = chosen(&["--all"], &mut config).unwrap();
        assert_eq!(all, [("two".into(), "stdio")]);
        config.servers.clear();
        assert!(chosen(&["--all"], &mut config).is_err());
    }

    #[test]
    fn servers_are_named_addressed_or_typed() {
        let mut config = configured();
        let all = chosen(&["--all"], &mut config).unwrap();
        assert_eq!(all, [("one".into(), "stdio"), ("two".into(), "stdio")]);
        let url = chosen(&["two", "https://x.example/mcp"], &mut config).unwrap();
        assert_eq!(url, [("two".into(), "stdio"), ("x-example".into(), "http")]);
        assert!(chosen(&["three"], &mut config).is_err());
        assert!(chosen(&[], &mut config).is_err());
    }

    #[test]
    fn a_typed_command_is_approved_and_alone() {
        let mut config = configured();
        let line = [
            "--env",
            "A=$b",
            "--",
            "/usr/bin/My Server",
            "--flag",
            "${env:HOME}",
        ];
        let typed = chosen(&line, &mut config).unwrap();
        assert_eq!(typed, [("my-server".into(), "stdio")]);
        assert!(!config.trust.approve_commands);
        let name: ServerName = "my-server".parse().unwrap();
        let server = &config.servers[&name];
        assert_eq!(config.servers.len(), 1);
        assert_eq!(server.args[1].0, "$${env:HOME}");
        assert_eq!(server.env["A"].0, "$b");
    }
}
