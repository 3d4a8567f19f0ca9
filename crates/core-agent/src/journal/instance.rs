//! One running process that writes the journal, known to others as alive by a lock.
//!
//! Invariant: a call of a process that lives is never declared of unknown outcome by another.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use foundation::Random;
use rusqlite::params;

use crate::store::{Store, StoreError};

/// A running process. Its lock ends with it, however it ends.
#[derive(Debug)]
pub(super) struct Instance {
    id: String,
    folder: PathBuf,
    _lock: File,
}

impl Instance {
    pub(super) fn begin(state: &Path, random: &dyn Random) -> Result<Self, StoreError> {
        let folder = state.join("instances");
        let id = random.hex(16);
        let path = folder.join(&id);
        let lock = (|| {
            fs::create_dir_all(&folder)?;
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        })()
        .map_err(|error| StoreError::Open {
            path,
            why: error.to_string(),
        })?;
        Ok(Self {
            id,
            folder,
            _lock: lock,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Marks the open calls of processes that are no more, and says how many there were.
    pub(super) async fn settle_the_dead(&self, store: &Store) -> Result<usize, StoreError> {
        let dead = self.dead(store)?;
        if dead.is_empty() {
            return Ok(0);
        }
        let folder = self.folder.clone();
        store
            .write(move |tx| {
                let mut settled = 0;
                for id in &dead {
                    settled += tx.execute(
                        "UPDATE calls SET state = 'unknown', fault = 'crashed', effect = 'unknown'
                         WHERE state = 'open' AND instance = ?1",
                        params![id],
                    )?;
                }
                for id in dead {
                    let _ = fs::remove_file(folder.join(id));
                }
                Ok(settled)
            })
            .await
    }

    fn dead(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let mut ids: Vec<String> = store.read(|db| {
            db.prepare("SELECT DISTINCT instance FROM calls WHERE state = 'open'")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        // Files of processes that left nothing open are only in the way.
        if let Ok(files) = fs::read_dir(&self.folder) {
            ids.extend(
                files
                    .flatten()
                    .filter_map(|file| file.file_name().into_string().ok()),
            );
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| *id != self.id && !self.lives(id));
        Ok(ids)
    }

    fn lives(&self, id: &str) -> bool {
        match File::open(self.folder.join(id)) {
            Ok(file) => matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join(&self.id));
    }
}
