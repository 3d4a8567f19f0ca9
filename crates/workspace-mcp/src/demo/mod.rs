//! `demo`: sandbox, server and sign-in in one command, then the main job through MCP.
//!
//! Everything is real but Google itself: the server, the protocol, the sign-in, the tools.
//! Invariant: nothing here reaches beyond loopback, and nothing is stored on disk.

mod connect;
mod show;
mod sign_in;
mod story;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Instant};

use anyhow::Context;
use clap::Args;
use foundation::SystemClock;
use google_sandbox::{CLIENT_ID, CLIENT_SECRET, Running, Sandbox};
use mcp_service::telemetry::{self, LogFormat};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    client::{Person, Session},
    commands::{self, Printer},
    config::Layers,
    listen::{Listening, listen},
};

/// Flags of `demo`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Stay up afterwards and print how to connect clients.
    #[arg(long)]
    serve: bool,
    /// The port of the server; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print less.
    #[arg(long)]
    quiet: bool,
}

/// Runs the demo.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    telemetry::init("warn", LogFormat::Text, Arc::new(SystemClock))?;
    let started = Instant::now();
    let sandbox = Sandbox::builder(Arc::new(SystemClock))
        .start(([127, 0, 0, 1], 0).into())
        .await?;
    let listening = listen(Layers::only(settings(&sandbox, options.port))).await?;
    let Listening {
        config, listener, ..
    } = listening;
    let address = config.http.bind;
    let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
    let app = App::new(config)?;
    let server = app.server(listener)?;
    let url = format!("http://{}/mcp", server.address());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.run_until(stop.clone()));
    show::opening(&url, &sandbox.base_url());

    let session = Session::connect(&url, None, Person { always_yes: true }).await?;
    let result = story::tell(&session, options.quiet).await;
    session.close().await;
    let code = match result {
        Ok(calls) => {
            show::closing(calls, started.elapsed());
            ExitCode::SUCCESS
        }
        Err(error) => {
            Printer.problem(&format!("the demo stopped: {error:#}"));
            ExitCode::FAILURE
        }
    };
    if options.serve && code == ExitCode::SUCCESS {
        connect::explain(&url, &sandbox.base_url(), &sandbox.handle().users());
        commands::stopped()?.await;
    } else if code == ExitCode::SUCCESS {
        Printer.line("\nStay connected with: workspace-mcp demo --serve");
    }
    stop.cancel();
    serving.await??;
    sandbox.stop().await;
    Ok(code)
}

fn settings(sandbox: &Running, port: u16) -> BTreeMap<String, String> {
    [
        ("GOOGLE_API_BASE", sandbox.base_url()),
        ("GOOGLE_OAUTH_CLIENT_ID", CLIENT_ID.to_owned()),
        ("GOOGLE_OAUTH_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("GOOGLE_MCP_CREDENTIALS_DIR", "memory:".to_owned()),
        ("WORKSPACE_MCP_PORT", port.to_string()),
        ("WORKSPACE_MCP_BASE_URI", "http://127.0.0.1".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
