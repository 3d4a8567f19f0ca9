//! What both ways to a tool share: the tools themselves, the questions, the calls at work.
//!
//! Invariant: a call that has begun is never torn: when its client goes away it is told so, and
//! runs on until it ends by itself.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use foundation::Random;
use futures::future::{BoxFuture, poll_fn};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{Answer, Era, ToolCall, Tools, ask::Asker};

/// The tools and what every call of them needs.
pub(crate) struct Shell {
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) asker: Asker,
    pub(crate) ids: RequestIds,
    /// The calls at work.
    pub(crate) calls: TaskTracker,
    /// Cancelled when the server has no more time.
    pub(crate) stop: CancellationToken,
}

/// A tool broke off instead of answering.
#[derive(Debug)]
pub(crate) struct Crashed;

impl Shell {
    /// Runs a call to its end, or until the caller of this function goes away.
    pub(crate) async fn run(&self, call: ToolCall) -> Result<Answer, Crashed> {
        // From 2026-07-28 a lost connection cancels a request; before, it does not.
        let left = (call.caller.era == Era::Stateless).then(|| call.cancelled.clone().drop_guard());
        let tools = Arc::clone(&self.tools);
        let mut work: BoxFuture<'static, Answer> =
            Box::pin(async move { tools.call(call).await }.in_current_span());
        // Most calls wait for something; those that do not are spared a task.
        let first = poll_fn(|cx| {
            let poll = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
            Poll::Ready(poll)
        })
        .await;
        let answer = match first {
            Err(_) => Err(Crashed),
            Ok(Poll::Ready(answer)) => Ok(answer),
            Ok(Poll::Pending) => self.calls.spawn(work).await.map_err(|_| Crashed),
        };
        if let Some(left) = left {
            left.disarm();
        }
        answer
    }
}

/// Correlation ids, unique among all tasks: a random start and a count.
pub(crate) struct RequestIds {
    start: String,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self {
            start: random.hex(6),
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> Arc<str> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}-{count:08x}", self.start).into()
    }
}

/// The correlation id of an HTTP request, as an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// The other end of the connection, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) std::net::SocketAddr);
