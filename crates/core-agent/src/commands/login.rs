//! `core-agent login`: signs a person in to a server.
//!
//! Invariant: the address is opened as one argument of one program, never by a shell, and is
//! always printed as well.

use std::{
    process::{ExitCode, Stdio},
    sync::Arc,
};

use anyhow::{Context, ensure};
use clap::Args;
use foundation::{SystemClock, SystemRandom};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use super::{Common, Printer, known::configured};
use crate::{
    Actor, EndUser, ServerName,
    app::loaded,
    config::Config,
    hub::principal_of,
    journal::{Audit, AuditKind},
    oauth::{Consent, NoConsent, Scopes, SignIns},
    secret::Secrets,
    store::Store,
};

/// Sign in to a server.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The server.
    server: String,
    /// Only print the address, open no browser.
    #[arg(long)]
    no_browser: bool,
    /// Read the address the browser was sent back to from standard input, for a browser on
    /// another machine.
    #[arg(long)]
    paste: bool,
    /// Scopes to ask for besides those the server wants, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SCOPES")]
    scopes: Vec<String>,
    #[command(flatten)]
    whose: Whose,
}

/// Whose sign-in it is.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The configured caller to sign in for, instead of the person at this machine.
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// The e-mail of the end user the caller calls for.
    #[arg(long, value_name = "EMAIL", requires = "caller")]
    user_email: Option<String>,
    /// The id of the end user the caller calls for.
    #[arg(long, value_name = "ID", requires = "caller")]
    user_id: Option<String>,
}

impl Login {
    /// Runs the command.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let person = Person {
            browser: !self.no_browser && !self.paste,
            paste: self.paste,
        };
        let place = self
            .whose
            .place(common, &self.server, Some(Arc::new(person)))
            .await?;
        let scopes: Scopes = self.scopes.iter().collect();
        let done = place
            .sign_ins
            .login(&place.server, &place.actor, &scopes)
            .await
            .with_context(|| format!("cannot sign in to {}", place.server))?;
        let detail = json!({ "issuer": done.issuer, "scopes": done.scopes.to_string() });
        place.note(AuditKind::SignedIn, &detail).await?;
        Printer.line(&format!("signed in to {} by {}", place.server, done.issuer));
        if !done.scopes.is_empty() {
            Printer.line(&format!("scopes: {}", done.scopes));
        }
        Printer.line(&match (done.renews, done.ends) {
            (true, _) => "it is renewed by itself".to_owned(),
            (false, Some(ends)) => format!("it ends at {ends:.0} and cannot be renewed"),
            (false, None) => "it has no known end".to_owned(),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// A server, a person, and where their sign-ins are.
pub(super) struct Place {
    pub(super) sign_ins: SignIns,
    pub(super) server: ServerName,
    pub(super) actor: Actor,
    audit: Audit,
}

impl Place {
    /// Writes down what was decided.
    pub(super) async fn note(&self, kind: AuditKind, detail: &Value) -> anyhow::Result<()> {
        let (actor, server) = (&self.actor.name, self.server.as_str());
        self.audit
            .add(kind, actor, server, detail)
            .await
            .context("it is done, but cannot be written down")
    }
}

impl Whose {
    /// Finds the server and opens the sign-ins.
    pub(super) async fn place(
        &self,
        common: &Common,
        server: &str,
        consent: Option<Arc<dyn Consent>>,
    ) -> anyhow::Result<Place> {
        let (loaded, variables) = loaded(common)?;
        let server: ServerName = server.parse()?;
        configured(&loaded.config, &server)?;
        let actor = self.actor(&loaded.config)?;
        let clock = Arc::new(SystemClock);
        let state = loaded.state_folder()?;
        let store = Store::open(&state.join("core-agent.db"))?;
        let audit = Audit::new(store, clock.clone());
        let secrets = Arc::new(Secrets::new(Arc::clone(&variables), clock.clone()));
        let sign_ins = SignIns::open(
            &loaded.config,
            &state,
            variables.as_ref(),
            secrets,
            consent,
            (clock, Arc::new(SystemRandom)),
        )
        .await?;
        Ok(Place {
            sign_ins,
            server,
            actor,
            audit,
        })
    }

    fn actor(&self, config: &Config) -> anyhow::Result<Actor> {
        let Some(caller) = &self.caller else {
            return Ok(Actor::local());
        };
        ensure!(
            config.callers.contains_key(caller),
            "no caller {caller} is configured"
        );
        let user = EndUser {
            email: self.user_email.as_ref().map(|email| email.to_lowercase()),
            id: self.user_id.clone(),
            bearer: None,
        };
        Ok(Actor {
            principal: principal_of(caller, &user),
            name: caller.as_str().into(),
            speaks_for_person: false,
            user,
        })
    }
}

/// The person at the terminal.
struct Person {
    browser: bool,
    paste: bool,
}

impl Consent for Person {
    fn ask<'a>(
        &'a self,
        server: &'a ServerName,
        address: &'a Url,
    ) -> BoxFuture<'a, Result<String, NoConsent>> {
        Box::pin(async move {
            Printer.problem(&format!(
                "To sign in to {server}, open this address within five minutes:\n\n  {address}\n"
            ));
            if self.browser {
                open(address);
            }
            if !self.paste {
                return std::future::pending().await;
            }
            Printer.problem(
                "Afterwards the browser cannot show the page it is sent to; paste its address here:",
            );
            tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).map(|_| line)
            })
            .await
            .ok()
            .and_then(Result::ok)
            .filter(|line| !line.trim().is_empty())
            .ok_or_else(|| NoConsent("no address was pasted".into()))
        })
    }
}

/// Opens an address in the person's browser. That none opens is no fault: it was printed.
fn open(address: &Url) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    command
        .arg(address.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        tokio::spawn(async move { child.wait().await });
    }
}
