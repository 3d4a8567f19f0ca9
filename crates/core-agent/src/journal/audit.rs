//! Who decided what: a chain in which every entry has the hash of the one before.
//!
//! Not proof against somebody who can rewrite the whole file: whoever wants that notes the head
//! elsewhere and compares.
//! Invariant: an entry that is altered, put between or taken away is found.

use std::sync::Arc;

use foundation::Clock;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    hex::hex,
    store::{Store, StoreError},
};

/// Entries kept.
const MOST: i64 = 100_000;
const HEAD: &str = "audit_head";
const ANCHOR: &str = "audit_anchor";
/// What the first entry follows.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The chain. Clones share it.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    clock: Arc<dyn Clock>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// A policy refused a call.
    CallDenied,
    /// A person was asked.
    ApprovalAsked,
    /// A person said yes.
    ApprovalGiven,
    /// A person said no.
    ApprovalDeclined,
    /// A call was made with an approval.
    ApprovalUsed,
    /// A tool was approved as it is.
    ToolApproved,
    /// A tool was blocked.
    ToolBlocked,
    /// A command was approved.
    CommandApproved,
    /// Somebody signed in to a server.
    SignedIn,
    /// Somebody signed out of a server.
    SignedOut,
}

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// Its place.
    pub seq: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// About what.
    pub subject: String,
    /// What else is to be known, as JSON.
    pub detail: String,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

/// What a check of the chain found.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// Entries.
    pub entries: u64,
    /// The hash of the last.
    pub head: String,
    /// What is wrong, in order.
    pub faults: Vec<String>,
}

impl AuditKind {
    /// The word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallDenied => "call_denied",
            Self::ApprovalAsked => "approval_asked",
            Self::ApprovalGiven => "approval_given",
            Self::ApprovalDeclined => "approval_declined",
            Self::ApprovalUsed => "approval_used",
            Self::ToolApproved => "tool_approved",
            Self::ToolBlocked => "tool_blocked",
            Self::CommandApproved => "command_approved",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
        }
    }
}

impl Audit {
    /// The chain in a database.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Adds an entry, and returns when it is durable.
    pub async fn add(
        &self,
        kind: AuditKind,
        actor: &str,
        subject: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let at = self.clock.now().as_millisecond();
        let (actor, subject) = (actor.to_owned(), subject.to_owned());
        let detail = detail.to_string();
        self.store
            .write(move |tx| append(tx, at, kind, &actor, &subject, &detail))
            .await
    }

    /// The last entries, oldest first.
    pub fn list(&self, most: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.store.read(|db| {
            db.prepare(
                "SELECT * FROM (SELECT * FROM audit ORDER BY seq DESC LIMIT ?1) ORDER BY seq",
            )?
            .query_map(params![most], entry)?
            .collect()
        })
    }

    /// Follows the chain from its beginning.
    pub fn verify(&self) -> Result<AuditReport, StoreError> {
        self.store.read(verify)
    }

    pub(super) async fn prune(&self) -> Result<(), StoreError> {
        self.prune_to(MOST).await
    }

    async fn prune_to(&self, most: i64) -> Result<(), StoreError> {
        self.store
            .write(move |tx| {
                let last: Option<(i64, String)> = tx
                    .query_row(
                        "SELECT seq, hash FROM audit
                         WHERE seq <= (SELECT max(seq) FROM audit) - ?1
                         ORDER BY seq DESC LIMIT 1",
                        params![most],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()?;
                if let Some((seq, hash)) = last {
                    tx.execute("DELETE FROM audit WHERE seq <= ?1", params![seq])?;
                    put(tx, ANCHOR, seq, &hash)?;
                }
                Ok(())
            })
            .await
    }
}

/// Adds an entry within a transaction.
pub(crate) fn append(
    tx: &Transaction<'_>,
    at: i64,
    kind: AuditKind,
    actor: &str,
    subject: &str,
    detail: &str,
) -> rusqlite::Result<()> {
    let (last, previous) = match get(tx, HEAD)? {
        Some(head) => head,
        None => (0, START.to_owned()),
    };
    let seq = last + 1;
    let hash = hash(seq, at, kind.name(), actor, subject, detail, &previous);
    tx.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            seq,
            at,
            kind.name(),
            actor,
            subject,
            detail,
            previous,
            hash
        ])?;
    put(tx, HEAD, seq, &hash)
}

fn verify(db: &Connection) -> rusqlite::Result<AuditReport> {
    // One moment of the database, however long the reading takes.
    let db = db.unchecked_transaction()?;
    let db = &*db;
    let (mut last, mut head) = get(db, ANCHOR)?.unwrap_or((0, START.to_owned()));
    let (mut entries, mut faults) = (0, Vec::new());
    let mut statement = db.prepare("SELECT * FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found = entry(row)?;
        entries += 1;
        if found.seq != last + 1 {
            faults.push(format!(
                "entries are missing between {last} and {}",
                found.seq
            ));
        } else if found.previous != head {
            faults.push(format!(
                "entry {} does not follow the one before",
                found.seq
            ));
        }
        let right = hash(
            found.seq,
            found.at,
            &found.kind,
            &found.actor,
            &found.subject,
            &found.detail,
            &found.previous,
        );
        if right != found.hash {
            faults.push(format!("entry {} was altered", found.seq));
        }
        (last, head) = (found.seq, found.hash);
    }
    let noted = get(db, HEAD)?.unwrap_or((0, START.to_owned()));
    if noted != (last, head.clone()) {
        faults.push(format!(
            "the chain ends with entry {last}, and entry {} was the last to be written",
            noted.0
        ));
    }
    Ok(AuditReport {
        entries,
        head,
        faults,
    })
}

fn hash(
    seq: i64,
    at: i64,
    kind: &str,
    actor: &str,
    subject: &str,
    detail: &str,
    previous: &str,
) -> String {
    // JSON keeps the fields apart, whatever is in them.
    let text = json!([seq, at, kind, actor, subject, detail, previous]).to_string();
    hex(&Sha256::digest(text))
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        seq: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        actor: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

fn get(db: &Connection, name: &str) -> rusqlite::Result<Option<(i64, String)>> {
    let value: Option<String> = db
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row(params![name], |row| row.get(0))
        .optional()?;
    Ok(value.and_then(|value| {
        let (seq, hash) = value.split_once(' ')?;
        Some((seq.parse().ok()?, hash.to_owned()))
    }))
}

fn put(tx: &Transaction<'_>, name: &str, seq: i64, hash: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = ?2",
    )?
    .execute(params![name, format!("{seq} {hash}")])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use foundation::SystemClock;

    use super::*;

    async fn chain(entries: usize) -> (tempfile::TempDir, Audit) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let audit = Audit::new(store, Arc::new(SystemClock));
        for n in 0..entries {
            let kind = AuditKind::ApprovalGiven;
            audit
                .add(kind, "a", &format!("s{n}"), &json!({"n": n}))
                .await
                .unwrap();
        }
        (folder, audit)
    }

    #[tokio::test]
    async fn every_alteration_is_found() {
        for (statement, expected) in [
            (
                "UPDATE audit SET actor = 'b' WHERE seq = 3",
                "entry 3 was altered",
            ),
            (
                "UPDATE audit SET detail = '{}' WHERE seq = 1",
                "entry 1 was altered",
            ),
            ("DELETE FROM audit WHERE seq = 2", "missing between 1 and 3"),
            ("DELETE FROM audit WHERE seq = 1", "missing between 0 and 2"),
            ("DELETE FROM audit WHERE seq >= 4", "ends with entry 3"),
            (
                "UPDATE audit SET previous = 'x' WHERE seq = 4",
                "entry 4 does not follow",
            ),
            ("DELETE FROM audit", "ends with entry 0"),
        ] {
            let (_folder, audit) = chain(5).await;
            assert!(audit.verify().unwrap().faults.is_empty());
            audit
                .store
                .write(|tx| tx.execute(statement, []))
                .await
                .unwrap();
            let faults = audit.verify().unwrap().faults.join("; ");
            assert!(faults.contains(expected), "{statement}: {faults}");
        }
    }

    #[tokio::test]
    async fn a_pruned_chain_is_whole() {
        let (_folder, audit) = chain(10).await;
        audit.prune_to(4).await.unwrap();
        let report = audit.verify().unwrap();
        assert_eq!((report.entries, report.faults), (4, Vec::new()));
        audit
            .add(AuditKind::SignedIn, "a", "s", &Value::Null)
            .await
            .unwrap();
        assert!(audit.verify().unwrap().faults.is_empty());
        audit
            .store
            .write(|tx| tx.execute("DELETE FROM audit WHERE seq = 7", []))
            .await
            .unwrap();
        assert!(!audit.verify().unwrap().faults.is_empty());
    }
}
