//! What happened to a call on its way.
//!
//! Invariant: it only grows.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use crate::catalogue::HubTool;

/// What happened to a call.
#[derive(Debug, Default)]
pub(super) struct Trail {
    attempts: AtomicU32,
    hedged: AtomicBool,
    cached: AtomicBool,
    fallback: Mutex<Option<Arc<HubTool>>>,
    notes: Mutex<Vec<String>>,
}

impl Trail {
    /// A request is sent; says the how manieth.
    pub(super) fn attempted(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(super) fn hedged(&self) {
        self.hedged.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_hedged(&self) -> bool {
        self.hedged.load(Ordering::Relaxed)
    }

    pub(super) fn cached(&self) {
        self.cached.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_cached(&self) -> bool {
        self.cached.load(Ordering::Relaxed)
    }

    /// Another tool was used.
    pub(super) fn fell_back(&self, tool: &Arc<HubTool>) {
        *self.fallback.lock().unwrap_or_else(PoisonError::into_inner) = Some(tool.clone());
    }

    /// The tool that was used instead.
    pub(super) fn fallback(&self) -> Option<Arc<HubTool>> {
        self.fallback
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Something whoever reads the result should know.
    pub(super) fn note(&self, note: String) {
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
