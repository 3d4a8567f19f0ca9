//! `core-agent demo`: the hub, shown.
//!
//! Invariant: the exit code is 0 only when every step really worked.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;

use super::Printer;
use crate::demo::{Show, Stage, all};

/// Show the hub at work: real servers, real calls, real figures.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Stay up afterwards, and say how to connect.
    #[arg(long)]
    serve: bool,
    /// Where to listen then.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Fetch no servers from npm and PyPI.
    #[arg(long)]
    offline: bool,
    /// Say only how each step ended.
    #[arg(long)]
    quiet: bool,
}

impl Demo {
    /// Runs the command.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if !self.quiet {
            Printer.line("Getting the servers ready …");
        }
        let stage = Stage::set(self.offline).await?;
        let mut show = Show::new(self.quiet);
        all(&stage, &mut show).await;
        let worked = show.finish();
        let served = if self.serve {
            self.stay(&stage).await
        } else {
            Ok(())
        };
        stage.strike().await;
        served?;
        Ok(if worked {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    async fn stay(&self, stage: &Stage) -> anyhow::Result<()> {
        let server = stage.app.hub.bind(self.listen).await?;
        let url = format!("http://{}/mcp", server.address());
        let this = std::env::current_exe()?;
        let desktop = serde_json::json!({"mcpServers": {"core-agent": {
            "command": this,
            "args": ["stdio", "--config", stage.config, "--state", stage.folder.join("state")],
        }}});
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
        for line in [
            format!("\nThe hub is at {url} until you press Ctrl-C."),
            format!("  curl -s {url} -H 'Content-Type: application/json' -d '{list}'"),
            format!("  npx @modelcontextprotocol/inspector --cli {url} --method tools/list"),
            format!("A desktop client takes this as its configuration:\n{desktop:#}"),
        ] {
            Printer.line(&line);
        }
        server.run().await?;
        Ok(())
    }
}
