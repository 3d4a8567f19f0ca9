//! Commands of servers on stdio as they were approved.
//!
//! What is pinned is what a person reads in the configuration: the program, the arguments, the
//! variables with the references they are filled from, the folder, the limits. Literal values of
//! variables, and secrets written out among the arguments, are pinned by their hash and never shown. The content of the program is not pinned:
//! every update would ask anew, and whoever can change the file can change more than that.
//! Invariant: a command, an argument, a variable, a folder or a limit that changed since the
//! approval is not started.

use std::sync::Arc;

use foundation::Clock;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use similar::TextDiff;

use super::canonical::text;
use crate::{
    Fault, FaultKind, ServerName,
    config::{ServerConfig, TrustConfig, programs},
    hex::hex,
    journal::{AuditKind, append_audit},
    secret::without_secrets,
    store::{Store, StoreError},
    upstream::CommandGate,
};

/// The approved commands.
pub struct CommandPins {
    store: Store,
    clock: Arc<dyn Clock>,
    config: TrustConfig,
}

/// Whether a command may be started.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum CommandVerdict {
    /// It is as approved, or approvals are switched off.
    Approved,
    /// Nobody has approved it yet.
    New(CommandReport),
    /// It is not what was approved.
    Changed(CommandReport),
}

/// A command, for the person who decides.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct CommandReport {
    /// The exact command, argument by argument, as it is written in the configuration; of a secret
    /// written out only its hash.
    pub line: Vec<String>,
    /// The variables set for it: names, and the references they are filled from.
    pub env: Vec<String>,
    /// The working folder.
    pub cwd: Option<String>,
    /// Why it needs a closer look: `npx -c`, `node -e`, a shell.
    pub dangers: Vec<String>,
    /// What changed since it was approved, line by line.
    pub diff: Option<String>,
}

impl CommandPins {
    /// The approved commands of a store.
    pub fn open(
        store: Store,
        config: TrustConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            store,
            clock,
            config,
        })
    }

    /// Whether this server's command may be started.
    ///
    /// When approvals are switched off, ordinary commands are; one that runs code given on its
    /// command line or fetched from anywhere still needs its approval by name.
    pub fn check(
        &self,
        server: &ServerName,
        config: &ServerConfig,
    ) -> Result<CommandVerdict, StoreError> {
        let now = canonical(config);
        let pinned: Option<String> = self.store.read(|db| {
            db.query_row(
                "SELECT canonical FROM command_pins WHERE server = ?1",
                [server.as_str()],
                |row| row.get(0),
            )
            .optional()
        })?;
        if pinned.as_deref() == Some(text(&now).as_str()) {
            return Ok(CommandVerdict::Approved);
        }
        let mut report = report(config);
        if !self.config.approve_commands && report.dangers.is_empty() {
            return Ok(CommandVerdict::Approved);
        }
        let Some(pinned) = pinned else {
            return Ok(CommandVerdict::New(report));
        };
        let before = serde_json::from_str(&pinned).unwrap_or(Value::Null);
        let difference = TextDiff::from_lines(lines(&before), lines(&now))
            .unified_diff()
            .context_radius(1)
            .to_string();
        report.diff = Some(difference);
        Ok(CommandVerdict::Changed(report))
    }

    /// Remembers that somebody has seen and approved this command.
    pub async fn approve(
        &self,
        server: &ServerName,
        config: &ServerConfig,
        by: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        let (server, by) = (server.to_string(), by.to_owned());
        let command = canonical(config);
        let (canonical, detail) = (text(&command), json!({ "command": command }).to_string());
        self.store
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO command_pins (server, canonical, approved_at, by) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (server) DO UPDATE SET canonical = ?2, approved_at = ?3, by = ?4",
                    params![server, canonical, now, by],
                )?;
                append_audit(tx, now, AuditKind::CommandApproved, &by, &server, &detail)
            })
            .await
    }
}

impl CommandGate for CommandPins {
    fn allowed(&self, server: &ServerName, config: &ServerConfig) -> Result<(), Fault> {
        let refuse = |what: &str, report: &CommandReport| {
            let dangers = if report.dangers.is_empty() {
                String::new()
            } else {
                format!(" ({})", report.dangers.join("; "))
            };
            let diff = report
                .diff
                .as_ref()
                .map_or(String::new(), |diff| format!("\n{}", diff.trim_end()));
            Fault::before(
                server,
                FaultKind::NotApproved,
                format!("its command {what}: {}{dangers}{diff}", shown(&report.line)),
            )
            .hint(format!(
                "look at it with `core-agent trust list` and run `core-agent trust approve {server}`"
            ))
        };
        match self.check(server, config) {
            Ok(CommandVerdict::Approved) => Ok(()),
            Ok(CommandVerdict::New(report)) => Err(refuse("is not approved", &report)),
            Ok(CommandVerdict::Changed(report)) => {
                Err(refuse("changed since it was approved", &report))
            }
            Err(error) => Err(Fault::before(
                server,
                FaultKind::NotApproved,
                format!("whether its command is approved cannot be read: {error}"),
            )),
        }
    }
}

/// The command in words a shell would understand, for people only.
pub fn shown(line: &[String]) -> String {
    let plain = |word: &String| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_alphanumeric() || "-_./:=@,+%${}".contains(c))
    };
    line.iter()
        .map(|word| {
            if plain(word) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The command for the person who decides.
pub fn report(config: &ServerConfig) -> CommandReport {
    CommandReport {
        dangers: dangers(config),
        line: line(config, reference),
        env: config
            .env
            .iter()
            .map(|(name, value)| format!("{name}={}", reference(&value.0)))
            .chain(
                config
                    .inherit
                    .iter()
                    .map(|name| format!("{name} (inherited)")),
            )
            .collect(),
        cwd: config.cwd.as_ref().map(|cwd| cwd.display().to_string()),
        diff: None,
    }
}

/// The program and its arguments, with something else instead of secrets written out.
fn line(config: &ServerConfig, instead: fn(&str) -> String) -> Vec<String> {
    let args = without_secrets(&config.args, instead);
    config.command.iter().cloned().chain(args).collect()
}

/// A reference as it is written; of a literal value only its hash.
fn reference(value: &str) -> String {
    if value.starts_with("${") && value.ends_with('}') && value.matches("${").count() == 1 {
        value.to_owned()
    } else {
        let digest = hex(&Sha256::digest(value));
        format!("(literal {})", digest.chars().take(12).collect::<String>())
    }
}

fn canonical(config: &ServerConfig) -> Value {
    let mut inherit = config.inherit.clone();
    inherit.sort_unstable();
    json!({
        "line": line(config, full),
        "env": config.env.iter().map(|(name, value)| (name.clone(), Value::from(full(&value.0)))).collect::<serde_json::Map<_, _>>(),
        "inherit": inherit,
        "cwd": config.cwd,
        "containment": config.containment,
    })
}

/// As [`reference()`], with the whole hash.
fn full(value: &str) -> String {
    if reference(value) == value {
        value.to_owned()
    } else {
        format!("sha256:{}", hex(&Sha256::digest(value)))
    }
}

/// A command as lines in the order of names, to be compared.
fn lines(command: &Value) -> String {
    let ordered = serde_json::from_str(&text(command)).unwrap_or(Value::Null);
    serde_json::to_string_pretty::<Value>(&ordered).unwrap_or_default() + "\n"
}

/// Why a command needs a closer look.
fn dangers(config: &ServerConfig) -> Vec<String> {
    let Some(command) = &config.command else {
        return Vec::new();
    };
    let args: Vec<&str> = config.args.iter().map(|arg| arg.0.as_str()).collect();
    programs::risks(command, &args, config.env.keys().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use foundation::ManualClock;
    use jiff::Timestamp;

    use super::*;
    use crate::config::Template;

    fn config(line: &str) -> ServerConfig {
        let mut words = line.split(' ').map(str::to_owned);
        ServerConfig {
            command: words.next(),
            args: words.map(Template).collect(),
            ..ServerConfig::default()
        }
    }

    fn pins(folder: &tempfile::TempDir, approve_commands: bool) -> CommandPins {
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let config = TrustConfig {
            pins: true,
            approve_commands,
        };
        CommandPins::open(
            store,
            config,
            Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        )
        .unwrap()
    }

    #[test]
    fn dangers_are_told_of_the_command_and_of_its_variables() {
        assert_eq!(
            report(&config("uvx mcp-server-time")).dangers,
            Vec::<String>::new()
        );
        assert_eq!(report(&config("npx -c whatever")).dangers.len(), 1);
        let mut loaded = config("my-server");
        loaded
            .env
            .insert("LD_PRELOAD".into(), Template("/tmp/x.so".into()));
        assert_eq!(report(&loaded).dangers.len(), 1);
    }

    #[tokio::test]
    async fn secrets_among_the_arguments_are_pinned_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let pins = pins(&folder, true);
        let server: ServerName = "x".parse().unwrap();
        let one = config("my-server --api-key=canary-one --token canary-one");
        let fault = pins.allowed(&server, &one).unwrap_err().to_string();
        assert!(fault.contains("--api-key=(literal "), "{fault}");
        assert!(!fault.contains("canary"), "{fault}");
        pins.approve(&server, &one, "a person").await.unwrap();
        assert!(pins.allowed(&server, &one).is_ok());
        let other = config("my-server --api-key=canary-two --token canary-one");
        let fault = pins.allowed(&server, &other).unwrap_err().to_string();
        assert!(fault.contains("changed"), "{fault}");
        assert!(!fault.contains("canary"), "{fault}");
        let kept: String = pins
            .store
            .read(|db| db.query_row("SELECT canonical FROM command_pins", [], |row| row.get(0)))
            .unwrap();
        assert!(!kept.contains("canary"), "{kept}");
    }

    #[tokio::test]
    async fn every_change_asks_again() {
        let folder = tempfile::tempdir().unwrap();
        let pins = pins(&folder, true);
        let server: ServerName = "files".parse().unwrap();
        let mut known = config("npx -y @modelcontextprotocol/server-filesystem@1 /home/me");
        known
            .env
            .insert("TOKEN".into(), Template("${env:TOKEN}".into()));
        known
            .env
            .insert("MODE".into(), Template("literal-secret".into()));
        assert!(matches!(
            pins.check(&server, &known).unwrap(),
            CommandVerdict::New(_)
        ));
        assert_eq!(
            pins.allowed(&server, &known).unwrap_err().kind,
            FaultKind::NotApproved
        );
        pins.approve(&server, &known, "a person").await.unwrap();
        assert_eq!(
            pins.check(&server, &known).unwrap(),
            CommandVerdict::Approved
        );
        assert!(pins.allowed(&server, &known).is_ok());

        let change = |edit: fn(&mut ServerConfig)| {
            let mut changed = known.clone();
            edit(&mut changed);
            changed
        };
        for changed in [
            change(|config| config.command = Some("/tmp/npx".into())),
            change(|config| config.args[1].0.push_str("-evil")),
            change(|config| config.args.swap(0, 1)),
            change(|config| config.args.push(Template("/".into()))),
            change(|config| drop(config.env.insert("LD_PRELOAD".into(), Template("x".into())))),
            change(|config| drop(config.env.insert("MODE".into(), Template("other".into())))),
            change(|config| drop(config.env.remove("TOKEN"))),
            change(|config| config.inherit.push("AWS_SECRET_ACCESS_KEY".into())),
            change(|config| config.cwd = Some("/".into())),
            change(|config| config.containment.network = Some(true)),
        ] {
            let verdict = pins.check(&server, &changed).unwrap();
            let CommandVerdict::Changed(report) = verdict else {
                panic!("{verdict:?}");
            };
            let diff = report.diff.unwrap();
            let told = diff
                .lines()
                .filter(|line| line.starts_with(['+', '-']))
                .count();
            assert!((1..=6).contains(&told), "only what changed is told: {diff}");
            let fault = pins.allowed(&server, &changed).unwrap_err();
            assert!(!fault.to_string().contains("literal-secret"), "{fault}");
        }
    }

    #[test]
    fn switched_off_only_ordinary_commands_pass() {
        let folder = tempfile::tempdir().unwrap();
        let pins = pins(&folder, false);
        let server: ServerName = "x".parse().unwrap();
        assert!(
            pins.allowed(&server, &config("uvx mcp-server-time"))
                .is_ok()
        );
        assert!(pins.allowed(&server, &config("bash -c x")).is_err());
    }
}
