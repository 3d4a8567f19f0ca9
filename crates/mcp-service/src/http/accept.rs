//! Our own accept loop: connections with limits and an end.
//!
//! Invariant: no client can hold a connection by doing nothing, and none is cut while its request
//! is at work before the time to finish is over.

use std::{convert::Infallible, io::ErrorKind, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    front::Front,
    watch::{Pulse, Watched},
};
use crate::shell::Peer;

/// The two ends of a connection's life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// No new requests.
    pub(crate) draining: CancellationToken,
    /// No more time.
    pub(crate) cut: CancellationToken,
}

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 80\r\n\r\n{\"error\":\"Service Unavailable\",\"message\":\"too many connections; come back soon\"}";

/// Accepts until draining begins; returns what tracks the connections.
pub(crate) async fn accept(listener: TcpListener, front: Arc<Front>, ends: Ends) -> TaskTracker {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ends.draining.cancelled() => break,
        };
        match accepted {
            Ok((socket, address)) => {
                if connections.len() >= front.limits.connections {
                    front.metrics.refused("connections");
                    // Best effort: the kernel's buffer takes these few bytes or nobody reads them.
                    let _ = socket.try_write(FULL);
                    continue;
                }
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was gone before it began");
                    continue;
                }
                let front = Arc::clone(&front);
                connections.spawn(connection(socket, Peer(address), front, ends.clone()));
            }
            Err(error) => {
                let passing = matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                        | ErrorKind::Interrupted
                );
                if !passing {
                    // Out of descriptors, most likely: give connections time to end.
                    tracing::error!(%error, "no connection could be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    connections.close();
    connections
}

async fn connection(socket: TcpStream, peer: Peer, front: Arc<Front>, ends: Ends) {
    let pulse = Pulse::new();
    let open = front.metrics.connections().clone();
    open.inc();
    let limits = front.limits.clone();
    let service = service_fn({
        let pulse = Arc::clone(&pulse);
        move |request: Request<Incoming>| {
            let beating = pulse.request_begins();
            let front = Arc::clone(&front);
            async move { Ok::<Response<Body>, Infallible>(front.handle(request, peer, beating).await) }
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_time + limits.head_time)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024);
    let io = TokioIo::new(Watched::new(socket, Arc::clone(&pulse)));
    let mut connection = pin!(builder.serve_connection(io, service));
    let beat = (limits.head_time / 10).clamp(Duration::from_millis(20), Duration::from_secs(1));
    let mut beats = interval(beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut draining = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            () = ends.cut.cancelled() => break,
            () = ends.draining.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = beats.tick() => {
                if pulse.is_stuck(&limits, beat) {
                    tracing::debug!("a connection stood still and was closed");
                    break;
                }
            }
        }
    }
    open.dec();
}
