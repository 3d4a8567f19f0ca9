//! A connection under observation.
//!
//! The HTTP library times the first head only together with idle time; behind a load balancer the
//! two differ: a head that began must end soon, a silent connection may be kept.
//! Invariant: a connection on which nothing moves is closed, in whichever phase it got stuck.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::config::Limits;

/// What was last seen on a connection, in milliseconds since it began; 0 for never.
#[derive(Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    moved: AtomicU64,
    head_since: AtomicU64,
    write_since: AtomicU64,
    requests: AtomicUsize,
    /// How much of [`PREFACE`] the connection began with; [`OTHER`] once it differed.
    preface: AtomicUsize,
}

/// How a connection of HTTP/2 begins (RFC 9113, section 3.4), as far as it needs to be told apart.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const OTHER: usize = usize::MAX;

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            moved: AtomicU64::new(1),
            head_since: AtomicU64::new(1),
            write_since: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
            preface: AtomicUsize::new(0),
        })
    }

    /// A request's head is complete.
    pub(crate) fn request_begins(self: &Arc<Self>) -> Beating {
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        Beating(Arc::clone(self))
    }

    /// Whether the connection is stuck.
    pub(crate) fn is_stuck(&self, limits: &Limits, margin: Duration) -> bool {
        let now = self.now();
        let over = |since: u64, time: Duration| {
            since != 0 && Duration::from_millis(now.saturating_sub(since)) + margin > time
        };
        let working = self.requests.load(Relaxed) > 0;
        over(self.write_since.load(Relaxed), limits.idle_time)
            || (!working
                && (over(self.head_since.load(Relaxed), limits.head_time)
                    || over(self.moved.load(Relaxed), limits.idle_time)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn heard(&self, bytes: &[u8]) {
        let now = self.now();
        self.moved.store(now, Relaxed);
        let http2 = self.is_http2(bytes);
        let between = self.requests.load(Relaxed) == 0 && !http2;
        if between && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(now, Relaxed);
        }
    }
}

impl Pulse {
    /// Whether the connection is one of HTTP/2, whose frames between requests are no heads. Only
    /// its very first bytes decide: the same words later are somebody's wish to be left alone.
    fn is_http2(&self, heard: &[u8]) -> bool {
        let known = self.preface.load(Relaxed);
        if known == PREFACE.len() {
            return true;
        }
        let Some(due) = PREFACE.get(known..) else {
            return false;
        };
        let length = due.len().min(heard.len());
        let known = if due.get(..length) == heard.get(..length) {
            known + length
        } else {
            OTHER
        };
        self.preface.store(known, Relaxed);
        let complete = known == PREFACE.len();
        if complete {
            self.head_since.store(0, Relaxed);
        }
        complete
    }
}

/// A request at work on a connection.
pub(crate) struct Beating(Arc<Pulse>);

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Relaxed);
        self.0.moved.store(self.0.now(), Relaxed);
    }
}

/// A socket that tells its pulse.
pub(crate) struct Watched {
    socket: TcpStream,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub(crate) fn new(socket: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { socket, pulse }
    }

    fn noted<T>(&self, poll: Poll<T>) -> Poll<T> {
        if poll.is_pending() {
            let _ = self
                .pulse
                .write_since
                .compare_exchange(0, self.pulse.now(), Relaxed, Relaxed);
        } else {
            self.pulse.write_since.store(0, Relaxed);
        }
        poll
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if let Some(read) = buffer.filled().get(before..)
            && !read.is_empty()
        {
            self.pulse.heard(read);
        }
        poll
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.noted(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.noted(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck_in_a_head(chunks: &[&[u8]]) -> bool {
        let pulse = Pulse::new();
        for chunk in chunks {
            pulse.heard(chunk);
        }
        pulse.head_since.load(Relaxed) != 0
    }

    #[test]
    fn only_the_first_bytes_make_a_connection_http2() {
        assert!(!stuck_in_a_head(&[PREFACE]));
        assert!(!stuck_in_a_head(&[
            b"PRI * HT",
            b"TP/2.0\r\n\r\nSM\r\n\r\n",
            b"frame"
        ]));
        assert!(stuck_in_a_head(&[b"POST /mcp HTTP/1.1\r\n", PREFACE]));
        assert!(stuck_in_a_head(&[b"PRI * HTTP/2.0\r\nX: ", b"y"]));
    }
}
