//! The one way a tool call takes: find, fit, choose the account, run, explain, record.
//!
//! Cross-cutting behaviour lives here and in no tool. Invariant: a tool runs only after the account
//! was chosen among the caller's own.

mod google_metrics;
mod listing;
mod outcome;
mod record;
mod resource;
mod sign_in;

use std::{sync::Arc, time::Instant};

use foundation::{Clock, Kind, Random};
use futures::future::BoxFuture;
use google_api::{Client, Google};
use mcp_service::{
    About, Answer, Caller, HttpReply, Principal as McpPrincipal, Reply, ReplyAction, ToolCall,
    ToolList, Tools,
    model::{ResourceContents, ResourceTemplate},
};
use secrecy::SecretString;
use workspace_auth::{Accounts, Principal};
use workspace_tools::{
    Access, LocalFiles, Outcome, Policy, Prepared, Service, SignIn, ToolCx, ToolError, Toolbox,
    documents::PdfText,
};

use self::sign_in::CallerSignIn;
use crate::commands::extract_pdf;
use crate::config::{OfferSettings, Results};

pub use google_metrics::GoogleMetrics;
pub(crate) use outcome::auth_error;
pub use record::CallMetrics;
pub(crate) use sign_in::admit;

/// What a [`Gateway`] is made of.
pub struct Parts {
    /// The callers' accounts.
    pub accounts: Accounts,
    /// The way to Google.
    pub google: Google,
    /// The tools on offer and their rules.
    pub offer: OfferSettings,
    /// What callers must send over HTTP, if anything.
    pub service_token: Option<SecretString>,
    /// Where calls are counted.
    pub metrics: CallMetrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// The server's tools behind MCP.
pub struct Gateway {
    about: About,
    toolbox: Toolbox,
    listed: Arc<ToolList>,
    accounts: Accounts,
    google: Google,
    policy: Arc<Policy>,
    files: Arc<LocalFiles>,
    services: Arc<[Service]>,
    pdf: Arc<dyn PdfText>,
    results: Results,
    service_token: Option<SecretString>,
    metrics: CallMetrics,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Gateway {
    /// A gateway for the tools of `parts.offer`.
    pub fn new(parts: Parts) -> Self {
        let toolbox = Toolbox::new(&parts.offer.selection);
        Self {
            about: listing::about(),
            listed: Arc::new(ToolList::shared(listing::tools(
                &toolbox,
                parts.offer.results,
            ))),
            services: toolbox.services().into(),
            toolbox,
            accounts: parts.accounts,
            google: parts.google,
            policy: Arc::new(parts.offer.policy),
            files: Arc::new(parts.offer.files),
            pdf: Arc::new(extract_pdf::reader()),
            results: parts.offer.results,
            service_token: parts.service_token,
            metrics: parts.metrics,
            clock: parts.clock,
            random: parts.random,
        }
    }

    /// The tools on offer.
    pub fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    async fn answer(&self, call: ToolCall) -> Answer {
        let started = Instant::now();
        let tool = self
            .toolbox
            .find(&call.name)
            .map_or("unknown", |tool| tool.entry.meta.name);
        let (account, answer) = self.work(call, tool).await;
        let record = record::Record {
            tool,
            account,
            duration: started.elapsed(),
        };
        record.write(record::outcome(&answer), &self.metrics);
        answer
    }

    async fn work(&self, call: ToolCall, tool: &'static str) -> (Option<String>, Answer) {
        if self.toolbox.find(&call.name).is_none() {
            let nearest = self.toolbox.nearest(&call.name).map(str::to_owned);
            return (None, Answer::UnknownTool { nearest });
        }
        let principal = owner(&call.caller.principal);
        let mut prepared = match self.toolbox.prepare(&call.name, call.arguments) {
            Ok(prepared) => prepared,
            Err(error) => return (None, outcome::failed(tool, &error, None)),
        };
        if prepared.user_id.is_none() {
            prepared.user_id = user_id_in_query(&call.caller);
        }
        if let Some(reply) = &call.reply
            && !matches!(reply.action, ReplyAction::Accepted(_))
        {
            return (None, outcome::declined(tool));
        }
        let service = prepared.entry.meta.service;
        let wanted = prepared.email.clone();
        let cx = match self
            .context(&principal, &prepared, call.reply.as_ref())
            .await
        {
            Ok(cx) => cx,
            Err(error) => {
                let email = wanted.as_deref();
                return (
                    None,
                    self.explained(&principal, service, email, tool, &error)
                        .await,
                );
            }
        };
        let account = Some(cx.email.clone()).filter(|email| !email.is_empty());
        let meta = prepared.entry.meta;
        let done: Result<Outcome, ToolError> = tokio::select! {
            done = prepared.run(&cx) => done,
            // What changes something runs to its end: torn, it would be half done and unrecorded.
            () = call.cancelled.cancelled(), if meta.access == Access::Read => Err(ToolError::new(
                Kind::Unknown,
                "the call was cancelled",
            )),
        };
        let answer = match done {
            Ok(done) => outcome::done(meta, done, self.results),
            Err(error) => {
                self.explained(&principal, service, None, tool, &error)
                    .await
            }
        };
        (account, answer)
    }

    /// Everything the tool may use.
    async fn context(
        &self,
        principal: &Principal,
        prepared: &Prepared,
        reply: Option<&Reply>,
    ) -> Result<ToolCx, ToolError> {
        if prepared.entry.meta.service == Service::Accounts {
            return Ok(self.cx(principal, self.google.unbound(), String::new()));
        }
        let (email, user_id) = (prepared.email.as_deref(), prepared.user_id.as_deref());
        let mut cx = self.bound(principal, email, user_id).await?;
        cx.confirmed = reply.map(|reply| reply.key.clone());
        Ok(cx)
    }

    /// A context bound to the account the caller chose among their own.
    async fn bound(
        &self,
        principal: &Principal,
        email: Option<&str>,
        user_id: Option<&str>,
    ) -> Result<ToolCx, ToolError> {
        let chosen = self.accounts.select(principal, email, user_id).await;
        let account = chosen.map_err(|error| auth_error(&error))?;
        let google = self.google.client(&account.key, account.tokens);
        Ok(self.cx(principal, google, account.email))
    }

    fn cx(&self, principal: &Principal, google: Client, email: String) -> ToolCx {
        ToolCx {
            google,
            email,
            sign_in: Arc::new(self.sign_in(principal)),
            clock: self.clock.clone(),
            random: self.random.clone(),
            policy: self.policy.clone(),
            files: self.files.clone(),
            services: self.services.clone(),
            pdf: self.pdf.clone(),
            confirmed: None,
        }
    }

    fn sign_in(&self, principal: &Principal) -> CallerSignIn {
        CallerSignIn {
            accounts: self.accounts.clone(),
            principal: principal.clone(),
        }
    }

    /// The answer for an error; one that a sign-in would cure carries its link, for `email` if
    /// that account was meant and is not there yet.
    async fn explained(
        &self,
        principal: &Principal,
        service: Service,
        email: Option<&str>,
        tool: &str,
        error: &ToolError,
    ) -> Answer {
        if let Some(question) = &error.question {
            return outcome::ask(question);
        }
        if error.kind != Kind::NeedsConsent {
            return outcome::failed(tool, error, None);
        }
        let wanted = (service != Service::Accounts).then(|| service.name());
        let link = self.sign_in(principal).start(wanted, email).await.ok();
        outcome::failed(tool, error, link.as_ref())
    }
}

impl Tools for Gateway {
    fn about(&self) -> &About {
        &self.about
    }

    fn list(&self, _: &Caller) -> Arc<ToolList> {
        self.listed.clone()
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(self.answer(call))
    }

    fn admit<'a>(
        &'a self,
        request: &'a mut http::request::Parts,
    ) -> BoxFuture<'a, Result<McpPrincipal, HttpReply>> {
        let admitted = admit(self.service_token.as_ref(), &request.headers);
        Box::pin(async { admitted })
    }

    fn read_resource<'a>(
        &'a self,
        uri: &'a str,
        caller: Caller,
    ) -> BoxFuture<'a, Option<Vec<ResourceContents>>> {
        Box::pin(async move { self.resource(uri, &caller).await })
    }

    fn resource_templates(&self) -> Vec<ResourceTemplate> {
        listing::resource_templates()
    }
}

/// The owner of the accounts that whoever was admitted may reach.
pub(crate) fn owner(admitted: &McpPrincipal) -> Principal {
    if *admitted == McpPrincipal::local() {
        Principal::local()
    } else {
        Principal::service(admitted.key())
    }
}

/// The identifier of an account that stands in the address of the endpoint. Like the argument of
/// that name it selects among the caller's own accounts and gives no access.
fn user_id_in_query(caller: &Caller) -> Option<String> {
    let query = caller.request.as_ref()?.uri.query()?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, user_id) = pairs.find(|(name, _)| name == "user_id")?;
    Some(user_id.into_owned())
}
