//! `accounts`: the linked Google accounts.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_service::telemetry::LogFormat;
use workspace_auth::Principal;

use super::{Printer, ServerOptions};
use crate::app::App;

/// Flags of `accounts`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End access to an account, here and with Google.
    Remove {
        /// Its address.
        email: String,
    },
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let app = App::new(options.server.start(LogFormat::Text)?)?;
    let owner = Principal::local();
    match options.action {
        Some(Action::Remove { email }) => {
            let revoked = app.accounts.revoke(&owner, &email).await?;
            let google = if revoked.revoked_with_google {
                "confirmed"
            } else {
                "did not confirm"
            };
            Printer.line(&format!(
                "removed {}; Google {google} the revocation",
                revoked.email
            ));
        }
        None => {
            let accounts = app.accounts.list(&owner).await?;
            if options.json {
                Printer.line(&serde_json::to_string_pretty(&accounts)?);
            } else if accounts.is_empty() {
                Printer.line("no accounts yet; link one with: workspace-mcp login");
            }
            for account in accounts.iter().filter(|_| !options.json) {
                let state = match (account.expired, account.refreshable) {
                    (_, true) => "ready",
                    (false, false) => "ready until its token runs out",
                    (true, false) => "sign in again",
                };
                let scopes = account.scopes.len();
                Printer.line(&format!("{}  {state}  {scopes} scopes", account.email));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
