//! A call that is in the journal and has not ended.
//!
//! Invariant: however its caller goes away, the journal learns that it is over.

use std::{sync::Arc, time::Instant};

use super::trail::Trail;
use crate::journal::{Begun, Ending, Intent, Journal};

/// A call that has begun.
pub(super) struct Open {
    journal: Journal,
    begun: Begun,
    started: Instant,
    trail: Arc<Trail>,
    intent: Option<Intent>,
}

impl Open {
    pub(super) fn new(
        journal: Journal,
        begun: Begun,
        intent: Intent,
        started: Instant,
        trail: Arc<Trail>,
    ) -> Self {
        Self {
            journal,
            begun,
            started,
            trail,
            intent: Some(intent),
        }
    }

    /// It ended so.
    pub(super) async fn end(mut self, intent: Intent, ending: Ending) {
        self.journal.end(self.begun, intent, ending).await;
        self.intent = None;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(intent) = self.intent.take() {
            let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let ending = Ending::dropped(self.trail.attempts(), ms);
            self.journal.end_now(self.begun, intent, ending);
        }
    }
}
