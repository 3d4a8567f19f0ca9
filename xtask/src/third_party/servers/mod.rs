//! `core-agent check` over real servers that others wrote, and over our own: both eras, stdio and
//! HTTP.
//!
//! What a server needs is installed, pinned, under `target/third-party/servers`; none gets a
//! credential. Invariants: a server that needs one has to be reported as not available; the lists
//! of what may be found only shrink.

mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use testkit::{Program, World, WorldOptions};

use self::table::{ENVIRONMENTS, From, KNOWN_ERRORS, Over, Real, SERVERS};
use super::{
    Runtime, Workplace,
    install::{npm_without_scripts, venv},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node, Runtime::Python];

/// How long connecting and listing may take, the runtime's own start left out.
const BOUND: f64 = 2_000.0;

/// The fewest servers that have to be reachable.
const FEWEST: usize = 12;

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    for package in ["core-agent", "workspace-mcp"] {
        workplace.build(&["--release", "--package", package])?;
    }
    let installed = Installed::all(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(check(root, folder, &installed))
}

async fn check(root: &Path, folder: &Path, installed: &Installed) -> anyhow::Result<()> {
    let ground = folder.join("ground");
    let _ = fs::remove_dir_all(&ground);
    fs::create_dir_all(&ground)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = path.to_str().context("the search path is no text")?;

    let mut servers = Map::new();
    let mut running = Vec::new();
    for real in SERVERS {
        let own = ground.join(real.name);
        fs::create_dir_all(&own)?;
        fs::write(own.join("hello.txt"), "hello\n")?;
        let port = free_port()?;
        let fill = |text: &str| {
            text.replace("{folder}", &own.display().to_string())
                .replace("{repository}", &root.display().to_string())
                .replace("{port}", &port.to_string())
        };
        let (program, mut line) = installed.line(real);
        line.extend(real.arguments.iter().map(|argument| fill(argument)));
        let env: BTreeMap<&str, String> = real
            .env
            .iter()
            .map(|(name, value)| (*name, fill(value)))
            .collect();
        let server = match real.over {
            Over::Stdio => json!({"command": program, "args": line, "env": env, "cwd": own}),
            Over::Http(endpoint) => {
                let mut command = tokio::process::Command::new(&program);
                command
                    .args(&line)
                    .env_clear()
                    .envs(&env)
                    .env("PATH", path)
                    .env("HOME", &own)
                    .current_dir(&own)
                    .stdin(std::process::Stdio::null())
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .kill_on_drop(true);
                let program = Program::spawn(command)?;
                await_port(port, &program).await.context(real.name)?;
                running.push(program);
                json!({"url": format!("http://127.0.0.1:{port}{endpoint}")})
            }
        };
        servers.insert(real.name.to_owned(), server);
    }

    // Our own server, both ways.
    let own = root.join("target/release/workspace-mcp");
    let world = World::start(&own, WorldOptions::default()).await?;
    let credentials = world.credentials.display().to_string();
    servers.insert(
        "workspace-http".into(),
        json!({"url": format!("{}/mcp", world.base)}),
    );
    servers.insert(
        "workspace".into(),
        json!({
            "command": own, "args": ["stdio", "--port", "0"],
            "env": {
                "GOOGLE_API_BASE": world.sandbox,
                "GOOGLE_MCP_CREDENTIALS_DIR": credentials,
                "GOOGLE_OAUTH_CLIENT_ID": "sandbox-client.apps.googleusercontent.com",
                "GOOGLE_OAUTH_CLIENT_SECRET": "sandbox-client-secret",
            },
        }),
    );

    let config = folder.join("core-agent.toml");
    let written = json!({"trust": {"approve_commands": false}, "servers": servers});
    fs::write(&config, toml::to_string(&written)?)?;
    let agent = Agent {
        program: root.join("target/release/core-agent"),
        config,
        state: folder.join("state"),
    };
    let _ = fs::remove_dir_all(&agent.state);
    let silent: BTreeSet<&str> = SERVERS
        .iter()
        .filter(|real| !real.calls)
        .map(|real| real.name)
        .collect();
    let (quiet, talking): (Vec<&str>, Vec<&str>) = servers
        .keys()
        .map(String::as_str)
        .partition(|name| silent.contains(name));
    let mut reports = agent.check(&talking, &[])?;
    reports.extend(agent.check(&quiet, &["--no-calls"])?);

    let mut problems = Vec::new();
    let mut starts = Starts::default();
    println!(
        "{:20} {:13} {:5} {:10} {:>9} {:>9} {:>8} {:>5} {:>7} {:>7}",
        "server",
        "standing",
        "over",
        "revision",
        "connect",
        "own start",
        "lists",
        "tools",
        "called",
        "probes"
    );
    for report in &mut reports {
        let name = report["server"].as_str().unwrap_or_default().to_owned();
        let own_start = SERVERS
            .iter()
            .find(|real| real.name == name && real.over == Over::Stdio)
            .map_or(Ok(0.0), |real| starts.of(installed, real))?;
        // A neighbour's load is not the server's: what seems slow is asked again, alone.
        if !is_quick(report, own_start) {
            let again = agent.check(&[&name], &["--no-calls"])?;
            if let Some(again) = again.into_iter().next() {
                report["timings"] = again["timings"].clone();
            }
        }
        problems.extend(judge(&name, report, own_start));
    }
    for report in &reports {
        for finding in report["findings"].as_array().into_iter().flatten() {
            if finding["severity"] != "note" {
                println!(
                    "  {:20} {}: {}: {}",
                    text(report, "server"),
                    text(finding, "severity"),
                    text(finding, "place"),
                    text(finding, "what"),
                );
            }
        }
    }
    let available = reports
        .iter()
        .filter(|report| report["standing"] != "not_available")
        .count();
    println!(
        "{available} of {} servers can be reached without a credential",
        reports.len()
    );
    fs::write(
        folder.join("report.json"),
        serde_json::to_vec_pretty(&reports)?,
    )?;
    for program in running {
        let _ = program.stop().await;
    }
    world.stop().await?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(available >= FEWEST, "only {available} servers");
    Ok(())
}

/// What is wrong with a report; prints its line.
fn judge(name: &str, report: &Value, own_start: f64) -> Vec<String> {
    let real = SERVERS.iter().find(|real| real.name == name);
    let standing = text(report, "standing");
    let timing = |key: &str| report["timings"][key].as_f64();
    let millis = |time: Option<f64>| time.map_or("-".into(), |time| format!("{time:.0} ms"));
    let calls = report["calls"].as_array().map_or(0, Vec::len);
    println!(
        "{name:20} {standing:13} {:5} {:10} {:>9} {:>9} {:>8} {:>5} {calls:>7} {:>7}",
        text(report, "transport"),
        report["protocol"].as_str().unwrap_or("-"),
        millis(timing("connect")),
        format!("{own_start:.0} ms"),
        millis(timing("list")),
        report["counts"]["tools"],
        report["probes"],
    );
    let mut problems = Vec::new();
    let needs_credential = real.is_some_and(|real| real.needs_credential);
    if (standing == "not_available") != needs_credential {
        let why = report["why"].as_str().unwrap_or_default();
        problems.push(format!("{name} is {standing}: {why}"));
        return problems;
    }
    if needs_credential {
        return problems;
    }
    if !is_quick(report, own_start) {
        problems.push(format!("{name} is slow or did not come up"));
    }
    if report["counts"]["tools"] == 0 {
        problems.push(format!("{name} lists no tools"));
    }
    for finding in report["findings"].as_array().into_iter().flatten() {
        let what = format!("{}: {}", text(finding, "place"), text(finding, "what"));
        let known = KNOWN_ERRORS
            .iter()
            .any(|(of, begins)| *of == name && what.starts_with(begins));
        if finding["severity"] == "error" && !known {
            problems.push(format!("{name}: {what}"));
        }
    }
    problems
}

fn is_quick(report: &Value, own_start: f64) -> bool {
    if report["standing"] == "not_available" {
        return true;
    }
    let timing = |key: &str| report["timings"][key].as_f64();
    let (Some(connect), Some(list)) = (timing("connect"), timing("list")) else {
        return false;
    };
    connect - own_start < BOUND && list < BOUND
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The program under test.
struct Agent {
    program: PathBuf,
    config: PathBuf,
    state: PathBuf,
}

impl Agent {
    /// The reports of these servers.
    fn check(&self, servers: &[&str], options: &[&str]) -> anyhow::Result<Vec<Value>> {
        let output = Command::new(&self.program)
            .arg("check")
            .args(servers)
            .args(options)
            .args(["--json", "-", "--config"])
            .arg(&self.config)
            .arg("--state")
            .arg(&self.state)
            .output()?;
        let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "core-agent check gave no report: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let totals = &report["totals"];
        let honest = match output.status.code() {
            Some(0) => totals["failed"] == 0 && totals["not_available"] == 0,
            Some(1) => totals["failed"] != 0,
            Some(3) => totals["failed"] == 0 && totals["not_available"] != 0,
            _ => false,
        };
        ensure!(honest, "{} does not fit {totals}", output.status);
        let reports = report["servers"].as_array().cloned().unwrap_or_default();
        ensure!(reports.len() == servers.len(), "a server is not reported");
        Ok(reports)
    }
}

/// Where everything is.
struct Installed {
    modules: BTreeMap<&'static str, PathBuf>,
    environments: BTreeMap<&'static str, PathBuf>,
}

impl Installed {
    fn all(folder: &Path) -> anyhow::Result<Self> {
        let mut modules = BTreeMap::new();
        for real in SERVERS {
            if let From::Npm(package, _) = real.from
                && !modules.contains_key(package)
            {
                let name: String = package
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                    .collect();
                let place = folder.join("npm").join(name);
                modules.insert(package, npm_without_scripts(&place, &[package])?);
            }
        }
        let mut environments = BTreeMap::new();
        for (name, packages) in ENVIRONMENTS {
            let python = venv(&folder.join("python").join(name), packages)?;
            environments.insert(*name, python);
        }
        Ok(Self {
            modules,
            environments,
        })
    }

    /// The program of a server, and its arguments so far.
    fn line(&self, real: &Real) -> (String, Vec<String>) {
        match real.from {
            From::Npm(package, script) => {
                let script = self.modules[package].join(script);
                ("node".into(), vec![script.display().to_string()])
            }
            From::Python(environment, program, _) => {
                let program = self.environments[environment].with_file_name(program);
                (program.display().to_string(), Vec::new())
            }
        }
    }
}

/// How long the runtimes take to start by themselves, and Python to load a program.
#[derive(Default)]
struct Starts(BTreeMap<String, f64>);

impl Starts {
    fn of(&mut self, installed: &Installed, real: &Real) -> anyhow::Result<f64> {
        let (program, arguments) = match real.from {
            From::Npm(..) => (PathBuf::from("node"), vec!["-e".into(), "0".into()]),
            From::Python(environment, _, module) => (
                installed.environments[environment].clone(),
                vec!["-c".to_owned(), format!("import {module}")],
            ),
        };
        let key = format!("{} {}", program.display(), arguments.join(" "));
        if let Some(known) = self.0.get(&key) {
            return Ok(*known);
        }
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            let output = Command::new(&program).args(&arguments).output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("{key} failed: {said}");
            }
            least = least.min(began.elapsed().as_secs_f64() * 1e3);
        }
        self.0.insert(key, least);
        Ok(least)
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

async fn await_port(port: u16, program: &Program) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_mins(1) {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!(
        "nothing listens on port {port}; it said:\n{}",
        program.said()
    )
}
