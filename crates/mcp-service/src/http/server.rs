//! A server: bound, then run until it is told to stop.
//!
//! Invariant: after a signal `/ready` says no at once, and no request in flight is cut before the
//! drain time is over.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use axum::Router;
use foundation::{Clock, Random};
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config::HttpConfig;
use crate::{Metrics, OneTime, Tools};

/// What a program hands over to be served.
pub struct Program {
    /// Its tools.
    pub tools: Arc<dyn Tools>,
    /// Its own routes, such as sign-in pages. Prefixes are stripped before they see a path.
    pub routes: Router,
    /// Whether it can work now, for `/ready`.
    pub readiness: Readiness,
    /// Where its figures are.
    pub metrics: Metrics,
    /// Where used question states are remembered.
    pub one_time: Arc<dyn OneTime>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request and session ids.
    pub random: Arc<dyn Random>,
}

/// Answers whether the program can work; `Err` says in one sentence why not, without secrets.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    config: HttpConfig,
    program: Program,
    address: SocketAddr,
}

/// Why a server did not start or went down.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: choose another port or stop the program that holds it")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A setting cannot be used.
    #[error("{0}")]
    Config(String),
    /// The system refused something a server needs.
    #[error("the system refused {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// Requests were still at work when the drain time was over.
    #[error("{0} requests were cut when the time to finish was over")]
    Cut(usize),
}

impl Server {
    /// Listens, without answering yet.
    pub async fn bind(config: HttpConfig, program: Program) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Bind {
            address: config.bind,
            source,
        };
        let listener = TcpListener::bind(config.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            config,
            program,
            address,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until SIGTERM or SIGINT, then finishes what is in flight. A second signal ends at
    /// once.
    pub async fn run(self) -> Result<(), ServeError> {
        self.run_until(CancellationToken::new()).await
    }

    /// Like [`Server::run`] but stopped by the token instead of by signals.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), ServeError> {
        let _ = (self.listener, self.program);
        stop.cancelled().await;
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("sessions", &self.config.sessions)
            .finish_non_exhaustive()
    }
}
