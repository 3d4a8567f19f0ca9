//! Real MCP clients of both eras, against the server and against the hub in front of it: connect
//! over HTTP and stdio, list, call, read an image result; through the hub also answer a question
//! and take a result that is larger than a model wants.
//!
//! Invariant: a client's own checks of results are never switched off.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use testkit::{World, WorldOptions};

use super::{
    Runtime, Workplace,
    install::{checked, npm, venv},
    running::Running,
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node, Runtime::Python];

const MCP: &[&str] = &["mcp==2.3.0"];
const FASTMCP: &[&str] = &["fastmcp-slim[client]==4.1.6"];
const TYPESCRIPT: &[&str] = &[
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
];
const INSPECTOR: &[&str] = &["@modelcontextprotocol/inspector@2.12.0"];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    for package in ["core-agent", "workspace-mcp"] {
        workplace.build(&["--release", "--package", package])?;
    }
    workplace.build(&["--package", "core-agent", "--example", "zoo"])?;
    let binary = root.join("target/release/workspace-mcp");
    let clients = Clients {
        mcp: venv(&folder.join("mcp"), MCP)?,
        fastmcp: venv(&folder.join("fastmcp"), FASTMCP)?,
        typescript: npm(&folder.join("typescript"), TYPESCRIPT)?,
        inspector: npm(&folder.join("inspector"), INSPECTOR)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let world = runtime.block_on(World::start(&binary, WorldOptions::default()))?;
    let server = format!("{}/mcp", world.base);
    let scripts = root.join("tests/third-party/clients");
    clients.all(
        &scripts,
        &[
            ("SERVER_URL", server.clone()),
            ("SERVER_BINARY", binary.display().to_string()),
            ("GOOGLE_API_BASE", world.sandbox.clone()),
            (
                "GOOGLE_MCP_CREDENTIALS_DIR",
                world.credentials.display().to_string(),
            ),
        ],
    )?;
    for listing in ["merged", "meta"] {
        println!("\nthrough the hub, {listing} listing");
        let folder = tempfile::tempdir()?;
        let hub = Hub::start(root, folder.path(), &server, listing)?;
        clients.all(&scripts.join("hub"), &hub.variables(listing)?)?;
    }
    runtime.block_on(world.stop())?;
    Ok(())
}

/// The clients, installed: the Pythons and the folders of modules.
struct Clients {
    mcp: PathBuf,
    fastmcp: PathBuf,
    typescript: PathBuf,
    inspector: PathBuf,
}

impl Clients {
    /// Runs the scripts of a folder, all with the same variables.
    fn all(&self, scripts: &Path, variables: &[(&str, String)]) -> anyhow::Result<()> {
        let run = |program: &Path, script: &Path| {
            let mut command = Command::new(program);
            command
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .arg(script);
            checked(&mut command)
        };
        // A script beside its packages finds them without any path being set.
        let node = |script: &str, modules: &Path| {
            let place = |name: &str| modules.with_file_name(name);
            for name in ["shared.mjs", script] {
                std::fs::copy(scripts.join(name), place(name))?;
            }
            run("node".as_ref(), &place(script))
        };
        run(&self.mcp, &scripts.join("python_mcp.py"))?;
        run(&self.fastmcp, &scripts.join("python_fastmcp.py"))?;
        node("typescript_sdk.mjs", &self.typescript)?;
        node("typescript_client.mjs", &self.typescript)?;
        node("inspector.mjs", &self.inspector)
    }
}

/// The hub in front of the server and of two small ones: one that asks, one with large results.
struct Hub {
    binary: PathBuf,
    config: PathBuf,
    /// What a hub on stdio keeps, beside the one over HTTP.
    state: PathBuf,
    running: Running,
}

impl Hub {
    fn start(root: &Path, folder: &Path, server: &str, listing: &str) -> anyhow::Result<Self> {
        let zoo = root.join("target/debug/examples/zoo");
        let zoo = zoo.to_str().context("the folder's name is text")?;
        let config = folder.join("core-agent.toml");
        std::fs::write(
            &config,
            format!(
                "[hub]\nlisting = \"{listing}\"\n[trust]\napprove_commands = false\n\
                 [servers.workspace]\nurl = \"{server}\"\ntrust = \"trusted\"\nprefix = \"\"\n\
                 [servers.zoo]\ncommand = {zoo:?}\nargs = [\"elicits\"]\ntrust = \"trusted\"\nprefix = \"\"\n\
                 [servers.table]\ncommand = {zoo:?}\nargs = [\"data\"]\ntrust = \"trusted\"\n"
            ),
        )?;
        let binary = root.join("target/release/core-agent");
        let running = Running::start(
            Command::new(&binary)
                .args(["serve", "--listen", "127.0.0.1:0", "--config"])
                .arg(&config)
                .arg("--state")
                .arg(folder.join("state"))
                .current_dir(folder),
        )?;
        Ok(Self {
            binary,
            config,
            state: folder.join("state-of-stdio"),
            running,
        })
    }

    fn variables(&self, listing: &str) -> anyhow::Result<[(&'static str, String); 4]> {
        let arguments = serde_json::to_string(&[
            "stdio".as_ref(),
            "--config".as_ref(),
            self.config.as_path(),
            "--state".as_ref(),
            self.state.as_path(),
        ])?;
        Ok([
            ("HUB_URL", self.running.url.clone()),
            ("HUB_BINARY", self.binary.display().to_string()),
            ("HUB_ARGUMENTS", arguments),
            ("HUB_LISTING", listing.to_owned()),
        ])
    }
}
