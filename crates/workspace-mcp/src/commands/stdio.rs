//! `stdio`: MCP for one client over standard input and output.
//!
//! Beside it a small listener waits for the browser to come back from a sign-in. Invariant:
//! nothing but protocol frames goes to standard output.

use std::process::ExitCode;

use mcp_service::{serve_stdio, telemetry::LogFormat};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Printer, ServerOptions};
use crate::{app::App, routes};

pub(super) async fn run(options: &ServerOptions) -> anyhow::Result<ExitCode> {
    let (config, listener) = options.start_listening(LogFormat::Json).await?;
    let app = App::new(config)?;
    app.check_store().await?;
    let callback = match listener {
        Ok(listener) => Some(serve_callback(listener, &app)),
        // Without the listener everything but signing in works, so it is no reason to stop.
        Err(error) => {
            Printer.problem(&format!(
                "warning: {} cannot be listened on ({error}); signing in from here will not work \
                 until it is free or WORKSPACE_MCP_PORT names another port",
                app.config().http.bind
            ));
            None
        }
    };
    let served = serve_stdio(app.gateway.clone(), app.clock.clone(), app.random.clone()).await;
    if let Some(callback) = callback {
        callback.abort();
    }
    app.accounts.flush().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

fn serve_callback(listener: TcpListener, app: &App) -> JoinHandle<()> {
    let router = routes::callback_only(app.accounts.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the listener for sign-ins ended");
        }
    })
}
