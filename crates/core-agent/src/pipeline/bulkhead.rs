//! How many calls are at work at one server, and how many wait.
//!
//! Invariant: one server's callers never wait for another server's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{Fault, FaultKind, ServerName};

/// Calls that wait for each that is at work.
const WAITING_FOR_EACH: usize = 4;

/// One server's places.
#[derive(Clone, Debug)]
pub(super) struct Bulkhead {
    places: Arc<Semaphore>,
    size: usize,
    waiting: Arc<AtomicUsize>,
}

/// A place at a server, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Bulkhead {
    /// Places for `size` calls at work.
    pub(super) fn new(size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(size)),
            size,
            waiting: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Takes a place, waiting for one if the queue is not full.
    pub(super) async fn enter(
        &self,
        server: &ServerName,
        longest: Duration,
        cancelled: &CancellationToken,
    ) -> Result<Place, Fault> {
        if let Some(place) = self.try_enter() {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.size.saturating_mul(WAITING_FOR_EACH) {
            return Err(self.busy(server, "and the queue is full"));
        }
        let place = self.places.clone().acquire_owned();
        tokio::select! {
            () = cancelled.cancelled() => Err(gave_up(server)),
            place = tokio::time::timeout(longest, place) => match place {
                Ok(Ok(permit)) => Ok(Place { _permit: permit }),
                Ok(Err(_)) | Err(_) => Err(self.busy(server, "and none ended in time")),
            },
        }
    }

    /// Takes a place if one is free.
    pub(super) fn try_enter(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    fn busy(&self, server: &ServerName, and: &str) -> Fault {
        Fault {
            retry_after: Some(Duration::from_secs(1)),
            ..Fault::before(
                server,
                FaultKind::Busy,
                format!("{} calls are at work at it, {and}", self.size),
            )
        }
        .hint("try again in a moment, or raise `concurrency` of the server")
    }
}

/// The caller gave up before anything was sent.
pub(super) fn gave_up(server: &ServerName) -> Fault {
    Fault::before(server, FaultKind::Cancelled, "the caller gave up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_and_queue_are_bounded() {
        let server: ServerName = "a".parse().unwrap();
        let bulkhead = Bulkhead::new(1);
        let never = CancellationToken::new();
        let place = bulkhead.try_enter().unwrap();
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let (bulkhead, server, never) = (bulkhead.clone(), server.clone(), never.clone());
                tokio::spawn(async move {
                    let place = bulkhead.enter(&server, Duration::from_mins(1), &never);
                    place.await.map(drop)
                })
            })
            .collect();
        while bulkhead.waiting.load(Ordering::Relaxed) < 4 {
            tokio::task::yield_now().await;
        }
        let full = bulkhead
            .enter(&server, Duration::from_mins(1), &never)
            .await;
        assert_eq!(full.unwrap_err().kind, FaultKind::Busy);
        drop(place);
        for waiter in waiters {
            assert!(waiter.await.unwrap().is_ok());
        }
        assert_eq!(bulkhead.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_gives_up_does_not_wait() {
        let server: ServerName = "a".parse().unwrap();
        let bulkhead = Bulkhead::new(1);
        let _place = bulkhead.try_enter().unwrap();
        let gone = CancellationToken::new();
        gone.cancel();
        let fault = bulkhead.enter(&server, Duration::from_mins(1), &gone).await;
        assert_eq!(fault.unwrap_err().kind, FaultKind::Cancelled);
    }
}
