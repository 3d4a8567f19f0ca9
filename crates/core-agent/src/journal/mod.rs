//! What was done: calls, and the audit of decisions.
//!
//! Arguments and results are not in it, only the digest of the arguments.
//! Invariant: a call that may have an effect is in the journal before it reaches a server.

mod audit;
mod figures;
mod instance;
mod record;
mod stats;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foundation::{Clock, Random};
use rusqlite::{Transaction, named_params};
use tokio::sync::{mpsc, oneshot};

use crate::store::{Store, StoreError};

pub(crate) use audit::append as append_audit;
pub use audit::{Audit, AuditEntry, AuditKind, AuditReport};
pub use figures::{Health, OpenCall, ServerFigures, ToolFigures, figures, recent, tool_figures};
pub use record::{CallState, Ending, Intent};
pub use stats::{ToolStats, stats};

use instance::Instance;
use record::Record;

/// Records on their way to the database; when there are more, those of reads are counted and
/// dropped.
const WAITING: usize = 4_096;
const TOGETHER: usize = 256;
/// Calls kept.
const CALLS: i64 = 200_000;
const CALLS_DAYS: i64 = 30;

/// The journal. Clones share it.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    instance: Instance,
    audit: Audit,
    queue: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Record(Box<Record>),
    Flush(oneshot::Sender<()>),
}

/// A call that has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Begun(i64);

impl Journal {
    /// Opens it for writing. Calls that processes now dead left open are marked as of unknown
    /// outcome.
    pub async fn open(
        store: Store,
        state: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let instance = Instance::begin(state, &*random)?;
        let left = instance.settle_the_dead(&store).await?;
        if left > 0 {
            tracing::warn!(
                calls = left,
                "calls were at work when an earlier process ended; whether they had an effect is unknown"
            );
        }
        let (queue, messages) = mpsc::channel(WAITING);
        tokio::spawn(write_all(store.clone(), messages));
        Ok(Self(Arc::new(Inner {
            audit: Audit::new(store.clone(), clock.clone()),
            store,
            clock,
            instance,
            queue,
            dropped: Arc::default(),
        })))
    }

    /// The audit beside it.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Writes down that a call is about to be made, and returns when that is durable. With
    /// `first`, only if it says so, in the same transaction.
    pub async fn begin(
        &self,
        intent: Intent,
        first: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Result<Option<Begun>, StoreError> {
        let (at, instance) = (self.now(), self.0.instance.id().to_owned());
        self.0
            .store
            .write(move |tx| {
                if !first(tx)? {
                    return Ok(None);
                }
                record::insert(tx, &intent, at, &instance, None)?;
                Ok(Some(Begun(tx.last_insert_rowid())))
            })
            .await
    }

    /// Writes down how a call ended that had begun. Waits for room, never for the disk.
    pub async fn end(&self, begun: Begun, intent: Intent, ending: Ending) {
        let record = self.entry(Some(begun.0), intent, ending);
        let _ = self.0.queue.send(Message::Record(record)).await;
    }

    /// Writes down how a call ended, without waiting: from a place that cannot.
    pub fn end_now(&self, begun: Begun, intent: Intent, ending: Ending) {
        let record = self.entry(Some(begun.0), intent, ending);
        self.try_send(record);
    }

    /// Writes down a call without an effect, once it is over. Dropped and counted when the
    /// database does not keep up.
    pub fn record(&self, intent: Intent, ending: Ending) {
        let record = self.entry(None, intent, ending);
        self.try_send(record);
    }

    /// Returns when everything recorded before is in the database.
    pub async fn flush(&self) {
        let (tell, told) = oneshot::channel();
        if self.0.queue.send(Message::Flush(tell)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// Counts the records that were dropped because the database did not keep up.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.0.dropped.clone()
    }

    /// The statistics of all tools.
    pub fn stats(&self) -> Result<Vec<ToolStats>, StoreError> {
        stats(&self.0.store)
    }

    /// Throws away what is too old.
    pub async fn prune(&self) -> Result<(), StoreError> {
        let oldest = self.now() - CALLS_DAYS * 86_400_000;
        self.0
            .store
            .write(move |tx| {
                tx.execute(
                    "DELETE FROM calls WHERE state <> 'open'
                     AND (at < :oldest OR id <= (SELECT max(id) FROM calls) - :most)",
                    named_params! {":oldest": oldest, ":most": CALLS},
                )
            })
            .await?;
        self.0.audit.prune().await
    }

    fn entry(&self, id: Option<i64>, intent: Intent, ending: Ending) -> Box<Record> {
        Box::new(Record {
            id,
            at: self.now(),
            instance: self.0.instance.id().to_owned(),
            intent,
            ending,
        })
    }

    fn try_send(&self, record: Box<Record>) {
        if self.0.queue.try_send(Message::Record(record)).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_millisecond()
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journal").field(&self.0.store).finish()
    }
}

async fn write_all(store: Store, mut messages: mpsc::Receiver<Message>) {
    let mut taken = Vec::with_capacity(TOGETHER);
    while messages.recv_many(&mut taken, TOGETHER).await > 0 {
        let (mut records, mut flushed) = (Vec::new(), Vec::new());
        for message in taken.drain(..) {
            match message {
                Message::Record(record) => records.push(record),
                Message::Flush(tell) => flushed.push(tell),
            }
        }
        if !records.is_empty() {
            let written = store.write(move |tx| record::write(tx, &records)).await;
            if let Err(error) = written {
                tracing::error!(%error, "calls could not be written down");
            }
        }
        for tell in flushed {
            let _ = tell.send(());
        }
    }
}

#[cfg(test)]
mod tests;
