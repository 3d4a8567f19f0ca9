//! What travels to a client and back with a question: sealed to one principal and one request.
//!
//! Invariant: a state that was altered, is too old or belongs to another call opens to nothing.

use std::sync::Arc;

use foundation::{Clock, Random};
use jiff::{SignedDuration, Timestamp};
use mcp_service::Principal;
use rmcp::model::{RequestStateCodec, SealOptions};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError};

/// How long a person may think.
pub(in crate::hub) const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// The row of the key in the table `meta`.
const KEY_ROW: &str = "hub.state_key";

/// Seals and opens states.
pub(in crate::hub) struct States {
    codec: RequestStateCodec,
    clock: Arc<dyn Clock>,
}

/// What a state stands for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::hub) enum State {
    /// The server's own state.
    Server(String),
    /// A call that waits here under this number.
    Waiting(u64),
}

/// A task of a server, as its id travels.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::hub) struct TaskName {
    /// The server's name.
    pub(in crate::hub) server: String,
    /// The server's id of the task.
    pub(in crate::hub) id: String,
}

/// What a state belongs to: one principal and one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::hub) struct Subject(Vec<u8>);

#[derive(Deserialize, Serialize)]
struct Sealed {
    state: State,
    /// When it ends, in milliseconds of the Unix epoch.
    until: i64,
}

impl Subject {
    /// The request `what`, such as `tools/call`, for `name` with `arguments`.
    pub(in crate::hub) fn new(
        principal: &Principal,
        what: &str,
        name: &str,
        arguments: &impl Serialize,
    ) -> Self {
        // Keys in one order, so that a client may send them in another.
        let arguments = serde_json_canonicalizer::to_vec(arguments).unwrap_or_default();
        let mut digest = Sha256::new();
        for part in [
            principal.key().as_bytes(),
            what.as_bytes(),
            name.as_bytes(),
            &arguments,
        ] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().to_vec())
    }
}

impl States {
    /// With the store's key, made at first use, so that a round outlives a restart.
    pub(in crate::hub) async fn open_store(
        store: &Store,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<Self, StoreError> {
        let fresh = random.hex(32);
        // Two processes may come here at once: the first wins, both read the same.
        let key: String = store
            .write(move |transaction| {
                transaction.execute(
                    "INSERT OR IGNORE INTO meta (name, value) VALUES (?1, ?2)",
                    [KEY_ROW, &fresh],
                )?;
                transaction.query_row("SELECT value FROM meta WHERE name = ?1", [KEY_ROW], |row| {
                    row.get(0)
                })
            })
            .await?;
        Ok(Self::with_key(key.as_bytes(), clock))
    }

    fn with_key(key: &[u8], clock: Arc<dyn Clock>) -> Self {
        let key: [u8; 32] = Sha256::digest(key).into();
        Self {
            codec: RequestStateCodec::try_new(key.as_slice())
                .expect("32 bytes are enough of a key"),
            clock,
        }
    }

    /// The text that stands for `state`.
    pub(in crate::hub) fn seal(&self, subject: &Subject, state: State) -> String {
        let sealed = Sealed {
            state,
            until: (self.clock.now() + PATIENCE).as_millisecond(),
        };
        self.codec
            .seal_json_with(&sealed, &SealOptions::new().associated_data(&subject.0))
            .expect("a state has string keys only")
    }

    /// What a text stands for, if it belongs to `subject` and is not too old.
    pub(in crate::hub) fn open(&self, subject: &Subject, text: &str) -> Option<State> {
        let sealed: Sealed = self.codec.open_json_with(text, &subject.0).ok()?;
        let until = Timestamp::from_millisecond(sealed.until).ok()?;
        (self.clock.now() < until).then_some(sealed.state)
    }

    /// The hub's id of a server's task.
    pub(in crate::hub) fn seal_task(&self, principal: &Principal, task: &TaskName) -> String {
        self.codec
            .seal_json_with(
                task,
                &SealOptions::new().associated_data(principal.key().as_bytes()),
            )
            .expect("a task's name has string keys only")
    }

    /// The server's task behind the hub's id, if it belongs to `principal`.
    pub(in crate::hub) fn open_task(&self, principal: &Principal, text: &str) -> Option<TaskName> {
        self.codec
            .open_json_with(text, principal.key().as_bytes())
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use foundation::{ManualClock, SeededRandom};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_belongs_to_its_request() {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let states = States::with_key(b"key", Arc::clone(&clock) as _);
        let alice = Principal::new("alice");
        let subject = |principal: &Principal, tool: &str, arguments| {
            Subject::new(principal, "tools/call", tool, &arguments)
        };
        let own = subject(&alice, "send", json!({"a": 1, "b": 2}));
        let text = states.seal(&own, State::Waiting(7));
        assert_eq!(
            states.open(&subject(&alice, "send", json!({"b": 2, "a": 1})), &text),
            Some(State::Waiting(7))
        );
        for other in [
            subject(&Principal::new("mallory"), "send", json!({"a": 1, "b": 2})),
            subject(&alice, "drop", json!({"a": 1, "b": 2})),
            subject(&alice, "send", json!({"a": 1, "b": 3})),
        ] {
            assert_eq!(states.open(&other, &text), None);
        }
        clock.advance(PATIENCE);
        assert_eq!(states.open(&own, &text), None);
    }

    #[tokio::test]
    async fn the_key_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let open = async |seed| {
            let store = Store::open(&path).unwrap();
            States::open_store(&store, Arc::clone(&clock), &SeededRandom::new(seed))
                .await
                .unwrap()
        };
        let subject = Subject::new(&Principal::local(), "tools/call", "x", &json!({}));
        let text = open(1).await.seal(&subject, State::Server("s".into()));
        assert_eq!(
            open(2).await.open(&subject, &text),
            Some(State::Server("s".into()))
        );
    }

    #[test]
    fn a_task_belongs_to_its_principal() {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let states = States::with_key(b"key", clock);
        let task = TaskName {
            server: "files".into(),
            id: "7".into(),
        };
        let id = states.seal_task(&Principal::new("alice"), &task);
        assert_eq!(states.open_task(&Principal::new("alice"), &id), Some(task));
        assert_eq!(states.open_task(&Principal::new("eve"), &id), None);
    }
}
