//! Real MCP clients of both eras against the server: connect over HTTP and stdio, list, call, read
//! an image result.

use std::process::Command;

use testkit::{World, WorldOptions};

use super::{
    Runtime, Workplace,
    install::{checked, npm, venv},
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
    workplace.build(&["--release", "--package", "workspace-mcp"])?;
    let binary = root.join("target/release/workspace-mcp");
    let scripts = root.join("tests/third-party/clients");
    let mcp = venv(&folder.join("mcp"), MCP)?;
    let fastmcp = venv(&folder.join("fastmcp"), FASTMCP)?;
    let typescript = npm(&folder.join("typescript"), TYPESCRIPT)?;
    let inspector = npm(&folder.join("inspector"), INSPECTOR)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let world = runtime.block_on(World::start(&binary, WorldOptions::default()))?;
    let prepared = |program: &std::path::Path| {
        let mut command = Command::new(program);
        command
            .env("SERVER_URL", format!("{}/mcp", world.base))
            .env("SERVER_BINARY", &binary)
            .env("GOOGLE_API_BASE", &world.sandbox)
            .env("GOOGLE_MCP_CREDENTIALS_DIR", &world.credentials);
        command
    };
    // A script beside its packages finds them without any path being set.
    let node = |script: &str, modules: &std::path::Path| -> anyhow::Result<()> {
        let place = |name: &str| modules.with_file_name(name);
        for name in ["shared.mjs", script] {
            std::fs::copy(scripts.join(name), place(name))?;
        }
        checked(prepared("node".as_ref()).arg(place(script)))
    };
    checked(prepared(&mcp).arg(scripts.join("python_mcp.py")))?;
    checked(prepared(&fastmcp).arg(scripts.join("python_fastmcp.py")))?;
    node("typescript_sdk.mjs", &typescript)?;
    node("typescript_client.mjs", &typescript)?;
    node("inspector.mjs", &inspector)?;
    runtime.block_on(world.stop())?;
    Ok(())
}
