//! How much one file may cost: bytes expanded, time of the processor, words given out.
//!
//! Not a sandbox: the readers ask before they go on. Invariant: no reader holds more than
//! [`LONGEST_TEXT`] of words, and none works on after its caller has gone.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// The most that a whole file may expand to.
pub(super) const LARGEST_EXPANDED: u64 = 25 << 20;

/// The most files inside a file.
pub(super) const MOST_ENTRIES: usize = 2_000;

/// The most that one part may grow by.
pub(super) const LARGEST_RATIO: u64 = 200;

/// Small parts may grow by any factor: an empty sheet is mostly repetition.
const RATIO_FROM: u64 = 512 << 10;

/// The largest single tag or run of characters in XML.
const LARGEST_TOKEN: u64 = 4 << 20;

/// The most bytes of words that are given out.
pub(super) const LONGEST_TEXT: usize = 4 << 20;

/// The time of the processor that a file may take.
const LONGEST_WORK: Duration = Duration::from_secs(1);

/// Why a file was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it expands to more than {} MiB", LARGEST_EXPANDED >> 20)]
    Expanded,
    #[error("a part of it is compressed more than {LARGEST_RATIO} times")]
    Ratio,
    #[error("it holds more than {MOST_ENTRIES} files")]
    Entries,
    #[error("files inside it overlap")]
    Overlap,
    #[error("it is protected with a password")]
    Encrypted,
    #[error("it is compressed in a way office programs do not use")]
    Compression,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error("it declares a document type, which office files never do")]
    DocumentType,
    #[error("its elements nest deeper than 256")]
    Depth,
    #[error("an element of it has more than 500 attributes")]
    Attributes,
    #[error("a single piece of it has more than {} MiB", LARGEST_TOKEN >> 20)]
    Token,
    #[error("reading it takes more than a second")]
    Time,
    #[error("the call was cancelled")]
    Cancelled,
}

impl Refusal {
    /// What to do about it.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Encrypted => "have it saved without a password, or fetch the file itself",
            Self::Cancelled => "call again",
            _ => "fetch the file itself and open it where it can do no harm",
        }
    }
}

/// Tells the work to stop when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// What the work looks at.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is left for one file. Belongs to the thread that reads it.
#[derive(Debug)]
pub(super) struct Budget {
    cancelled: Arc<AtomicBool>,
    began: Duration,
    expanded: Cell<u64>,
    token: Cell<u64>,
    refused: Cell<Option<Refusal>>,
}

impl Budget {
    /// A whole budget; the time begins now, on this thread.
    pub(super) fn new(cancelled: Arc<AtomicBool>) -> Self {
        Self {
            cancelled,
            began: worked(),
            expanded: Cell::new(0),
            token: Cell::new(0),
            refused: Cell::new(None),
        }
    }

    /// Takes `more` bytes of a part that has given `given` out of `packed` bytes so far.
    pub(super) fn take(&self, more: u64, given: u64, packed: u64) -> Result<(), Refusal> {
        let expanded = self.expanded.get() + more;
        self.expanded.set(expanded);
        self.token.set(self.token.get() + more);
        let refusal = if expanded > LARGEST_EXPANDED {
            Refusal::Expanded
        } else if given > RATIO_FROM && given / packed.max(1) > LARGEST_RATIO {
            Refusal::Ratio
        } else if self.token.get() > LARGEST_TOKEN {
            Refusal::Token
        } else {
            return self.go_on();
        };
        self.refuse(refusal)
    }

    /// A tag or a run of characters has ended.
    pub(super) fn next_token(&self) {
        self.token.set(0);
    }

    /// Whether there is time left and somebody waits.
    pub(super) fn go_on(&self) -> Result<(), Refusal> {
        if self.cancelled.load(Ordering::Relaxed) {
            self.refuse(Refusal::Cancelled)
        } else if worked().saturating_sub(self.began) > LONGEST_WORK {
            self.refuse(Refusal::Time)
        } else {
            Ok(())
        }
    }

    /// Why reading ended, when it was this budget's doing.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refused.get()
    }

    fn refuse(&self, refusal: Refusal) -> Result<(), Refusal> {
        self.refused.set(Some(refusal));
        Err(refusal)
    }
}

/// The processor's time of this thread: waiting for other threads is no fault of a file.
fn worked() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Words given out, up to the most that is allowed.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    full: bool,
}

impl Words {
    /// Adds as much of `more` as fits.
    pub(super) fn push(&mut self, more: &str) {
        let room = LONGEST_TEXT - self.text.len();
        if more.len() <= room {
            self.text.push_str(more);
            return;
        }
        self.full = true;
        let end = more.floor_char_boundary(room);
        self.text.push_str(more.get(..end).unwrap_or_default());
    }

    /// Ends the line, if one was begun.
    pub(super) fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.push("\n");
        }
    }

    /// Leaves one empty line before what comes.
    pub(super) fn gap(&mut self) {
        self.end_line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.push("\n");
        }
    }

    /// Whether more would be lost.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The words, and whether there would have been more.
    pub(super) fn finish(self) -> (String, bool) {
        let mut text = self.text;
        text.truncate(text.trim_end().len());
        (text, self.full)
    }
}
