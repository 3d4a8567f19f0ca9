//! Where credentials rest: a directory, an S3 bucket, or memory.
//!
//! A [`CredentialStore`] keeps documents and one-time markers over [`Objects`], the small border
//! every place implements: whole objects, conditional writes, nothing else. It does not refresh,
//! decide or cache. Invariant: a write with a condition either takes effect as a whole or leaves
//! what was there.

mod directory;
mod error;
mod location;
mod memory;
mod objects;
mod s3;
mod s3_failure;
mod shared_credentials;

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;
use foundation::{Clock, Random};
use jiff::SignedDuration;
use tracing::error;

pub use directory::DirectoryObjects;
pub use error::StoreError;
pub use location::Location;
pub use memory::MemoryObjects;
pub use objects::{Condition, Entry, Objects, Stored, Version};
pub use s3::S3Objects;

use crate::{Credential, CredentialKey};

/// The folder of the markers that make a sign-in's state good for one use.
const MARKERS: &str = "state";

/// Where credentials rest and what is needed to reach it.
#[derive(Clone, Default)]
pub struct StoreConfig {
    /// A folder, `s3://bucket/prefix` or `memory:`.
    pub location: String,
    /// The `AWS_…` variables and `HOME`, by name; only S3 reads them.
    pub aws: BTreeMap<String, String>,
}

// By hand: some of the variables are secrets.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("location", &self.location)
            .field("aws", &self.aws.keys())
            .finish()
    }
}

/// Credential documents in their place. Cheap to clone.
#[derive(Clone)]
pub struct CredentialStore {
    objects: Arc<dyn Objects>,
    random: Arc<dyn Random>,
}

/// What is under a key.
#[derive(Clone, Debug)]
pub struct Read {
    /// The document; `None` when there is none, or only something unreadable.
    pub credential: Option<Credential>,
    /// The version of whatever is there; `None` when nothing is.
    pub version: Option<Version>,
}

impl Read {
    /// The condition under which a write replaces exactly what was read.
    pub fn unchanged(&self) -> Condition {
        self.version
            .clone()
            .map_or(Condition::Absent, Condition::Unchanged)
    }
}

impl CredentialStore {
    /// Opens the place `config` names. A folder is created when missing; S3 is not contacted yet.
    pub fn open(
        config: &StoreConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let objects: Arc<dyn Objects> = match Location::parse(&config.location)? {
            Location::Memory => Arc::new(MemoryObjects::new(clock)),
            Location::Directory(path) => Arc::new(DirectoryObjects::open(path, random.clone())?),
            Location::S3 { bucket, prefix } => {
                Arc::new(S3Objects::open(&bucket, &prefix, &config.aws)?)
            }
        };
        Ok(Self::over(objects, random))
    }

    /// Documents over any place.
    pub fn over(objects: Arc<dyn Objects>, random: Arc<dyn Random>) -> Self {
        Self { objects, random }
    }

    /// The place in words, such as `S3 bucket tokens`.
    pub fn place(&self) -> String {
        self.objects.place()
    }

    /// Whether the place can be reached and read.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.objects.list(MARKERS).await.map(drop)
    }

    /// Whether the place can be written too: puts and removes a probe.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let key = format!("{MARKERS}/probe-{}", self.random.hex(16));
        self.objects
            .put(&key, Bytes::from_static(b"probe"), Condition::Absent)
            .await?;
        self.objects.delete(&key, Condition::Always).await
    }

    /// The keys of all documents.
    pub async fn keys(&self) -> Result<Vec<CredentialKey>, StoreError> {
        let entries = self.objects.list("").await?;
        Ok(entries
            .iter()
            .filter_map(|entry| CredentialKey::from_listing(&entry.key))
            .collect())
    }

    /// The document under `key`. An unreadable one is reported and counts as none, so that its
    /// owner can sign in again.
    pub async fn read(&self, key: &CredentialKey) -> Result<Read, StoreError> {
        let Some(stored) = self.objects.get(key.as_str()).await? else {
            return Ok(Read {
                credential: None,
                version: None,
            });
        };
        let credential = Credential::from_json(&stored.bytes);
        if credential.is_none() {
            error!(
                credential = %key,
                "{}: the stored credential is not readable; its owner has to sign in again",
                self.place()
            );
        }
        Ok(Read {
            credential,
            version: Some(stored.version),
        })
    }

    /// Writes a document.
    pub async fn write(
        &self,
        key: &CredentialKey,
        credential: &Credential,
        condition: Condition,
    ) -> Result<Version, StoreError> {
        self.objects
            .put(key.as_str(), credential.to_json().into(), condition)
            .await
    }

    /// Removes a document.
    pub async fn remove(
        &self,
        key: &CredentialKey,
        condition: Condition,
    ) -> Result<(), StoreError> {
        self.objects.delete(key.as_str(), condition).await
    }

    /// Uses up `name`, for all tasks that share the store: `true` the first time only.
    pub async fn use_up(&self, name: &str) -> Result<bool, StoreError> {
        let key = format!("{MARKERS}/{name}");
        // Random content lets a place recognise its own write when the first answer got lost.
        let content = Bytes::from(self.random.hex(16));
        match self.objects.put(&key, content, Condition::Absent).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes markers that are older than `age`: what they guard has expired by then.
    pub async fn sweep_markers(
        &self,
        clock: &dyn Clock,
        age: SignedDuration,
    ) -> Result<(), StoreError> {
        let now = clock.now();
        for entry in self.objects.list(MARKERS).await? {
            if now.duration_since(entry.modified) > age {
                self.objects.delete(&entry.key, Condition::Always).await?;
            }
        }
        Ok(())
    }
}
