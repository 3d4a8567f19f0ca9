//! Before the demonstration: a folder, servers, a configuration.
//!
//! Invariant: everything is below one folder of its own, which is removed at the end; what
//! the variables of the process say of other servers does not count.

use std::{
    collections::BTreeMap,
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use foundation::{Random, SystemRandom, settings::Env};
use serde_json::{Map, Value, json};

use super::{packages, sandbox::Sandbox, servers};
use crate::{
    app::App,
    config::{LoadOptions, Variables, load},
};

/// A folder in the place for what passes, removed with the value.
pub struct Folder(PathBuf);

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder, servers and the hub before them.
pub struct Stage {
    /// The hub.
    pub app: App,
    /// The folder.
    pub folder: Folder,
    /// The configuration.
    pub config: PathBuf,
    /// What is not there, and why.
    pub missing: Vec<String>,
    sandbox: Option<Sandbox>,
}

impl Stage {
    /// Sets it; `offline` fetches nothing.
    pub async fn set(offline: bool) -> anyhow::Result<Self> {
        let environment = LoadOptions::of_process().context("the working folder is gone")?;
        let folder = own_folder()?;
        let mut missing = Vec::new();
        let mut configured = Map::new();
        let this = std::env::current_exe().context("this program's own file is gone")?;
        for name in servers::NAMES {
            let own = folder.join(name);
            std::fs::create_dir_all(&own)?;
            configured.insert(
                name.to_owned(),
                json!({"command": this, "args": ["demo-server", name, "--folder", own]}),
            );
        }
        let sandbox = match google(&this, &environment, &folder).await {
            Ok(sandbox) => {
                // Its own words say what is a mailbox and what is not.
                configured.insert("google".into(), sandbox.server());
                Some(sandbox)
            }
            Err(error) => {
                missing.push(format!("no Google Workspace: {error:#}"));
                None
            }
        };
        if offline {
            missing.push("no servers from npm and PyPI: nothing is fetched".into());
        } else {
            let cache = environment
                .env
                .get("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(environment.home()?.join(".cache")))
                .map_or_else(
                    || folder.join("packages"),
                    |cache| cache.join("core-agent/demo"),
                );
            let (fetched, absent) = packages::fetch(&cache, &folder).await;
            missing.extend(absent);
            for server in fetched {
                let env: Map<String, Value> = server
                    .env
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect();
                configured.insert(
                    server.name.to_owned(),
                    json!({"command": server.command, "args": server.args, "env": env}),
                );
            }
        }
        let config = folder.join("core-agent.json");
        let written = json!({"mcpServers": configured});
        std::fs::write(&config, serde_json::to_string_pretty(&written)?)?;
        let loaded = load(&LoadOptions {
            config: Some(config.clone()),
            state: Some(folder.join("state")),
            env: without_servers(&*environment.env),
            ..environment
        })?;
        let app = App::with(&loaded, Arc::clone(&loaded.variables)).await?;
        // Whoever runs the demonstration has these very commands started.
        for (name, server) in &app.config.servers {
            app.commands.approve(name, server, "demonstration").await?;
        }
        Ok(Self {
            app,
            folder,
            config,
            missing,
            sandbox,
        })
    }

    /// Whether Google Workspace is there.
    pub fn has_google(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Ends everything.
    pub async fn strike(self) {
        self.app.stop().await;
        self.app.journal.flush().await;
    }
}

/// The variables of the process but those that configure the hub of whoever looks on: their
/// servers are not shown, and not called.
fn without_servers(env: &dyn Env) -> Variables {
    let ours = |name: &String| {
        name.starts_with("CORE_AGENT_") || name.starts_with("MCP_") && name.ends_with("_URL")
    };
    let names = env.names().into_iter().filter(|name| !ours(name));
    let kept: BTreeMap<String, String> = names
        .filter_map(|name| env.get(&name).map(|value| (name, value)))
        .collect();
    Arc::new(kept)
}

fn own_folder() -> anyhow::Result<Folder> {
    let number = SystemRandom.number();
    let folder = std::env::temp_dir().join(format!("core-agent-demo-{number:016x}"));
    std::fs::create_dir(&folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    Ok(Folder(folder))
}

async fn google(this: &Path, environment: &LoadOptions, folder: &Path) -> anyhow::Result<Sandbox> {
    let name = format!("workspace-mcp{}", std::env::consts::EXE_SUFFIX);
    let path = environment.env.get("PATH").unwrap_or_default();
    let beside = this.with_file_name(&name);
    let program = std::iter::once(beside)
        .chain(std::env::split_paths(&path).map(|folder| folder.join(&name)))
        .find(|program| program.is_file())
        .context("workspace-mcp is neither beside this program nor on the PATH; build it with cargo build --release -p workspace-mcp")?;
    Sandbox::start(&program, folder).await
}
