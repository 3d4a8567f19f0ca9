//! A file: what is stored of it.
//!
//! Not what a user sees of it (that is `render`). Invariant: a folder, a shortcut and a file
//! differ only in their content and type.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::native::Native;
use crate::blob::Blob;

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";
pub(super) const SHORTCUT: &str = "application/vnd.google-apps.shortcut";
pub(super) const DOCUMENT: &str = "application/vnd.google-apps.document";
pub(super) const SPREADSHEET: &str = "application/vnd.google-apps.spreadsheet";
pub(super) const PRESENTATION: &str = "application/vnd.google-apps.presentation";

/// A file, folder or shortcut.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime_type: String,
    pub(super) description: Option<String>,
    /// The folder it is in; none for roots and for what was shared without its folder.
    pub(super) parent: Option<String>,
    /// The shared drive it belongs to; files of a shared drive have no owner.
    pub(super) drive_id: Option<String>,
    pub(super) permissions: Vec<Permission>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Who changed it last.
    pub(super) modified_by: String,
    /// When it was put into the trash itself, and by whom.
    pub(super) trashed: Option<(Timestamp, String)>,
    /// What one user's view of it adds, by address.
    pub(super) views: BTreeMap<String, View>,
    pub(super) content: Content,
    pub(super) version: u64,
    pub(super) revisions: Vec<Revision>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) app_properties: BTreeMap<String, String>,
    pub(super) shortcut_target: Option<String>,
    pub(super) original_name: Option<String>,
    /// The OAuth client that made it, for `drive.file`.
    pub(super) made_by_client: Option<String>,
    pub(super) writers_can_share: bool,
    pub(super) comments: Vec<Comment>,
    /// The words Drive finds in a binary file (its text layer), for the full-text search.
    pub(super) indexed: Option<String>,
}

/// What belongs to one user's view of a file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct View {
    pub(super) starred: bool,
    pub(super) viewed: Option<Timestamp>,
}

/// What a file holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) enum Content {
    /// Nothing: folders, shortcuts, files created from metadata alone.
    Nothing,
    /// Bytes.
    Bytes(Blob),
    /// A document of one of Google's editors.
    Native(Native),
}

/// A state of the content that was replaced or is current.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Revision {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) mime_type: String,
    pub(super) md5: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) size: u64,
}

/// A remark on a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Comment {
    pub(super) id: String,
    pub(super) author: String,
    pub(super) text: String,
    pub(super) quoted: Option<String>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) resolved: bool,
    pub(super) deleted: bool,
    pub(super) replies: Vec<Answer>,
}

/// An answer to a remark.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    pub(super) id: String,
    pub(super) author: String,
    pub(super) text: String,
    pub(super) created: Timestamp,
    /// `resolve` or `reopen`.
    pub(super) action: Option<String>,
}

/// What somebody may do; each includes the ones before it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) enum Role {
    Reader,
    Commenter,
    Writer,
    FileOrganizer,
    Organizer,
    Owner,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Commenter => "commenter",
            Self::Writer => "writer",
            Self::FileOrganizer => "fileOrganizer",
            Self::Organizer => "organizer",
            Self::Owner => "owner",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [
            Self::Reader,
            Self::Commenter,
            Self::Writer,
            Self::FileOrganizer,
            Self::Organizer,
            Self::Owner,
        ]
        .into_iter()
        .find(|role| role.name() == name)
    }
}

/// Who is given a role.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Grantee {
    User(String),
    Group(String),
    Domain { name: String, discoverable: bool },
    Anyone { discoverable: bool },
}

/// A role on a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Permission {
    pub(super) id: String,
    pub(super) grantee: Grantee,
    pub(super) role: Role,
    pub(super) granted: Timestamp,
    pub(super) granted_by: String,
    pub(super) expires: Option<Timestamp>,
    pub(super) pending_owner: bool,
}

impl Permission {
    /// A role for a user or group, named as Google does: the same address, the same id.
    pub(super) fn new(holder: Grantee, role: Role, granted: Timestamp, by: &str) -> Self {
        let id = match &holder {
            Grantee::User(address) | Grantee::Group(address) => permission_id(address),
            Grantee::Domain { name, .. } => format!("{}k", permission_id(name)),
            Grantee::Anyone { discoverable: true } => "anyone".to_owned(),
            Grantee::Anyone {
                discoverable: false,
            } => "anyoneWithLink".to_owned(),
        };
        Self {
            id,
            grantee: holder,
            role,
            granted,
            granted_by: by.to_owned(),
            expires: None,
            pending_owner: false,
        }
    }
}

/// The permission id of an address.
pub(super) fn permission_id(address: &str) -> String {
    format!(
        "{:020}",
        crate::page::fingerprint(address.to_ascii_lowercase().as_bytes())
    )
}

impl File {
    pub(super) fn is_folder(&self) -> bool {
        self.mime_type == FOLDER
    }

    pub(super) fn owner(&self) -> Option<&str> {
        self.permissions
            .iter()
            .find_map(|permission| match &permission.grantee {
                Grantee::User(address) if permission.role == Role::Owner => Some(address.as_str()),
                _ => None,
            })
    }

    pub(super) fn view(&self, user: &str) -> Option<&View> {
        self.views.get(user)
    }

    /// The content's bytes, for files that are not of Google's editors.
    pub(super) fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Bytes(bytes) => Some(&bytes.0),
            Content::Nothing | Content::Native(_) => None,
        }
    }

    pub(super) fn native(&self) -> Option<&Native> {
        match &self.content {
            Content::Native(native) => Some(native),
            Content::Nothing | Content::Bytes(_) => None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::Nothing => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Native(native) => native.plain_text().len() as u64,
        }
    }

    /// Notes the current content as the newest revision.
    pub(super) fn note_revision(&mut self, id: String, at: Timestamp, by: &str) {
        self.revisions.push(Revision {
            id,
            at,
            by: by.to_owned(),
            mime_type: self.mime_type.clone(),
            md5: self.bytes().map(|bytes| md5(bytes)),
            sha256: self.bytes().map(|bytes| sha256(bytes)),
            size: self.size(),
        });
    }
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}
