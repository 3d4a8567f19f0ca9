//! Credentials in memory, for tests, demonstrations and servers that must leave nothing behind.
//!
//! Not shared between processes. Invariant: one lock covers the check and the write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use foundation::Clock;
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::{Condition, Entry, Objects, StoreError, Stored, Version};

/// Objects that live as long as this value.
pub struct MemoryObjects {
    clock: Arc<dyn Clock>,
    objects: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    by_key: BTreeMap<String, (Stored, Timestamp)>,
    writes: u64,
}

impl MemoryObjects {
    /// An empty place.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            objects: Mutex::default(),
        }
    }

    fn content(&self) -> std::sync::MutexGuard<'_, Content> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &str, bytes: Bytes, condition: &Condition) -> Result<Version, StoreError> {
        let mut content = self.content();
        content.check(key, condition)?;
        content.writes += 1;
        let version = Version(content.writes.to_string());
        let stored = Stored {
            bytes,
            version: version.clone(),
        };
        content
            .by_key
            .insert(key.to_owned(), (stored, self.clock.now()));
        Ok(version)
    }

    fn remove(&self, key: &str, condition: &Condition) -> Result<(), StoreError> {
        let mut content = self.content();
        if content.by_key.contains_key(key) {
            content.check(key, condition)?;
            content.by_key.remove(key);
        }
        Ok(())
    }

    fn entries(&self, folder: &str) -> Vec<Entry> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let content = self.content();
        let below = content.by_key.iter().filter(|(key, _)| {
            key.strip_prefix(&prefix)
                .is_some_and(|name| !name.contains('/'))
        });
        below
            .map(|(key, (_, modified))| Entry {
                key: key.clone(),
                modified: *modified,
            })
            .collect()
    }
}

impl Content {
    fn check(&self, key: &str, condition: &Condition) -> Result<(), StoreError> {
        let current = self.by_key.get(key).map(|(stored, _)| &stored.version);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => current.is_none(),
            Condition::Unchanged(version) => current == Some(version),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Conflict)
        }
    }
}

impl Objects for MemoryObjects {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            Ok(self
                .content()
                .by_key
                .get(key)
                .map(|(stored, _)| stored.clone()))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.write(key, bytes, &condition) })
    }

    fn delete<'a>(
        &'a self,
        key: &'a str,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.remove(key, &condition) })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move { Ok(self.entries(folder)) })
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
