//! The conversation over a child's pipes: one JSON-RPC message a line.
//!
//! Not the process: the end of a line is known here, the end of a process to the child.
//! Invariant: whatever the other side says or does not read, memory stays bounded and no sender
//! waits for ever.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleClient,
    model::{
        ClientNotification, ErrorCode, ErrorData, JsonRpcError, JsonRpcMessage, RequestId,
        ServerJsonRpcMessage,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use crate::upstream::answer::{self, Asked};

use super::{
    Problem, RawDoor, TransportHealth,
    door::Waiting,
    expected::{Answer, Expected},
    health::Counters,
    lines::{Lines, TooLong},
};

/// The code of the error given to a question whose answer is not MCP. No server can send it by
/// the rules: it is outside what JSON-RPC reserves and what MCP uses.
pub const NOT_MCP: ErrorCode = ErrorCode(-31_999);

/// How long the other side may leave a message unread.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// Messages waiting in either direction.
const QUEUE: usize = 64;
/// Messages in a row that may be noise.
const NOISE_LINES: u64 = 10_000;
/// Bytes in a row that may be noise.
const NOISE_BYTES: usize = 8 << 20;
/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// The unit of the queue's room.
const ROOM: usize = 1 << 10;

/// The conversation, for rmcp's client.
pub struct StdioTransport {
    incoming: mpsc::Receiver<Delivery>,
    outgoing: Outgoing,
    waiting: Arc<Waiting>,
    expected: Arc<Mutex<Expected>>,
    health: Arc<TransportHealth>,
}

/// Why a message was not sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SendFault {
    /// The conversation has ended.
    #[error("the conversation has ended")]
    Closed,
    /// The program does not read what it is sent.
    #[error("the program does not read its input")]
    NotReading,
    /// The message cannot be written as JSON.
    #[error("the message cannot be written: {0}")]
    Unwritable(String),
}

/// Where messages go out. Clones share it.
#[derive(Clone)]
pub(super) struct Outgoing {
    letters: mpsc::Sender<Letter>,
    health: Arc<TransportHealth>,
    closing: CancellationToken,
}

struct Letter {
    line: Vec<u8>,
    sent: Option<oneshot::Sender<Result<(), SendFault>>>,
}

struct Delivery {
    message: ServerJsonRpcMessage,
    _room: OwnedSemaphorePermit,
}

struct Reading {
    deliveries: mpsc::Sender<Delivery>,
    outgoing: Outgoing,
    waiting: Arc<Waiting>,
    expected: Arc<Mutex<Expected>>,
    health: Arc<TransportHealth>,
    room: Arc<Semaphore>,
    noise_lines: u64,
    noise_bytes: usize,
}

/// Why reading stops.
struct Stop;

/// The part of a message that says what it is.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow, default)]
    id: Option<&'l RawValue>,
    #[serde(default)]
    method: Option<IgnoredAny>,
    #[serde(default)]
    result: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

impl StdioTransport {
    /// A conversation over `output`, what the other side says, and `input`, what it is told.
    /// `closing` ends it from outside.
    pub(super) fn start(
        output: impl AsyncRead + Send + Unpin + 'static,
        input: impl AsyncWrite + Send + Unpin + 'static,
        longest: usize,
        health: Arc<TransportHealth>,
        closing: CancellationToken,
    ) -> Self {
        let (letters, post) = mpsc::channel(QUEUE);
        let (deliveries, incoming) = mpsc::channel(QUEUE);
        let outgoing = Outgoing {
            letters,
            health: health.clone(),
            closing: closing.clone(),
        };
        let waiting = Waiting::new();
        let expected = Arc::new(Mutex::new(Expected::default()));
        let reading = Reading {
            deliveries,
            outgoing: outgoing.clone(),
            waiting: waiting.clone(),
            expected: expected.clone(),
            health: health.clone(),
            // One longest line waits while another is read.
            room: Arc::new(Semaphore::new(longest / ROOM + 1)),
            noise_lines: 0,
            noise_bytes: 0,
        };
        tokio::spawn(write(input, post, health.clone(), closing));
        tokio::spawn(reading.read(output, longest));
        Self {
            incoming,
            outgoing,
            waiting,
            expected,
            health,
        }
    }

    /// A second way in, for messages as somebody else wrote them.
    pub fn raw_door(&self) -> RawDoor {
        RawDoor::new(self.waiting.clone(), self.outgoing.clone())
    }

    /// How the conversation is doing; lives on after it.
    pub fn health(&self) -> Arc<TransportHealth> {
        self.health.clone()
    }
}

impl Transport<RoleClient> for StdioTransport {
    type Error = SendFault;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), SendFault>> + Send + 'static {
        let line = serde_json::to_vec(&item);
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if let JsonRpcMessage::Request(request) = &item {
            expected.asked(request.id.clone());
        }
        drop(expected);
        // Queued now and not when the future is first polled: the order is the caller's.
        let posted = line.map(|line| self.outgoing.queue(line));
        let outgoing = self.outgoing.clone();
        async move {
            match posted {
                Ok(posted) => outgoing.posted(posted).await,
                Err(error) => Err(SendFault::Unwritable(error.to_string())),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        Some(self.incoming.recv().await?.message)
    }

    async fn close(&mut self) -> Result<(), SendFault> {
        self.health.end(Problem::Stopped);
        self.outgoing.closing.cancel();
        Ok(())
    }
}

impl Drop for StdioTransport {
    fn drop(&mut self) {
        self.health.end(Problem::Stopped);
        self.outgoing.closing.cancel();
    }
}

/// A letter on its way.
pub(super) enum Posted {
    Queued(oneshot::Receiver<Result<(), SendFault>>),
    NoRoom(Vec<u8>),
    Closed,
}

impl Outgoing {
    /// Sends a line and waits until it is written.
    pub(super) async fn post(&self, line: Vec<u8>) -> Result<(), SendFault> {
        self.posted(self.queue(line)).await
    }

    /// Sends a line when there is room for it, for what may be left out.
    pub(super) fn post_if_room(&self, line: Vec<u8>) {
        let _ = self.letters.try_send(Letter { line, sent: None });
    }

    fn queue(&self, line: Vec<u8>) -> Posted {
        if self.closing.is_cancelled() {
            return Posted::Closed;
        }
        let (sent, answer) = oneshot::channel();
        let sent = Some(sent);
        match self.letters.try_send(Letter { line, sent }) {
            Ok(()) => Posted::Queued(answer),
            Err(mpsc::error::TrySendError::Full(letter)) => Posted::NoRoom(letter.line),
            Err(mpsc::error::TrySendError::Closed(_)) => Posted::Closed,
        }
    }

    async fn posted(&self, posted: Posted) -> Result<(), SendFault> {
        let answer = match posted {
            Posted::Queued(answer) => answer,
            Posted::Closed => return Err(self.reason()),
            Posted::NoRoom(line) => {
                let (sent, answer) = oneshot::channel();
                let sent = Some(sent);
                // Ends: the writer gives up a letter that is not taken in time.
                if self.letters.send(Letter { line, sent }).await.is_err() {
                    return Err(self.reason());
                }
                answer
            }
        };
        answer.await.unwrap_or_else(|_| Err(self.reason()))
    }

    fn reason(&self) -> SendFault {
        match self.health.problem() {
            Some(Problem::NotReading(_)) => SendFault::NotReading,
            _ => SendFault::Closed,
        }
    }
}

/// Writes letters until the conversation ends; then the other side's input ends too.
async fn write(
    mut input: impl AsyncWrite + Unpin,
    mut post: mpsc::Receiver<Letter>,
    health: Arc<TransportHealth>,
    closing: CancellationToken,
) {
    loop {
        let letter = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            letter = post.recv() => letter,
        };
        let Some(Letter { mut line, sent }) = letter else {
            break;
        };
        line.push(b'\n');
        let writing = async {
            input.write_all(&line).await?;
            input.flush().await
        };
        let written = tokio::select! {
            biased;
            written = tokio::time::timeout(WRITE_WITHIN, writing) => written,
            () = closing.cancelled() => break,
        };
        let result = match written {
            Ok(Ok(())) => {
                Counters::add(&health.counters.sent);
                Ok(())
            }
            Ok(Err(_)) => {
                health.end(Problem::InputClosed);
                Err(SendFault::Closed)
            }
            Err(_) => {
                health.end(Problem::NotReading(WRITE_WITHIN));
                Err(SendFault::NotReading)
            }
        };
        let failed = result.is_err();
        if let Some(sent) = sent {
            let _ = sent.send(result);
        }
        if failed {
            // Half a line may be written: nothing can follow it.
            closing.cancel();
            break;
        }
    }
}

impl Reading {
    async fn read(mut self, mut output: impl AsyncRead + Unpin, longest: usize) {
        let mut lines = Lines::new(longest);
        let mut chunk = vec![0; CHUNK];
        let problem = loop {
            let read = tokio::select! {
                biased;
                read = output.read(&mut chunk) => read,
                () = self.deliveries.closed() => break Problem::Stopped,
            };
            let Ok(read @ 1..) = read else {
                let rest = std::mem::replace(&mut lines, Lines::new(0)).rest();
                let _ = self.line(&rest).await;
                break Problem::Ended;
            };
            let mut rest = chunk.get(..read).unwrap_or_default();
            match self.lines(&mut lines, &mut rest).await {
                Ok(Ok(())) => {}
                Ok(Err(TooLong)) => break Problem::TooLarge(longest),
                Err(Stop) if self.deliveries.is_closed() => break Problem::Stopped,
                Err(Stop) => break Problem::Noise(self.noise_lines),
            }
        };
        self.health.end(problem);
        self.outgoing.closing.cancel();
        self.waiting.close();
    }

    async fn lines(
        &mut self,
        lines: &mut Lines,
        chunk: &mut &[u8],
    ) -> Result<Result<(), TooLong>, Stop> {
        loop {
            match lines.next(chunk) {
                Ok(Some(line)) => self.line(&line).await?,
                Ok(None) => return Ok(Ok(())),
                Err(too_long) => return Ok(Err(too_long)),
            }
        }
    }

    async fn line(&mut self, line: &[u8]) -> Result<(), Stop> {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        match line.first() {
            None => Ok(()),
            // Batches were allowed by the revision of 2025-03-26.
            Some(b'[') => match serde_json::from_slice::<Vec<&RawValue>>(line) {
                Ok(messages) if !messages.is_empty() => {
                    for message in messages {
                        self.message(message.get().as_bytes()).await?;
                    }
                    Ok(())
                }
                _ => self.noise(line),
            },
            Some(b'{') => self.message(line).await,
            Some(_) => self.noise(line),
        }
    }

    async fn message(&mut self, line: &[u8]) -> Result<(), Stop> {
        let Ok(head) = serde_json::from_slice::<Head<'_>>(line) else {
            return self.noise(line);
        };
        let answer = head.result.is_some() || head.error.is_some();
        match (head.method, head.id) {
            (None, Some(id)) => {
                let Ok(id) = serde_json::from_str::<RequestId>(id.get()) else {
                    Counters::add(&self.health.counters.unknown_ids);
                    return self.noise(line);
                };
                self.answer(id, line).await
            }
            (None, None) if answer => match serde_json::from_slice(line) {
                // An error that names no question: the server could not read one.
                Ok(message @ JsonRpcMessage::Error(_)) => self.deliver(message, line.len()).await,
                _ => self.noise(line),
            },
            (None, None) => self.noise(line),
            (Some(_), id) => {
                if let Ok(
                    message @ (JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)),
                ) = serde_json::from_slice::<ServerJsonRpcMessage>(line)
                {
                    return self.deliver(message, line.len()).await;
                }
                Counters::add(&self.health.counters.not_mcp);
                self.health.find(text(line));
                self.refuse(id);
                Ok(())
            }
        }
    }

    /// An answer: to a question of the door, to a question of rmcp's, or to none.
    async fn answer(&mut self, id: RequestId, line: &[u8]) -> Result<(), Stop> {
        if let RequestId::String(name) = &id
            && let Ok(waiting) = self.waiting.take(name)
        {
            self.heard();
            match (waiting, serde_json::from_slice::<Value>(line)) {
                (Some(waiting), Ok(answer)) => {
                    let _ = waiting.send(answer);
                }
                // Given up, or answered before.
                _ => {
                    Counters::add(&self.health.counters.duplicate_ids);
                }
            }
            return Ok(());
        }
        let answer = self
            .expected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .answered(&id);
        match answer {
            Answer::First => {
                let message =
                    if let Ok(message @ (JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))) =
                        answer::read(line, Asked::Other)
                    {
                        message
                    } else {
                        Counters::add(&self.health.counters.not_mcp);
                        self.health.find(text(line));
                        let error = ErrorData::new(NOT_MCP, "its answer is not MCP", None);
                        JsonRpcMessage::Error(JsonRpcError::new(Some(id), error))
                    };
                self.deliver(message, line.len()).await
            }
            Answer::Again => {
                Counters::add(&self.health.counters.duplicate_ids);
                self.health
                    .find(format_args!("a second answer: {}", text(line)));
                self.noise_counts(line.len())
            }
            Answer::Unasked => {
                Counters::add(&self.health.counters.unknown_ids);
                self.health
                    .find(format_args!("an answer to no question: {}", text(line)));
                self.noise_counts(line.len())
            }
        }
    }

    async fn deliver(&mut self, message: ServerJsonRpcMessage, length: usize) -> Result<(), Stop> {
        self.heard();
        let room = u32::try_from(length / ROOM + 1).unwrap_or(u32::MAX);
        let room = tokio::select! {
            room = self.room.clone().acquire_many_owned(room) => room.map_err(|_| Stop)?,
            () = self.deliveries.closed() => return Err(Stop),
        };
        let delivery = Delivery {
            message,
            _room: room,
        };
        self.deliveries.send(delivery).await.map_err(|_| Stop)
    }

    /// Tells a server that its question is not understood, so that it does not wait.
    fn refuse(&self, id: Option<&RawValue>) {
        if let Some(id) = id.and_then(|id| serde_json::from_str(id.get()).ok()) {
            let error = ErrorData::invalid_request("not a request of MCP", None);
            let answer = JsonRpcMessage::<(), (), ClientNotification>::Error(JsonRpcError::new(
                Some(id),
                error,
            ));
            if let Ok(line) = serde_json::to_vec(&answer) {
                self.outgoing.post_if_room(line);
            }
        }
    }

    fn heard(&mut self) {
        Counters::add(&self.health.counters.received);
        self.noise_lines = 0;
        self.noise_bytes = 0;
    }

    fn noise(&mut self, line: &[u8]) -> Result<(), Stop> {
        Counters::add(&self.health.counters.noise);
        self.health
            .find(format_args!("not a message: {}", text(line)));
        self.noise_counts(line.len())
    }

    fn noise_counts(&mut self, length: usize) -> Result<(), Stop> {
        self.noise_lines += 1;
        self.noise_bytes += length;
        if self.noise_lines > NOISE_LINES || self.noise_bytes > NOISE_BYTES {
            Err(Stop)
        } else {
            Ok(())
        }
    }
}

/// The beginning of a line as text.
fn text(line: &[u8]) -> String {
    let begin = line.get(..line.len().min(160)).unwrap_or_default();
    String::from_utf8_lossy(begin).into_owned()
}

impl fmt::Debug for StdioTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioTransport")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}
