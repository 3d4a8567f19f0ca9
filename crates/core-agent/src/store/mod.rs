//! The one SQLite file: everything the program keeps, except spilled results and tokens.
//!
//! Writes of all tasks go to one thread, which commits whatever has come together; reads have a
//! connection of their own. Not an ORM: each module writes its own statements against the tables
//! of `schema.sql`.
//! Invariant: when [`Store::write`] returns `Ok`, a killed process finds the write again.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

const SCHEMA: &str = include_str!("schema.sql");
/// How many writes are committed together at most.
const TOGETHER: usize = 256;

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    writer: mpsc::Sender<Job>,
    reader: Arc<Mutex<Connection>>,
    path: Arc<Path>,
}

/// Why the store did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be used.
    #[error(
        "cannot open the database {path}: {why}; check that the folder is writable and no other version of the program made it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// A statement failed.
    #[error("the database refused: {0}")]
    Refused(String),
    /// The writing thread has ended.
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

type Work = Box<dyn FnOnce(&Transaction<'_>) -> Result<Done, StoreError> + Send>;
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write, and whom to tell when it cannot even be tried.
struct Job {
    work: Work,
    refuse: Box<dyn FnOnce(StoreError) + Send>,
}

impl Store {
    /// Opens the file, making it and its tables when they are not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let refused = |error: rusqlite::Error| StoreError::Open {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let writer = connect(path).map_err(refused)?;
        writer.execute_batch(SCHEMA).map_err(refused)?;
        let reader = connect(path).map_err(refused)?;
        let (sender, jobs) = mpsc::channel();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_all(writer, &jobs))
            .map_err(|error| StoreError::Open {
                path: path.to_owned(),
                why: error.to_string(),
            })?;
        Ok(Self {
            writer: sender,
            reader: Arc::new(Mutex::new(reader)),
            path: path.into(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads. Short: the caller's thread waits.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(work(&reader)?)
    }

    /// Writes, and returns when it is committed. A failed closure leaves nothing behind.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let tell = Mutex::new(Some(tell));
        let answer = Arc::new(move |outcome: Result<T, StoreError>| {
            let tell = tell.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(tell) = tell {
                let _ = tell.send(outcome);
            }
        });
        let refuse = {
            let answer = Arc::clone(&answer);
            Box::new(move |error| answer(Err(error)))
        };
        let work: Work = Box::new(move |transaction| match work(transaction) {
            Ok(value) => Ok(Box::new(move |committed: Result<(), StoreError>| {
                answer(committed.map(|()| value));
            })),
            Err(error) => {
                let error = StoreError::from(error);
                answer(Err(error.clone()));
                Err(error)
            }
        });
        self.writer
            .send(Job { work, refuse })
            .map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.path).finish()
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A killed process loses nothing with NORMAL; only a power cut can take the last commits.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn write_all(mut connection: Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < TOGETHER
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        commit(&mut connection, batch);
    }
}

fn commit(connection: &mut Connection, batch: Vec<Job>) {
    let mut done: Vec<Done> = Vec::with_capacity(batch.len());
    let mut batch = VecDeque::from(batch);
    let outcome = (|| {
        let mut transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        while !batch.is_empty() {
            // Each write stands alone: one that fails takes back only itself.
            let savepoint = Savepoint::begin(&mut transaction)?;
            let Some(job) = batch.pop_front() else { break };
            match (job.work)(savepoint.transaction()) {
                Ok(tell) => {
                    done.push(tell);
                    savepoint.keep()?;
                }
                Err(_) => savepoint.undo()?,
            }
        }
        transaction.commit()
    })()
    .map_err(StoreError::from);
    for tell in done {
        tell(outcome.clone());
    }
    // Those whose turn never came: another process holds the file, or the disk is full.
    if let Err(error) = outcome {
        for job in batch {
            (job.refuse)(error.clone());
        }
    }
}

/// A savepoint over which the closure sees a [`Transaction`].
struct Savepoint<'a, 'c>(&'a mut Transaction<'c>);

impl<'a, 'c> Savepoint<'a, 'c> {
    fn begin(transaction: &'a mut Transaction<'c>) -> rusqlite::Result<Self> {
        transaction.execute_batch("SAVEPOINT one")?;
        Ok(Self(transaction))
    }

    fn transaction(&self) -> &Transaction<'c> {
        self.0
    }

    fn keep(self) -> rusqlite::Result<()> {
        self.0.execute_batch("RELEASE one")
    }

    fn undo(self) -> rusqlite::Result<()> {
        self.0.execute_batch("ROLLBACK TO one; RELEASE one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_are_found_and_failures_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let put = |name: &'static str, fail: bool| {
            store.write(move |tx| {
                tx.execute("INSERT INTO meta (name, value) VALUES (?1, 'x')", [name])?;
                if fail {
                    tx.execute("INSERT INTO nowhere VALUES (1)", [])?;
                }
                Ok(())
            })
        };
        let (a, b, c) = tokio::join!(put("a", false), put("b", true), put("c", false));
        assert!(a.is_ok() && b.is_err() && c.is_ok());
        let names: String = store
            .read(|db| {
                db.query_row("SELECT group_concat(name, '') FROM meta", [], |row| {
                    row.get(0)
                })
            })
            .unwrap();
        assert_eq!(names, "ac");
    }

    #[test]
    fn a_write_whose_turn_never_comes_is_told_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        drop(Store::open(&path).unwrap());
        let other = connect(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut held = connect(&path).unwrap();
        held.busy_timeout(Duration::ZERO).unwrap();
        let (tell, told) = mpsc::channel();
        let job = Job {
            work: Box::new(|_| panic!("the file is held by another")),
            refuse: Box::new(move |error| tell.send(error).unwrap()),
        };
        commit(&mut held, vec![job]);
        let error = told.recv().unwrap();
        assert!(error.to_string().contains("locked"), "{error}");
    }
}
