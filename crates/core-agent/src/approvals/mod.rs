//! What persons decided: durable records, each bound to one call.
//!
//! Invariant: one approval is one call, by whoever it was asked for, with the very arguments it
//! was asked with.

use std::sync::Arc;

use foundation::{Clock, Random};

use crate::{Actor, store::Store};

/// The records.
#[derive(Clone)]
pub struct Approvals {
    _store: Store,
    _clock: Arc<dyn Clock>,
    _random: Arc<dyn Random>,
    _minutes: u64,
}

/// Why an answer does not count.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AnswerError {
    /// Only a person may answer.
    #[error("this client does not speak for a person: answer with `core-agent approvals`")]
    NotAPerson,
    /// Nothing of that id waits.
    #[error("no approval {0} waits for an answer")]
    NotWaiting(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Approvals {
    /// The records of a database; `minutes` is how long one can be answered, and used.
    pub fn new(store: Store, minutes: u64, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            _store: store,
            _clock: clock,
            _random: random,
            _minutes: minutes,
        }
    }

    /// The answer that came through a client, by elicitation. Refused unless the client is
    /// configured to speak for a person and asked for the call itself.
    pub async fn answer_by_client(
        &self,
        id: &str,
        _actor: &Actor,
        _accepted: bool,
    ) -> Result<(), AnswerError> {
        Err(AnswerError::NotWaiting(id.to_owned()))
    }
}
