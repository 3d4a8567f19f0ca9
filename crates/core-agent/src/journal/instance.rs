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
            loop {
                let file = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)?;
                file.lock()?;
                // Another process may have taken it for a dead one's before it was locked.
                if path.exists() {
                    return Ok::<_, std::io::Error>(file);
                }
            }
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
                for (id, _) in &dead {
                    settled += tx.execute(
                        "UPDATE calls SET state = 'unknown', fault = 'crashed', effect = 'unknown'
                         WHERE state = 'open' AND instance = ?1",
                        params![id],
                    )?;
                }
                for (id, _held) in dead {
                    let _ = fs::remove_file(folder.join(id));
                }
                Ok(settled)
            })
            .await
    }

    /// The ids of the dead, each with its file, locked until it is gone.
    fn dead(&self, store: &Store) -> Result<Vec<(String, Option<File>)>, StoreError> {
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
        ids.retain(|id| *id != self.id);
        let dead = |id: String| match File::open(self.folder.join(&id)) {
            Ok(file) => {
                let lives = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
                (!lives).then_some((id, Some(file)))
            }
            Err(_) => Some((id, None)),
        };
        Ok(ids.into_iter().filter_map(dead).collect())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use foundation::SeededRandom;

    use super::*;

    #[test]
    fn a_process_that_was_taken_for_dead_while_it_began_begins_again() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("instances");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(SeededRandom::new(7).hex(16));
        let taken = File::create(&path).unwrap();
        taken.lock().unwrap();
        let begun = std::thread::scope(|scope| {
            let begun = scope.spawn(|| Instance::begin(state.path(), &SeededRandom::new(7)));
            fs::remove_file(&path).unwrap();
            drop(taken);
            begun.join().unwrap().unwrap()
        });
        let seen = File::open(&path).unwrap().try_lock();
        assert!(matches!(seen, Err(fs::TryLockError::WouldBlock)));
        drop(begun);
    }
}
