//! Several calls at once, with a bound.
//!
//! Invariant: results keep the order of the futures they belong to.

use std::future::Future;

use futures::{StreamExt, TryStreamExt, stream};

/// Awaits all futures, at most `bound` at a time.
pub async fn join_bounded<F: Future>(
    futures: impl IntoIterator<Item = F>,
    bound: usize,
) -> Vec<F::Output> {
    stream::iter(futures).buffered(bound.max(1)).collect().await
}

/// Awaits all futures, at most `bound` at a time, and stops at the first failure.
pub async fn try_join_bounded<T, E, F: Future<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
    bound: usize,
) -> Result<Vec<T>, E> {
    stream::iter(futures)
        .buffered(bound.max(1))
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_order_and_bound() {
        let running = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        let (running, most) = (&running, &most);
        let jobs = (0..20_u64).map(|number| async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(100 - number)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            number
        });
        assert_eq!(join_bounded(jobs, 4).await, (0..20).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn stops_at_the_first_failure() {
        let jobs = [Ok(1), Err("no"), Ok(3)].map(|one: Result<u8, &str>| async move { one });
        assert_eq!(try_join_bounded(jobs, 2).await, Err("no"));
    }
}
