//! Credentials as files in one folder, readable by their owner alone.
//!
//! Reading needs no lock, because files are only ever replaced as a whole: a temporary file is
//! written, synced, renamed over the old one, and the folder synced. Writers of all processes take
//! turns by a lock on `.lock`, which the system lifts when its holder dies. A version is the digest
//! of the content. Invariant: all work happens relative to an opened folder and follows no symbolic
//! link inside it, so nothing outside is read or changed.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use foundation::Random;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::{Condition, Entry, Objects, StoreError, Stored, Version};
use crate::{CredentialKey, digest::sha256_hex};

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;
const TEMPORARY: &str = ".tmp-";
const LOCK: &str = ".lock";
const LARGEST: u64 = 1 << 20;

/// A folder of credential files.
#[derive(Clone)]
pub struct DirectoryObjects {
    path: PathBuf,
    random: Arc<dyn Random>,
}

impl DirectoryObjects {
    /// Opens the folder, creating it when missing, and makes what is in it private.
    pub fn open(path: PathBuf, random: Arc<dyn Random>) -> Result<Self, StoreError> {
        let this = Self { path, random };
        this.tidy().map_err(|error| this.failure(&error))?;
        Ok(this)
    }

    /// Tightens modes left by other programs and removes what killed writers left behind.
    fn tidy(&self) -> io::Result<()> {
        let root = self.root()?;
        for folder in [None, Some("state")] {
            let Some(folder) = sub(&root, folder, false)? else {
                continue;
            };
            if open_to_others(&folder)? {
                rustix::fs::fchmod(&folder, FOLDER_MODE)?;
            }
            let _lock = lock(&folder)?;
            for name in names(&folder)? {
                if name.starts_with(TEMPORARY) {
                    rustix::fs::unlinkat(&folder, name.as_str(), AtFlags::empty())?;
                } else if CredentialKey::from_listing(&name).is_some() {
                    // Opening tightens; a link or a stranger among the files is left alone.
                    let _ = open_file(&folder, &name);
                }
            }
        }
        Ok(())
    }

    fn root(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(CWD, &self.path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                create_folder(&self.path)?;
                Ok(rustix::fs::openat(CWD, &self.path, flags, Mode::empty())?)
            }
            other => Ok(other?),
        }
    }

    fn read(&self, key: &str) -> io::Result<Option<Stored>> {
        let (folder, name) = split(key);
        let Some(folder) = sub(&self.root()?, folder, false)? else {
            return Ok(None);
        };
        read_file(&folder, name)
    }

    fn write(&self, key: &str, bytes: &[u8], condition: &Condition) -> io::Result<Option<Version>> {
        let (folder, name) = split(key);
        let folder = sub(&self.root()?, folder, true)?.ok_or(Errno::NOENT)?;
        let _lock = lock(&folder)?;
        if !holds(&folder, name, condition)? {
            return Ok(None);
        }
        let temporary = format!("{TEMPORARY}{}", self.random.hex(16));
        let written = replace(&folder, &temporary, name, bytes);
        if written.is_err() {
            // The failure to report is the first one.
            let _ = rustix::fs::unlinkat(&folder, temporary.as_str(), AtFlags::empty());
        }
        written?;
        Ok(Some(version_of(bytes)))
    }

    fn remove(&self, key: &str, condition: &Condition) -> io::Result<Option<()>> {
        let (folder, name) = split(key);
        let Some(folder) = sub(&self.root()?, folder, false)? else {
            return Ok(Some(()));
        };
        let _lock = lock(&folder)?;
        if *condition != Condition::Always && read_file(&folder, name)?.is_none() {
            return Ok(Some(()));
        }
        if !holds(&folder, name, condition)? {
            return Ok(None);
        }
        match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        rustix::fs::fsync(&folder)?;
        Ok(Some(()))
    }

    fn entries(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let name = (!folder.is_empty()).then_some(folder);
        let Some(fd) = sub(&self.root()?, name, false)? else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        for name in names(&fd)? {
            if name.starts_with('.') {
                continue;
            }
            let stat = match rustix::fs::statat(&fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                let key = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                let modified = Timestamp::from_second(stat.st_mtime).unwrap_or(Timestamp::MIN);
                entries.push(Entry { key, modified });
            }
        }
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(entries)
    }

    /// Runs blocking work elsewhere. A caller that goes away does not stop it halfway.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        let done =
            tokio::task::spawn_blocking(move || work(&this).map_err(|error| this.failure(&error)));
        done.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                place: self.place(),
                problem: "the program is shutting down".to_owned(),
            })
        })
    }

    fn failure(&self, error: &io::Error) -> StoreError {
        let place = self.place();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Misconfigured {
                    problem: format!(
                        "{place} cannot be used: {error}; let the program's user own it (chown) \
                         or name another one with GOOGLE_MCP_CREDENTIALS_DIR"
                    ),
                }
            }
            io::ErrorKind::NotADirectory => StoreError::Misconfigured {
                problem: format!(
                    "{place} cannot be used: {error}; it must be a folder and its files must \
                         not be symbolic links"
                ),
            },
            _ => StoreError::Unavailable {
                place,
                problem: error.to_string(),
            },
        }
    }
}

impl Objects for DirectoryObjects {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        let key = key.to_owned();
        Box::pin(self.blocking(move |this| this.read(&key)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        let key = key.to_owned();
        Box::pin(async move {
            let written = self
                .blocking(move |this| this.write(&key, &bytes, &condition))
                .await?;
            written.ok_or(StoreError::Conflict)
        })
    }

    fn delete<'a>(
        &'a self,
        key: &'a str,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.to_owned();
        Box::pin(async move {
            let removed = self
                .blocking(move |this| this.remove(&key, &condition))
                .await?;
            removed.ok_or(StoreError::Conflict)
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        let folder = folder.to_owned();
        Box::pin(self.blocking(move |this| this.entries(&folder)))
    }

    fn place(&self) -> String {
        format!("the credential folder {}", self.path.display())
    }
}

fn create_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE.bits())
        .create(path)
}

fn split(key: &str) -> (Option<&str>, &str) {
    key.split_once('/')
        .map_or((None, key), |(folder, name)| (Some(folder), name))
}

/// Opens a folder below `root`, or `root` again.
fn sub(root: &OwnedFd, name: Option<&str>, create: bool) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let open = || rustix::fs::openat(root, name.unwrap_or("."), flags, Mode::empty());
    match (open(), name) {
        (Ok(folder), _) => Ok(Some(folder)),
        (Err(Errno::NOENT), Some(name)) if create => {
            match rustix::fs::mkdirat(root, name, FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => Ok(Some(open()?)),
                Err(error) => Err(error.into()),
            }
        }
        (Err(Errno::NOENT), _) => Ok(None),
        (Err(error), _) => Err(error.into()),
    }
}

fn lock(folder: &OwnedFd) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, LOCK, flags, FILE_MODE)?);
    file.lock()?;
    Ok(file)
}

fn holds(folder: &OwnedFd, name: &str, condition: &Condition) -> io::Result<bool> {
    if *condition == Condition::Always {
        return Ok(true);
    }
    let current = read_file(folder, name)?.map(|stored| stored.version);
    Ok(match condition {
        Condition::Always => true,
        Condition::Absent => current.is_none(),
        Condition::Unchanged(version) => current.as_ref() == Some(version),
    })
}

fn replace(folder: &OwnedFd, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, temporary, flags, FILE_MODE)?);
    file.write_all(bytes)?;
    file.sync_all()?;
    rustix::fs::renameat(folder, temporary, folder, name)?;
    Ok(rustix::fs::fsync(folder)?)
}

fn read_file(folder: &OwnedFd, name: &str) -> io::Result<Option<Stored>> {
    let Some(file) = open_file(folder, name)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let version = version_of(&bytes);
    Ok(Some(Stored {
        bytes: bytes.into(),
        version,
    }))
}

/// Opens a regular file and takes away others' rights to it.
fn open_file(folder: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    // NONBLOCK: a named pipe in the place of a file must not hang the reader.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(no_file("a symbolic link")),
        Err(error) => return Err(error.into()),
    };
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(no_file("not a regular file"));
    }
    if open_to_others(&file)? {
        // A read-only mount keeps its modes; what matters is that the file can be read.
        let _ = rustix::fs::fchmod(&file, FILE_MODE);
    }
    Ok(Some(File::from(file)))
}

fn no_file(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotADirectory, what)
}

/// Whether anybody but the owner has rights.
fn open_to_others(file: &OwnedFd) -> io::Result<bool> {
    let mode = Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode);
    Ok(mode.intersects(Mode::RWXG | Mode::RWXO))
}

fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        // Names that are not UTF-8 are none of ours.
        if let Ok(name) = entry.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn version_of(bytes: &[u8]) -> Version {
    Version(sha256_hex(bytes))
}
