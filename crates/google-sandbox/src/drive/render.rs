//! A file as the API shows it to one user.
//!
//! Everything is rendered; the door cuts it down to the `fields` asked for. Invariant: nothing
//! here lets a viewer see a parent or a permission that Drive would hide.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    export,
    file::{
        DOCUMENT, FOLDER, File, Grantee, PRESENTATION, Permission, Role, SHORTCUT, SPREADSHEET,
        permission_id,
    },
    query::Visibility,
    state::{State, Viewer},
};
use crate::world::{User, World};

/// The fields of a file that Drive sends when none are asked for.
pub(super) const DEFAULT_FIELDS: &str = "kind,id,name,mimeType";

/// The file resource.
pub(super) fn file(world: &World, file: &File, viewer: &Viewer) -> Value {
    let state = &world.drive;
    let role = state.role(file, viewer).unwrap_or(Role::Reader);
    let view = file.view(&viewer.email).cloned().unwrap_or_default();
    let mut value = json!({
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime_type,
        "starred": view.starred,
        "trashed": state.is_trashed(file),
        "explicitlyTrashed": file.trashed.is_some(),
        "spaces": ["drive"],
        "version": file.version.to_string(),
        "createdTime": stamp(file.created),
        "modifiedTime": stamp(file.modified),
        "modifiedByMe": file.modified_by == viewer.email,
        "lastModifyingUser": person(world, &file.modified_by, viewer),
        "viewedByMe": view.viewed.is_some(),
        "shared": state.roles(file, viewer.now).count() > 1 || file.drive_id.is_some(),
        "ownedByMe": file.owner() == Some(viewer.email.as_str()),
        "isAppAuthorized": viewer.only_client.is_some(),
        "copyRequiresWriterPermission": false,
        "writersCanShare": file.writers_can_share,
        "quotaBytesUsed": file.size().to_string(),
        "webViewLink": web_link(file),
        "iconLink": format!(
            "https://drive-thirdparty.googleusercontent.com/16/type/{}", file.mime_type
        ),
        "hasThumbnail": false,
        "thumbnailVersion": "0",
        "permissionIds": state
            .roles(file, viewer.now)
            .map(|(_, permission)| permission.id.clone())
            .collect::<Vec<_>>(),
        "capabilities": capabilities(file, role),
    });
    let more = value.as_object_mut().expect("json! built an object");
    if let Some(parent) = visible_parent(state, file, viewer) {
        more.insert("parents".into(), json!([parent]));
    }
    content_fields(file, more);
    if let Some(owner) = file.owner() {
        more.insert("owners".into(), json!([person(world, owner, viewer)]));
    }
    if let Some(drive_id) = &file.drive_id {
        more.insert("driveId".into(), json!(drive_id));
        more.insert("teamDriveId".into(), json!(drive_id));
    } else if role >= Role::Writer {
        let permissions = permissions(world, file, viewer);
        more.insert("permissions".into(), Value::Array(permissions));
    }
    let optional = [
        (
            "description",
            file.description.as_ref().map(|text| json!(text)),
        ),
        ("viewedByMeTime", view.viewed.map(|at| json!(stamp(at)))),
        (
            "modifiedByMeTime",
            modified_by_me(file, viewer).map(|at| json!(stamp(at))),
        ),
        (
            "originalFilename",
            file.original_name.as_ref().map(|name| json!(name)),
        ),
    ];
    for (name, field) in optional {
        if let Some(field) = field {
            more.insert(name.to_owned(), field);
        }
    }
    if let Some((at, by)) = &file.trashed {
        more.insert("trashedTime".into(), json!(stamp(*at)));
        more.insert("trashingUser".into(), person(world, by, viewer));
    }
    if let Some(permission) = shared_with(file, viewer) {
        more.insert("sharedWithMeTime".into(), json!(stamp(permission.granted)));
        more.insert(
            "sharingUser".into(),
            person(world, &permission.granted_by, viewer),
        );
    }
    for (name, properties) in [
        ("properties", &file.properties),
        ("appProperties", &file.app_properties),
    ] {
        if !properties.is_empty() {
            more.insert(name.to_owned(), json!(properties));
        }
    }
    if let Some(target) = &file.shortcut_target {
        let mime_type = state.files.get(target).map(|file| file.mime_type.as_str());
        more.insert(
            "shortcutDetails".into(),
            json!({"targetId": target, "targetMimeType": mime_type}),
        );
    }
    value
}

/// The permission resources of a file, the owner's first.
pub(super) fn permissions(world: &World, file: &File, viewer: &Viewer) -> Vec<Value> {
    let mut seen: Vec<(&File, &Permission)> = Vec::new();
    for (holder, permission) in world.drive.roles(file, viewer.now) {
        match seen.iter_mut().find(|(_, known)| known.id == permission.id) {
            None => seen.push((holder, permission)),
            Some(known) if known.1.role < permission.role => *known = (holder, permission),
            Some(_) => {}
        }
    }
    seen.sort_by_key(|(_, permission)| std::cmp::Reverse(permission.role));
    seen.into_iter()
        .map(|(holder, permission)| one_permission(world, file, holder, permission))
        .collect()
}

/// One permission resource; `holder` is the file it was given on.
pub(super) fn one_permission(
    world: &World,
    file: &File,
    holder: &File,
    permission: &Permission,
) -> Value {
    let mut value = json!({
        "kind": "drive#permission",
        "id": permission.id,
        "role": permission.role.name(),
    });
    let fields = value.as_object_mut().expect("json! built an object");
    match &permission.grantee {
        Grantee::User(address) => {
            fields.insert("type".into(), json!("user"));
            fields.insert("emailAddress".into(), json!(address));
            fields.insert("displayName".into(), json!(display_name(world, address)));
            fields.insert("deleted".into(), json!(false));
            fields.insert("pendingOwner".into(), json!(permission.pending_owner));
        }
        Grantee::Group(address) => {
            fields.insert("type".into(), json!("group"));
            fields.insert("emailAddress".into(), json!(address));
            fields.insert("displayName".into(), json!(display_name(world, address)));
            fields.insert("deleted".into(), json!(false));
        }
        Grantee::Domain { name, discoverable } => {
            fields.insert("type".into(), json!("domain"));
            fields.insert("domain".into(), json!(name));
            fields.insert("displayName".into(), json!(name));
            fields.insert("allowFileDiscovery".into(), json!(discoverable));
        }
        Grantee::Anyone { discoverable } => {
            fields.insert("type".into(), json!("anyone"));
            fields.insert("allowFileDiscovery".into(), json!(discoverable));
        }
    }
    if let Some(end) = permission.expires {
        fields.insert("expirationTime".into(), json!(stamp(end)));
    }
    if file.drive_id.is_some() {
        let inherited = holder.id != file.id;
        fields.insert(
            "permissionDetails".into(),
            json!([{
                "permissionType": if inherited { "member" } else { "file" },
                "role": permission.role.name(),
                "inherited": inherited,
                "inheritedFrom": inherited.then(|| holder.id.clone()),
            }]),
        );
    }
    value
}

/// A user as Drive shows them to others.
pub(super) fn person(world: &World, address: &str, viewer: &Viewer) -> Value {
    json!({
        "kind": "drive#user",
        "displayName": display_name(world, address),
        "me": address.eq_ignore_ascii_case(&viewer.email),
        "permissionId": permission_id(address),
        "emailAddress": address,
    })
}

/// The name of a user, or the part of the address before the `@`.
pub(super) fn display_name(world: &World, address: &str) -> String {
    world.user(address).map_or_else(
        || address.split('@').next().unwrap_or_default().to_owned(),
        |user: &User| user.name.clone(),
    )
}

/// A time with three digits of a second, as Drive writes it.
pub(super) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The folder, unless the viewer cannot see it.
pub(super) fn visible_parent<'a>(
    state: &'a State,
    file: &'a File,
    viewer: &Viewer,
) -> Option<&'a str> {
    let parent = state.files.get(file.parent.as_deref()?)?;
    // A client limited to its own files still learns their folder's id.
    let unlimited = Viewer {
        only_client: None,
        ..viewer.clone()
    };
    state.role(parent, &unlimited).map(|_| parent.id.as_str())
}

/// How the file came to the viewer, when somebody else gave it to them.
pub(super) fn shared_with<'a>(file: &'a File, viewer: &Viewer) -> Option<&'a Permission> {
    file.permissions.iter().find(|permission| {
        permission.role != Role::Owner
            && file.drive_id.is_none()
            && matches!(&permission.grantee,
                Grantee::User(address) if address.eq_ignore_ascii_case(&viewer.email))
    })
}

/// How widely the file is shared.
pub(super) fn visibility(state: &State, file: &File, now: Timestamp) -> Visibility {
    let mut widest = Visibility::Limited;
    for (_, permission) in state.roles(file, now) {
        match &permission.grantee {
            Grantee::Anyone { discoverable: true } => return Visibility::AnyoneCanFind,
            Grantee::Anyone {
                discoverable: false,
            } => widest = Visibility::AnyoneWithLink,
            Grantee::Domain { discoverable, .. } if widest == Visibility::Limited => {
                widest = if *discoverable {
                    Visibility::DomainCanFind
                } else {
                    Visibility::DomainWithLink
                };
            }
            _ => {}
        }
    }
    widest
}

fn modified_by_me(file: &File, viewer: &Viewer) -> Option<Timestamp> {
    let mine = file
        .revisions
        .iter()
        .rev()
        .find(|revision| revision.by == viewer.email);
    (file.modified_by == viewer.email)
        .then_some(file.modified)
        .or(mine.map(|mine| mine.at))
}

fn content_fields(file: &File, more: &mut Map<String, Value>) {
    if let Some(revision) = file.revisions.last().filter(|_| file.bytes().is_some()) {
        more.insert("headRevisionId".into(), json!(revision.id));
        more.insert("md5Checksum".into(), json!(revision.md5));
        more.insert("sha256Checksum".into(), json!(revision.sha256));
        let extension = extension(&file.name);
        more.insert("fileExtension".into(), json!(extension));
        more.insert("fullFileExtension".into(), json!(extension));
        more.insert(
            "webContentLink".into(),
            json!(format!(
                "https://drive.google.com/uc?id={}&export=download",
                file.id
            )),
        );
    }
    if !file.is_folder() && file.mime_type != SHORTCUT {
        more.insert("size".into(), json!(file.size().to_string()));
    }
    if let Some(native) = file.native() {
        let links: Map<String, Value> = export::formats(native)
            .iter()
            .map(|format| {
                let kind = web_kind(&file.mime_type);
                let link = format!(
                    "https://docs.google.com/{kind}/export?id={}&exportFormat={}",
                    file.id, format.extension
                );
                (format.mime_type.to_owned(), json!(link))
            })
            .collect();
        more.insert("exportLinks".into(), Value::Object(links));
    }
    if file.is_folder() {
        more.insert("folderColorRgb".into(), json!("#8f8f8f"));
    }
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn web_kind(mime_type: &str) -> &'static str {
    match mime_type {
        SPREADSHEET => "spreadsheets",
        PRESENTATION => "presentation",
        _ => "document",
    }
}

/// Where a person opens the file.
pub(super) fn web_link(file: &File) -> String {
    let id = &file.id;
    match file.mime_type.as_str() {
        FOLDER => format!("https://drive.google.com/drive/folders/{id}"),
        DOCUMENT | SPREADSHEET | PRESENTATION => {
            let kind = web_kind(&file.mime_type);
            format!("https://docs.google.com/{kind}/d/{id}/edit?usp=drivesdk")
        }
        _ => format!("https://drive.google.com/file/d/{id}/view?usp=drivesdk"),
    }
}

fn capabilities(file: &File, role: Role) -> Value {
    let folder = file.is_folder();
    let edit = role >= Role::Writer;
    let own = role >= Role::FileOrganizer;
    json!({
        "canEdit": edit,
        "canRename": edit,
        "canModifyContent": edit,
        "canComment": role >= Role::Commenter,
        "canShare": own || edit && file.writers_can_share,
        "canCopy": !folder,
        "canDownload": !folder,
        "canAddChildren": folder && edit,
        "canListChildren": folder,
        "canRemoveChildren": folder && own,
        "canTrash": own,
        "canUntrash": own,
        "canDelete": own,
        "canReadRevisions": !folder && edit,
        "canMoveItemWithinDrive": edit,
    })
}
