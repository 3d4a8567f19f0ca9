//! How a conversation over pipes is doing, and why it ended.
//!
//! Not the conversation. Invariant: the first problem is kept; what follows from it does not
//! replace it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use crate::{Effect, Fault, FaultKind, ServerName};

use super::{Exit, StderrRing};

/// Odd lines kept to be shown.
const FINDINGS: usize = 8;
/// Characters kept of an odd line.
const FINDING_LENGTH: usize = 120;
/// A pipe ends a little before its process.
const EXIT_FOLLOWS_WITHIN: Duration = Duration::from_millis(500);

/// How a conversation is doing.
pub struct TransportHealth {
    server: ServerName,
    ring: Arc<StderrRing>,
    exit: watch::Receiver<Option<Exit>>,
    drained: watch::Receiver<bool>,
    problem: Mutex<Option<Problem>>,
    findings: Mutex<Vec<String>>,
    pub(super) counters: Counters,
}

/// Why a conversation ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Problem {
    /// The program ended or closed its output.
    Ended,
    /// The hub ended it.
    Stopped,
    /// The program closed its input.
    InputClosed,
    /// The program does not read its input.
    NotReading(Duration),
    /// A line is longer than allowed.
    TooLarge(usize),
    /// Nothing but noise for this many lines.
    Noise(u64),
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Lines that are not JSON-RPC.
    pub noise: u64,
    /// Answers to questions that were never asked.
    pub unknown_ids: u64,
    /// Answers to questions that were already answered.
    pub duplicate_ids: u64,
    /// Answers and requests that are JSON-RPC but not MCP.
    pub not_mcp: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) noise: AtomicU64,
    pub(super) unknown_ids: AtomicU64,
    pub(super) duplicate_ids: AtomicU64,
    pub(super) not_mcp: AtomicU64,
}

impl TransportHealth {
    pub(super) fn new(
        server: ServerName,
        ring: Arc<StderrRing>,
        exit: watch::Receiver<Option<Exit>>,
        drained: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            server,
            ring,
            exit,
            drained,
            problem: Mutex::default(),
            findings: Mutex::default(),
            counters: Counters::default(),
        })
    }

    /// Why the conversation ended; nothing while it goes on.
    pub fn problem(&self) -> Option<Problem> {
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first odd things that were said, shortened.
    pub fn findings(&self) -> Vec<String> {
        self.findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            received: read(&self.counters.received),
            sent: read(&self.counters.sent),
            noise: read(&self.counters.noise),
            unknown_ids: read(&self.counters.unknown_ids),
            duplicate_ids: read(&self.counters.duplicate_ids),
            not_mcp: read(&self.counters.not_mcp),
        }
    }

    /// The failure that the end of the conversation is to somebody who waits for an answer, with
    /// the exit status and the program's last words. Waits a moment for both.
    ///
    /// `effect` is what the asker knows: [`Effect::None`] when nothing had been sent.
    pub async fn fault(&self, effect: Effect) -> Fault {
        let (mut exit, mut drained) = (self.exit.clone(), self.drained.clone());
        let known = async {
            let _ = exit.wait_for(Option::is_some).await;
            let _ = drained.wait_for(|drained| *drained).await;
        };
        // It may never come to that: the program may live on with its output closed.
        let _ = tokio::time::timeout(EXIT_FOLLOWS_WITHIN, known).await;
        self.fault_now(effect)
    }

    /// The same from what is known at this moment.
    pub fn fault_now(&self, effect: Effect) -> Fault {
        let exit = self.exit.borrow().clone();
        let problem = self.problem();
        let (kind, mut message) = match (&problem, &exit) {
            (Some(Problem::TooLarge(limit)), _) => (
                FaultKind::TooLarge,
                format!("it said a line longer than the {limit} bytes allowed"),
            ),
            (Some(Problem::Noise(lines)), _) => {
                let first = self.findings().first().map(|first| format!(" ({first})"));
                let first = first.unwrap_or_default();
                (
                    FaultKind::Protocol,
                    format!("its output is not MCP: {lines} lines without a message{first}"),
                )
            }
            (Some(Problem::NotReading(waited)), _) => (
                FaultKind::Closed,
                format!("it did not read its input for {} s", waited.as_secs()),
            ),
            (_, Some(exit)) => (FaultKind::Closed, format!("the program {exit}")),
            (Some(Problem::InputClosed), _) => {
                (FaultKind::Closed, "the program closed its input".to_owned())
            }
            (Some(Problem::Stopped), _) => (FaultKind::Closed, "it was stopped".to_owned()),
            (Some(Problem::Ended), _) => (
                FaultKind::Closed,
                "the program closed its output".to_owned(),
            ),
            (None, None) => (FaultKind::Closed, "the conversation broke off".to_owned()),
        };
        let words = self.ring.last(3);
        if !words.is_empty() && problem != Some(Problem::Stopped) {
            message = format!("{message}; its last words: {}", words.join(" | "));
        }
        let mut fault = Fault::before(&self.server, kind, message);
        fault.effect = effect;
        match kind {
            FaultKind::TooLarge => fault.hint("raise calls.answer_bytes if it may say so much"),
            FaultKind::Protocol => fault.hint("the program may need an argument to speak MCP"),
            _ => fault.hint(format!("see core-agent logs {}", self.server)),
        }
    }

    pub(super) fn end(&self, problem: Problem) {
        self.problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(problem);
    }

    pub(super) fn find(&self, what: impl fmt::Display) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        if findings.len() < FINDINGS {
            let what = self.ring.redacted(&what.to_string());
            findings.push(what.chars().take(FINDING_LENGTH).collect());
        }
    }
}

impl fmt::Debug for TransportHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportHealth")
            .field("server", &self.server)
            .field("problem", &self.problem())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) -> u64 {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }
}
