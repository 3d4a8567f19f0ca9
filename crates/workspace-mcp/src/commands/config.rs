//! `config check`: the configuration in force and every problem with it.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Printer, ServerOptions};
use crate::{app::App, config::settings};

/// Flags of `config`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the settings in force and explain every problem at once.
    Check(ServerOptions),
    /// Print every setting with its meaning and default, as Markdown.
    Reference,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    match &options.action {
        Action::Check(server) => check(server).await,
        Action::Reference => {
            Printer.line(reference().trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn check(server: &ServerOptions) -> anyhow::Result<ExitCode> {
    let (config, faults, layers) = server.read();
    for (topic, settings) in settings::ALL {
        Printer.line(&format!("{topic}:"));
        for setting in *settings {
            let (value, from) = match setting.read(&layers) {
                Some((_, name)) if setting.secret => ("(set, not shown)".to_owned(), name),
                Some((value, name)) => (value, name),
                None => (format!("(default: {})", setting.default), ""),
            };
            let from = if from.is_empty() || from == setting.name {
                String::new()
            } else {
                format!("  (from {from})")
            };
            Printer.line(&format!("  {:34} {value}{from}", setting.name));
        }
    }
    if !faults.iter().any(|fault| fault.fatal) {
        let app = App::new(config)?;
        if let Err(error) = app.check_store().await {
            Printer.line("");
            Printer.line(&format!("{error:#}"));
            return Ok(ExitCode::FAILURE);
        }
        Printer.line(&format!(
            "\ncredential store: {} works",
            app.accounts.store().place()
        ));
    }
    for fault in &faults {
        let word = if fault.fatal { "ERROR" } else { "warning" };
        Printer.line(&format!("{word}: {fault}"));
    }
    if faults.iter().any(|fault| fault.fatal) {
        return Ok(ExitCode::FAILURE);
    }
    Printer.line("the configuration is usable");
    Ok(ExitCode::SUCCESS)
}

/// The reference page of all settings.
fn reference() -> String {
    let mut page = String::from(
        "# Settings\n\nEach setting is an environment variable, a line of `.env`, or a key of \
         `workspace-mcp.toml`; the environment wins over `.env`, `.env` over the file. Names \
         in brackets are other spellings.\n",
    );
    for (topic, settings) in settings::ALL {
        page.push_str(&format!(
            "\n## {topic}\n\n| setting | meaning | default |\n| --- | --- | --- |\n"
        ));
        for setting in *settings {
            let mut names = format!("`{}`", setting.name);
            for (label, others) in [
                ("overridden by", setting.overrides),
                ("also", setting.aliases),
            ] {
                if !others.is_empty() {
                    let list: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
                    names.push_str(&format!(" ({label} {})", list.join(", ")));
                }
            }
            page.push_str(&format!(
                "| {names} | {} | {} |\n",
                setting.meaning, setting.default
            ));
        }
    }
    page
}
