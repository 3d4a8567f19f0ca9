//! The last words of a program: a bounded ring of what it wrote to standard error, and a log file.
//!
//! Invariant: whatever a program writes, and however fast, it is taken from it at once, memory
//! and disk stay bounded, and what is kept went through the redaction.

use std::{
    collections::VecDeque,
    fmt,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use foundation::Clock;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::ServerName;

/// Lines kept.
const LINES: usize = 2_000;
/// Bytes kept.
const BYTES: usize = 256 << 10;
/// A line is cut beyond this.
const LINE: usize = 8 << 10;
/// The log file is put aside beyond this; one old file is kept.
const FILE: u64 = 1 << 20;

/// Takes secrets out of a line.
pub type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The last words of a program.
pub struct StderrRing {
    redact: Redact,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    total: u64,
    log: Option<Log>,
}

struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
}

/// The log file of a server: what it said on standard error, with the time.
pub fn log_file(state: &Path, server: &ServerName) -> PathBuf {
    state.join("logs").join(format!("{server}.log"))
}

impl StderrRing {
    /// An empty ring; lines go to `file` too, when there is one.
    pub fn new(redact: Redact, clock: Arc<dyn Clock>, file: Option<PathBuf>) -> Arc<Self> {
        let log = file.map(|path| Log {
            path,
            file: None,
            written: 0,
        });
        Arc::new(Self {
            redact,
            clock,
            kept: Mutex::new(Kept {
                lines: VecDeque::new(),
                bytes: 0,
                total: 0,
                log,
            }),
        })
    }

    /// The last lines, oldest first.
    pub fn last(&self, count: usize) -> Vec<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = kept.lines.len().saturating_sub(count);
        kept.lines.iter().skip(skip).cloned().collect()
    }

    /// Lines said so far, those no longer kept included.
    pub fn total(&self) -> u64 {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }

    /// Adds what was said, or a remark of the hub's own.
    pub fn push(&self, line: &str) {
        self.extend(std::iter::once(line.to_owned()));
    }

    /// A line as it would be kept.
    pub(super) fn redacted(&self, line: &str) -> String {
        clean(&(self.redact)(line))
    }

    fn extend(&self, lines: impl Iterator<Item = String>) {
        let clean: Vec<_> = lines
            .map(|line| self.redacted(&line))
            .filter(|line| !line.is_empty())
            .collect();
        if clean.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &mut kept.log {
            let mut text = String::new();
            for line in &clean {
                text.push_str(&format!("{now:.3} {line}\n"));
            }
            log.append(&text);
        }
        for line in clean {
            kept.total += 1;
            kept.bytes += line.len();
            kept.lines.push_back(line);
            while kept.lines.len() > LINES || kept.bytes > BYTES {
                let Some(oldest) = kept.lines.pop_front() else {
                    break;
                };
                kept.bytes -= oldest.len();
            }
        }
    }

    /// Takes everything from `pipe` until its end.
    pub(super) async fn drain(self: Arc<Self>, mut pipe: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 16 << 10];
        let mut line = Vec::new();
        let mut cut = false;
        while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
            let mut whole = Vec::new();
            for &byte in chunk.iter().take(read) {
                match byte {
                    b'\n' => {
                        whole.push(String::from_utf8_lossy(&line).into_owned());
                        line.clear();
                        cut = false;
                    }
                    _ if cut => {}
                    _ if line.len() == LINE => {
                        line.extend_from_slice("…".as_bytes());
                        cut = true;
                    }
                    byte => line.push(byte),
                }
            }
            self.extend(whole.into_iter());
        }
        if !line.is_empty() {
            self.push(&String::from_utf8_lossy(&line));
        }
    }
}

impl Log {
    // A log that cannot be written is no reason to let a server down.
    fn append(&mut self, text: &str) {
        if self.written > FILE {
            self.file = None;
            let _ = std::fs::rename(&self.path, self.path.with_extension("old.log"));
        }
        if self.file.is_none() {
            self.open();
        }
        if let Some(file) = &mut self.file
            && file.write_all(text.as_bytes()).is_ok()
        {
            self.written += text.len() as u64;
        }
    }

    fn open(&mut self) {
        if let Some(folder) = self.path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.file = options.open(&self.path).ok();
        self.written = self
            .file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .map_or(0, |metadata| metadata.len());
    }
}

impl fmt::Debug for StderrRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StderrRing")
            .field("total", &self.total())
            .finish_non_exhaustive()
    }
}

/// Without what a terminal would obey: control characters, escape sequences, turned directions.
fn clean(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                Some('[') => {
                    characters.find(|next| ('\u{40}'..='\u{7e}').contains(next));
                }
                Some(']') => {
                    characters.find(|next| matches!(next, '\u{7}' | '\u{1b}'));
                }
                _ => {}
            },
            '\t' => text.push('\t'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            character if character.is_control() => {}
            character => text.push(character),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use foundation::SystemClock;

    use super::*;

    fn plain(file: Option<PathBuf>) -> Arc<StderrRing> {
        StderrRing::new(Arc::new(str::to_owned), Arc::new(SystemClock), file)
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let ring = plain(None);
        let mut flood = "x".repeat(100_000).into_bytes();
        flood.push(b'\n');
        flood.extend("line\n".repeat(50_000).into_bytes());
        flood.extend(b"\xff\xfe last");
        ring.clone().drain(flood.as_slice()).await;
        assert_eq!(ring.total(), 50_002);
        assert_eq!(ring.last(usize::MAX).len(), LINES);
        assert_eq!(ring.last(1), ["\u{fffd}\u{fffd} last"]);

        let ring = plain(None);
        let long = format!("{}\n", "y".repeat(20_000)).repeat(200);
        ring.clone().drain(long.as_bytes()).await;
        let kept = ring.last(usize::MAX);
        assert!(kept.iter().map(String::len).sum::<usize>() <= BYTES);
        assert!(kept.iter().all(|line| line.chars().count() == LINE + 1));
    }

    #[tokio::test]
    async fn secrets_and_escapes_are_taken_out() {
        let redact: Redact = Arc::new(|line| line.replace("hunter2", "[secret]"));
        let ring = StderrRing::new(redact, Arc::new(SystemClock), None);
        ring.clone()
            .drain(&b"\x1b[31mpassword\x1b[0m hunter2\x07\x1b]0;title\x07!\r\n\n"[..])
            .await;
        assert_eq!(ring.last(9), ["password [secret]!"]);
    }

    #[test]
    fn the_log_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/zoo.log");
        let ring = plain(Some(path.clone()));
        let line = "z".repeat(1_000);
        for _ in 0..2_500 {
            ring.push(&line);
        }
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&path) <= FILE + 2_000);
        assert!(size(&path.with_extension("old.log")) <= FILE + 2_000);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            2
        );
    }
}
