//! `serve`: the hub over HTTP.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;

use super::Common;
use crate::app::App;

/// Serve the hub over HTTP.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen, such as 127.0.0.1:8100; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let app = App::open_serving(common).await?;
        let listen = self.listen.unwrap_or(app.config.http.listen);
        let server = app.hub.bind(listen).await?;
        super::Printer.line(&format!("http://{}/mcp", server.address()));
        let ended = server.run().await;
        app.stop().await;
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}
