//! A server: bound, then run until it is told to stop.
//!
//! Invariant: after a signal `/ready` says no at once, and no request in flight is cut before the
//! drain time is over.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use foundation::{Clock, Random};
use futures::future::BoxFuture;
use rmcp::ServerHandler;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::{Ends, accept},
    config::{HttpConfig, LegacySessions},
    front::Front,
    guard::Guard,
    health,
    limits::InFlight,
    mcp::Endpoint,
    ownership::Sessions,
    prefix::Prefixes,
    rmcp_door::Door,
};
use crate::{
    Metrics, OneTime, Tools, Transport,
    ask::Asker,
    handler::ToolsHandler,
    shell::{RequestIds, Shell},
    signals::Signals,
};

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
    front: Arc<Front>,
    address: SocketAddr,
    grace: Duration,
    drain: Duration,
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
}

impl Server {
    /// Listens, without answering yet.
    pub async fn bind(config: HttpConfig, program: Program) -> Result<Self, ServeError> {
        let listener = listen(config.bind).await?;
        Self::on(listener, config, program)
    }

    /// Like [`Server::bind`] for a listener that is open already.
    pub fn on(
        listener: TcpListener,
        config: HttpConfig,
        program: Program,
    ) -> Result<Self, ServeError> {
        let shell = shell(&config, &program);
        let handler = ToolsHandler::new(Arc::clone(&shell), Transport::Http);
        Self::assemble(listener, config, program, shell, &handler)
    }

    /// Like [`Server::bind`] for a program that speaks more of the protocol than [`Tools`] can
    /// say: what does not stand alone goes to `handler`.
    pub async fn bind_with_handler<H: ServerHandler + Clone>(
        config: HttpConfig,
        program: Program,
        handler: H,
    ) -> Result<Self, ServeError> {
        let listener = listen(config.bind).await?;
        let shell = shell(&config, &program);
        Self::assemble(listener, config, program, shell, &handler)
    }

    fn assemble<H: ServerHandler + Clone>(
        listener: TcpListener,
        config: HttpConfig,
        program: Program,
        shell: Arc<Shell>,
        handler: &H,
    ) -> Result<Self, ServeError> {
        let guard = Guard::new(&config.hosts, &config.origins).map_err(ServeError::Config)?;
        let prefixes = Prefixes::new(&config.prefixes).map_err(ServeError::Config)?;
        let sessions = (config.sessions == LegacySessions::On).then(|| {
            Arc::new(Sessions::new(
                config.limits.sessions,
                Arc::clone(&program.random),
            ))
        });
        let door = Door::new(handler, sessions, config.limits.body_bytes, &shell.stop);
        let address = listener.local_addr().map_err(|source| ServeError::Bind {
            address: config.bind,
            source,
        })?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds of this epoch fit a double"
        )]
        program
            .metrics
            .started(program.clock.now().as_millisecond() as f64 / 1_000.0);
        let in_flight = InFlight::shown(program.metrics.in_flight().clone());
        let front = Front {
            guard,
            prefixes,
            endpoint: Endpoint::new(Arc::clone(&shell), door, config.limits.body_bytes),
            routes: program.routes,
            health: health::health_body(program.tools.about()).into(),
            readiness: program.readiness,
            metrics: program.metrics,
            slots: Semaphore::new(config.limits.requests),
            limits: config.limits,
            shell,
            in_flight,
            stopping: AtomicBool::new(false),
        };
        Ok(Self {
            listener,
            front: Arc::new(front),
            address,
            grace: config.grace,
            drain: config.drain,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until SIGTERM or SIGINT, then finishes what is in flight. A second signal ends at
    /// once.
    pub async fn run(self) -> Result<(), ServeError> {
        let refused = |source| ServeError::System {
            what: "to tell us of signals",
            source,
        };
        let mut signals = Signals::listen().map_err(refused)?;
        let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
        let serving = self.serve(stop.clone(), at_once.clone());
        let listening = async {
            let name = signals.next().await;
            tracing::info!(signal = name, "stopping: finishing what is in flight");
            stop.cancel();
            let name = signals.next().await;
            tracing::warn!(signal = name, "stopping at once");
            at_once.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serving => {}
            () = listening => {}
        }
        Ok(())
    }

    /// Like [`Server::run`] but stopped by the token instead of by signals.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), ServeError> {
        self.serve(stop, CancellationToken::new()).await;
        Ok(())
    }

    async fn serve(self, stop: CancellationToken, at_once: CancellationToken) {
        let Self {
            listener,
            front,
            address,
            grace,
            drain,
        } = self;
        tracing::info!(%address, "listening");
        let ends = Ends::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&front), ends.clone()));
        stop.cancelled().await;
        front.stopping.store(true, Ordering::Release);
        let patient = async {
            sleep(grace).await;
            ends.draining.cancel();
            let connections = accepting.await.unwrap_or_else(|error| {
                tracing::error!(%error, "the accept loop broke");
                TaskTracker::new()
            });
            front.shell.calls.close();
            let finished = timeout(drain, async {
                front.in_flight.none().await;
                front.shell.calls.wait().await;
            })
            .await;
            if finished.is_err() {
                let requests = front.in_flight.number();
                tracing::warn!(requests, "the time to finish is over; requests were cut");
            }
            // Streams that wait for news end now; then connections have a moment to say goodbye.
            front.shell.stop.cancel();
            connections.close();
            let _ = timeout(Duration::from_millis(500), connections.wait()).await;
            ends.cut.cancel();
            let _ = timeout(Duration::from_millis(500), connections.wait()).await;
        };
        tokio::select! {
            () = patient => tracing::info!("stopped"),
            () = at_once.cancelled() => {
                front.shell.stop.cancel();
                ends.draining.cancel();
                ends.cut.cancel();
            }
        }
    }
}

fn shell(config: &HttpConfig, program: &Program) -> Arc<Shell> {
    Arc::new(Shell {
        tools: Arc::clone(&program.tools),
        asker: Asker::new(
            &config.state_key,
            Arc::clone(&program.one_time),
            Arc::clone(&program.clock),
            Arc::clone(&program.random),
        ),
        ids: RequestIds::new(&*program.random),
        calls: TaskTracker::new(),
        stop: CancellationToken::new(),
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Bind { address, source })
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
