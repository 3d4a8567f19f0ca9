//! `sandbox`: Google Workspace in one process, on its own.

use std::{net::IpAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use foundation::SystemClock;
use google_sandbox::{Contents, FaultRule, cli};
use jiff::SignedDuration;

use super::Printer;

/// Flags of `sandbox`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 9100)]
    port: u16,
    /// How long every answer takes at least, such as 100ms.
    #[arg(long, default_value = "0s", value_parser = duration)]
    latency: Duration,
    /// What breaks how often, such as 503=2% or gmail:429=10%,retry-after=1; repeatable.
    #[arg(long = "fault", value_name = "RULE")]
    faults: Vec<FaultRule>,
    /// What ids and demo data follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the state in this file between runs.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin with empty accounts instead of the demo data.
    #[arg(long)]
    empty: bool,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let sandbox = cli::Options {
        address: (IpAddr::from([127, 0, 0, 1]), options.port).into(),
        latency: options.latency,
        faults: options.faults,
        seed: options.seed,
        state_file: options.state,
        contents: if options.empty {
            Contents::Empty
        } else {
            Contents::Demo
        },
    };
    let stopped = super::stopped()?;
    cli::run(
        sandbox,
        Arc::new(SystemClock),
        |text| Printer.line(text),
        stopped,
    )
    .await?;
    Ok(ExitCode::SUCCESS)
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text
        .parse()
        .map_err(|_| "write a duration such as 100ms or 2s".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration cannot be negative".to_owned())
}
