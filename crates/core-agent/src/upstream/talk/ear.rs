//! What a server asks and says by itself.
//!
//! Invariant: a question nobody can answer is answered at once, with no.

#![expect(
    deprecated,
    reason = "sampling, roots and logging are what servers of the handshake era have"
)]

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use rmcp::{
    RoleClient,
    model::{
        ClientConfig, ClientResult, ElicitResult, ElicitationAction, ErrorCode, ErrorData,
        ListRootsResult, RequestId, ServerNotification, ServerRequest,
    },
    service::{InboundStreamOrigin, NotificationContext, RequestContext, Service},
};
use tokio::sync::{Notify, mpsc};

use super::flights::{Flights, Nobody};

/// Words that wait to be told; more are dropped.
const WORDS_KEPT: usize = 256;
const TOOLS: u8 = 1;
const PROMPTS: u8 = 2;
const RESOURCES: u8 = 4;

/// Where what a server says by itself is put.
#[derive(Clone)]
pub(super) struct Heard(Arc<Inner>);

struct Inner {
    changed: AtomicU8,
    something: Notify,
    words: mpsc::Sender<Told>,
}

/// Something a server said by itself.
#[derive(Debug)]
pub(super) enum Told {
    /// A resource changed.
    Updated(String),
    /// A log message of no request.
    Log {
        /// The level.
        level: String,
        /// What it says.
        data: serde_json::Value,
    },
}

/// Which lists changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::upstream) struct Changed {
    /// Tools.
    pub(in crate::upstream) tools: bool,
    /// Prompts.
    pub(in crate::upstream) prompts: bool,
    /// Resources or their shapes.
    pub(in crate::upstream) resources: bool,
}

impl Heard {
    pub(super) fn new() -> (Self, mpsc::Receiver<Told>) {
        let (words, told) = mpsc::channel(WORDS_KEPT);
        let inner = Inner {
            changed: AtomicU8::new(0),
            something: Notify::new(),
            words,
        };
        (Self(Arc::new(inner)), told)
    }

    /// The lists that changed since this was last asked; waits for the first.
    ///
    /// A server that says so a million times is heard once.
    pub(super) async fn changed(&self) -> Changed {
        loop {
            let woken = self.0.something.notified();
            let bits = self.0.changed.swap(0, Ordering::AcqRel);
            if bits != 0 {
                return Changed {
                    tools: bits & TOOLS != 0,
                    prompts: bits & PROMPTS != 0,
                    resources: bits & RESOURCES != 0,
                };
            }
            woken.await;
        }
    }

    /// Takes a notification in.
    pub(super) fn notification(&self, notification: ServerNotification) {
        match notification {
            ServerNotification::ToolListChangedNotification(_) => self.mark(TOOLS),
            ServerNotification::PromptListChangedNotification(_) => self.mark(PROMPTS),
            ServerNotification::ResourceListChangedNotification(_) => self.mark(RESOURCES),
            ServerNotification::ResourceUpdatedNotification(update) => {
                let _ = self.0.words.try_send(Told::Updated(update.params.uri));
            }
            log @ ServerNotification::LoggingMessageNotification(_) => self.log(log),
            _ => {}
        }
    }

    /// Takes a log message of no request in.
    pub(super) fn log(&self, notification: ServerNotification) {
        if let ServerNotification::LoggingMessageNotification(log) = notification {
            let level = serde_json::to_value(log.params.level).unwrap_or_default();
            let _ = self.0.words.try_send(Told::Log {
                level: level.as_str().unwrap_or("info").to_owned(),
                data: log.params.data,
            });
        }
    }

    fn mark(&self, bit: u8) {
        self.0.changed.fetch_or(bit, Ordering::AcqRel);
        self.0.something.notify_one();
    }
}

/// The client's side of a conversation.
pub(super) struct Ear {
    pub(super) about: ClientConfig,
    pub(super) flights: Arc<Flights>,
    pub(super) heard: Heard,
}

impl Service<RoleClient> for Ear {
    async fn handle_request(
        &self,
        request: ServerRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        if matches!(request, ServerRequest::PingRequest(_)) {
            return Ok(ClientResult::empty(()));
        }
        if matches!(request, ServerRequest::CustomRequest(_)) {
            return Err(ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                "this client does not know the method",
                None,
            ));
        }
        let with = match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => Some(id.clone()),
            _ => None,
        };
        self.ask(request, with.as_ref(), &context).await
    }

    async fn handle_notification(
        &self,
        notification: ServerNotification,
        _: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        self.heard.notification(notification);
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        self.about.clone()
    }
}

impl Ear {
    async fn ask(
        &self,
        request: ServerRequest,
        with: Option<&RequestId>,
        context: &RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        let flight = match self.flights.asked(with) {
            Ok(flight) => flight,
            Err(nobody) => return no(&request, nobody),
        };
        let Some(client) = flight
            .client()
            .filter(|client| able(&request, &client.capabilities()))
        else {
            return no(&request, Nobody::There);
        };
        let _asking = flight.ask();
        tokio::select! {
            answer = client.ask(request) => answer,
            () = context.ct.cancelled() => {
                Err(ErrorData::internal_error("the question was withdrawn", None))
            }
        }
    }
}

/// Whether a client said that it can answer such a question.
fn able(request: &ServerRequest, can: &rmcp::model::ClientCapabilities) -> bool {
    match request {
        ServerRequest::ElicitRequest(_) => can.elicitation.is_some(),
        ServerRequest::CreateMessageRequest(_) => can.sampling.is_some(),
        ServerRequest::ListRootsRequest(_) => can.roots.is_some(),
        _ => false,
    }
}

/// The answer when nobody can be asked.
fn no(request: &ServerRequest, nobody: Nobody) -> Result<ClientResult, ErrorData> {
    if nobody == Nobody::Certain {
        return Err(ErrorData::invalid_request(
            "several people's requests are at work, and the question does not say whose it \
             belongs to",
            None,
        ));
    }
    match request {
        ServerRequest::ElicitRequest(_) => Ok(ClientResult::ElicitResult(ElicitResult::new(
            ElicitationAction::Decline,
        ))),
        ServerRequest::ListRootsRequest(_) => Ok(ClientResult::ListRootsResult(
            ListRootsResult::new(Vec::new()),
        )),
        _ => Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            "no client that can answer this is behind any request at work",
            None,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_million_changes_are_heard_once() {
        let (heard, _told) = Heard::new();
        for _ in 0..1_000_000 {
            heard.mark(TOOLS);
        }
        heard.mark(RESOURCES);
        let changed = heard.changed().await;
        assert!(changed.tools && changed.resources && !changed.prompts);
        let again = futures::FutureExt::now_or_never(heard.changed());
        assert_eq!(again, None);
    }
}
