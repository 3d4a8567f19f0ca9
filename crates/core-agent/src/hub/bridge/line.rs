//! The client's end of a call at work.
//!
//! Questions wait in a bounded queue for the request that is there to put them; what is told goes
//! to whichever request of the client is there now, or to nobody.
//! Invariant: a client is asked only for what it said it can do.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientCapabilities, ClientResult, ErrorCode, LoggingLevel, ProgressToken,
        ServerNotification, ServerRequest,
    },
    service::Peer,
};
use tokio::sync::{mpsc, oneshot};

use crate::ClientSide;

/// Questions of one call that wait at the same time.
const QUESTIONS: usize = 16;

/// A server's question, and where the answer goes.
pub(in crate::hub) struct Asked {
    pub(in crate::hub) request: ServerRequest,
    pub(in crate::hub) answer: oneshot::Sender<Result<ClientResult, ErrorData>>,
}

/// Who hears what a server tells.
#[derive(Clone)]
pub(in crate::hub) struct Ear {
    pub(in crate::hub) peer: Peer<RoleServer>,
    /// The client's own token; without one it does not want to hear of progress.
    pub(in crate::hub) progress: Option<ProgressToken>,
    /// The least level of log messages; none are wanted without.
    pub(in crate::hub) logs: Option<LoggingLevel>,
}

/// The client as servers see it.
pub(in crate::hub) struct Line {
    capabilities: ClientCapabilities,
    questions: mpsc::Sender<Asked>,
    ear: Mutex<Option<Ear>>,
}

impl Line {
    pub(in crate::hub) fn new(
        capabilities: ClientCapabilities,
        ear: Option<Ear>,
    ) -> (Self, mpsc::Receiver<Asked>) {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let line = Self {
            capabilities,
            questions,
            ear: Mutex::new(ear),
        };
        (line, asked)
    }

    /// From now on another request of the client hears.
    pub(in crate::hub) fn listen(&self, ear: Option<Ear>) {
        *self.ear.lock().unwrap_or_else(PoisonError::into_inner) = ear;
    }

    fn ear(&self) -> Option<Ear> {
        self.ear
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientSide for Line {
    fn capabilities(&self) -> ClientCapabilities {
        self.capabilities.clone()
    }

    fn ask(&self, request: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>> {
        Box::pin(async move {
            if let ServerRequest::PingRequest(_) = request {
                return Ok(ClientResult::empty(()));
            }
            can_answer(&self.capabilities, &request)?;
            let (answer, answered) = oneshot::channel();
            let gone = || ErrorData::internal_error("the client has left", None);
            self.questions
                .send(Asked { request, answer })
                .await
                .map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }

    fn tell(&self, notification: ServerNotification) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(ear) = self.ear() else { return };
            let Some(notification) = ear.translated(notification) else {
                return;
            };
            // A client that has left hears nothing, and that is no fault of the call's.
            let _ = ear.peer.send_notification(notification).await;
        })
    }
}

impl Ear {
    /// The notification as this client wants it; nothing when it does not want it.
    fn translated(&self, mut notification: ServerNotification) -> Option<ServerNotification> {
        match &mut notification {
            ServerNotification::ProgressNotification(progress) => {
                progress.params.progress_token = self.progress.clone()?;
            }
            ServerNotification::LoggingMessageNotification(message) => {
                let wanted = self.logs?;
                if severity(message.params.level) < severity(wanted) {
                    return None;
                }
            }
            ServerNotification::TaskStatusNotification(_)
            | ServerNotification::CustomNotification(_) => {}
            // The others belong to conversations, not to calls.
            _ => return None,
        }
        Some(notification)
    }
}

/// The order of levels.
pub(in crate::hub) fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

fn can_answer(capabilities: &ClientCapabilities, request: &ServerRequest) -> Result<(), ErrorData> {
    let (able, what) = match request {
        ServerRequest::CreateMessageRequest(_) => (capabilities.sampling.is_some(), "sampling"),
        ServerRequest::ListRootsRequest(_) => (capabilities.roots.is_some(), "roots"),
        ServerRequest::ElicitRequest(_) => (capabilities.elicitation.is_some(), "elicitation"),
        _ => (false, "what the server asks for"),
    };
    if able {
        Ok(())
    } else {
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("this client does not offer {what}, or cannot be asked in this conversation"),
            None,
        ))
    }
}
