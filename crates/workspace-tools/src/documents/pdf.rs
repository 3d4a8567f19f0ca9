//! Text out of PDF files, read by a process of its own.
//!
//! The libraries that read PDF end the process on some inputs, and there is no catching that.
//! Invariant: no byte of a PDF is parsed in this process.

use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    thread::{self, available_parallelism},
    time::Duration,
};

use bytes::Bytes;
use foundation::Kind;
use futures::future::BoxFuture;
use rustix::process::nice;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    sync::{Semaphore, oneshot},
    time::timeout,
};

use super::{
    DocumentText,
    budget::Words,
    pdf_child::{LEAST_URGENT, Line},
};
use crate::ToolError;

/// The most files that are read at once.
const MOST_CHILDREN: usize = 2;

/// How long a file may take on the clock.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a file waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The most that is read for one line of a child: a page may have this much text.
const LONGEST_LINE: usize = 8 << 20;

/// Whoever can read a PDF file.
pub trait PdfText: Send + Sync {
    /// The words of `pdf`, page by page.
    fn text(&self, pdf: Bytes) -> BoxFuture<'_, Result<DocumentText, ToolError>>;
}

/// Starts a program for every file; the program's part is [`super::pdf_child()`].
#[derive(Debug)]
pub struct ChildPdfReader {
    program: PathBuf,
    arguments: Vec<String>,
    turns: Semaphore,
}

impl ChildPdfReader {
    /// A reader that starts `program` with `arguments`.
    pub fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self {
            program: program.into(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            turns: Semaphore::new(children_at_once(processors)),
        }
    }

    async fn read(&self, pdf: Bytes) -> Result<DocumentText, ToolError> {
        let turn = timeout(LONGEST_WAIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(busy());
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            // The allocator would take a gigabyte of addresses at once, more than the child gets.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            // So would the C library, a quarter of them for the second thread alone.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(started) = timeout(LONGEST_WAIT, start(command)).await else {
            return Err(busy());
        };
        let mut child = started.map_err(ToolError::internal)?;
        let input = child.stdin.take().expect("stdin is piped");
        let output = child.stdout.take().expect("stdout is piped");
        let mut pages = Pages::default();
        let talk = async {
            let ((), heard) = tokio::join!(feed(input, pdf), pages.hear(output));
            heard?;
            child.wait().await
        };
        let ended = timeout(LONGEST, talk).await;
        // Whatever keeps it alive now, its answer is complete or too late.
        let _ = child.start_kill();
        let _ = child.wait().await;
        match ended {
            Err(_) => pages.finish(Some("takes too long")),
            Ok(Err(_)) => pages.finish(Some("sends too much")),
            Ok(Ok(status)) => pages.finish(ending(status)),
        }
    }
}

impl PdfText for ChildPdfReader {
    fn text(&self, pdf: Bytes) -> BoxFuture<'_, Result<DocumentText, ToolError>> {
        Box::pin(self.read(pdf))
    }
}

/// Half of the processors are left to calls that wait for one.
fn children_at_once(processors: usize) -> usize {
    (processors / 2).clamp(1, MOST_CHILDREN)
}

/// Starts a child from a thread that is as little urgent as the child shall be.
///
/// Only so is it from the first moment: to load a program takes longer than most calls.
async fn start(mut command: Command) -> io::Result<Child> {
    let runtime = Handle::current();
    let (tell, told) = oneshot::channel();
    let starter = thread::Builder::new().name("pdf".to_owned());
    starter.spawn(move || {
        // Elsewhere the whole process would step back, and not this thread alone.
        if cfg!(target_os = "linux") {
            let _ = nice(LEAST_URGENT);
        }
        let _inside = runtime.enter();
        // Nobody may be waiting any more; the child ends with its handle.
        let _ = tell.send(command.spawn());
    })?;
    let started = told.await;
    started.unwrap_or_else(|_| Err(io::Error::other("the thread that starts a child ended")))
}

/// What an exit status says of the file, if anything.
fn ending(status: ExitStatus) -> Option<&'static str> {
    (!status.success()).then_some("cannot be read within the limits or is damaged")
}

/// A child that has ended early has no ear for the rest.
async fn feed(mut input: ChildStdin, pdf: Bytes) {
    if input.write_all(&pdf).await.is_ok() {
        let _ = input.shutdown().await;
    }
}

/// What a child has said so far.
#[derive(Default)]
struct Pages {
    words: Words,
    all: Option<usize>,
    read: usize,
    unreadable: usize,
    locked: bool,
    done: bool,
}

impl Pages {
    async fn hear(&mut self, output: ChildStdout) -> io::Result<()> {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            if !read_line(&mut output, &mut line).await? {
                return Ok(());
            }
            let said = serde_json::from_slice(&line).map_err(io::Error::other)?;
            self.take(said);
            if self.words.is_full() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, said: Line) {
        match said {
            Line::Pages(all) => self.all = Some(all),
            Line::Page(text) => {
                self.read += 1;
                let text = text.trim();
                if !text.is_empty() {
                    self.words.gap();
                    if self.all != Some(1) {
                        self.words.push(&format!("[page {}]\n", self.read));
                    }
                    self.words.push(text);
                }
            }
            Line::Unreadable => {
                self.read += 1;
                self.unreadable += 1;
            }
            Line::Locked => self.locked = true,
            Line::Done => self.done = true,
        }
    }

    fn finish(self, trouble: Option<&str>) -> Result<DocumentText, ToolError> {
        if self.locked {
            return Err(ToolError::input("the PDF is protected with a password")
                .hint("have it saved without a password, or fetch the file itself"));
        }
        let Some(all) = self.all.filter(|_| self.read > self.unreadable) else {
            let trouble = trouble.unwrap_or("has no page that can be read");
            return Err(ToolError::input(format!("the PDF {trouble}"))
                .hint("fetch the file itself, or have Google Drive convert it"));
        };
        let mut notes = vec![match all {
            1 => "It has 1 page.".to_owned(),
            _ => format!("It has {all} pages."),
        }];
        if self.unreadable > 0 {
            notes.push(format!("{} of them cannot be read.", self.unreadable));
        }
        if self.words.is_empty() {
            notes.push("There is no text in it; it may be scanned.".to_owned());
        }
        let full = self.words.is_full();
        if !self.done && !full {
            notes.push(format!("Reading ended after page {}.", self.read));
        }
        let (text, _) = self.words.finish();
        let truncated = full || !self.done;
        Ok(DocumentText {
            text,
            truncated,
            notes,
        })
    }
}

/// Reads one line of at most [`LONGEST_LINE`]; `false` at the end.
async fn read_line(output: &mut BufReader<ChildStdout>, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let ready = output.fill_buf().await?;
        if ready.is_empty() {
            return Ok(false);
        }
        let (taken, ends) = match ready.iter().position(|&byte| byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (ready.len(), false),
        };
        line.extend_from_slice(&ready[..taken]);
        output.consume(taken);
        if line.len() > LONGEST_LINE {
            return Err(io::Error::other("the line is too long"));
        }
        if ends {
            return Ok(true);
        }
    }
}

fn busy() -> ToolError {
    let mut error = ToolError::new(Kind::Busy, "too many PDF files are being read at once");
    error.retry_after = Some(10);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_the_least_urgent_process_before_it_has_the_file() {
        let script = r#"cat > /dev/null
            nice=$(cut -d " " -f 19 /proc/$$/stat)
            echo "{\"pages\":1}"; echo "{\"page\":\"nice $nice\"}"; echo "\"done\"""#;
        let reader = ChildPdfReader::new("/bin/sh", &["-c", script]);
        let read = reader.text(Bytes::from_static(b"%PDF-1.5")).await.unwrap();
        assert_eq!(read.text, format!("nice {LEAST_URGENT}"));
    }

    #[test]
    fn half_of_the_processors_are_left() {
        let at_once = [1, 2, 3, 4, 5, 64].map(children_at_once);
        assert_eq!(at_once, [1, 1, 1, 2, 2, 2]);
    }
}
