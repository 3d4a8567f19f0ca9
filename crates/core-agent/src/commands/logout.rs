//! `core-agent logout`: signs a person out of a server.
//!
//! Invariant: the token is forgotten here whatever the authorization server says.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Common, Printer, login::Whose};
use crate::journal::AuditKind;

/// Sign out of a server.
#[derive(Debug, Args)]
pub(super) struct Logout {
    /// The server.
    server: String,
    #[command(flatten)]
    whose: Whose,
}

impl Logout {
    /// Runs the command.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let place = self.whose.place(common, &self.server, None).await?;
        let done = place
            .sign_ins
            .logout(&place.server, &place.actor)
            .await
            .with_context(|| format!("cannot sign out of {}", place.server))?;
        if !done.was_in {
            Printer.line(&format!("there was no sign-in to {}", place.server));
            return Ok(ExitCode::SUCCESS);
        }
        let detail = json!({ "revoked": matches!(done.revoked, Ok(true)) });
        place.note(AuditKind::SignedOut, &detail).await?;
        Printer.line(&format!("signed out of {}", place.server));
        match done.revoked {
            Ok(true) => Printer.line("the authorization server has taken the token back"),
            Ok(false) => Printer
                .problem("the authorization server takes no tokens back; the token ends by itself"),
            Err(error) => Printer.problem(&format!(
                "the token is forgotten here but could not be taken back: {error}"
            )),
        }
        Ok(ExitCode::SUCCESS)
    }
}
