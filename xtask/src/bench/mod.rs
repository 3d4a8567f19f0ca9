//! `cargo xtask bench`: what a call costs, measured side by side in one run.
//!
//! Processor time, bytes and memory are gated, because wall-clock time on a shared machine says
//! more about the neighbours; only the latency of tools against a slow Google is a matter of
//! time, and that slowness is ours. Invariant: every server measured here is the release binary,
//! on loopback, started and stopped by this command.

mod bad_pdfs;
mod hub;
mod latency;
mod load;
mod slow_clients;
mod well_behaved;

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use testkit::{Program, World, WorldOptions};

use self::load::Load;

/// Measure what calls cost, side by side.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Requests per measurement.
    #[arg(long, default_value_t = 10_000)]
    requests: u32,
    /// Fail when a figure of processor time or memory is above its bound. Wall-clock figures are
    /// reported only: they say as much about the neighbours of a shared machine.
    #[arg(long)]
    gate: bool,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
    /// Measure the hub only.
    #[arg(long)]
    hub: bool,
}

/// One figure and its bound.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    bound: Bound,
}

/// How high a figure may be.
#[derive(Clone, Copy)]
enum Bound {
    /// It is there to compare.
    None,
    /// Above it the gate fails: processor time and memory.
    Gated(f64),
    /// Above it the table says so: wall-clock time, which neighbours on the machine change.
    Reported(f64),
}

impl Figure {
    fn limit(&self) -> Option<f64> {
        match self.bound {
            Bound::None => None,
            Bound::Gated(limit) | Bound::Reported(limit) => Some(limit),
        }
    }
}

const CONNECTIONS: u32 = 16;

/// Of several measurements of processor time the smallest counts: noise only ever adds.
const ROUNDS: usize = 3;

pub(crate) fn run(arguments: &Arguments, root: &Path) -> anyhow::Result<()> {
    if !arguments.no_build {
        build(root)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let figures = if arguments.hub {
        runtime.block_on(only_the_hub(root, arguments.requests))?
    } else {
        runtime.block_on(measure(root, arguments.requests))?
    };
    report(root, &figures)?;
    let above: Vec<&str> = figures
        .iter()
        .filter(|figure| matches!(figure.bound, Bound::Gated(limit) if figure.value > limit))
        .map(|figure| figure.name.as_str())
        .collect();
    if arguments.gate && !above.is_empty() {
        bail!("above their bounds: {}", above.join(", "));
    }
    Ok(())
}

/// Builds everything that is measured.
fn build(root: &Path) -> anyhow::Result<()> {
    let builds: [&[&str]; 3] = [
        &["--package", "core-agent"],
        &["--package", "workspace-mcp"],
        &["--package", "mcp-service", "--example", "echo"],
    ];
    for what in builds {
        let status = crate::cargo(root)
            .args(["build", "--release", "--locked"])
            .args(what)
            .status()?;
        if !status.success() {
            bail!("the build of {} failed", what.join(" "));
        }
    }
    Ok(())
}

async fn measure(root: &Path, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let binary = root.join("target/release/workspace-mcp");
    let mut figures = echo(root, requests).await?;
    let world = World::start(&binary, WorldOptions::default()).await?;
    figures.extend(server(&world, requests).await?);
    figures.extend(slow_clients::measure(&world).await?);
    figures.extend(bad_pdfs::measure(&world).await?);
    world.stop().await?;
    let slow = slow_world(&binary).await?;
    figures.extend(latency::measure(&slow.mcp()).await?);
    figures.extend(hub::slow(root, &slow).await?);
    slow.stop().await?;
    figures.extend(hub::measure(root, requests).await?);
    Ok(figures)
}

async fn only_the_hub(root: &Path, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let slow = slow_world(&root.join("target/release/workspace-mcp")).await?;
    let mut figures = hub::slow(root, &slow).await?;
    slow.stop().await?;
    figures.extend(hub::measure(root, requests).await?);
    Ok(figures)
}

/// A world in which Google takes long.
async fn slow_world(binary: &Path) -> anyhow::Result<World> {
    let options = WorldOptions {
        latency: Some(latency::INJECTED),
        ..WorldOptions::default()
    };
    Ok(World::start(binary, options).await?)
}

/// The same bytes from a bare handler, through the lean path, and through the protocol library.
async fn echo(root: &Path, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "hello"}},
    });
    let mut costs = Vec::new();
    for mode in ["bare", "lean", "rmcp"] {
        let binary = root.join("target/release/examples/echo");
        let mut program = Program::start(&binary, &["--mode", mode], &[])?;
        let url = format!("http://{}/mcp", program.address().await?);
        let load = Load {
            url,
            body: call.to_string(),
        };
        load.run(requests / 10, CONNECTIONS).await.context(mode)?;
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let before = program.cpu_seconds()?;
            load.run(requests, CONNECTIONS).await?;
            let spent = program.cpu_seconds()? - before;
            least = least.min(spent / f64::from(requests) * 1e6);
        }
        costs.push(least);
        program.stop().await?;
    }
    let [bare, lean, rmcp] = costs[..] else {
        bail!("three modes were measured")
    };
    let cpu = |name: &str, value| Figure {
        name: format!("echo, {name}: CPU a call"),
        value,
        unit: "µs",
        bound: Bound::None,
    };
    Ok(vec![
        cpu("bare axum", bare),
        cpu("mcp-service", lean),
        cpu("mcp-service through rmcp", rmcp),
        Figure {
            name: "echo: mcp-service / bare axum".into(),
            value: lean / bare,
            unit: "×",
            bound: Bound::Gated(2.0),
        },
    ])
}

async fn server(world: &World, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let process = &world.server;
    let mut figures = vec![
        Figure {
            name: "ready after".into(),
            value: world.ready_after.as_secs_f64() * 1e3,
            unit: "ms",
            bound: Bound::Reported(150.0),
        },
        Figure {
            name: "memory after start".into(),
            value: process.resident_mib()?,
            unit: "MiB",
            bound: Bound::Gated(30.0),
        },
    ];
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let labels = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "list_gmail_labels", "arguments": {}},
    });
    for (name, body, bound) in [
        ("tools/list", list, 0.3),
        ("list_gmail_labels, warm account", labels, 1.0),
    ] {
        let load = Load {
            url: format!("{}/mcp", world.base),
            body: body.to_string(),
        };
        load.run(requests / 10, CONNECTIONS).await.context(name)?;
        let before = process.cpu_seconds()?;
        load.run(requests, CONNECTIONS).await?;
        figures.push(Figure {
            name: format!("{name}: CPU a call"),
            value: (process.cpu_seconds()? - before) / f64::from(requests) * 1e3,
            unit: "ms",
            bound: Bound::Gated(bound),
        });
    }
    figures.push(Figure {
        name: format!("memory after {requests} calls at {CONNECTIONS} connections"),
        value: process.resident_mib()?,
        unit: "MiB",
        bound: Bound::Gated(60.0),
    });
    Ok(figures)
}

fn report(root: &Path, figures: &[Figure]) -> anyhow::Result<()> {
    println!("{:62} {:>10}  {:>8}", "figure", "measured", "bound");
    for figure in figures {
        let bound = figure
            .limit()
            .map_or(String::new(), |bound| format!("≤ {bound}"));
        let late = figure.limit().is_some_and(|limit| figure.value > limit);
        let mark = if late { "  ABOVE" } else { "" };
        println!(
            "{:62} {:>7.2} {:2}  {bound:>8}{mark}",
            figure.name, figure.value, figure.unit
        );
    }
    let rows: Vec<_> = figures
        .iter()
        .map(|figure| {
            json!({
                "name": figure.name, "value": figure.value, "unit": figure.unit,
                "bound": figure.limit(),
            })
        })
        .collect();
    let path = root.join("target/bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    Ok(())
}
