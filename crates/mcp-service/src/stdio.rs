//! Serving one client over standard input and output.
//!
//! Invariant: nothing but protocol frames goes to standard output.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use foundation::{Clock, Random};
use futures::future::BoxFuture;
use rmcp::{ServerHandler, ServiceExt, service::ServerInitializeError, transport::stdio_pipes};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{sleep, timeout},
};
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
/// How long what was read last takes at most until it is at work.
const BEGINS_WITHIN: Duration = Duration::from_millis(50);
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
///
/// Where standard input is no pipe, a read of it cannot be given up: after a signal the program
/// has to leave by [`std::process::exit`], or it waits for one more line.
pub async fn serve_stdio(
    tools: Arc<dyn Tools>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<(), StdioError> {
    let mut signals = Signals::listen().map_err(StdioError::Signals)?;
    serve(stdio_pipes(), tools, clock, random, async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping: finishing what is in flight");
    })
    .await
}

/// Like [`serve_stdio`] for a program that speaks more of the protocol than [`Tools`] can say.
/// `calls` are the calls of `handler` that are at work, which finish first; `left` is cancelled
/// when the input has ended, for what `handler` would do for as long as the client is there.
pub async fn serve_stdio_with_handler<H: ServerHandler>(
    handler: H,
    calls: TaskTracker,
    left: CancellationToken,
) -> Result<(), StdioError> {
    let mut signals = Signals::listen().map_err(StdioError::Signals)?;
    let told_to_stop = async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping: finishing what is in flight");
    };
    let stop = CancellationToken::new();
    converse(stdio_pipes(), handler, &calls, left, stop, told_to_stop).await
}

async fn serve<I, O>(
    streams: (I, O),
    tools: Arc<dyn Tools>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    told_to_stop: impl Future<Output = ()>,
) -> Result<(), StdioError>
where
    I: AsyncRead + Send + Unpin + 'static,
    O: AsyncWrite + Send + Unpin + 'static,
{
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
    let (left, stop) = (CancellationToken::new(), shell.stop.clone());
    converse(streams, handler, &shell.calls, left, stop, told_to_stop).await
}

async fn converse<I, O, H>(
    (input, output): (I, O),
    handler: H,
    calls: &TaskTracker,
    left: CancellationToken,
    stop: CancellationToken,
    told_to_stop: impl Future<Output = ()>,
) -> Result<(), StdioError>
where
    I: AsyncRead + Send + Unpin + 'static,
    O: AsyncWrite + Send + Unpin + 'static,
    H: ServerHandler,
{
    let mut told_to_stop = pin!(told_to_stop);
    let input = Patient::new(input, calls.clone(), left.clone());
    let beginning = handler.serve_with_ct((input, output), stop.clone());
    let running = tokio::select! {
        running = beginning => match running {
            Ok(running) => running,
            // A client that leaves before it says anything has done nothing wrong.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(StdioError::Beginning(Box::new(error))),
        },
        () = &mut told_to_stop => return Ok(()),
    };
    let mut waiting = pin!(running.waiting());
    let gone = tokio::select! {
        _ = &mut waiting => true,
        () = &mut told_to_stop => false,
    };
    calls.close();
    // Where the input has ended they had their time before the conversation did.
    let time = if left.is_cancelled() { FAREWELL } else { DRAIN };
    let mut finishing = pin!(timeout(time, calls.wait()));
    // The conversation goes on meanwhile, so that the answers of those calls are sent.
    let finished = if gone {
        finishing.await
    } else {
        tokio::select! {
            finished = &mut finishing => {
                let _ = timeout(FAREWELL, &mut waiting).await;
                finished
            }
            _ = &mut waiting => finishing.await,
        }
    };
    if finished.is_err() {
        let calls = calls.len();
        tracing::warn!(calls, "the time to finish is over; calls were cut");
    }
    stop.cancel();
    Ok(())
}

/// Input whose end is told when the calls at work have finished: the library gives up what is at
/// work a few seconds after the end.
struct Patient<I> {
    input: I,
    calls: TaskTracker,
    left: CancellationToken,
    finishing: Option<BoxFuture<'static, ()>>,
    ended: bool,
}

impl<I> Patient<I> {
    fn new(input: I, calls: TaskTracker, left: CancellationToken) -> Self {
        Self {
            input,
            calls,
            left,
            finishing: None,
            ended: false,
        }
    }

    fn finish(&self) -> BoxFuture<'static, ()> {
        let calls = self.calls.clone();
        Box::pin(async move {
            sleep(BEGINS_WITHIN).await;
            calls.close();
            // Who is late is told of where the conversation ends.
            let _ = timeout(DRAIN, calls.wait()).await;
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ended || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.finishing.is_none() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.input).poll_read(cx, buffer))?;
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            self.left.cancel();
            self.finishing = Some(self.finish());
        }
        if let Some(finishing) = &mut self.finishing {
            ready!(finishing.as_mut().poll(cx));
        }
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use foundation::{SeededRandom, SystemClock};
    use futures::future::{BoxFuture, pending};
    use serde_json::{Map, Value, json};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex, split},
        sync::Notify,
        task::JoinHandle,
    };

    use super::*;
    use crate::{About, Answer, Caller, ToolCall, ToolList, ToolResult, model::Tool};

    struct Slow {
        about: About,
        begun: Notify,
        go: Notify,
    }

    impl Tools for Slow {
        fn about(&self) -> &About {
            &self.about
        }

        fn list(&self, _caller: &Caller) -> Arc<ToolList> {
            Arc::new(ToolList::shared(vec![Tool::new(
                "slow",
                "Waits.",
                Map::new(),
            )]))
        }

        fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
            Box::pin(async move {
                assert_eq!(call.caller.transport, Transport::Stdio);
                self.begun.notify_one();
                self.go.notified().await;
                Answer::Result(ToolResult::text("slowly done"))
            })
        }
    }

    fn slow() -> Arc<Slow> {
        let words = || "slow".to_owned();
        Arc::new(Slow {
            about: About {
                name: words(),
                service: words(),
                title: words(),
                version: words(),
                instructions: words(),
                website: None,
                resources: false,
                prompts: false,
            },
            begun: Notify::new(),
            go: Notify::new(),
        })
    }

    fn start(
        tools: Arc<Slow>,
        told_to_stop: impl Future<Output = ()> + Send + 'static,
    ) -> (tokio::io::DuplexStream, JoinHandle<Result<(), StdioError>>) {
        let (ours, theirs) = duplex(64 * 1024);
        let served = serve(
            split(theirs),
            tools,
            Arc::new(SystemClock),
            Arc::new(SeededRandom::new(1)),
            told_to_stop,
        );
        (ours, tokio::spawn(served))
    }

    fn lines(messages: &[Value]) -> String {
        let mut lines = messages.iter().map(Value::to_string).collect::<Vec<_>>();
        lines.push(String::new());
        lines.join("\n")
    }

    fn handshake() -> Vec<Value> {
        vec![
            json!({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}),
            json!({"jsonrpc":"2.0","method":"notifications/initialized"}),
            json!({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"slow","arguments":{}}}),
        ]
    }

    #[tokio::test]
    async fn the_end_of_input_lets_calls_finish() {
        let tools = slow();
        let (mut client, served) = start(Arc::clone(&tools), pending());
        client
            .write_all(lines(&handshake()).as_bytes())
            .await
            .unwrap();
        tools.begun.notified().await;
        client.shutdown().await.unwrap();
        tools.go.notify_one();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        served.await.unwrap().unwrap();
        assert!(
            said.lines()
                .all(|line| serde_json::from_str::<Value>(line).is_ok()),
            "{said}"
        );
        assert!(said.contains("slowly done"), "{said}");
    }

    #[tokio::test]
    async fn calls_finish_that_take_longer_than_the_library_waits() {
        let tools = slow();
        let (mut client, served) = start(Arc::clone(&tools), pending());
        client
            .write_all(lines(&handshake()).as_bytes())
            .await
            .unwrap();
        tools.begun.notified().await;
        client.shutdown().await.unwrap();
        // It waits five seconds.
        sleep(Duration::from_millis(5_500)).await;
        tools.go.notify_one();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        served.await.unwrap().unwrap();
        assert!(said.contains("slowly done"), "{said}");
    }

    #[tokio::test]
    async fn what_is_sent_with_the_end_is_at_work_before_it() {
        let tools = slow();
        let (mut client, served) = start(Arc::clone(&tools), pending());
        tools.go.notify_one();
        client
            .write_all(lines(&handshake()).as_bytes())
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        served.await.unwrap().unwrap();
        assert!(said.contains("slowly done"), "{said}");
    }

    #[tokio::test]
    async fn a_signal_lets_calls_finish() {
        let tools = slow();
        let stop = CancellationToken::new();
        let (mut client, served) = start(Arc::clone(&tools), stop.clone().cancelled_owned());
        client
            .write_all(lines(&handshake()).as_bytes())
            .await
            .unwrap();
        tools.begun.notified().await;
        stop.cancel();
        tokio::task::yield_now().await;
        tools.go.notify_one();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        served.await.unwrap().unwrap();
        assert!(said.contains("slowly done"), "{said}");
    }

    #[tokio::test]
    async fn the_stateless_era_needs_no_handshake() {
        let tools = slow();
        let (mut client, served) = start(Arc::clone(&tools), pending());
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let list = json!({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta": meta}});
        client.write_all(lines(&[list]).as_bytes()).await.unwrap();
        let mut said = String::new();
        while !said.contains('\n') {
            said.push(char::from(client.read_u8().await.unwrap()));
        }
        assert_eq!(
            serde_json::from_str::<Value>(&said).unwrap()["result"]["tools"][0]["name"],
            "slow"
        );
        drop(client);
        served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_no_error() {
        let (client, served) = start(slow(), pending());
        drop(client);
        served.await.unwrap().unwrap();
    }
}
