//! The table of approvals.
//!
//! Invariant: a state changes only from the state it is expected to have.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};
use serde::Serialize;

use super::{ApprovalState, Found, Request};

/// The earliest time at which a call may have begun whose rounds still go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since(pub(super) i64);

/// One record.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// The digest of the call.
    pub digest: String,
    /// For whom.
    #[serde(skip)]
    pub principal: String,
    /// The configured caller.
    pub caller: String,
    /// The server.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
    /// The policies that ask.
    pub policy: String,
    /// The question.
    pub question: String,
    /// Whether the caller's own answer counts.
    pub by_client: bool,
    /// When it was asked, in milliseconds since 1970.
    pub asked_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Where it is in its life.
    pub state: ApprovalState,
    /// When it was answered.
    pub answered_at: Option<i64>,
    /// By whom.
    pub answered_by: Option<String>,
    /// How.
    pub answered_how: Option<String>,
    /// Whether it counts for the same call again and again until it ends.
    pub many: bool,
    /// How often it was used.
    pub uses: i64,
}

const COLUMNS: &str = "id, digest, principal, caller, server, tool, policy, question, by_client,
    asked_at, expires_at, state, answered_at, answered_by, answered_how, many, uses";

/// How often one approval may be used for the rounds of its call.
const MOST_ROUNDS: i64 = 16;

pub(super) fn find(
    db: &Connection,
    digest: &str,
    principal: &str,
    now: i64,
    round: Option<Since>,
) -> rusqlite::Result<Option<Found>> {
    if let Some(Since(since)) = round {
        let begun: Option<String> = db
            .prepare_cached(
                "SELECT id FROM approvals
                 WHERE digest = ?1 AND principal = ?2 AND state = 'rounds' AND used_at > ?3
                 ORDER BY used_at LIMIT 1",
            )?
            .query_row(params![digest, principal, since], |row| row.get(0))
            .optional()?;
        if let Some(id) = begun {
            return Ok(Some(Found::Approved(id)));
        }
    }
    db.prepare_cached(
        "SELECT id, state FROM approvals
         WHERE digest = ?1 AND principal = ?2 AND expires_at > ?3
           AND state IN ('approved', 'asked', 'declined')
         ORDER BY state = 'approved' DESC, coalesce(answered_at, asked_at) DESC LIMIT 1",
    )?
    .query_row(params![digest, principal, now], |row| {
        let (id, state): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(match state.as_str() {
            "approved" => Found::Approved(id),
            "asked" => Found::Waiting(id),
            _ => Found::Declined(id),
        })
    })
    .optional()
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    id: &str,
    request: &Request,
    now: i64,
    expires: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO approvals (id, digest, principal, caller, server, tool, policy, question,
           by_client, asked_at, expires_at, state)
         VALUES (:id, :digest, :principal, :caller, :server, :tool, :policy, :question,
           :by_client, :asked_at, :expires_at, 'asked')",
    )?
    .execute(named_params! {
        ":id": id,
        ":digest": request.digest,
        ":principal": request.principal,
        ":caller": request.caller,
        ":server": request.server,
        ":tool": request.tool,
        ":policy": request.policies.join(" "),
        ":question": request.question,
        ":by_client": request.by_client,
        ":asked_at": now,
        ":expires_at": expires,
    })?;
    Ok(())
}

/// Ends the oldest questions of a principal that has too many.
pub(super) fn make_room(
    tx: &Transaction<'_>,
    principal: &str,
    now: i64,
    most: i64,
) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE approvals SET expires_at = ?2 WHERE id IN (
           SELECT id FROM approvals
           WHERE principal = ?1 AND state = 'asked' AND expires_at > ?2
           ORDER BY asked_at DESC LIMIT -1 OFFSET ?3)",
        params![principal, now, most - 1],
    )?;
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "one statement's parameters, each of its own type"
)]
pub(super) fn answer(
    tx: &Transaction<'_>,
    id: &str,
    accepted: bool,
    by: &str,
    how: &str,
    now: i64,
    expires: i64,
    many: bool,
) -> rusqlite::Result<bool> {
    let changed = tx.execute(
        "UPDATE approvals SET state = ?2, answered_by = ?3, answered_how = ?4, answered_at = ?5,
           expires_at = ?6, many = ?7
         WHERE id = ?1 AND state = 'asked' AND expires_at > ?5",
        params![
            id,
            if accepted { "approved" } else { "declined" },
            by,
            how,
            now,
            expires,
            accepted && many
        ],
    )?;
    Ok(changed == 1)
}

pub(super) fn take(
    tx: &Transaction<'_>,
    id: &str,
    now: i64,
    round: Option<Since>,
) -> rusqlite::Result<bool> {
    // The time of a call over rounds is that of its first.
    let changed = tx
        .prepare_cached(
            "UPDATE approvals SET uses = uses + 1,
               used_at = CASE WHEN state = 'rounds' THEN used_at ELSE ?2 END,
               state = CASE WHEN many THEN state ELSE 'used' END
             WHERE id = ?1 AND ((state = 'approved' AND expires_at > ?2)
               OR (state = 'rounds' AND used_at > ?3))",
        )?
        .execute(params![id, now, round.map(|Since(since)| since)])?;
    Ok(changed == 1)
}

pub(super) fn keep_for_rounds(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE approvals SET state = 'rounds' WHERE id = ?1 AND state = 'used' AND uses <= ?2",
        params![id, MOST_ROUNDS],
    )?;
    Ok(())
}

pub(super) fn give_back(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE approvals SET uses = uses - 1,
           state = CASE WHEN state = 'used' THEN 'approved' ELSE state END
         WHERE id = ?1 AND uses > 0",
        params![id],
    )?;
    Ok(())
}

pub(super) fn get(db: &Connection, id: &str, now: i64) -> rusqlite::Result<Option<Approval>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM approvals WHERE id = ?1"))?
        .query_row(params![id], |row| approval(row, now))
        .optional()
}

pub(super) fn list(db: &Connection, waiting: bool, now: i64) -> rusqlite::Result<Vec<Approval>> {
    db.prepare_cached(&format!(
        "SELECT * FROM (SELECT {COLUMNS} FROM approvals
           WHERE NOT ?1 OR (state = 'asked' AND expires_at > ?2)
           ORDER BY asked_at DESC LIMIT 1000) ORDER BY asked_at"
    ))?
    .query_map(params![waiting, now], |row| approval(row, now))?
    .collect()
}

pub(super) fn waiting(db: &Connection, now: i64) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM approvals WHERE state = 'asked' AND expires_at > ?1")?
        .query_row(params![now], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

pub(super) fn prune(tx: &Transaction<'_>, oldest: i64) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM approvals WHERE expires_at < ?1",
        params![oldest],
    )?;
    Ok(())
}

fn approval(row: &Row<'_>, now: i64) -> rusqlite::Result<Approval> {
    let expires_at: i64 = row.get("expires_at")?;
    let state = match row.get::<_, String>("state")?.as_str() {
        // The call was made, and its server asked questions first.
        "used" | "rounds" => ApprovalState::Used,
        "declined" => ApprovalState::Declined,
        _ if expires_at <= now => ApprovalState::Expired,
        "approved" => ApprovalState::Approved,
        _ => ApprovalState::Asked,
    };
    Ok(Approval {
        id: row.get("id")?,
        digest: row.get("digest")?,
        principal: row.get("principal")?,
        caller: row.get("caller")?,
        server: row.get("server")?,
        tool: row.get("tool")?,
        policy: row.get("policy")?,
        question: row.get("question")?,
        by_client: row.get("by_client")?,
        asked_at: row.get("asked_at")?,
        expires_at,
        state,
        answered_at: row.get("answered_at")?,
        answered_by: row.get("answered_by")?,
        answered_how: row.get("answered_how")?,
        many: row.get("many")?,
        uses: row.get("uses")?,
    })
}
