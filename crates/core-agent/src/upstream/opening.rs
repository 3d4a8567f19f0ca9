//! How a server is brought up: its program started or its address called, and greeted in the era
//! it speaks.
//!
//! Invariant: no program is started, and no secret of one looked up, before the gate passed it;
//! none is left behind by a greeting that came to nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mcp_service::Era;
use rmcp::model::ErrorData;
use secrecy::{ExposeSecret, SecretString};

use crate::{Actor, Effect, Fault, FaultKind, config::Template};

use super::{
    http::{self, HttpDoor},
    life,
    link::{Link, Program},
    memory,
    server::Base,
    stdio::{Child, ChildSpec},
    talk::{Conversation, Greeting, NoGreeting, Opening},
};

/// How long a program that did not greet is given to end.
const GRACE: Duration = Duration::from_millis(500);

/// What became of one greeting.
enum Greeted {
    There(Box<Link>),
    /// Another greeting may do better.
    Again(Fault),
    /// No greeting will.
    Never(Fault),
}

impl Base {
    /// Brings the server up.
    pub(super) async fn open(&self, actor: &Arc<Actor>) -> Result<Link, Fault> {
        let options = &self.shared.options;
        let remembered = memory::era(&options.store, &self.name, &self.target);
        let stdio = self.http.is_none();
        let spec = if stdio {
            Some(self.spec().await?)
        } else {
            None
        };
        let mut last = None;
        for greeting in life::greetings(self.config.era, remembered, stdio) {
            let greeted = match (&spec, &self.http) {
                (Some(spec), _) => self.start_program(spec, greeting).await,
                (None, Some(door)) => self.call_address(door, actor, greeting).await,
                (None, None) => Greeted::Never(self.failure("it has no command and no url")),
            };
            match greeted {
                Greeted::There(link) => {
                    self.remember(&link, remembered, greeting).await;
                    return Ok(*link);
                }
                Greeted::Again(fault) => last = Some(fault),
                Greeted::Never(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or_else(|| self.failure("no way to greet it is left")))
    }

    async fn start_program(&self, spec: &ChildSpec, greeting: Greeting) -> Greeted {
        let (child, transport) = match Child::spawn(spec, self.words.clone()) {
            Ok(started) => started,
            Err(fault) => return Greeted::Never(fault),
        };
        let raw = transport.raw_door();
        let health = child.health();
        let opening = Opening {
            explain: Arc::new(move |_, _| health.fault_now(Effect::None)),
            ..self.opening(greeting)
        };
        match Conversation::open(transport, &opening).await {
            Ok(conversation) => {
                let program = Program { child, raw };
                Greeted::There(Box::new(Link::new(conversation, Some(program))))
            }
            Err(no) => {
                let fault = match no {
                    NoGreeting::Ended | NoGreeting::Carrier(_) => {
                        let end = child.health().fault(Effect::None).await;
                        Fault {
                            kind: FaultKind::StartFailed,
                            message: format!("it did not come up: {}", end.message),
                            ..end
                        }
                    }
                    NoGreeting::Silent => {
                        let mut fault = self.silent();
                        let words = self.words.last(3);
                        if !words.is_empty() {
                            fault.message =
                                format!("{}; its last words: {}", fault.message, words.join(" | "));
                        }
                        fault
                    }
                    NoGreeting::Refused(error) => self.refused(&error),
                    NoGreeting::Odd(what) => self.failure(what),
                };
                let silent = fault.kind == FaultKind::TimedOut;
                child.stop(GRACE).await;
                match greeting {
                    // It was asked in both eras.
                    Greeting::Probe { .. } if silent => Greeted::Never(fault),
                    _ => Greeted::Again(fault),
                }
            }
        }
    }

    async fn call_address(
        &self,
        door: &Arc<HttpDoor>,
        actor: &Arc<Actor>,
        greeting: Greeting,
    ) -> Greeted {
        let carrier = match door.carrier(actor.clone()).await {
            Ok(carrier) => carrier,
            Err(fault) => return Greeted::Never(fault),
        };
        let opening = self.opening(greeting);
        match Conversation::open(carrier, &opening).await {
            Ok(conversation) => Greeted::There(Box::new(Link::new(conversation, None))),
            Err(NoGreeting::Carrier(error)) => {
                let mut fault = (opening.explain)(&self.name, &error);
                let never = matches!(
                    fault.kind,
                    FaultKind::Unreachable
                        | FaultKind::SignInRequired
                        | FaultKind::Forbidden
                        | FaultKind::NotAvailable
                        | FaultKind::RateLimited
                );
                // Nothing but a greeting was sent.
                fault.effect = Effect::None;
                if never {
                    Greeted::Never(fault)
                } else {
                    Greeted::Again(fault)
                }
            }
            Err(NoGreeting::Ended) => {
                Greeted::Again(self.failure("the conversation ended before the first answer"))
            }
            Err(NoGreeting::Silent) => Greeted::Again(self.silent()),
            Err(NoGreeting::Refused(error)) => Greeted::Again(self.refused(&error)),
            Err(NoGreeting::Odd(what)) => Greeted::Again(self.failure(what)),
        }
    }

    fn opening(&self, greeting: Greeting) -> Opening {
        Opening {
            server: self.name.clone(),
            greeting,
            within: Duration::from_secs(self.shared.options.config.calls.start_seconds.max(1)),
            explain: Arc::new(http::explain),
        }
    }

    /// The program to start, passed by the gate, its references resolved.
    async fn spec(&self) -> Result<ChildSpec, Fault> {
        let options = &self.shared.options;
        let config = &self.config;
        if let Some(gate) = &options.command_gate {
            // First: a reference may be a program to run too.
            gate.allowed(&self.name, config)?;
        }
        let command = config.command.clone().unwrap_or_default();
        let mut env = BTreeMap::new();
        for (name, template) in &config.env {
            let value = self
                .resolve(template, &format!("its variable {name}"))
                .await?;
            env.insert(name.clone(), value);
        }
        let mut args = Vec::with_capacity(config.args.len());
        for template in &config.args {
            let value = self.resolve(template, "an argument").await?;
            args.push(value.expose_secret().to_owned());
        }
        Ok(ChildSpec {
            server: self.name.clone(),
            command,
            args,
            env,
            surroundings: self.shared.surroundings.clone(),
            inherit: config.inherit.clone(),
            cwd: config.cwd.clone(),
            containment: config.containment.clone(),
            answer_bytes: options.config.calls.answer_bytes,
            executable: options.executable.clone(),
        })
    }

    async fn resolve(&self, template: &Template, what: &str) -> Result<SecretString, Fault> {
        let resolved = self.shared.options.secrets.resolve(template).await;
        resolved.map_err(|why| {
            let message = format!("{what} needs a secret that is not there: {why}");
            Fault::before(&self.name, FaultKind::NotAvailable, message)
                .hint("see what is missing with: core-agent validate")
        })
    }

    async fn remember(&self, link: &Link, remembered: Option<Era>, greeting: Greeting) {
        let info = link.conversation.info();
        // Whoever answers in the new era, or no longer does after it was asked, is known for sure.
        let probed =
            info.era == Era::Stateless || remembered.is_none() || greeting != Greeting::Handshake;
        let store = &self.shared.options.store;
        let kept = memory::remember(store, &self.name, &self.target, info, probed).await;
        if let Err(error) = kept {
            tracing::warn!(server = %self.name, %error, "its era is not remembered");
        }
    }

    fn silent(&self) -> Fault {
        let waited = self.shared.options.config.calls.start_seconds;
        let what = format!("no first answer within {waited} s");
        Fault::before(&self.name, FaultKind::TimedOut, what)
            .hint("raise calls.start_seconds if it takes longer to come up")
    }

    fn refused(&self, error: &ErrorData) -> Fault {
        self.failure(format!("it refused the first words: {}", error.message))
    }

    fn failure(&self, what: impl Into<String>) -> Fault {
        Fault::before(&self.name, FaultKind::StartFailed, what)
    }
}
