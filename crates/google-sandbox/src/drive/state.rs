//! The tree of files: who can reach what, and every change to it.
//!
//! Not the API (parameters and JSON are elsewhere). Invariant: a file that a viewer has no role on
//! is the same to them as one that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::file::{Content, FOLDER, File, Grantee, Permission, Role};
use crate::{error::ApiError, world::Chance};

/// All files of all accounts.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    /// By id.
    pub(super) files: BTreeMap<String, File>,
    /// Each user's "My Drive", by address.
    pub(super) roots: BTreeMap<String, String>,
    /// Shared drives by id; each is also a folder of that id.
    pub(super) drives: BTreeMap<String, SharedDrive>,
    /// Ids handed out by `files.generateIds`.
    pub(super) issued: BTreeSet<String>,
    /// What happened, oldest first; the position counts from 1.
    pub(super) changes: Vec<Change>,
}

/// A drive that belongs to a team.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct SharedDrive {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) request_id: Option<String>,
}

/// A file changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Change {
    pub(super) file_id: String,
    pub(super) at: Timestamp,
    /// Who could see it when it was deleted for good.
    pub(super) removed_for: Vec<String>,
}

/// Whoever looks: a user, through a client that may be limited to its own files.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    pub(super) email: String,
    pub(super) now: Timestamp,
    /// Set when the token only covers files made by this client.
    pub(super) only_client: Option<String>,
    /// Whether the request said that it can deal with shared drives.
    pub(super) all_drives: bool,
}

impl State {
    /// The id of a user's root folder.
    pub(super) fn root(&self, email: &str) -> &str {
        self.roots.get(email).map_or("", String::as_str)
    }

    /// Makes the root folder of a new account.
    pub(super) fn open_account(&mut self, email: &str, chance: &mut Chance, now: Timestamp) {
        let id = format!("0A{}PVA", chance.word(14));
        let mut root = blank(&id, "My Drive", FOLDER, email, now);
        root.permissions.push(owner(email, now));
        self.roots.insert(email.to_owned(), id.clone());
        self.files.insert(id, root);
    }

    /// An id from a request: `root` is the viewer's own root folder.
    pub(super) fn resolve<'a>(&'a self, id: &'a str, viewer: &Viewer) -> &'a str {
        if id == "root" {
            self.root(&viewer.email)
        } else {
            id
        }
    }

    /// The file and its folders, innermost first.
    pub(super) fn chain<'a>(&'a self, file: &'a File) -> impl Iterator<Item = &'a File> {
        std::iter::successors(Some(file), |file| self.files.get(file.parent.as_deref()?))
    }

    /// Every role on the file, its own and the inherited ones, with the file it stands on.
    pub(super) fn roles<'a>(
        &'a self,
        file: &'a File,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a File, &'a Permission)> {
        let valid = move |permission: &&Permission| permission.expires.is_none_or(|end| end > now);
        self.chain(file).flat_map(move |holder| {
            holder
                .permissions
                .iter()
                .filter(valid)
                .map(move |p| (holder, p))
        })
    }

    /// The strongest role of a viewer on a file.
    pub(super) fn role(&self, file: &File, viewer: &Viewer) -> Option<Role> {
        if viewer.only_client.is_some() && viewer.only_client != file.made_by_client {
            return None;
        }
        if file.drive_id.is_some() && !viewer.all_drives {
            return None;
        }
        self.roles(file, viewer.now)
            .filter(|(_, permission)| covers(&permission.grantee, &viewer.email))
            .map(|(_, permission)| permission.role)
            .max()
    }

    /// Whether a file turns up in a user's lists without a link to it: shared with them by name,
    /// findable, or opened before.
    pub(super) fn is_listed(&self, file: &File, viewer: &Viewer) -> bool {
        let opened = file
            .view(&viewer.email)
            .is_some_and(|view| view.viewed.is_some());
        self.role(file, viewer).is_some()
            && (opened
                || self.roles(file, viewer.now).any(|(_, permission)| {
                    let findable = match &permission.grantee {
                        Grantee::User(_) | Grantee::Group(_) => true,
                        Grantee::Domain { discoverable, .. } | Grantee::Anyone { discoverable } => {
                            *discoverable
                        }
                    };
                    findable && covers(&permission.grantee, &viewer.email)
                }))
    }

    /// The file, if the viewer can see it.
    pub(super) fn visible(&self, id: &str, viewer: &Viewer) -> Result<&File, ApiError> {
        self.files
            .get(self.resolve(id, viewer))
            .filter(|file| self.role(file, viewer).is_some())
            .ok_or_else(|| no_such_file(id))
    }

    /// The file's id, if the viewer has at least `role` on it.
    pub(super) fn allowed(
        &self,
        id: &str,
        viewer: &Viewer,
        role: Role,
    ) -> Result<String, ApiError> {
        let file = self.visible(id, viewer)?;
        if self.role(file, viewer) >= Some(role) {
            Ok(file.id.clone())
        } else {
            Err(not_permitted(&file.id))
        }
    }

    /// The folder a file shall go into, if the viewer may put it there.
    pub(super) fn target_folder(&self, id: &str, viewer: &Viewer) -> Result<String, ApiError> {
        let folder = self.visible(id, viewer)?;
        if !folder.is_folder() {
            return Err(ApiError::forbidden(
                "parentNotAFolder",
                "The specified parent is not a folder.",
            ));
        }
        if self.role(folder, viewer) < Some(Role::Writer) {
            return Err(ApiError::forbidden(
                "insufficientParentPermissions",
                "Insufficient permissions for the specified parent.",
            ));
        }
        Ok(folder.id.clone())
    }

    /// Whether the file or a folder above it is in the trash.
    pub(super) fn is_trashed(&self, file: &File) -> bool {
        self.chain(file).any(|file| file.trashed.is_some())
    }

    /// The ids of everything below a folder.
    pub(super) fn below(&self, id: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![id.to_owned()];
        while let Some(folder) = open.pop() {
            for file in self.files.values() {
                if file.parent.as_deref() == Some(folder.as_str()) {
                    found.push(file.id.clone());
                    open.push(file.id.clone());
                }
            }
        }
        found
    }

    /// Moves a file; a folder cannot go into itself.
    pub(super) fn put_into(&mut self, id: &str, folder: &str) -> Result<(), ApiError> {
        if id == folder || self.below(id).iter().any(|below| below == folder) {
            return Err(ApiError::forbidden(
                "cannotAddParent",
                "Cannot add the specified parent: it would create a cycle.",
            ));
        }
        let drive_id = self
            .files
            .get(folder)
            .and_then(|folder| folder.drive_id.clone());
        let mut all = self.below(id);
        all.push(id.to_owned());
        for inside in all {
            if let Some(file) = self.files.get_mut(&inside) {
                file.drive_id.clone_from(&drive_id);
            }
        }
        if let Some(file) = self.files.get_mut(id) {
            file.parent = Some(folder.to_owned());
        }
        Ok(())
    }

    /// Changes a file and notes that it changed.
    pub(super) fn change<T>(
        &mut self,
        id: &str,
        at: Timestamp,
        apply: impl FnOnce(&mut File) -> T,
    ) -> Option<T> {
        let file = self.files.get_mut(id)?;
        file.version += 1;
        let result = apply(file);
        self.changes.push(Change {
            file_id: id.to_owned(),
            at,
            removed_for: Vec::new(),
        });
        Some(result)
    }

    /// Adds a file.
    pub(super) fn add(&mut self, file: File) {
        let (file_id, at) = (file.id.clone(), file.modified);
        self.files.insert(file_id.clone(), file);
        self.changes.push(Change {
            file_id,
            at,
            removed_for: Vec::new(),
        });
    }

    /// Deletes a file and all below it for good.
    pub(super) fn remove(&mut self, id: &str, at: Timestamp) {
        let mut all = self.below(id);
        all.push(id.to_owned());
        for gone in all {
            if let Some(file) = self.files.get(&gone) {
                let removed_for = self
                    .roles(file, at)
                    .filter_map(|(_, permission)| match &permission.grantee {
                        Grantee::User(address) => Some(address.clone()),
                        _ => None,
                    })
                    .collect();
                self.changes.push(Change {
                    file_id: gone.clone(),
                    at,
                    removed_for,
                });
            }
            self.files.remove(&gone);
        }
    }
}

/// A file as it is before anything is known of it.
pub(super) fn blank(id: &str, name: &str, mime_type: &str, by: &str, now: Timestamp) -> File {
    File {
        id: id.to_owned(),
        name: name.to_owned(),
        mime_type: mime_type.to_owned(),
        description: None,
        parent: None,
        drive_id: None,
        permissions: Vec::new(),
        created: now,
        modified: now,
        modified_by: by.to_owned(),
        trashed: None,
        views: BTreeMap::new(),
        content: Content::Nothing,
        version: 1,
        revisions: Vec::new(),
        properties: BTreeMap::new(),
        app_properties: BTreeMap::new(),
        shortcut_target: None,
        original_name: None,
        made_by_client: None,
        writers_can_share: true,
        comments: Vec::new(),
        indexed: None,
    }
}

/// The role of whoever made a file in My Drive.
pub(super) fn owner(email: &str, now: Timestamp) -> Permission {
    Permission::new(Grantee::User(email.to_owned()), Role::Owner, now, email)
}

/// Whether a role given to `grantee` is a role of `email`.
pub(super) fn covers(grantee: &Grantee, email: &str) -> bool {
    match grantee {
        Grantee::User(address) => address.eq_ignore_ascii_case(email),
        // The sandbox has no groups; a role given to one reaches nobody.
        Grantee::Group(_) => false,
        Grantee::Domain { name, .. } => email
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(name)),
        Grantee::Anyone { .. } => true,
    }
}

/// 404 as Drive words it.
pub(super) fn no_such_file(id: &str) -> ApiError {
    ApiError::not_found(format!("File not found: {id}.")).at_parameter("fileId")
}

/// 403 as Drive words it.
pub(super) fn not_permitted(id: &str) -> ApiError {
    ApiError::forbidden(
        "insufficientFilePermissions",
        format!("The user does not have sufficient permissions for file {id}."),
    )
}
