//! `login`: link an account with a browser, waiting until it is linked.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use mcp_service::telemetry::LogFormat;
use workspace_auth::{CallbackFailure, Principal, SignInRequest};

use super::{Printer, ServerOptions};
use crate::{app::App, routes};

/// How long a person may take; Google's page and the state expire about then too.
const PATIENCE: Duration = Duration::from_mins(10);

/// Flags of `login`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The account to sign in.
    email: Option<String>,
    /// Services to ask access for [default: those of the offered tools].
    #[arg(long, num_args = 1..)]
    services: Vec<String>,
    /// Print the link only; do not open a browser.
    #[arg(long)]
    no_browser: bool,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let mut flags = options.server;
    // Scopes follow from the offered tools, so naming services means offering only those.
    if !options.services.is_empty() {
        flags.tools = Some(options.services.clone());
    }
    let (config, listener) = flags.start_listening(LogFormat::Text).await?;
    let address = config.http.bind;
    let listener = listener.with_context(|| {
        format!("ERROR: cannot listen on {address} for the browser to come back")
    })?;
    let app = App::new(config)?;
    app.check_store().await?;
    let (finished, mut outcome) = tokio::sync::mpsc::channel(1);
    let router = routes::callback_reporting(app.accounts.clone(), finished);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let request = SignInRequest {
        scopes: options.services,
        login_hint: options.email,
        ..SignInRequest::default()
    };
    let link = app
        .accounts
        .start_sign_in(&Principal::local(), request)
        .await?;
    Printer.line(&format!("Open this link to sign in:\n\n  {}\n", link.url));
    if !options.no_browser {
        open_browser(link.url.as_str());
    }
    let done = tokio::time::timeout(PATIENCE, outcome.recv()).await;
    // The page has to reach the browser before the listener goes away.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.abort();
    app.accounts.flush().await;
    match done {
        Ok(Some(Ok(email))) => {
            Printer.line(&format!("Signed in as {email}."));
            Ok(ExitCode::SUCCESS)
        }
        Ok(Some(Err(failure))) => bail!("the sign-in did not succeed: {}", said(failure)),
        Ok(None) => bail!("the listener for the sign-in ended"),
        Err(_) => bail!("nobody signed in within ten minutes; run the command again"),
    }
}

fn said(failure: CallbackFailure) -> &'static str {
    match failure {
        CallbackFailure::Refused => "it was cancelled, or Google refused it",
        CallbackFailure::BadState => "it was not one of ours",
        CallbackFailure::NoCode => "Google sent no code",
        CallbackFailure::NotConfigured => "no OAuth client is configured",
        CallbackFailure::Processing => "Google or the credential store did not accept it",
    }
}

/// Opens the link without a shell; a machine without a browser shows the link only.
fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let opened = std::process::Command::new(program)
        .arg(url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if opened.is_err() {
        Printer.line("(no browser could be opened here)");
    }
}
