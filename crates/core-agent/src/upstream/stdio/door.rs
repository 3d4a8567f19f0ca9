//! A second way into a conversation: messages as somebody else wrote them.
//!
//! Not typed: unknown keys go through in both directions. Invariant: an answer to a question
//! asked here is seen by nobody else, and ids never collide with those of the typed side.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::transport::{Outgoing, SendFault};

/// What the ids of questions asked here begin with.
const PREFIX: &str = "relay-";

/// The second way in. Clones share it.
#[derive(Clone)]
pub struct RawDoor {
    waiting: Arc<Waiting>,
    outgoing: Outgoing,
}

/// Why an exchange failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RawFault {
    /// The message is no request: it has no id or no method.
    #[error("not a JSON-RPC request: it needs an id and a method")]
    NotARequest,
    /// It was not sent; [`super::TransportHealth`] knows why.
    #[error(transparent)]
    NotSent(#[from] SendFault),
    /// It was sent, and the conversation ended; [`super::TransportHealth`] knows why.
    #[error("the conversation ended before the answer")]
    Ended,
}

/// Who waits for which answer.
#[derive(Default)]
pub(super) struct Waiting {
    next: AtomicU64,
    answers: Mutex<Option<HashMap<String, oneshot::Sender<Value>>>>,
}

impl RawDoor {
    pub(super) fn new(waiting: Arc<Waiting>, outgoing: Outgoing) -> Self {
        Self { waiting, outgoing }
    }

    /// Sends a request and waits for its response, which has the request's id again.
    ///
    /// When the future is dropped before the answer, the server is told that it is cancelled.
    pub async fn exchange(&self, mut message: Value) -> Result<Value, RawFault> {
        let id = message.get("id").filter(|id| !id.is_null()).cloned();
        let (Some(id), Some(Value::String(_))) = (id, message.get("method")) else {
            return Err(RawFault::NotARequest);
        };
        let own = format!(
            "{PREFIX}{}",
            self.waiting.next.fetch_add(1, Ordering::Relaxed)
        );
        let (answer, answered) = oneshot::channel();
        if !self.waiting.add(own.clone(), answer) {
            return Err(SendFault::Closed.into());
        }
        let asked = Asked {
            door: self,
            id: own,
        };
        if let Some(message) = message.as_object_mut() {
            message.insert("id".into(), Value::String(asked.id.clone()));
        }
        self.outgoing.post(message.to_string().into_bytes()).await?;
        let mut answer = answered.await.map_err(|_| RawFault::Ended)?;
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("id".into(), id);
        }
        Ok(answer)
    }

    /// Sends a notification.
    pub async fn notify(&self, message: &Value) -> Result<(), RawFault> {
        Ok(self.outgoing.post(message.to_string().into_bytes()).await?)
    }
}

impl Waiting {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            next: AtomicU64::new(0),
            answers: Mutex::new(Some(HashMap::new())),
        })
    }

    /// Who waits for the answer with this id; `Err` when the id is not one of this door's.
    pub(super) fn take(&self, id: &str) -> Result<Option<oneshot::Sender<Value>>, NotHere> {
        if !id.starts_with(PREFIX) {
            return Err(NotHere);
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(answers.as_mut().and_then(|answers| answers.remove(id)))
    }

    /// Nobody will be answered any more.
    pub(super) fn close(&self) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn add(&self, id: String, answer: oneshot::Sender<Value>) -> bool {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match answers.as_mut() {
            Some(answers) => {
                answers.insert(id, answer);
                true
            }
            None => false,
        }
    }
}

/// The id belongs to the typed side.
pub(super) struct NotHere;

struct Asked<'d> {
    door: &'d RawDoor,
    id: String,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let unanswered = self
            .door
            .waiting
            .take(&self.id)
            .is_ok_and(|waiting| waiting.is_some());
        // It may still wait to be written; the order stays.
        if unanswered {
            self.door.outgoing.post_if_room(
                json!({
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": {"requestId": self.id, "reason": "the caller gave up"},
                })
                .to_string()
                .into_bytes(),
            );
        }
    }
}

impl fmt::Debug for RawDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawDoor").finish_non_exhaustive()
    }
}
