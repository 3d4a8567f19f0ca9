//! Whether the store has been answering.
//!
//! Not a breaker: nothing is forbidden. It tells those who can do without the store not to wait
//! for it one after the other. Invariant: bad weather ends by itself after [`SPELL`] without
//! another failure, so that somebody looks again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::StoreError;

const SPELL: Duration = Duration::from_secs(3);
/// Failures this far apart, and nothing but failures between, are an outage.
const OUTAGE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Weather(Mutex<Option<Trouble>>);

#[derive(Clone, Copy)]
struct Trouble {
    first: Instant,
    last: Instant,
}

impl Weather {
    /// Whether the store failed to answer a moment ago.
    pub(crate) fn bad(&self) -> bool {
        self.trouble()
            .is_some_and(|trouble| trouble.last.elapsed() < SPELL)
    }

    /// Whether the store has been failing for longer than a mere stumble.
    pub(crate) fn outage(&self) -> bool {
        self.bad()
            && self
                .trouble()
                .is_some_and(|trouble| trouble.last - trouble.first >= OUTAGE)
    }

    /// Takes note of an outcome.
    pub(crate) fn note<T>(&self, outcome: &Result<T, StoreError>) {
        let mut trouble = self.trouble();
        if matches!(outcome, Err(StoreError::Unavailable { .. })) {
            let last = Instant::now();
            let first = match *trouble {
                Some(before) if before.last.elapsed() < SPELL => before.first,
                _ => last,
            };
            *trouble = Some(Trouble { first, last });
        } else {
            *trouble = None;
        }
    }

    /// `work`, but not longer than `patience`.
    pub(crate) async fn patiently<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let outcome = tokio::time::timeout(patience, work)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::Unavailable {
                    place: "the credential store".to_owned(),
                    problem: "no answer in time".to_owned(),
                })
            });
        self.note(&outcome);
        // A wait in vain counts from its beginning.
        if let Some(trouble) = self.trouble().as_mut() {
            trouble.first = trouble.first.min(begun);
        }
        outcome
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
