//! Commands of servers on stdio as they were approved.
//!
//! What is pinned is what a person reads in the configuration: the program, the arguments, the
//! variables with the references they are filled from, the folder, the limits. Literal values of
//! variables are pinned by their hash and never shown. The content of the program is not pinned:
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

use super::canonical::{hex, text};
use crate::{
    Fault, FaultKind, ServerName,
    config::{ServerConfig, TrustConfig},
    journal::{AuditKind, append_audit},
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
    /// The exact command, argument by argument, as it is written in the configuration.
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
    fn allowed(
        &self,
        server: &ServerName,
        config: &ServerConfig,
        _line: &[String],
    ) -> Result<(), Fault> {
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
    let line = line(config);
    CommandReport {
        dangers: dangers(&line, config),
        line,
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

fn line(config: &ServerConfig) -> Vec<String> {
    config
        .command
        .iter()
        .cloned()
        .chain(config.args.iter().map(|argument| argument.0.clone()))
        .collect()
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
        "line": line(config),
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
fn dangers(line: &[String], config: &ServerConfig) -> Vec<String> {
    let mut dangers = Vec::new();
    let Some((program, arguments)) = line.split_first() else {
        return dangers;
    };
    let program = program
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(program)
        .to_lowercase();
    let program = program.strip_suffix(".exe").unwrap_or(&program);
    let program = program.strip_suffix(".cmd").unwrap_or(program);
    // Options stand before the first plain word; what comes after belongs to the started program.
    let has = |options: &[&str]| {
        arguments.iter().any(|argument| {
            let name = argument.split('=').next().unwrap_or(argument);
            options.contains(&name)
                || options.iter().any(|option| {
                    option.len() == 2
                        && argument.starts_with(option)
                        && !argument.starts_with("--")
                        && argument.len() > 2
                })
        })
    };
    let inline = match program {
        "npx" | "npm" | "pnpm" | "pnpx" | "yarn" | "bunx" => has(&["-c", "--call", "--shell-mode"]),
        "node" | "bun" | "deno" | "ruby" | "perl" | "lua" => has(&[
            "-e",
            "--eval",
            "-p",
            "--print",
            "eval",
            "-r",
            "--require",
            "--import",
        ]),
        "php" => has(&["-r"]),
        name if name.starts_with("python") || name == "pypy" => has(&["-c"]),
        _ => false,
    };
    if inline {
        dangers.push(format!("{program} runs code from its command line"));
    }
    if matches!(
        program,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "fish"
            | "ksh"
            | "csh"
            | "cmd"
            | "powershell"
            | "pwsh"
            | "busybox"
    ) {
        dangers.push(format!("{program} is a shell"));
    }
    if matches!(
        program,
        "env"
            | "sudo"
            | "doas"
            | "su"
            | "xargs"
            | "nohup"
            | "setsid"
            | "nice"
            | "timeout"
            | "script"
            | "ssh"
            | "curl"
            | "wget"
            | "eval"
            | "osascript"
    ) {
        dangers.push(format!("{program} starts something else, or fetches it"));
    }
    let launcher = matches!(
        program,
        "npx"
            | "npm"
            | "pnpm"
            | "pnpx"
            | "yarn"
            | "bunx"
            | "uvx"
            | "uv"
            | "pipx"
            | "pip"
            | "deno"
            | "go"
            | "cargo"
    );
    let fetched = |argument: &String| {
        let argument = argument.to_lowercase();
        argument.contains("git+")
            || argument.starts_with("git:")
            || argument.starts_with("github:")
            || argument.starts_with("gitlab:")
            || argument.starts_with("http:")
            || argument.starts_with("https:")
            || argument.contains("=http:")
            || argument.contains("=https:")
    };
    if launcher && let Some(source) = arguments.iter().take(6).find(|argument| fetched(argument)) {
        dangers.push(format!(
            "{program} runs code from {source}, which is no registry's package"
        ));
    }
    if launcher
        && has(&[
            "--index-url",
            "--extra-index-url",
            "--index",
            "--registry",
            "--find-links",
        ])
    {
        dangers.push(format!("{program} is told another registry"));
    }
    if matches!(program, "docker" | "podman") {
        let wide = ["--privileged", "--pid", "--cap-add", "--device", "--userns"];
        let mounts = |argument: &String| {
            argument == "/:/"
                || argument.starts_with("/:")
                || argument.contains("docker.sock")
                || argument.contains("source=/,")
        };
        if has(&wide)
            || arguments.iter().any(mounts)
            || arguments.iter().any(|a| a == "--network=host")
        {
            dangers.push(format!("{program} is given this machine"));
        }
    }
    let steering = |name: &str| {
        matches!(
            name,
            "LD_PRELOAD"
                | "LD_LIBRARY_PATH"
                | "LD_AUDIT"
                | "NODE_OPTIONS"
                | "PYTHONPATH"
                | "PYTHONSTARTUP"
                | "PATH"
                | "BASH_ENV"
                | "ENV"
                | "PERL5OPT"
                | "RUBYOPT"
                | "DYLD_INSERT_LIBRARIES"
                | "NODE_PATH"
                | "PYTHONHOME"
                | "JAVA_TOOL_OPTIONS"
                | "UV_INDEX_URL"
                | "PIP_INDEX_URL"
        ) || name.to_lowercase().starts_with("npm_config_")
    };
    for name in config.env.keys().filter(|name| steering(name)) {
        dangers.push(format!("the variable {name} decides which code runs"));
    }
    dangers
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
    fn dangerous_forms_are_named() {
        for line in [
            "npx -c whatever",
            "npx --call=whatever",
            "node -e code",
            "node --eval=code",
            "python -c code",
            "python3.12 -ccode",
            "uvx --from git+https://example.org/x.git x",
            "npx github:someone/something",
            "npx https://example.org/x.tgz",
            "uvx --index-url https://example.org/simple x",
            "bash -lc x",
            "/bin/sh script",
            "cmd.exe /c x",
            "env x",
            "docker run --privileged x",
            "docker run -v /:/host x",
        ] {
            assert!(!report(&config(line)).dangers.is_empty(), "{line}");
        }
        for line in [
            "npx -y @modelcontextprotocol/server-filesystem /home/me",
            "uvx mcp-server-git --repository /home/me/x",
            "node /opt/server/index.js --port 3",
            "python -m mcp_server_time",
            "docker run -i --rm mcp/time",
            "/usr/bin/my-server --url https://example.org",
        ] {
            assert_eq!(
                report(&config(line)).dangers,
                Vec::<String>::new(),
                "{line}"
            );
        }
        let mut loaded = config("my-server");
        loaded
            .env
            .insert("LD_PRELOAD".into(), Template("/tmp/x.so".into()));
        assert!(!report(&loaded).dangers.is_empty());
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
            pins.allowed(&server, &known, &[]).unwrap_err().kind,
            FaultKind::NotApproved
        );
        pins.approve(&server, &known, "a person").await.unwrap();
        assert_eq!(
            pins.check(&server, &known).unwrap(),
            CommandVerdict::Approved
        );
        assert!(pins.allowed(&server, &known, &[]).is_ok());

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
            let fault = pins.allowed(&server, &changed, &[]).unwrap_err();
            assert!(!fault.to_string().contains("literal-secret"), "{fault}");
        }
    }

    #[test]
    fn switched_off_only_ordinary_commands_pass() {
        let folder = tempfile::tempdir().unwrap();
        let pins = pins(&folder, false);
        let server: ServerName = "x".parse().unwrap();
        assert!(
            pins.allowed(&server, &config("uvx mcp-server-time"), &[])
                .is_ok()
        );
        assert!(pins.allowed(&server, &config("bash -c x"), &[]).is_err());
    }
}
