//! The command line: one file a command, one line here.
//!
//! Invariant: a command prints to standard output what was asked for and nothing else; what it
//! wants to say besides goes to standard error.

mod approvals;
mod audit;
mod call;
mod check;
mod config;
mod demo;
mod demo_server;
mod find;
mod import;
mod known;
mod login;
mod logout;
mod logs;
mod printer;
mod serve;
mod servers;
mod status;
mod stdio;
mod tools;
mod top;
mod trust;
mod validate;
mod version;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

pub(crate) use call::readable;
pub use printer::Printer;

/// The hub to any MCP server.
#[derive(Debug, Parser)]
#[command(name = "core-agent", version, about, max_term_width = 100)]
pub struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The configuration; `core-agent.toml` here or in the user's configuration folder by default.
    #[arg(long, global = true, env = "CORE_AGENT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The environment whose file is laid over the configuration: development, staging or
    /// production.
    #[arg(long, global = true, env = "CORE_AGENT_ENV", value_name = "NAME")]
    pub environment: Option<String>,
    /// The folder of everything kept.
    #[arg(long, global = true, env = "CORE_AGENT_STATE", value_name = "FOLDER")]
    pub state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls that wait for a person.
    Approvals(approvals::Approvals),
    /// See who decided what, and check that nobody changed the record.
    Audit(audit::Audit),
    /// Call a tool.
    Call(call::Call),
    /// Check whether servers are in order.
    Check(check::Check),
    /// Show the hub at work with real servers.
    Demo(demo::Demo),
    /// Serve a small server of the demonstration.
    #[command(hide = true)]
    DemoServer(demo_server::DemoServer),
    /// Take over the servers other programs are configured with.
    Import(import::Import),
    /// Sign in to a server.
    Login(login::Login),
    /// Sign out of a server.
    Logout(logout::Logout),
    /// Show what a server wrote to its standard error.
    Logs(logs::Logs),
    /// Find tools by what they do.
    Find(find::Find),
    /// List the tools of all servers.
    Tools(tools::Tools),
    /// Decide which commands and tools are trusted.
    Trust(trust::Trust),
    /// Serve the hub over HTTP.
    Serve(serve::Serve),
    /// See which servers there are and how they are doing; start one anew.
    Servers(servers::Servers),
    /// Say how the servers are doing.
    Status(status::Status),
    /// Watch servers and calls.
    Top(top::Top),
    /// Serve the hub over standard input and output, for a desktop client.
    Stdio(stdio::Stdio),
    /// Say everything that is wrong with the configuration.
    Validate(validate::Validate),
    /// Show the configuration as it counts, and what can be configured.
    Config(config::Configuration),
    /// Say which version this is.
    Version(version::Version),
}

impl CommandLine {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Approvals(command) => command.run(&self.common).await,
            Command::Audit(command) => command.run(&self.common),
            Command::Logs(command) => command.run(&self.common).await,
            Command::Status(command) => command.run(&self.common),
            Command::Top(command) => command.run(&self.common),
            Command::Call(command) => command.run(&self.common).await,
            Command::Check(command) => command.run(&self.common).await,
            Command::Demo(command) => command.run().await,
            Command::DemoServer(command) => command.run().await,
            Command::Import(command) => command.run(&self.common),
            Command::Login(command) => command.run(&self.common).await,
            Command::Logout(command) => command.run(&self.common).await,
            Command::Find(command) => command.run(&self.common),
            Command::Tools(command) => command.run(&self.common).await,
            Command::Trust(command) => command.run(&self.common).await,
            Command::Serve(command) => command.run(&self.common).await,
            Command::Servers(command) => command.run(&self.common).await,
            Command::Stdio(command) => command.run(&self.common).await,
            Command::Validate(command) => command.run(&self.common),
            Command::Config(command) => command.run(&self.common),
            Command::Version(command) => Ok(command.run()),
        }
    }
}
