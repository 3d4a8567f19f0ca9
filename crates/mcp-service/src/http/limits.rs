//! Bodies under a clock and under a count.
//!
//! Invariant: a request body that does not arrive in its time ends with an error, whoever reads it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use prometheus_client::metrics::gauge::Gauge;
use thiserror::Error;
use tokio::{
    sync::Notify,
    time::{Sleep, sleep},
};

use super::watch::Beating;

/// A request body that must arrive in time.
pub(crate) struct TimedBody<B> {
    inner: B,
    /// Made when the body first keeps its reader waiting, so that short requests need no timer.
    deadline: Option<Pin<Box<Sleep>>>,
    time: Duration,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum BodyFault {
    /// It took too long.
    #[error("the request body did not arrive in time")]
    Slow,
    /// It is too large.
    #[error("the request body is larger than this server takes")]
    Large,
    /// The connection broke, or the body was not framed as announced.
    #[error("the request body broke off")]
    Broken,
}

impl<B> TimedBody<B> {
    pub(crate) fn new(inner: B, time: Duration) -> Self {
        Self {
            inner,
            deadline: None,
            time,
        }
    }
}

impl<B> http_body::Body for TimedBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyFault::Broken)));
        }
        let time = self.time;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(time)));
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyFault::Slow))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, BodyFault>
where
    B: http_body::Body<Data = Bytes, Error = BodyFault> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyFault::Large);
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let so_far = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if data.len() > limit.saturating_sub(so_far) {
            return Err(BodyFault::Large);
        }
        if first.is_none() {
            first = Some(data);
        } else {
            rest.extend_from_slice(&data);
        }
    }
    let first = first.unwrap_or_default();
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// Counts what is going on and wakes whoever waits for the end of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    number: AtomicUsize,
    empty: Notify,
    gauge: Gauge,
}

/// One of what is counted.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Count>);

impl InFlight {
    /// A count that `gauge` shows.
    pub(crate) fn shown(gauge: Gauge) -> Self {
        Self(Arc::new(Count {
            gauge,
            ..Count::default()
        }))
    }

    pub(crate) fn begin(&self) -> Counted {
        self.0.number.fetch_add(1, Ordering::AcqRel);
        self.0.gauge.inc();
        Counted(Arc::clone(&self.0))
    }

    pub(crate) fn number(&self) -> usize {
        self.0.number.load(Ordering::Acquire)
    }

    /// Waits until nothing is going on.
    pub(crate) async fn none(&self) {
        loop {
            let emptied = self.0.empty.notified();
            if self.number() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.gauge.dec();
        if self.0.number.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}

/// A response body that counts until it is sent or given up.
pub(crate) struct CountedBody {
    inner: Body,
    _counted: (Beating, Option<Counted>),
}

impl CountedBody {
    pub(crate) fn new(inner: Body, counted: (Beating, Option<Counted>)) -> Self {
        Self {
            inner,
            _counted: counted,
        }
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_has_a_size() {
        let body = |size| {
            TimedBody::new(
                Full::new(Bytes::from(vec![b'x'; size])),
                Duration::from_secs(9),
            )
        };
        assert_eq!(collect(body(10), 10).await.map(|bytes| bytes.len()), Ok(10));
        assert_eq!(collect(body(11), 10).await, Err(BodyFault::Large));
    }

    #[tokio::test]
    async fn a_body_has_a_time() {
        let never = axum::body::Body::from_stream(futures::stream::pending::<
            Result<Bytes, std::io::Error>,
        >());
        let body = TimedBody::new(never, Duration::from_millis(5));
        assert_eq!(collect(body, 10).await, Err(BodyFault::Slow));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_last() {
        let count = InFlight::default();
        let one = count.begin();
        let two = count.begin();
        let waiting = tokio::spawn({
            let count = count.clone();
            async move { count.none().await }
        });
        drop(one);
        assert_eq!(count.number(), 1);
        drop(two);
        waiting.await.unwrap();
    }
}
