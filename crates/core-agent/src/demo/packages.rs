//! Servers of others, fetched when their runtimes are here and the registries answer in time.
//!
//! Invariant: what is not there is left out and said; the demonstration never waits for longer
//! than it says.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::{process::Command, time::timeout};

/// How long fetching may take altogether.
const WITHIN: Duration = Duration::from_mins(1);

const FILESYSTEM: &str = "@modelcontextprotocol/server-filesystem@2026.8.31";
const MEMORY: &str = "@modelcontextprotocol/server-memory@2026.8.31";
const TIME: &str = "mcp-server-time==2026.10.19";

/// A server that can be started.
pub(super) struct Fetched {
    pub(super) name: &'static str,
    pub(super) command: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
}

/// Fetches what can be had into `cache`; what cannot is told as a text.
pub(super) async fn fetch(cache: &Path, folder: &Path) -> (Vec<Fetched>, Vec<String>) {
    let (npm_place, pypi_place) = (cache.join("npm"), cache.join("pypi"));
    let (npm, pypi) = tokio::join!(limited(npm(&npm_place, folder)), limited(pypi(&pypi_place)));
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    for (what, fetched) in [("npm", npm), ("PyPI", pypi)] {
        match fetched {
            Ok(fetched) => servers.extend(fetched),
            Err(error) => missing.push(format!("no servers from {what}: {error:#}")),
        }
    }
    (servers, missing)
}

async fn limited(
    fetching: impl Future<Output = anyhow::Result<Vec<Fetched>>>,
) -> anyhow::Result<Vec<Fetched>> {
    match timeout(WITHIN, fetching).await {
        Ok(fetched) => fetched,
        Err(_) => bail!("they did not come within {} s", WITHIN.as_secs()),
    }
}

async fn npm(place: &Path, folder: &Path) -> anyhow::Result<Vec<Fetched>> {
    ran("node", &["--version"], None).await?;
    let modules = place.join("node_modules/@modelcontextprotocol");
    let script = |name: &str| modules.join(name).join("dist/index.js");
    if !script("server-filesystem").exists() || !script("server-memory").exists() {
        std::fs::create_dir_all(place)?;
        std::fs::write(place.join("package.json"), "{\"private\": true}\n")?;
        let line = [
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            FILESYSTEM,
            MEMORY,
        ];
        ran("npm", &line, Some(place)).await?;
    }
    let files = folder.join("files");
    std::fs::create_dir_all(&files)?;
    std::fs::write(
        files.join("shopping.txt"),
        "bread\ncoffee\na present for Sam\n",
    )?;
    let server = |name: &str| script(name).display().to_string();
    Ok(vec![
        Fetched {
            name: "files",
            command: "node".into(),
            args: vec![server("server-filesystem"), files.display().to_string()],
            env: Vec::new(),
        },
        Fetched {
            name: "memory",
            command: "node".into(),
            args: vec![server("server-memory")],
            env: vec![(
                "MEMORY_FILE_PATH".into(),
                folder.join("memory.jsonl").display().to_string(),
            )],
        },
    ])
}

async fn pypi(place: &Path) -> anyhow::Result<Vec<Fetched>> {
    let program = place.join("bin/mcp-server-time");
    if !program.exists() {
        let whole = place.display().to_string();
        ran("python3", &["-m", "venv", &whole], None).await?;
        let python = place.join("bin/python").display().to_string();
        let line = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            TIME,
        ];
        ran(&python, &line, None).await?;
    }
    ensure!(program.exists(), "the package has no program");
    Ok(vec![Fetched {
        name: "time",
        command: program.display().to_string(),
        args: vec!["--local-timezone".into(), "UTC".into()],
        env: Vec::new(),
    }])
}

async fn ran(program: &str, arguments: &[&str], folder: Option<&Path>) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(folder) = folder {
        command.current_dir(PathBuf::from(folder));
    }
    let output = command
        .output()
        .await
        .with_context(|| format!("there is no {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it said nothing");
    ensure!(
        output.status.success(),
        "{program} ended with {}: {last}",
        output.status
    );
    Ok(())
}
