//! Questions to a person, across rounds that share no memory.
//!
//! The state that travels with a question is sealed to the caller, the tool, its arguments and a
//! time, and is good for one reply.
//! Invariant: a reply reaches a tool only with the very call that asked for it.

use std::sync::Arc;

use foundation::{Clock, Random};
use jiff::{SignedDuration, Timestamp};
use rmcp::model::{ClientCapabilities, RequestStateCodec, RequestStateError, SealOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{OneTime, Principal, Question, Reply, ReplyAction};

/// How long a person may think.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
const NOT_THIS_CALL: &str = "the requestState is altered, expired, used before or belongs to another call; call the tool again without requestState and inputResponses";

/// Seals and opens the states of questions.
pub(crate) struct Asker {
    codec: RequestStateCodec,
    one_time: Arc<dyn OneTime>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What a state belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct State {
    /// The question's key.
    key: String,
    /// Makes the state unique.
    nonce: String,
    /// When it ends, in milliseconds of the Unix epoch.
    until: i64,
}

impl Asker {
    pub(crate) fn new(
        key: &[u8; 32],
        one_time: Arc<dyn OneTime>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            codec: RequestStateCodec::try_new(key.as_slice())
                .expect("32 bytes are enough of a key"),
            one_time,
            clock,
            random,
        }
    }

    /// The state for `question`.
    pub(crate) fn seal(
        &self,
        subject: Subject<'_>,
        question: &Question,
    ) -> Result<String, RequestStateError> {
        let state = State {
            key: question.key.clone(),
            nonce: self.random.hex(16),
            until: (self.clock.now() + PATIENCE).as_millisecond(),
        };
        self.codec.seal_json_with(
            &state,
            &SealOptions::new().associated_data(&subject.bytes()),
        )
    }

    /// The reply a client brings, if it brings one that can be read; without one the tool asks
    /// again. `Err` says why a state does not count.
    pub(crate) async fn reply(
        &self,
        subject: Subject<'_>,
        state: Option<&str>,
        responses: Option<&Map<String, Value>>,
    ) -> Result<Option<Reply>, &'static str> {
        let Some(state) = state else { return Ok(None) };
        let opened: State = self
            .codec
            .open_json_with(state, &subject.bytes())
            .map_err(|_| NOT_THIS_CALL)?;
        let now = self.clock.now();
        let until = Timestamp::from_millisecond(opened.until).map_err(|_| NOT_THIS_CALL)?;
        if until <= now {
            return Err(NOT_THIS_CALL);
        }
        let action = responses
            .and_then(|responses| responses.get(&opened.key))
            .and_then(action);
        let Some(action) = action else {
            return Ok(None);
        };
        if !self.one_time.spend(&opened.nonce, now, until).await {
            return Err(NOT_THIS_CALL);
        }
        Ok(Some(Reply {
            key: opened.key,
            action,
        }))
    }
}

impl Subject<'_> {
    fn bytes(self) -> Vec<u8> {
        let mut arguments = Vec::new();
        canonical_object(self.arguments, &mut arguments);
        let mut bytes = Vec::new();
        for part in [
            self.principal.key().as_bytes(),
            self.tool.as_bytes(),
            &arguments,
        ] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// Whether a client with these capabilities can put a form before a person.
pub(crate) fn can_ask(capabilities: &ClientCapabilities) -> bool {
    capabilities
        .elicitation
        .as_ref()
        .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
}

fn action(response: &Value) -> Option<ReplyAction> {
    match response.get("action")?.as_str()? {
        "accept" => match response.get("content") {
            Some(Value::Object(content)) => Some(ReplyAction::Accepted(content.clone())),
            None | Some(Value::Null) => Some(ReplyAction::Accepted(Map::new())),
            Some(_) => None,
        },
        "decline" => Some(ReplyAction::Declined),
        "cancel" => Some(ReplyAction::Cancelled),
        _ => None,
    }
}

/// Writes an object with sorted keys, so that a client may send them in another order.
fn canonical_object(object: &Map<String, Value>, bytes: &mut Vec<u8>) {
    let mut keys: Vec<_> = object.keys().collect();
    keys.sort();
    bytes.push(b'{');
    for key in keys {
        plain(key, bytes);
        bytes.push(b':');
        canonical(&object[key], bytes);
        bytes.push(b',');
    }
    bytes.push(b'}');
}

fn canonical(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(object) => canonical_object(object, bytes),
        Value::Array(items) => {
            bytes.push(b'[');
            for item in items {
                canonical(item, bytes);
                bytes.push(b',');
            }
            bytes.push(b']');
        }
        plainly => plain(plainly, bytes),
    }
}

fn plain(value: &impl Serialize, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, value).expect("writing JSON to memory does not fail");
}

#[cfg(test)]
mod tests {
    use foundation::{ManualClock, SeededRandom};
    use serde_json::json;

    use super::*;
    use crate::MemoryOneTime;

    struct Bench {
        asker: Asker,
        clock: Arc<ManualClock>,
        principal: Principal,
        arguments: Map<String, Value>,
    }

    fn bench() -> Bench {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        Bench {
            asker: Asker::new(
                &[7; 32],
                Arc::new(MemoryOneTime::default()),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(SeededRandom::new(1)),
            ),
            clock,
            principal: Principal::new("alice"),
            arguments: object(json!({"to": "bob", "n": {"b": 1, "a": [1, 2]}})),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else {
            panic!("an object")
        };
        map
    }

    fn question() -> Question {
        Question {
            key: "send".into(),
            message: "Send it?".into(),
            schema: Map::new(),
            otherwise: String::new(),
        }
    }

    impl Bench {
        fn subject(&self) -> Subject<'_> {
            Subject {
                principal: &self.principal,
                tool: "send_mail",
                arguments: &self.arguments,
            }
        }

        fn state(&self) -> String {
            self.asker.seal(self.subject(), &question()).unwrap()
        }

        async fn accepts(&self, subject: Subject<'_>, state: &str) -> bool {
            let responses = object(json!({"send": {"action": "accept", "content": {"ok": true}}}));
            self.asker
                .reply(subject, Some(state), Some(&responses))
                .await
                .is_ok()
        }
    }

    #[tokio::test]
    async fn a_state_is_good_once_for_its_own_call() {
        let bench = bench();
        let state = bench.state();
        let reordered = object(json!({"n": {"a": [1, 2], "b": 1}, "to": "bob"}));
        let same = Subject {
            arguments: &reordered,
            ..bench.subject()
        };
        assert!(bench.accepts(same, &state).await);
        assert!(!bench.accepts(bench.subject(), &state).await);
    }

    #[tokio::test]
    async fn a_state_is_no_good_elsewhere() {
        let bench = bench();
        let state = bench.state();
        let mallory = Principal::new("mallory");
        let other = object(json!({"to": "eve", "n": {"b": 1, "a": [1, 2]}}));
        assert!(
            !bench
                .accepts(
                    Subject {
                        principal: &mallory,
                        ..bench.subject()
                    },
                    &state
                )
                .await
        );
        assert!(
            !bench
                .accepts(
                    Subject {
                        tool: "delete_mail",
                        ..bench.subject()
                    },
                    &state
                )
                .await
        );
        assert!(
            !bench
                .accepts(
                    Subject {
                        arguments: &other,
                        ..bench.subject()
                    },
                    &state
                )
                .await
        );
        for position in 0..state.len() {
            let mut bytes = state.clone().into_bytes();
            bytes[position] ^= 1;
            if let Ok(altered) = String::from_utf8(bytes) {
                assert!(
                    !bench.accepts(bench.subject(), &altered).await,
                    "{position}"
                );
            }
        }
        bench.clock.advance(SignedDuration::from_mins(10));
        assert!(!bench.accepts(bench.subject(), &state).await);
    }

    #[tokio::test]
    async fn a_reply_says_what_a_person_did() {
        let bench = bench();
        for (response, expected) in [
            (json!({"action": "decline"}), Some(ReplyAction::Declined)),
            (json!({"action": "cancel"}), Some(ReplyAction::Cancelled)),
            (
                json!({"action": "accept"}),
                Some(ReplyAction::Accepted(Map::new())),
            ),
            (json!({"action": "accept", "content": 3}), None),
            (json!({"action": "shrug"}), None),
            (json!({}), None),
        ] {
            let responses = object(json!({ "send": response }));
            let reply = bench
                .asker
                .reply(bench.subject(), Some(&bench.state()), Some(&responses))
                .await;
            assert_eq!(reply.ok().flatten().map(|reply| reply.action), expected);
        }
        let none = bench
            .asker
            .reply(bench.subject(), None, Some(&object(json!({"send": 1}))))
            .await;
        assert!(none.is_ok_and(|reply| reply.is_none()));
        let altered = bench.asker.reply(bench.subject(), Some("x"), None).await;
        assert!(altered.is_err());
    }
}
