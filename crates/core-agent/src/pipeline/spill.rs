//! Results too large for an answer, kept aside under the hash of what they are.
//!
//! Not a cache: nothing is looked for here before a call is made.
//! Invariant: a result is read only by whom it was made for.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use foundation::Clock;
use ring::digest::{SHA256, digest};
use rmcp::model::{CallToolResult, ContentBlock};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Actor,
    approvals::principal_key,
    catalogue::HubTool,
    hex::hex,
    store::{Store, StoreError},
};

const KEPT_HOURS: i64 = 24;
/// Bytes kept altogether.
const MOST_BYTES: i64 = 1 << 30;
/// A file so young may not be in the database yet.
const YOUNG_SECONDS: i64 = 60;
const PIECE: usize = 16_000;
const LARGEST_PIECE: usize = 64_000;

/// Which part of a kept result.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// A JSON pointer into the result, such as `/structuredContent/items/0`; all of it when
    /// absent.
    pub pointer: Option<String>,
    /// The character to begin with.
    pub start: usize,
    /// How many characters at most.
    pub length: Option<usize>,
}

/// A part of a kept result.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Piece {
    /// The text; JSON unless the part is a text itself.
    pub text: String,
    /// The character it begins with.
    pub start: usize,
    /// Characters altogether.
    pub total: usize,
    /// The character to go on with, when there is more.
    pub next: Option<usize>,
    /// The server it came from.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
    /// What its reader is told first, when its words try to steer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Why a kept result cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none, or it is somebody else's.
    #[error("no result {0} is kept for you: results are kept for a day; make the call again")]
    NotFound(String),
    /// The pointer leads nowhere.
    #[error("the result has nothing at {pointer}: {hint}")]
    NoSuchPart {
        /// The pointer.
        pointer: String,
        /// What there is instead.
        hint: String,
    },
    /// The database or the file.
    #[error("the result cannot be read: {0}")]
    Failed(String),
}

/// The kept results.
#[derive(Clone)]
pub(super) struct Spill {
    store: Store,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// Files begun, for their names until they are whole.
    begun: Arc<AtomicU64>,
    most_bytes: i64,
}

impl Spill {
    pub(super) fn new(store: Store, state: &Path, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            folder: state.join("results"),
            clock,
            begun: Arc::default(),
            most_bytes: MOST_BYTES,
        }
    }

    /// Keeps a result, and returns its handle.
    pub(super) async fn keep(
        &self,
        result: &CallToolResult,
        tool: &HubTool,
        actor: &Actor,
    ) -> Result<String, ReadError> {
        // Room that grows would be held twice for a while.
        let mut bytes = Vec::with_capacity(size(result));
        serde_json::to_writer(&mut bytes, result).map_err(failed)?;
        let hash = hex(digest(&SHA256, &bytes).as_ref());
        let handle: String = hash.chars().take(24).collect();
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let (folder, path) = (self.folder.clone(), self.folder.join(&hash));
        // Of two at once each writes its own.
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .folder
            .join(format!("{hash}.{}.{number}", std::process::id()));
        tokio::task::spawn_blocking(move || write(&folder, &path, &temporary, &bytes))
            .await
            .map_err(failed)?
            .map_err(failed)?;
        let row = (handle.clone(), principal_key(actor), hash);
        let (server, tool) = (tool.server.to_string(), tool.name().to_owned());
        let now = self.clock.now().as_millisecond();
        let kept: i64 = self
            .store
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO results (handle, principal, sha256, server, tool, bytes, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (handle, principal) DO UPDATE SET at = ?7, server = ?4, tool = ?5",
                    params![row.0, row.1, row.2, server, tool, size, now],
                )?;
                tx.query_row("SELECT sum(bytes) FROM results", [], |row| row.get(0))
            })
            .await
            .map_err(failed)?;
        if kept > self.most_bytes {
            // With some room, so that the next few results do not look again.
            let most = self.most_bytes / 10 * 9;
            if let Err(error) = self.prune_to(most).await {
                tracing::warn!(%error, "old results could not be thrown away");
            }
        }
        Ok(handle)
    }

    /// Reads a part of a result.
    pub(super) async fn read(
        &self,
        handle: &str,
        part: Part,
        actor: &Actor,
    ) -> Result<Piece, ReadError> {
        let not_found = || ReadError::NotFound(handle.chars().take(64).collect());
        let oldest = self.oldest();
        let row: Option<(String, String, String)> = self
            .store
            .read(|db| {
                db.query_row(
                    "SELECT sha256, server, tool FROM results
                     WHERE handle = ?1 AND principal = ?2 AND at >= ?3",
                    params![handle, principal_key(actor), oldest],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()
            })
            .map_err(failed)?;
        let (hash, server, tool) = row.ok_or_else(not_found)?;
        let path = self.folder.join(hash);
        let read = tokio::task::spawn_blocking(move || {
            let bytes = fs::read(path).map_err(failed)?;
            let value: Value = serde_json::from_slice(&bytes).map_err(failed)?;
            piece(&value, &part)
        });
        let (text, start, total, next) = read.await.map_err(failed)??;
        Ok(Piece {
            text,
            start,
            total,
            next,
            server,
            tool,
            warning: None,
        })
    }

    /// Throws away what is too old or too much.
    pub(super) async fn prune(&self) -> Result<(), StoreError> {
        self.prune_to(self.most_bytes).await
    }

    async fn prune_to(&self, most: i64) -> Result<(), StoreError> {
        let oldest = self.oldest();
        let kept: HashSet<String> = self
            .store
            .write(move |tx| {
                tx.execute("DELETE FROM results WHERE at < ?1", params![oldest])?;
                tx.execute(
                    "DELETE FROM results WHERE (handle, principal) IN (
                       SELECT handle, principal FROM (
                         SELECT handle, principal, sum(bytes) OVER (ORDER BY at DESC) AS sum
                         FROM results)
                       WHERE sum > ?1)",
                    params![most],
                )?;
                tx.prepare("SELECT DISTINCT sha256 FROM results")?
                    .query_map([], |row| row.get(0))?
                    .collect()
            })
            .await?;
        let folder = self.folder.clone();
        let young = self.clock.now().as_second() - YOUNG_SECONDS;
        let _ = tokio::task::spawn_blocking(move || sweep(&folder, &kept, young)).await;
        Ok(())
    }

    fn oldest(&self) -> i64 {
        self.clock.now().as_millisecond() - KEPT_HOURS * 3_600_000
    }
}

/// Bytes of a result as it would be sent.
pub(super) fn size(result: &CallToolResult) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, result) {
        Ok(()) => counter.0,
        Err(_) => 0,
    }
}

fn piece(value: &Value, part: &Part) -> Result<(String, usize, usize, Option<usize>), ReadError> {
    let text = match part.pointer.as_deref() {
        None | Some("") => whole(value),
        Some(pointer) => match value.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => pretty(other),
            None => {
                return Err(ReadError::NoSuchPart {
                    pointer: pointer.to_owned(),
                    hint: hint(value, pointer),
                });
            }
        },
    };
    let total = text.chars().count();
    let length = part.length.unwrap_or(PIECE).clamp(1, LARGEST_PIECE);
    let start = part.start.min(total);
    let piece: String = text.chars().skip(start).take(length).collect();
    let end = start + piece.chars().count();
    Ok((piece, start, total, (end < total).then_some(end)))
}

/// A result that is only text, as text; any other as JSON.
fn whole(value: &Value) -> String {
    let result: Option<CallToolResult> = serde_json::from_value(value.clone()).ok();
    let texts: Option<Vec<String>> = result
        .filter(|result| result.structured_content.is_none())
        .map(|result| result.content)
        .and_then(|content| {
            content
                .into_iter()
                .map(|block| match block {
                    ContentBlock::Text(text) => Some(text.text),
                    _ => None,
                })
                .collect()
        });
    match texts {
        Some(texts) if !texts.is_empty() => texts.join("\n"),
        _ => pretty(value),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value can be written")
}

/// The nearest place there is, and what is in it.
fn hint(value: &Value, pointer: &str) -> String {
    let mut at = pointer;
    while let Some((parent, _)) = at.rsplit_once('/') {
        at = parent;
        match value.pointer(at) {
            Some(Value::Object(map)) => {
                let names: Vec<_> = map.keys().take(40).map(String::as_str).collect();
                return format!("{at:?} has {}", names.join(", "));
            }
            Some(Value::Array(list)) => return format!("{at:?} has {} items", list.len()),
            Some(_) => return format!("{at:?} is a single value"),
            None => {}
        }
    }
    "a pointer begins with /".into()
}

fn write(folder: &Path, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    // Written anew when it is there: a young file is not thrown away before it is in the database.
    fs::create_dir_all(folder)?;
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(temporary)?, bytes)?;
    fs::rename(temporary, path)
}

/// Removes files that belong to nothing, except those just written.
fn sweep(folder: &Path, kept: &HashSet<String>, young: i64) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let named = file.file_name().into_string().unwrap_or_default();
        let written = file
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|at| jiff::Timestamp::try_from(at).ok())
            .map_or(i64::MAX, jiff::Timestamp::as_second);
        if !kept.contains(&named) && written < young {
            let _ = fs::remove_file(file.path());
        }
    }
}

fn failed(error: impl std::fmt::Display) -> ReadError {
    ReadError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use foundation::ManualClock;
    use rmcp::model::Tool;
    use serde_json::Map;

    use super::*;
    use crate::catalogue::{Access, Standing};

    #[tokio::test]
    async fn what_is_kept_is_bounded_without_waiting_for_the_upkeep() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        // Nothing written now is young.
        let clock = Arc::new(ManualClock::at("2999-01-01T00:00:00Z".parse().unwrap()));
        let spill = Spill {
            most_bytes: 100_000,
            ..Spill::new(store, folder.path(), clock.clone())
        };
        let listed = Tool::new("t", "", Map::new());
        let tool = HubTool {
            server: "s".parse().unwrap(),
            original: listed.clone(),
            listed,
            access: Access::Read,
            idempotent: false,
            categories: vec![],
            fingerprint: String::new(),
            standing: Standing::Pinned,
            findings: vec![],
        };
        let (actor, mut handles) = (Actor::local(), Vec::new());
        for n in 0..40 {
            let text = format!("{n} {}", "x".repeat(10_000));
            let result = CallToolResult::success(vec![ContentBlock::text(text)]);
            handles.push(spill.keep(&result, &tool, &actor).await.unwrap());
            clock.advance(jiff::SignedDuration::from_secs(1));
            let files = fs::read_dir(&spill.folder).unwrap();
            let bytes: u64 = files
                .map(|file| file.unwrap().metadata().unwrap().len())
                .sum();
            assert!(bytes <= 100_000, "{bytes}");
        }
        let read = async |handle: &str| spill.read(handle, Part::default(), &actor).await;
        assert!(matches!(
            read(&handles[0]).await,
            Err(ReadError::NotFound(_))
        ));
        assert!(read(&handles[39]).await.unwrap().text.starts_with("39 "));
    }
}
