//! Serving one client over standard input and output.
//!
//! Invariant: nothing but protocol frames goes to standard output.

use std::{io, pin::pin, sync::Arc, time::Duration};

use foundation::{Clock, Random};
use rmcp::{ServiceExt, service::ServerInitializeError, transport::stdio};
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    MemoryOneTime, Tools, Transport,
    ask::Asker,
    handler::ToolsHandler,
    shell::{RequestIds, Shell},
    signals::Signals,
};

/// How long calls may still take when the client is gone or a signal came.
const DRAIN: Duration = Duration::from_secs(25);
/// How long the last answers may take to be written.
const FAREWELL: Duration = Duration::from_millis(200);

/// Why serving over stdio ended badly.
#[derive(Debug, Error)]
pub enum StdioError {
    /// The system does not tell of signals.
    #[error("the system refused to tell us of signals")]
    Signals(#[source] io::Error),
    /// The client's first message was none a server can begin with.
    #[error(
        "the client did not begin as MCP does: send initialize, or a request with its protocol version in _meta"
    )]
    Beginning(#[source] Box<ServerInitializeError>),
}

/// Serves until the input ends or SIGTERM or SIGINT comes; calls in flight finish first.
pub async fn serve_stdio(
    tools: Arc<dyn Tools>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<(), StdioError> {
    let mut signals = Signals::listen().map_err(StdioError::Signals)?;
    let mut key = [0; 32];
    random.fill(&mut key);
    let shell = Arc::new(Shell {
        tools,
        asker: Asker::new(
            &key,
            Arc::new(MemoryOneTime::default()),
            clock,
            Arc::clone(&random),
        ),
        ids: RequestIds::new(&*random),
        calls: TaskTracker::new(),
        stop: CancellationToken::new(),
    });
    let handler = ToolsHandler::new(Arc::clone(&shell), Transport::Stdio);
    let beginning = handler.serve_with_ct(stdio(), shell.stop.clone());
    let running = tokio::select! {
        running = beginning => match running {
            Ok(running) => running,
            // A client that leaves before it says anything has done nothing wrong.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(StdioError::Beginning(Box::new(error))),
        },
        name = signals.next() => {
            tracing::info!(signal = name, "stopping");
            return Ok(());
        }
    };
    let mut waiting = pin!(running.waiting());
    let gone = tokio::select! {
        _ = &mut waiting => true,
        name = signals.next() => {
            tracing::info!(signal = name, "stopping: finishing what is in flight");
            false
        }
    };
    shell.calls.close();
    let finishing = timeout(DRAIN, shell.calls.wait());
    if gone {
        tracing::info!("the client is gone");
        warn_if_cut(finishing.await.is_err(), &shell);
    } else {
        // The conversation goes on meanwhile, so that the answers of those calls are sent.
        let mut finishing = pin!(finishing);
        let ended = tokio::select! {
            _ = &mut waiting => true,
            finished = &mut finishing => {
                warn_if_cut(finished.is_err(), &shell);
                false
            }
        };
        if !ended {
            let _ = timeout(FAREWELL, &mut waiting).await;
        }
    }
    shell.stop.cancel();
    Ok(())
}

fn warn_if_cut(cut: bool, shell: &Shell) {
    if cut {
        let calls = shell.calls.len();
        tracing::warn!(calls, "the time to finish is over; calls were cut");
    }
}
