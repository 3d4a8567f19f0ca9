//! A sandbox, a client bound to one of its accounts, and the tools on top.
//!
//! The parts are the real ones; only Google's address, the time and chance are chosen here.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use foundation::{ManualClock, SeededRandom};
use futures::future::BoxFuture;
use google_api::{Google, GoogleConfig, Hosts, StaticToken};
use google_sandbox::{Running, Sandbox, SandboxHandle};
use jiff::SignedDuration;
use serde_json::{Map, Value};
use workspace_tools::{
    LocalFiles, Outcome, Policy, Selection, Service, SignIn, SignInLink, ToolCx, ToolError,
    Toolbox,
    documents::{DocumentText, PdfText},
};

/// The demo user most tests act as.
pub(crate) const ALEX: &str = "alex@sandbox.example";

/// The other demo user.
pub(crate) const SAM: &str = "sam@sandbox.example";

const SCOPES: &[&str] = &[
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.settings.basic",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar",
];

/// Google in a box with the tools in front of it.
pub(crate) struct World {
    /// The sandbox's knobs.
    pub(crate) sandbox: SandboxHandle,
    /// The rules calls are made under.
    pub(crate) policy: Arc<Policy>,
    /// What may be read from the disk.
    pub(crate) files: Arc<LocalFiles>,
    toolbox: Toolbox,
    google: Google,
    clock: Arc<ManualClock>,
    random: Arc<SeededRandom>,
    account: Mutex<&'static str>,
    _running: Running,
}

impl World {
    /// The demo world, with everything allowed.
    pub(crate) async fn new() -> Self {
        let now = "2026-11-20T09:00:00Z".parse().expect("a moment");
        let clock = Arc::new(ManualClock::at(now));
        let running = Sandbox::builder(clock.clone())
            .start(([127, 0, 0, 1], 0).into())
            .await
            .expect("a free port");
        let base = running.base_url().parse().expect("a base");
        let random = Arc::new(SeededRandom::new(11));
        let config = GoogleConfig::new(Hosts::behind(base), clock.clone(), random.clone());
        Self {
            sandbox: running.handle(),
            policy: Arc::default(),
            files: Arc::default(),
            toolbox: Toolbox::new(&Selection::default()),
            google: Google::new(config),
            clock,
            random,
            account: Mutex::new(ALEX),
            _running: running,
        }
    }

    /// Acts as `email` from now on.
    pub(crate) fn act_as(&self, email: &'static str) {
        *self.account.lock().expect("no panic holds it") = email;
    }

    /// What a tool gets.
    pub(crate) fn cx(&self) -> ToolCx {
        let email = *self.account.lock().expect("no panic holds it");
        let minted = self.sandbox.mint(email, SCOPES).expect("a demo user");
        let token = StaticToken(minted.access_token.into());
        ToolCx {
            google: self.google.client(email, Arc::new(token)),
            email: email.to_owned(),
            sign_in: Arc::new(OneAccount(email)),
            clock: self.clock.clone(),
            random: self.random.clone(),
            policy: self.policy.clone(),
            files: self.files.clone(),
            services: Service::ALL.into(),
            pdf: Arc::new(PdfHere),
            confirmed: None,
        }
    }

    /// Calls a tool by any of its names, as a server would.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Outcome, ToolError> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        self.call_in(&self.cx(), tool, arguments).await
    }

    /// As [`World::call`], with a context of one's own.
    pub(crate) async fn call_in(
        &self,
        cx: &ToolCx,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Outcome, ToolError> {
        self.toolbox.prepare(tool, arguments)?.run(cx).await
    }

    /// Asks Google directly, as a witness.
    pub(crate) async fn google(
        &self,
        method: &'static str,
        parameters: &[(&'static str, &str)],
    ) -> Value {
        let call = parameters
            .iter()
            .fold(self.cx().google.call(method), |call, (name, value)| {
                call.param(*name, *value)
            });
        call.send()
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The ids of the first message with that subject, and of its thread; where no subject is
    /// exactly so, of the newest that contains it.
    pub(crate) async fn message(&self, subject: &str) -> (String, String) {
        let query = format!("subject:\"{subject}\"");
        let parameters = [
            ("userId", "me"),
            ("q", &query),
            ("includeSpamTrash", "true"),
        ];
        let found = self.google("gmail.users.messages.list", &parameters).await;
        let listed = found["messages"].as_array().cloned().unwrap_or_default();
        let mut chosen = listed.first();
        // Gmail lists the newest first.
        for candidate in listed.iter().rev() {
            let id = text_of(&candidate["id"], subject);
            let parameters = [
                ("userId", "me"),
                ("id", &*id),
                ("metadataHeaders", "Subject"),
            ];
            let message = self.google("gmail.users.messages.get", &parameters).await;
            let headers = message["payload"]["headers"].as_array().expect("headers");
            let exact = |header: &Value| header["name"] == "Subject" && header["value"] == subject;
            if headers.iter().any(exact) {
                chosen = Some(candidate);
                break;
            }
        }
        let chosen = chosen.unwrap_or_else(|| panic!("no message with the subject {subject}"));
        (
            text_of(&chosen["id"], subject),
            text_of(&chosen["threadId"], subject),
        )
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// `arguments` with its placeholders replaced by ids of this world.
    pub(crate) async fn filled(&self, arguments: &str) -> Value {
        let mut filled = String::new();
        let mut rest = arguments;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let placeholder = after
                .split_once('}')
                .and_then(|(inside, rest)| Some((inside.split_once(':')?, rest)))
                .filter(|((kind, _), _)| KINDS.contains(kind));
            if let Some(((kind, name), after)) = placeholder {
                filled.push_str(&self.id_of(kind, name).await);
                rest = after;
            } else {
                filled.push('{');
                rest = after;
            }
        }
        filled.push_str(rest);
        serde_json::from_str(&filled).unwrap_or_else(|error| panic!("{filled}: {error}"))
    }

    async fn id_of(&self, kind: &str, name: &str) -> String {
        match kind {
            "message" => self.message(name).await.0,
            "thread" => self.message(name).await.1,
            "file" => {
                let query = format!("name = '{}'", name.replace('\'', "\\'"));
                let found = self.google("drive.files.list", &[("q", &query)]).await;
                text_of(&found["files"][0]["id"], name)
            }
            "event" => {
                let parameters = [("calendarId", "primary"), ("q", name)];
                let found = self.google("calendar.events.list", &parameters).await;
                text_of(&found["items"][0]["id"], name)
            }
            _ => {
                let found = self
                    .google("gmail.users.labels.list", &[("userId", "me")])
                    .await;
                let labels = found["labels"].as_array().expect("labels");
                let label = labels.iter().find(|label| label["name"] == name);
                text_of(&label.expect(name)["id"], name)
            }
        }
    }
}

const KINDS: &[&str] = &["message", "thread", "file", "event", "label"];

fn text_of(value: &Value, name: &str) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("nothing is called {name}"))
        .to_owned()
}

/// A caller with a single account.
struct OneAccount(&'static str);

impl SignIn for OneAccount {
    fn start<'a>(
        &'a self,
        service: Option<&'a str>,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<SignInLink, ToolError>> {
        let service = service.unwrap_or("everything");
        let authorization_url = format!("https://accounts.example/sign-in?for={service}");
        let link = SignInLink {
            message: format!(
                "**Action required: sign in**\n\n[Authenticate with Google]({authorization_url})"
            ),
            authorization_url,
        };
        Box::pin(async { Ok(link) })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<String>, ToolError>> {
        Box::pin(async { Ok(vec![self.0.to_owned()]) })
    }
}

/// Reads the well-formed PDF files of these tests in this process; the server never does that.
struct PdfHere;

impl PdfText for PdfHere {
    fn text(&self, pdf: Bytes) -> BoxFuture<'_, Result<DocumentText, ToolError>> {
        let text = pdf_extract::extract_text_from_mem(&pdf).expect("a PDF of these tests");
        let text = text.trim().to_owned();
        Box::pin(async {
            Ok(DocumentText {
                text,
                ..DocumentText::default()
            })
        })
    }
}
