//! What persons decided: durable records, each bound to one call.
//!
//! Not the decision whether a person is needed: that is [`crate::policy`]'s.
//! Invariant: one approval is one call, by whoever it was asked for, with the very arguments it
//! was asked with; no answer is no.

mod digest;
mod question;
mod rows;

use std::{sync::Arc, time::Duration};

use foundation::{Clock, Random};
use rusqlite::Transaction;
use serde::Serialize;
use serde_json::json;

use crate::{
    Actor,
    journal::AuditKind,
    store::{Store, StoreError},
};

pub use digest::{arguments_digest, call_digest, principal_key};
pub use question::question;
pub use rows::Approval;

/// Approvals of one caller that wait at the same time.
const MOST_WAITING: i64 = 100;
/// How long an answered or expired record is kept.
const KEPT_DAYS: i64 = 90;

/// The records. Clones share them.
#[derive(Clone)]
pub struct Approvals {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    lifetime: Duration,
}

/// Why an answer does not count.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AnswerError {
    /// Only a person may answer.
    #[error(
        "this client does not speak for a person: a person answers with `core-agent approvals approve {0}`"
    )]
    NotAPerson(String),
    /// Nothing of that id waits.
    #[error("no approval {0} waits for an answer: `core-agent approvals list` shows those that do")]
    NotWaiting(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an approval is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits for an answer.
    Asked,
    /// A person said yes, and it was not used yet.
    Approved,
    /// A person said no.
    Declined,
    /// The call was made.
    Used,
    /// Nobody answered in time, or the call was not made in time.
    Expired,
}

/// What is to be approved.
#[derive(Clone, Debug)]
pub struct Request {
    /// The digest of the whole call: arguments, tool, principal.
    pub digest: String,
    /// For whom, as a key nobody else has.
    pub principal: String,
    /// The configured caller.
    pub caller: String,
    /// The server.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
    /// The policies that ask.
    pub policies: Vec<String>,
    /// The question, for people.
    pub question: String,
    /// Whether this caller's own answer counts.
    pub by_client: bool,
    /// Whether this is a later round of a call whose server asked questions: it goes on with what
    /// was approved for the first.
    pub round: bool,
}

/// What is left of an approval after its call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// The rounds of this very call: its server asked questions. Each goes on once.
    Rounds,
    /// All of it: the call surely did nothing.
    Everything,
}

/// What is known of a call that needs an approval.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// It is approved; the call uses this up.
    Approved(String),
    /// It waits for an answer.
    Waiting(String),
    /// A person said no.
    Declined(String),
}

impl Approvals {
    /// The records of a database; `minutes` is how long one can be answered, and used.
    pub fn new(store: Store, minutes: u64, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            store,
            clock,
            random,
            lifetime: Duration::from_secs(minutes.clamp(1, 60 * 24 * 30) * 60),
        }
    }

    /// What is known of a call, asking for it when nothing is.
    pub async fn find_or_ask(&self, request: Request) -> Result<Found, StoreError> {
        let now = self.now();
        let (digest, principal) = (request.digest.clone(), request.principal.clone());
        let round = request.round.then(|| self.since(now));
        let known = self
            .store
            .read(|db| rows::find(db, &digest, &principal, now, round))?;
        if let Some(found) = known {
            return Ok(found);
        }
        let id = self.random.hex(12);
        let expires = self.later(now);
        self.store
            .write(move |tx| {
                // Another call of the same kind may have asked meanwhile.
                if let Some(found) = rows::find(tx, &request.digest, &request.principal, now, round)? {
                    return Ok(found);
                }
                rows::make_room(tx, &request.principal, now, MOST_WAITING)?;
                rows::insert(tx, &id, &request, now, expires)?;
                audit(tx, now, AuditKind::ApprovalAsked, &request.caller, &id, &json!({
                    "tool": request.tool, "digest": request.digest, "policies": request.policies,
                }))?;
                Ok(Found::Waiting(id))
            })
            .await
    }

    /// Takes a person's answer at this machine. With `many`, a yes counts for as long for the same
    /// call again and again.
    pub async fn answer(
        &self,
        id: &str,
        accepted: bool,
        by: &str,
        many: Option<Duration>,
    ) -> Result<Approval, AnswerError> {
        self.answered(id, accepted, by, "command line", many).await
    }

    /// The answer that came through a client, by elicitation. Refused unless the client is
    /// configured to speak for a person and asked for the call itself.
    pub async fn answer_by_client(
        &self,
        id: &str,
        actor: &Actor,
        accepted: bool,
    ) -> Result<(), AnswerError> {
        let row = self
            .get(id)?
            .filter(|row| row.principal == principal_key(actor))
            .ok_or_else(|| AnswerError::NotWaiting(id.to_owned()))?;
        if !actor.speaks_for_person || !row.by_client {
            return Err(AnswerError::NotAPerson(id.to_owned()));
        }
        self.answered(id, accepted, &actor.name, "elicitation", None)
            .await?;
        Ok(())
    }

    async fn answered(
        &self,
        id: &str,
        accepted: bool,
        by: &str,
        how: &'static str,
        many: Option<Duration>,
    ) -> Result<Approval, AnswerError> {
        let now = self.now();
        let expires = many.map_or_else(|| self.later(now), |span| now.saturating_add(millis(span)));
        let (wanted, by) = (id.to_owned(), by.to_owned());
        let many = many.is_some();
        let answered = self
            .store
            .write(move |tx| {
                if !rows::answer(tx, &wanted, accepted, &by, how, now, expires, many)? {
                    return Ok(None);
                }
                let row = rows::get(tx, &wanted, now)?;
                let kind = if accepted {
                    AuditKind::ApprovalGiven
                } else {
                    AuditKind::ApprovalDeclined
                };
                let detail = json!({
                    "how": how, "many": many,
                    "tool": row.as_ref().map(|row| &row.tool),
                    "digest": row.as_ref().map(|row| &row.digest),
                });
                audit(tx, now, kind, &by, &wanted, &detail)?;
                Ok(row)
            })
            .await?;
        answered.ok_or_else(|| AnswerError::NotWaiting(id.to_owned()))
    }

    /// Uses an approval up, within the transaction in which the call is written down. Says no when
    /// it was used or ended meanwhile. With `round`, the call is a later round of one that was made.
    pub fn using(
        &self,
        id: String,
        caller: String,
        round: bool,
    ) -> impl FnOnce(&Transaction<'_>) -> rusqlite::Result<bool> + Send + 'static {
        let now = self.now();
        let since = round.then(|| self.since(now));
        move |tx| {
            let used = rows::take(tx, &id, now, since)?;
            if used {
                let detail = if round {
                    json!({"round": true})
                } else {
                    json!({})
                };
                audit(tx, now, AuditKind::ApprovalUsed, &caller, &id, &detail)?;
            }
            Ok(used)
        }
    }

    /// One record.
    pub fn get(&self, id: &str) -> Result<Option<Approval>, StoreError> {
        let now = self.now();
        self.store.read(|db| rows::get(db, id, now))
    }

    /// The last records, or only those that wait, newest last.
    pub fn list(&self, waiting_only: bool) -> Result<Vec<Approval>, StoreError> {
        let now = self.now();
        self.store.read(|db| rows::list(db, waiting_only, now))
    }

    /// How many wait for an answer.
    pub fn waiting(&self) -> Result<u64, StoreError> {
        let now = self.now();
        self.store.read(|db| rows::waiting(db, now))
    }

    /// Throws away what is too old.
    pub async fn prune(&self) -> Result<(), StoreError> {
        let oldest = self.now() - KEPT_DAYS * 86_400_000;
        self.store.write(move |tx| rows::prune(tx, oldest)).await
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn since(&self, now: i64) -> rows::Since {
        rows::Since(now.saturating_sub(millis(self.lifetime)))
    }

    fn later(&self, now: i64) -> i64 {
        now.saturating_add(millis(self.lifetime))
    }
}

/// Leaves of an approval what its call left of it.
pub(crate) fn settle(tx: &Transaction<'_>, id: &str, left: Left) -> rusqlite::Result<()> {
    match left {
        Left::Nothing => Ok(()),
        Left::Rounds => rows::keep_for_rounds(tx, id),
        Left::Everything => rows::give_back(tx, id),
    }
}

fn audit(
    tx: &Transaction<'_>,
    now: i64,
    kind: AuditKind,
    actor: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> rusqlite::Result<()> {
    crate::journal::append_audit(tx, now, kind, actor, subject, &detail.to_string())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl std::fmt::Debug for Approvals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Approvals")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
