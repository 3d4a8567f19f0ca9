//! Refreshed credentials the store could not take yet.
//!
//! Holds accounts, not copies: the credential itself is in the account's memory. Invariant: while
//! anything waits, exactly one task tries to store it, again and again, at most [`BOUND`] accounts
//! in all and [`AT_ONCE`] at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::sync::Notify;
use tracing::{error, info};

use super::Linked;
use crate::CredentialKey;

const BOUND: usize = 10_000;
const AT_ONCE: usize = 16;
const ROUND: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(2);

/// The accounts with something to store.
#[derive(Clone, Default)]
pub(crate) struct PendingWrites(Arc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    done: Notify,
}

#[derive(Default)]
struct Waiting {
    accounts: HashMap<CredentialKey, Arc<Linked>>,
    running: bool,
}

impl PendingWrites {
    /// Queues an account.
    pub(super) fn add(&self, account: &Arc<Linked>) {
        let mut waiting = self.0.waiting();
        if waiting.accounts.len() >= BOUND && !waiting.accounts.contains_key(&account.key) {
            error!("too many refreshed credentials wait for the store; one is kept in memory only");
            return;
        }
        waiting
            .accounts
            .insert(account.key.clone(), Arc::clone(account));
        if !waiting.running {
            waiting.running = true;
            tokio::spawn(Arc::clone(&self.0).work());
        }
    }

    /// How many accounts wait.
    pub(crate) fn len(&self) -> usize {
        self.0.waiting().accounts.len()
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn drained(&self) {
        loop {
            let done = self.0.done.notified();
            if self.len() == 0 {
                return;
            }
            done.await;
        }
    }
}

impl Inner {
    async fn work(self: Arc<Self>) {
        loop {
            tokio::time::sleep(ROUND).await;
            let accounts: Vec<_> = self.waiting().accounts.values().cloned().collect();
            stream::iter(accounts)
                .for_each_concurrent(AT_ONCE, |account| self.store(account))
                .await;
            let mut waiting = self.waiting();
            if waiting.accounts.is_empty() {
                waiting.running = false;
                drop(waiting);
                self.done.notify_waiters();
                return;
            }
        }
    }

    async fn store(&self, account: Arc<Linked>) {
        if account
            .around
            .weather
            .patiently(ATTEMPT, account.save())
            .await
            .is_ok()
        {
            let mut waiting = self.waiting();
            // Refreshed again meanwhile: it stays.
            if account.memory.unsaved().is_none() {
                waiting.accounts.remove(&account.key);
                info!("a refreshed credential that had to wait is stored");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
