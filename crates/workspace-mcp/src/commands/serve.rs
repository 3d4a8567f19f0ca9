//! `serve`: MCP over HTTP.

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Context;
use mcp_service::telemetry::LogFormat;
use secrecy::ExposeSecret;
use workspace_tools::{Service, Toolbox};

use super::{Printer, ServerOptions};
use crate::{app::App, config::Config};

pub(super) async fn run(options: &ServerOptions) -> anyhow::Result<ExitCode> {
    let terminal = std::io::stderr().is_terminal();
    let format = if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    };
    let (config, listener) = options.start_listening(format).await?;
    let address = config.http.bind;
    let listener = listener.with_context(|| {
        format!("ERROR: cannot listen on {address}: choose another port or stop who holds it")
    })?;
    let app = App::new(config)?;
    app.check_store().await?;
    let server = app.server(listener)?;
    banner(&app, &server.address().to_string());
    server.run().await?;
    app.accounts.flush().await;
    Ok(ExitCode::SUCCESS)
}

/// What runs, where, with what; secrets shown by their ends only.
fn banner(app: &App, address: &str) {
    let config = app.config();
    let base = &config.http.base;
    let lines = [
        format!("Google Workspace MCP server {}", env!("CARGO_PKG_VERSION")),
        "  transport    streamable-http".to_owned(),
        format!("  listening    http://{address}/mcp"),
        format!("  outside      {}", base.url("/mcp")),
        format!("  callback     {}", config.google.redirect_uri),
        format!("  credentials  {}", app.accounts.store().place()),
        format!("  OAuth 2.0    {}", oauth(config)),
        format!("  tools        {}", tools(app.gateway.toolbox())),
        format!("  callers      {}", callers(config)),
        format!("  log level    {}", config.log_level),
    ];
    for line in lines {
        Printer.problem(&line);
    }
}

fn oauth(config: &Config) -> String {
    match &config.google.oauth {
        Some(client) => format!(
            "with PKCE, client {}, secret {}",
            client.id,
            shown(client.secret.expose_secret())
        ),
        None => "not configured: set GOOGLE_OAUTH_CLIENT_ID and GOOGLE_OAUTH_CLIENT_SECRET".into(),
    }
}

/// How many tools, of which services, out of how many.
fn tools(toolbox: &Toolbox) -> String {
    let names: Vec<&str> = toolbox
        .services()
        .into_iter()
        .filter(|service| *service != Service::Accounts)
        .map(Service::name)
        .collect();
    format!(
        "{} of {}/{} services: {}",
        toolbox.tools().len(),
        names.len(),
        Service::ALL.len() - 1,
        names.join(", ")
    )
}

fn callers(config: &Config) -> &'static str {
    match config.http.service_token {
        Some(_) => "multi-user: whoever sends the service token",
        None => "single-user: this machine's",
    }
}

/// First and last four characters; nothing of a short one.
fn shown(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    match characters.as_slice() {
        [first @ .., _, _, _, _] if characters.len() > 8 => {
            let start: String = first.iter().take(4).collect();
            let end: String = characters.iter().skip(characters.len() - 4).collect();
            format!("{start}…{end}")
        }
        _ => "(too short to show)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_show_only_their_ends() {
        assert_eq!(shown("GOCSPX-0123456789"), "GOCS…6789");
        assert_eq!(shown("12345678"), "(too short to show)");
    }
}
