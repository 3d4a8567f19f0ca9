//! Whose turn it is to refresh a credential, among all processes that share the store.
//!
//! A turn is a mark in the record itself, written only if the record is unchanged, and ends with
//! the write of the result or by running out. Invariant: as long as the store answers, at most one
//! process asks Google with a given record.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::Instant;

use super::Linked;
use crate::{
    Lease, StoreError,
    store::{Condition, Read, Version},
};

/// How long one process may take: two attempts at Google and a write.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// After so long, a mark is void whatever its clock says.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a record marked by somebody else is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How long the store may fail before a refresh goes on without it.
pub(super) const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two tries at a failing store.
pub(super) const STORE_PAUSE: Duration = Duration::from_millis(100);

/// One refresh's claim to a turn.
pub(super) struct Turn {
    /// Our name in the record.
    holder: String,
    /// Whom we are waiting for, and since when.
    waiting_for: Option<(String, Instant)>,
    /// Since when the store has been failing us.
    trouble: Option<Instant>,
    /// Google refused a request made without a turn; the next must have one.
    pub(super) indispensable: bool,
}

/// What came of asking for a turn.
pub(super) enum Claim {
    /// Ours; the version of the record that says so.
    Ours(Version),
    /// Go on without: the store does not answer.
    Without,
    /// Somebody else is at it.
    Busy,
    /// Look at the record again.
    Again,
    /// The store does not answer, and going on without it is no option.
    Impossible,
}

impl Turn {
    pub(super) fn new(holder: String) -> Self {
        Self {
            holder,
            waiting_for: None,
            trouble: None,
            indispensable: false,
        }
    }

    /// Asks for the turn on what was read; `None` when reading failed.
    pub(super) async fn claim(&mut self, linked: &Linked, read: Option<&Read>) -> Claim {
        let Some((stored, version)) =
            read.and_then(|read| Some((read.credential.as_ref()?, read.version.as_ref()?)))
        else {
            return self.without();
        };
        let now = linked.around.clock.now();
        match &stored.own.lease {
            Some(lease) if lease.holder == self.holder => return Claim::Ours(version.clone()),
            Some(lease) if lease.until > now && !self.waited_enough(&lease.holder) => {
                return Claim::Busy;
            }
            _ => {}
        }
        let mut marked = stored.clone();
        marked.own.lease = Some(Lease {
            holder: self.holder.clone(),
            until: now + LEASE,
        });
        let condition = Condition::Unchanged(version.clone());
        let write = linked.around.store.write(&linked.key, &marked, condition);
        match linked.around.weather.patiently(STORE_PATIENCE, write).await {
            Ok(version) => Claim::Ours(version),
            Err(StoreError::Conflict) => Claim::Again,
            Err(StoreError::Unavailable { .. }) => {
                let since = *self.trouble.get_or_insert_with(Instant::now);
                if since.elapsed() < STORE_PATIENCE && !linked.around.weather.outage() {
                    tokio::time::sleep(STORE_PAUSE).await;
                    return Claim::Again;
                }
                self.without()
            }
            Err(_) => self.without(),
        }
    }

    /// Waits a little for whoever has the turn.
    pub(super) async fn wait(&self) {
        tokio::time::sleep(POLL).await;
    }

    fn without(&self) -> Claim {
        if self.indispensable {
            Claim::Impossible
        } else {
            Claim::Without
        }
    }

    fn waited_enough(&mut self, holder: &str) -> bool {
        match &self.waiting_for {
            Some((known, since)) if known == holder => since.elapsed() > LONGEST_WAIT,
            _ => {
                self.waiting_for = Some((holder.to_owned(), Instant::now()));
                false
            }
        }
    }
}
