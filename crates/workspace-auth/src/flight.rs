//! One worker, many who wait for its answer.
//!
//! Not a cache: an answer is shared only by those who asked while the work was under way.
//! Invariant: the work runs in a task of its own, so no caller that gives up can stop it, and a
//! worker that panics is replaced instead of leaving its followers waiting.

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::watch;
use tracing::Instrument as _;

/// How many workers may panic before the callers are told.
const WORKERS: usize = 3;

/// Work of which at most one is under way.
pub(crate) struct Flight<T> {
    current: Mutex<Option<watch::Receiver<Option<T>>>>,
}

/// Every worker panicked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Crashed;

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self {
            current: Mutex::new(None),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// The answer of the work under way, or of `start` when there is none.
    pub(crate) async fn join(
        &self,
        start: impl Fn() -> BoxFuture<'static, T>,
    ) -> Result<T, Crashed> {
        for _ in 0..WORKERS {
            let mut answer = self.board(&start);
            if let Ok(answer) = answer.wait_for(Option::is_some).await {
                return answer.clone().ok_or(Crashed);
            }
        }
        Err(Crashed)
    }

    fn board(&self, start: impl Fn() -> BoxFuture<'static, T>) -> watch::Receiver<Option<T>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = current.as_ref() {
            // A dropped sender without an answer is a worker that panicked.
            if answer.borrow().is_none() && answer.has_changed().is_ok() {
                return answer.clone();
            }
        }
        let (sender, answer) = watch::channel(None);
        let work = start();
        tokio::spawn(
            async move {
                let value = work.await;
                sender.send_replace(Some(value));
            }
            .in_current_span(),
        );
        *current = Some(answer.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use futures::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_leader_does_not_stop_the_work() {
        let (flight, runs) = (Arc::new(Flight::default()), Arc::new(AtomicUsize::new(0)));
        let start = {
            let runs = runs.clone();
            move || -> BoxFuture<'static, usize> {
                let runs = runs.clone();
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    runs.fetch_add(1, Ordering::SeqCst)
                })
            }
        };
        for cancelled_after in 0..20 {
            let leader = flight.join(start.clone());
            let _ = tokio::time::timeout(Duration::from_millis(cancelled_after), leader).await;
        }
        let followers = (0..1000).map(|_| flight.join(start.clone()));
        assert!(
            join_all(followers)
                .await
                .into_iter()
                .all(|answer| answer == Ok(0))
        );
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(flight.join(start).await, Ok(1), "an answer is not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_panicking_worker_is_replaced() {
        let (flight, runs) = (Flight::default(), Arc::new(AtomicUsize::new(0)));
        let start = |panics: usize| {
            let runs = runs.clone();
            move || -> BoxFuture<'static, &'static str> {
                let runs = runs.clone();
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    assert!(runs.fetch_add(1, Ordering::SeqCst) >= panics, "planned");
                    "done"
                })
            }
        };
        let followers = (0..100).map(|_| flight.join(start(1)));
        assert!(
            join_all(followers)
                .await
                .into_iter()
                .all(|answer| answer == Ok("done"))
        );
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(
            flight.join(start(usize::MAX)).await,
            Err(Crashed),
            "never waits for ever"
        );
    }
}
