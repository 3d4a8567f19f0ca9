//! Documents with secrets, encrypted at rest: tokens and registered clients.
//!
//! One file a document under `<state>/tokens`, AES-256-GCM, bound to the document's name so that
//! no file can be put in another's place. Not a database: documents are few and small.
//! Invariant: a document is replaced only by somebody who has seen the one that is replaced, and
//! a killed process leaves the old one or the new one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use foundation::Random;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::hex::hex;

/// The first bytes of every file; a later format has others.
const MAGIC: &[u8; 4] = b"CAV1";
/// No document is larger.
const LARGEST: u64 = 256 << 10;
const KEY_BYTES: usize = 32;

/// The documents.
#[derive(Clone)]
pub struct Vault {
    folder: Arc<Path>,
    key: Arc<LessSafeKey>,
    random: Arc<dyn Random>,
}

/// Which state of a document somebody has seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version(Option<[u8; 32]>);

/// Why a document is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder or a file cannot be used.
    #[error("cannot use {path} for sign-ins; check its owner and permissions")]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key file is none.
    #[error("{0} is not a key of this program; remove it and sign in to the servers again")]
    BadKey(PathBuf),
    /// Somebody else has replaced the document meanwhile.
    #[error("another process has changed the sign-in meanwhile")]
    Changed,
}

/// Held while a document is made anew; ends with the process at the latest.
pub struct Lock {
    _file: File,
}

impl Vault {
    /// Opens the vault under the folder `state`. Without a key one is made and kept there,
    /// readable by its owner alone.
    pub fn open(
        state: &Path,
        key: Option<&SecretString>,
        random: Arc<dyn Random>,
    ) -> Result<Self, VaultError> {
        let folder = state.join("tokens");
        private_folder(&folder).map_err(files(&folder))?;
        let key = match key {
            Some(text) => {
                let mut label = Zeroizing::new(b"core-agent sign-ins\0".to_vec());
                label.extend_from_slice(text.expose_secret().as_bytes());
                let mut bytes = Zeroizing::new([0; KEY_BYTES]);
                bytes.copy_from_slice(digest(&SHA256, &label).as_ref());
                bytes
            }
            None => kept_key(&state.join("key"), random.as_ref())?,
        };
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("the key has 32 bytes");
        Ok(Self {
            folder: folder.into(),
            key: Arc::new(LessSafeKey::new(key)),
            random,
        })
    }

    /// A document and its version. One that cannot be decrypted or read any more counts as
    /// absent: signing in again replaces it.
    pub fn read<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<(Option<T>, Version), VaultError> {
        let path = self.path(name);
        let Some(sealed) = read_file(&path).map_err(files(&path))? else {
            return Ok((None, Version(None)));
        };
        let document = self
            .unseal(name, &sealed)
            .and_then(|plain| serde_json::from_slice(&plain).ok());
        if document.is_none() {
            tracing::warn!("a kept sign-in cannot be read with the present key and is ignored");
        }
        Ok((document, version(&sealed)))
    }

    /// Replaces a document whose present version is `seen`.
    pub fn write<T: Serialize>(
        &self,
        name: &str,
        document: &T,
        seen: Version,
    ) -> Result<Version, VaultError> {
        let path = self.path(name);
        let plain = Zeroizing::new(serde_json::to_vec(document).expect("documents are JSON"));
        let sealed = self.seal(name, &plain);
        let _guard = Self::guard(&path)?;
        Self::expect(&path, seen)?;
        let temporary = self.folder.join(format!(".{}.new", self.random.hex(8)));
        let written = write_file(&temporary, &sealed)
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(files(&path)(error));
        }
        Ok(version(&sealed))
    }

    /// Removes a document whose present version is `seen`.
    pub fn remove(&self, name: &str, seen: Version) -> Result<(), VaultError> {
        let path = self.path(name);
        let _guard = Self::guard(&path)?;
        Self::expect(&path, seen)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Waits until no other process makes this document anew.
    pub async fn lock(&self, name: &str) -> Result<Lock, VaultError> {
        let path = self.path(name).with_extension("making");
        let waiting = path.clone();
        let file = tokio::task::spawn_blocking(move || {
            let file = open_private(&waiting)?;
            file.lock()?;
            Ok(file)
        })
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the wait was given up")))
        .map_err(files(&path))?;
        Ok(Lock { _file: file })
    }

    fn guard(path: &Path) -> Result<Lock, VaultError> {
        let path = path.with_extension("lock");
        let lock = || {
            let file = open_private(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock()
            .map(|file| Lock { _file: file })
            .map_err(files(&path))
    }

    fn expect(path: &Path, seen: Version) -> Result<(), VaultError> {
        let present = read_file(path).map_err(files(path))?;
        if present.as_deref().map_or(Version(None), version) == seen {
            Ok(())
        } else {
            Err(VaultError::Changed)
        }
    }

    /// Names are not in file names: they tell who uses what.
    fn path(&self, name: &str) -> PathBuf {
        self.folder
            .join(hex(digest(&SHA256, name.as_bytes()).as_ref()))
    }

    fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
        let mut text = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut text,
            )
            .expect("a document is far below the cipher's limit");
        [MAGIC.as_slice(), &nonce, &text].concat()
    }

    fn unseal(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let rest = sealed.strip_prefix(MAGIC.as_slice())?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(name.as_bytes()),
                &mut text,
            )
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vault").field(&self.folder).finish()
    }
}

fn version(sealed: &[u8]) -> Version {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, sealed).as_ref());
    Version(Some(hash))
}

fn files(path: &Path) -> impl FnOnce(io::Error) -> VaultError + use<> {
    let path = path.to_owned();
    |source| VaultError::Files { path, source }
}

/// The key in a file, made by whoever is first.
fn kept_key(path: &Path, random: &dyn Random) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    if read_file(path).map_err(files(path))?.is_none() {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random.fill(bytes.as_mut());
        let text = Zeroizing::new(BASE64_STANDARD.encode(bytes.as_ref()) + "\n");
        let temporary = path.with_extension(random.hex(8));
        let made = write_file(&temporary, text.as_bytes())
            // A link fails when somebody else was first, and then theirs is the key.
            .and_then(|()| match fs::hard_link(&temporary, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            });
        let _ = fs::remove_file(&temporary);
        made.map_err(files(path))?;
    }
    let text = Zeroizing::new(read_file(path).map_err(files(path))?.unwrap_or_default());
    let bad = || VaultError::BadKey(path.to_owned());
    let bytes = BASE64_STANDARD
        .decode(text.trim_ascii())
        .map(Zeroizing::new)
        .map_err(|_| bad())?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if bytes.len() != KEY_BYTES {
        return Err(bad());
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("the file is too large to be one of ours"));
    }
    Ok(Some(bytes))
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = options().create_new(true).write(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn open_private(path: &Path) -> io::Result<File> {
    options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use foundation::{SeededRandom, SystemRandom};

    use super::*;

    fn vault(state: &Path, key: Option<&str>) -> Vault {
        let key = key.map(SecretString::from);
        Vault::open(state, key.as_ref(), Arc::new(SystemRandom)).unwrap()
    }

    fn all_bytes(folder: &Path) -> Vec<u8> {
        fs::read_dir(folder)
            .unwrap()
            .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn documents_are_found_by_another_process_and_are_not_readable_on_disk() {
        let state = tempfile::tempdir().unwrap();
        let one = vault(state.path(), None);
        let (none, seen) = one.read::<String>("name").unwrap();
        assert_eq!(none, None);
        one.write("name", &"the secret", seen).unwrap();
        let other = vault(state.path(), None);
        let (found, _) = other.read::<String>("name").unwrap();
        assert_eq!(found.as_deref(), Some("the secret"));
        let bytes = all_bytes(&state.path().join("tokens"));
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn only_the_version_seen_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        let vault = vault(state.path(), None);
        let (_, nothing) = vault.read::<u8>("n").unwrap();
        let first = vault.write("n", &1, nothing).unwrap();
        assert!(matches!(
            vault.write("n", &2, nothing),
            Err(VaultError::Changed)
        ));
        vault.write("n", &3, first).unwrap();
        assert!(matches!(vault.remove("n", first), Err(VaultError::Changed)));
        let (found, seen) = vault.read::<u8>("n").unwrap();
        assert_eq!(found, Some(3));
        vault.remove("n", seen).unwrap();
        assert_eq!(vault.read::<u8>("n").unwrap().0, None);
    }

    #[test]
    fn of_many_writers_at_once_one_wins() {
        let state = tempfile::tempdir().unwrap();
        let vault = vault(state.path(), None);
        let (_, seen) = vault.read::<usize>("n").unwrap();
        let wins: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|number| {
                    let vault = vault.clone();
                    scope.spawn(move || usize::from(vault.write("n", &number, seen).is_ok()))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn another_key_another_name_and_damage_count_as_absent() {
        let state = tempfile::tempdir().unwrap();
        let one = vault(state.path(), Some("one"));
        let (_, seen) = one.read::<u8>("n").unwrap();
        one.write("n", &1, seen).unwrap();
        let other = vault(state.path(), Some("other"));
        let (found, seen) = other.read::<u8>("n").unwrap();
        assert_eq!(found, None);
        // And can be replaced.
        other.write("n", &2, seen).unwrap();
        fs::copy(other.path("n"), other.path("m")).unwrap();
        assert_eq!(other.read::<u8>("m").unwrap().0, None);
        let mut bytes = fs::read(other.path("n")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(other.path("n"), bytes).unwrap();
        assert_eq!(other.read::<u8>("n").unwrap().0, None);
    }

    #[test]
    fn a_key_is_made_once_and_a_bad_one_is_said() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("key");
        let one = kept_key(&path, &SeededRandom::new(1)).unwrap();
        let two = kept_key(&path, &SeededRandom::new(2)).unwrap();
        assert_eq!(one, two);
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(
            kept_key(&path, &SeededRandom::new(3)),
            Err(VaultError::BadKey(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let vault = vault(state.path(), None);
        let (_, seen) = vault.read::<u8>("n").unwrap();
        vault.write("n", &1, seen).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.path().join("tokens")), 0o700);
        assert_eq!(mode(&state.path().join("key")), 0o600);
        assert_eq!(mode(&vault.path("n")), 0o600);
    }
}
