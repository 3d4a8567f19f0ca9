//! What may be used once: the states that travel with a question to a person.
//!
//! Invariant: of any number of uses of one id, at most one is granted until it expires.

use std::{collections::HashMap, sync::Mutex};

use futures::future::BoxFuture;
use jiff::Timestamp;

/// A register of ids that were used.
pub trait OneTime: Send + Sync + 'static {
    /// Uses `id`, which need not be remembered after `until`; false when it was used before.
    fn spend<'a>(&'a self, id: &'a str, now: Timestamp, until: Timestamp) -> BoxFuture<'a, bool>;
}

/// A register for a single process.
#[derive(Debug, Default)]
pub struct MemoryOneTime(Mutex<HashMap<String, Timestamp>>);

/// Beyond this number of unexpired ids no more are granted, so that memory stays bounded.
const CAPACITY: usize = 100_000;

impl OneTime for MemoryOneTime {
    fn spend<'a>(&'a self, id: &'a str, now: Timestamp, until: Timestamp) -> BoxFuture<'a, bool> {
        let mut spent = self
            .0
            .lock()
            .expect("no code panics while holding the register");
        if spent.len() >= CAPACITY {
            spent.retain(|_, until| *until > now);
        }
        let granted = spent.len() < CAPACITY && !spent.contains_key(id);
        if granted {
            spent.insert(id.to_owned(), until);
        }
        Box::pin(async move { granted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_is_granted_once() {
        let register = MemoryOneTime::default();
        let now = Timestamp::UNIX_EPOCH;
        assert!(register.spend("a", now, now).await);
        assert!(!register.spend("a", now, now).await);
        assert!(register.spend("b", now, now).await);
    }
}
