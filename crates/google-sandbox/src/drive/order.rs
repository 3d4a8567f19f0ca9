//! The `orderBy` parameter of `files.list`.
//!
//! Invariant: every key Google documents is known, and ties keep the order of the ids, so that
//! pages are stable.

use std::cmp::Ordering;

use super::{file::File, render::shared_with, state::Viewer};
use crate::error::ApiError;

/// How files are sorted.
#[derive(Clone, Debug)]
pub(super) struct Order(Vec<(Key, bool)>);

#[derive(Clone, Copy, Debug)]
enum Key {
    Created,
    Folder,
    ModifiedByMe,
    Modified,
    Name,
    NaturalName,
    Size,
    Recency,
    SharedWithMe,
    Starred,
    ViewedByMe,
}

impl Order {
    /// Reads `orderBy`, such as `folder,modifiedTime desc,name`.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let invalid = || ApiError::new(400, "invalid", "Invalid Value").at_parameter("orderBy");
        let mut keys = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let key = match words.next().ok_or_else(invalid)? {
                "createdTime" => Key::Created,
                "folder" => Key::Folder,
                "modifiedByMeTime" => Key::ModifiedByMe,
                "modifiedTime" => Key::Modified,
                "name" => Key::Name,
                "name_natural" => Key::NaturalName,
                "quotaBytesUsed" => Key::Size,
                "recency" => Key::Recency,
                "sharedWithMeTime" => Key::SharedWithMe,
                "starred" => Key::Starred,
                "viewedByMeTime" => Key::ViewedByMe,
                _ => return Err(invalid()),
            };
            let descending = match words.next() {
                None => false,
                Some("desc") => true,
                Some(_) => return Err(invalid()),
            };
            if words.next().is_some() {
                return Err(invalid());
            }
            keys.push((key, descending));
        }
        Ok(Self(keys))
    }

    /// The order of two files.
    pub(super) fn compare(&self, one: &File, other: &File, viewer: &Viewer) -> Ordering {
        self.0
            .iter()
            .map(|(key, descending)| {
                let order = key.compare(one, other, viewer);
                if *descending { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or_else(|| one.id.cmp(&other.id))
    }
}

impl Key {
    fn compare(self, one: &File, other: &File, viewer: &Viewer) -> Ordering {
        let both = [one, other];
        let mine = |file: &File| (file.modified_by == viewer.email).then_some(file.modified);
        let view = |file: &File| file.view(&viewer.email).cloned().unwrap_or_default();
        let shared = |file: &File| shared_with(file, viewer).map(|permission| permission.granted);
        match self {
            Self::Created => one.created.cmp(&other.created),
            // Folders stand first in the ascending order.
            Self::Folder => other.is_folder().cmp(&one.is_folder()),
            Self::Modified => one.modified.cmp(&other.modified),
            Self::ModifiedByMe => pair(both.map(mine)),
            Self::Name => pair(both.map(|file| file.name.to_lowercase())),
            Self::NaturalName => pair(both.map(|file| natural(&file.name))),
            Self::Size => one.size().cmp(&other.size()),
            Self::Recency => pair(both.map(|file| {
                file.modified
                    .max(view(file).viewed.unwrap_or(file.modified))
            })),
            Self::SharedWithMe => pair(both.map(shared)),
            Self::Starred => pair(both.map(|file| !view(file).starred)),
            Self::ViewedByMe => pair(both.map(|file| view(file).viewed)),
        }
    }
}

fn pair<T: Ord>([one, other]: [T; 2]) -> Ordering {
    one.cmp(&other)
}

/// A name with its numbers as numbers, so that "part 2" stands before "part 10".
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = vec![(0_u64, String::new())];
    let mut in_number = false;
    for c in name.to_lowercase().chars() {
        let last = parts.last_mut().expect("never empty");
        match c.to_digit(10) {
            Some(digit) if in_number => {
                last.0 = last.0.saturating_mul(10).saturating_add(u64::from(digit));
            }
            Some(digit) => {
                parts.push((u64::from(digit), String::new()));
                in_number = true;
            }
            None => {
                last.1.push(c);
                in_number = false;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        assert!(natural("part 2") < natural("part 10"));
        assert!(Order::parse("folder,modifiedTime desc,name").is_ok());
        for wrong in ["", "size", "name asc", "name desc desc", "name,,"] {
            assert_eq!(Order::parse(wrong).expect_err(wrong).code, 400);
        }
    }
}
