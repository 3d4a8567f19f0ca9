//! `core-agent tools`: what all servers offer, as it is known from when they last listed.
//!
//! Invariant: without `--refresh` no server is started.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{
    Common, Printer,
    known::{Known, configured},
};
use crate::{
    ServerName,
    app::App,
    catalogue::{Access, HubTool, Standing, View},
    upstream::{Scope, Servers},
};

/// List the tools of all servers.
#[derive(Debug, Args)]
pub(super) struct Tools {
    /// Only tools of these servers.
    servers: Vec<ServerName>,
    /// Start the servers and let them list anew.
    #[arg(long)]
    refresh: bool,
    /// Show one tool with its schema, by the hub's name.
    #[arg(long, value_name = "NAME")]
    show: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Tools {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let known = Known::open(common)?;
        for server in &self.servers {
            configured(&known.config, server)?;
        }
        let (view, silent) = if self.refresh {
            self.asked(common).await?
        } else {
            let silent = known
                .config
                .servers
                .keys()
                .filter(|server| self.wants(server) && known.catalogue.known(server).is_none())
                .map(|server| {
                    format!("{server}: has never listed; run `core-agent tools --refresh`")
                })
                .collect();
            (known.catalogue.view(), silent)
        };
        for line in silent {
            Printer.problem(&line);
        }
        if let Some(name) = &self.show {
            let tool = view.tool(name).ok_or_else(|| {
                anyhow::anyhow!(
                    "no tool is called {name:?}: `core-agent find WORDS` finds it by what it does"
                )
            })?;
            Printer.line(&format!("{:#}", described(tool)));
            return Ok(ExitCode::SUCCESS);
        }
        let tools = view.tools.iter().filter(|tool| self.wants(&tool.server));
        if self.json {
            let all: Vec<_> = tools.map(|tool| described(tool)).collect();
            Printer.line(&format!("{:#}", json!(all)));
            return Ok(ExitCode::SUCCESS);
        }
        for tool in tools {
            Printer.line(&line(tool));
        }
        for note in &view.notes {
            Printer.problem(note);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn wants(&self, server: &ServerName) -> bool {
        self.servers.is_empty() || self.servers.contains(server)
    }

    /// Starts the servers, and says which did not list.
    async fn asked(&self, common: &Common) -> anyhow::Result<(std::sync::Arc<View>, Vec<String>)> {
        let app = App::open(common).await?;
        let scope = Scope::background();
        let names = app.servers.names();
        let asked = names.iter().filter(|server| self.wants(server));
        let answers = futures::future::join_all(
            asked.map(|server| async { app.servers.ensure(server, &scope).await }),
        )
        .await;
        let silent = answers
            .into_iter()
            .filter_map(Result::err)
            .map(|fault| fault.to_string())
            .collect();
        let view = app.catalogue.view();
        app.stop().await;
        Ok((view, silent))
    }
}

/// A tool in one line: name, what it does, first sentence, and what is wrong with it.
pub(super) fn line(tool: &HubTool) -> String {
    let access = match tool.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    };
    let description = tool.listed.description.as_deref().unwrap_or_default();
    let first = description.lines().next().unwrap_or_default();
    let first: String = first.chars().take(100).collect();
    let standing = match &tool.standing {
        Standing::Pinned => "",
        Standing::Changed { .. } => "  [changed: blocked]",
        Standing::Blocked { .. } => "  [blocked]",
    };
    format!("{}  {access}  {first}{standing}", tool.name())
}

/// A tool as data.
pub(super) fn described(tool: &HubTool) -> serde_json::Value {
    json!({
        "name": tool.name(),
        "server": tool.server,
        "tool": tool.original.name,
        "title": tool.listed.title,
        "description": tool.listed.description,
        "access": tool.access,
        "idempotent": tool.idempotent,
        "categories": tool.categories,
        "inputSchema": tool.listed.input_schema,
        "fingerprint": tool.fingerprint,
        "standing": tool.standing,
        "findings": tool.findings,
    })
}
