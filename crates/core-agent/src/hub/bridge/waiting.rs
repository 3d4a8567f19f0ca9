//! Calls that wait for a client to come back with answers.
//!
//! Bounded in number, per principal and altogether, and in time: who does not come back in time
//! finds the call cancelled. Invariant: a waiting call is taken by its own principal and once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mcp_service::Principal;

/// Waiting calls of one principal.
const OF_ONE: usize = 32;
/// Waiting calls altogether.
const OF_ALL: usize = 1_024;

/// The calls that wait.
pub(in crate::hub) struct Waiting<T> {
    table: Arc<Mutex<HashMap<u64, (Principal, T)>>>,
    next: AtomicU64,
    time: Duration,
}

impl<T: Send + 'static> Waiting<T> {
    /// Each waits at most this long.
    pub(in crate::hub) fn new(time: Duration) -> Self {
        Self {
            table: Arc::default(),
            next: AtomicU64::new(1),
            time,
        }
    }

    /// Lets a call wait; gives it back when too many do.
    pub(in crate::hub) fn put(&self, owner: &Principal, call: T) -> Result<u64, T> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            let own = table.values().filter(|(other, _)| other == owner).count();
            if own >= OF_ONE || table.len() >= OF_ALL {
                return Err(call);
            }
            table.insert(number, (owner.clone(), call));
        }
        let (table, time) = (Arc::downgrade(&self.table), self.time);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let late = table.upgrade().and_then(|table| {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                table.remove(&number)
            });
            if late.is_some() {
                tracing::info!("a call waited too long for its client's answers and is cancelled");
            }
        });
        Ok(number)
    }

    /// Takes a waiting call.
    pub(in crate::hub) fn take(&self, owner: &Principal, number: u64) -> Option<T> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.get(&number).is_some_and(|(other, _)| other == owner) {
            table.remove(&number).map(|(_, call)| call)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiting_call_is_taken_once_and_by_its_owner() {
        let waiting = Waiting::new(Duration::from_mins(10));
        let (alice, eve) = (Principal::new("alice"), Principal::new("eve"));
        let number = waiting.put(&alice, "call").unwrap();
        assert_eq!(waiting.take(&eve, number), None);
        assert_eq!(waiting.take(&alice, number), Some("call"));
        assert_eq!(waiting.take(&alice, number), None);
    }

    #[tokio::test]
    async fn not_too_many_wait() {
        let waiting = Waiting::new(Duration::from_mins(10));
        let alice = Principal::new("alice");
        for number in 0..OF_ONE {
            waiting.put(&alice, number).unwrap();
        }
        assert!(waiting.put(&alice, OF_ONE).is_err());
        assert!(waiting.put(&Principal::new("bob"), 0).is_ok());
    }

    #[tokio::test]
    async fn nothing_waits_for_ever() {
        let waiting = Waiting::new(Duration::from_millis(5));
        let token = Arc::new(());
        let alice = Principal::new("alice");
        let number = waiting.put(&alice, Arc::clone(&token)).unwrap();
        while Arc::strong_count(&token) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(waiting.take(&alice, number), None);
    }
}
