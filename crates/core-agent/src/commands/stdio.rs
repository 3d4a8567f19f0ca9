//! `stdio`: the hub for a desktop client that starts it.

use std::process::ExitCode;

use clap::Args;

use super::Common;
use crate::app::App;

/// Serve the hub over standard input and output, for a desktop client.
#[derive(Debug, Args)]
pub(super) struct Stdio {}

impl Stdio {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let app = App::open_serving(common).await?;
        let ended = app.hub.stdio().await;
        app.stop().await;
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}
