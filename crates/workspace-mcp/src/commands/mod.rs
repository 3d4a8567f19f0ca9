//! The commands, one file each.
//!
//! Invariant: only [`Printer`] writes to standard output or standard error; logs go through
//! `tracing`.

mod accounts;
mod call;
mod config;
pub(crate) mod extract_pdf;
mod login;
mod options;
mod printer;
mod sandbox;
mod serve;
mod stdio;
mod tools;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

pub use options::ServerOptions;
pub use printer::Printer;

use crate::demo;

/// Google Workspace for AI assistants over MCP.
#[derive(Debug, Parser)]
// Flags before a command would be those of the program alone and silently not the command's.
#[command(
    name = "workspace-mcp",
    version,
    about,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a command: serves over the transport given here.
    #[arg(long, value_enum, default_value = "stdio")]
    transport: TransportName,
    #[command(flatten)]
    options: ServerOptions,
}

/// The transports a server can be started with.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum TransportName {
    /// Standard input and output.
    Stdio,
    /// HTTP at /mcp.
    StreamableHttp,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve over HTTP at /mcp.
    Serve(ServerOptions),
    /// Serve one client over standard input and output.
    Stdio(ServerOptions),
    /// Show everything against a sandbox of Google Workspace, without a Google project.
    Demo(demo::Options),
    /// Run the sandbox of Google Workspace on its own.
    Sandbox(sandbox::Options),
    /// Link a Google account by signing in with a browser.
    Login(login::Options),
    /// List, check or remove the linked accounts.
    Accounts(accounts::Options),
    /// List the tools.
    Tools(tools::Options),
    /// Run one tool from the shell.
    Call(call::Options),
    /// Look at the configuration.
    Config(config::Options),
    /// Print the version.
    Version,
    /// Read the text of a PDF file from standard input; the server starts this for every file.
    #[command(hide = true)]
    ExtractPdf,
}

impl CommandLine {
    /// Runs a command that must not share its process with a runtime, if it is one.
    pub fn run_alone(&self) -> Option<ExitCode> {
        matches!(self.command, Some(Command::ExtractPdf)).then(extract_pdf::run)
    }

    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        // Every TLS connection of this process uses ring; a second installation would be a no-op.
        let _ = rustls::crypto::ring::default_provider().install_default();
        match self.command {
            None => match self.transport {
                TransportName::Stdio => stdio::run(&self.options).await,
                TransportName::StreamableHttp => serve::run(&self.options).await,
            },
            Some(Command::Serve(options)) => serve::run(&options).await,
            Some(Command::Stdio(options)) => stdio::run(&options).await,
            Some(Command::Demo(options)) => demo::run(options).await,
            Some(Command::Sandbox(options)) => sandbox::run(options).await,
            Some(Command::Login(options)) => login::run(options).await,
            Some(Command::Accounts(options)) => accounts::run(options).await,
            Some(Command::Tools(options)) => tools::run(&options),
            Some(Command::Call(options)) => call::run(options).await,
            Some(Command::Config(options)) => config::run(&options).await,
            Some(Command::Version) => {
                version::run();
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::ExtractPdf) => Ok(extract_pdf::run()),
        }
    }
}

/// Ready when the process is asked to end.
pub(crate) fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
