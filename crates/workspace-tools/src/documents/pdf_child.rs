//! The child's part of reading a PDF: limits first, then the file, then one line for every page.
//!
//! Runs in a process of its own, before any thread or runtime exists. Invariant: the limits hold
//! before the first byte of the file is read.

use std::{
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use pdf_extract::{Document, PlainTextOutput, output_doc_page};
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use serde::{Deserialize, Serialize};

use super::{LARGEST_FILE, budget::LONGEST_TEXT};

/// All memory of the process, the program's own pages included.
const MEMORY: u64 = 256 << 20;

/// Seconds of the processor.
const SECONDS: u64 = 5;

/// Calls that wait for the processor go first. The less urgent a child is, the more seldom it keeps
/// a processor until the kernel's next tick, and that is longer than most calls take.
pub(super) const LEAST_URGENT: i32 = 19;

/// What a child says, a JSON value a line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// How many pages there are.
    Pages(usize),
    /// The text of the next page.
    Page(String),
    /// The next page cannot be read.
    Unreadable,
    /// A password is missing.
    Locked,
    /// That was all.
    Done,
}

/// Reads a PDF from `input` under limits that cannot be lifted again, and writes what it says.
pub fn pdf_child(input: impl Read, output: impl Write) -> ExitCode {
    #[cfg(target_os = "linux")]
    interrupt_often();
    if limit().is_err() {
        return ExitCode::FAILURE;
    }
    // A panic is an ordinary answer of the libraries below; nobody reads its words.
    std::panic::set_hook(Box::new(|_| {}));
    match read(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Has the reading interrupted every quarter of a millisecond, for a moment.
///
/// A kernel that preempts lazily lets whoever computes keep a processor until its next tick, up to
/// four milliseconds, although something more urgent waits; after any other interrupt that goes
/// first.
#[cfg(target_os = "linux")]
fn interrupt_often() {
    use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

    // An interrupt counts only on the processor where the reading is.
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    if sched_setaffinity(None, &here).is_ok() {
        let clock = std::thread::Builder::new().stack_size(64 << 10);
        let _ = clock.spawn(|| {
            loop {
                std::thread::sleep(std::time::Duration::from_micros(250));
            }
        });
    }
}

fn limit() -> rustix::io::Result<()> {
    nice(LEAST_URGENT)?;
    let limits = [
        (Resource::Core, 0),
        (Resource::Cpu, SECONDS),
        (Resource::As, MEMORY),
        // No file, no socket, no process, nothing written but to the pipe.
        (Resource::Nofile, 3),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, most) in limits {
        // Whoever started the server may have set less, and that cannot be raised again.
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(allowed));
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )?;
    }
    Ok(())
}

fn read(input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    input.take(LARGEST_FILE as u64).read_to_end(&mut bytes)?;
    let loaded = catch_unwind(|| Document::load_mem(&bytes)).map_err(|_| broken())?;
    let mut document = loaded.map_err(|_| broken())?;
    drop(bytes);
    if document.is_encrypted() {
        let opened = catch_unwind(AssertUnwindSafe(|| document.decrypt("")));
        if !matches!(opened, Ok(Ok(()))) {
            return say(&mut output, &Line::Locked);
        }
    }
    let pages = catch_unwind(AssertUnwindSafe(|| document.get_pages())).map_err(|_| broken())?;
    say(&mut output, &Line::Pages(pages.len()))?;
    let mut written = 0;
    for page in pages.into_keys() {
        let line = match catch_unwind(AssertUnwindSafe(|| page_text(&document, page))) {
            Ok(Some(text)) => Line::Page(text),
            _ => Line::Unreadable,
        };
        if let Line::Page(text) = &line {
            written += text.len();
        }
        say(&mut output, &line)?;
        if written > LONGEST_TEXT {
            break;
        }
    }
    say(&mut output, &Line::Done)
}

fn page_text(document: &Document, page: u32) -> Option<String> {
    let mut text = String::new();
    output_doc_page(document, &mut PlainTextOutput::new(&mut text), page).ok()?;
    Some(text)
}

fn say(output: &mut impl Write, line: &Line) -> std::io::Result<()> {
    let mut said = serde_json::to_vec(line)?;
    said.push(b'\n');
    output.write_all(&said)?;
    output.flush()
}

fn broken() -> std::io::Error {
    std::io::Error::other("not a PDF file")
}
