//! The border between credentials and the places that hold bytes.
//!
//! Not a general object interface: only what credentials need. Invariant: conditions are decided
//! by the place itself, in one step with the write.

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::StoreError;

/// Names one version of one object: an ETag, or a digest of the content.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Version(pub String);

/// An object that was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its content.
    pub bytes: Bytes,
    /// Which version of it.
    pub version: Version,
}

/// An object in a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its key, relative to the prefix of the place.
    pub key: String,
    /// When it was last written.
    pub modified: Timestamp,
}

/// When a write may take effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// In any case.
    Always,
    /// Only while there is no object under the key.
    Absent,
    /// Only while the object is still this version.
    Unchanged(Version),
}

/// A place that holds small objects.
///
/// Keys are relative, consist of safe characters and have at most one `/`.
pub trait Objects: Send + Sync + 'static {
    /// Reads an object; `None` when there is none.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;

    /// Writes an object; [`StoreError::Conflict`] when `condition` does not hold.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Removes an object; a missing one is fine, [`StoreError::Conflict`] when `condition` does
    /// not hold.
    fn delete<'a>(
        &'a self,
        key: &'a str,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Lists the objects below `folder` (empty: all of them), in the order of their keys.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;

    /// The place in words, for logs and messages, such as `S3 bucket x`.
    fn place(&self) -> String;
}
