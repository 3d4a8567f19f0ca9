//! `permissions.*`: sharing.
//!
//! Invariant: a file of My Drive always has exactly one owner.

use serde_json::{Value, json};

use super::{invalid, only, viewer};
use crate::{
    call::{Call, Notice, Reply},
    drive::{
        file::{File, Grantee, Permission, Role},
        render,
        state::{Viewer, not_permitted},
    },
    error::ApiError,
};

/// What Drive sends of a permission when no fields are asked for.
const DEFAULT_FIELDS: &str = "kind,id,type,role";

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let state = &call.world.drive;
    let file = state.visible(call.required("fileId"), &viewer)?;
    if state.role(file, &viewer) < Some(Role::Writer) && file.drive_id.is_none() {
        return Err(not_permitted(&file.id));
    }
    let all = render::permissions(call.world, file, &viewer);
    let size = call.page_size("pageSize", 100, 100);
    let (page, next) = call.page(all, size)?;
    let whole = call.text("fields").is_some();
    let page: Vec<Value> = page
        .into_iter()
        .map(|value| {
            if whole {
                value
            } else {
                only(&value, DEFAULT_FIELDS)
            }
        })
        .collect();
    let mut answer = json!({"kind": "drive#permissionList", "permissions": page});
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(answer))
}

pub(in super::super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let file = call
        .world
        .drive
        .visible(call.required("fileId"), &viewer)?
        .id
        .clone();
    let id = call.required("permissionId").to_owned();
    show(call, &file, &id, &viewer)
}

pub(in super::super) fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let id = sharable(call, &viewer)?;
    let role = role(&call.body)?;
    let grantee = grantee(call)?;
    let expires = super::metadata::time(&call.body, "expirationTime")?;
    if role == Role::Owner {
        check_transfer(call, &id, &grantee)?;
    }
    refuse_unknown_colleague(call, &grantee)?;
    let mut permission = Permission::new(grantee, role, call.now, &call.user);
    permission.expires = expires;
    let permission_id = permission.id.clone();
    notify(call, &id, &permission);
    put(call, &id, permission);
    show(call, &id, &permission_id, &viewer)
}

pub(in super::super) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let id = sharable(call, &viewer)?;
    let permission_id = call.required("permissionId").to_owned();
    let old = own_permission(&call.world.drive.files[&id], &permission_id, call, &viewer)?;
    let role = role(&call.body)?;
    if role == Role::Owner && old.role != Role::Owner {
        check_transfer(call, &id, &old.grantee)?;
    } else if old.role == Role::Owner && role != Role::Owner {
        return Err(not_permitted(&id));
    }
    let expires = if call.flag("removeExpiration") {
        None
    } else {
        super::metadata::time(&call.body, "expirationTime")?.or(old.expires)
    };
    put(
        call,
        &id,
        Permission {
            role,
            expires,
            ..old
        },
    );
    show(call, &id, &permission_id, &viewer)
}

pub(in super::super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let permission_id = call.required("permissionId").to_owned();
    let file = call.world.drive.visible(call.required("fileId"), &viewer)?;
    let id = file.id.clone();
    let permission = own_permission(file, &permission_id, call, &viewer)?;
    // Whoever was given a file may give it back.
    let own = matches!(&permission.grantee, Grantee::User(address) if *address == call.user);
    if !own {
        sharable(call, &viewer)?;
    }
    if permission.role == Role::Owner {
        return Err(not_permitted(&id));
    }
    call.world.drive.change(&id, call.now, |file| {
        file.permissions
            .retain(|permission| permission.id != permission_id);
    });
    Ok(Reply::empty())
}

/// The file's id, if the caller may share it.
fn sharable(call: &Call<'_>, viewer: &Viewer) -> Result<String, ApiError> {
    let state = &call.world.drive;
    let id = state.allowed(call.required("fileId"), viewer, Role::Writer)?;
    let file = &state.files[&id];
    if state.roots.values().any(|root| *root == id) {
        return Err(not_permitted(&id));
    }
    if !file.writers_can_share && state.role(file, viewer) < Some(Role::FileOrganizer) {
        return Err(not_permitted(&id));
    }
    Ok(id)
}

fn role(body: &Value) -> Result<Role, ApiError> {
    let name = body.get("role").and_then(Value::as_str).ok_or_else(|| {
        ApiError::new(400, "required", "The permission role field is required.")
            .at_parameter("permission.role")
    })?;
    Role::named(name).ok_or_else(|| {
        ApiError::new(
            400,
            "invalid",
            "The specified role is invalid or not supported.",
        )
        .at_parameter("permission.role")
    })
}

fn grantee(call: &Call<'_>) -> Result<Grantee, ApiError> {
    let required = |name: &'static str| {
        call.body_text(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| {
                ApiError::new(
                    400,
                    "required",
                    format!("The permission {name} field is required."),
                )
                .at_parameter(format!("permission.{name}"))
            })
    };
    let address = || {
        let text = required("emailAddress")?.to_ascii_lowercase();
        match text.split_once('@') {
            Some((name, domain)) if !name.is_empty() && domain.contains('.') => Ok(text),
            _ => Err(ApiError::new(
                400,
                "invalidSharingRequest",
                "The specified emailAddress is invalid or not applicable for the given \
                 permission type.",
            )
            .at_parameter("permission.emailAddress")),
        }
    };
    let discoverable = call
        .body
        .get("allowFileDiscovery")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    match required("type")?.as_str() {
        "user" => address().map(Grantee::User),
        "group" => address().map(Grantee::Group),
        "domain" => {
            let name = required("domain")?.to_ascii_lowercase();
            Ok(Grantee::Domain { name, discoverable })
        }
        "anyone" => Ok(Grantee::Anyone { discoverable }),
        _ => Err(invalid("permission.type")),
    }
}

/// Ownership moves only when the caller says so twice, owns the file, and stays in the domain.
fn check_transfer(call: &Call<'_>, id: &str, to: &Grantee) -> Result<(), ApiError> {
    if !call.flag("transferOwnership") {
        return Err(ApiError::forbidden(
            "forbidden",
            "The transferOwnership parameter must be enabled when the permission role is 'owner'.",
        )
        .at_parameter("transferOwnership"));
    }
    let file = &call.world.drive.files[id];
    if file.owner() != Some(call.user.as_str()) {
        return Err(not_permitted(id));
    }
    match to {
        Grantee::User(address) if call.world.user(address).is_some() => Ok(()),
        Grantee::User(_) => Err(ApiError::new(
            400,
            "invalidSharingRequest",
            "Bad Request. User message: \"You can only transfer ownership to someone in the same \
             organization as the current owner.\"",
        )),
        _ => Err(invalid("permission.type")),
    }
}

/// An address of the own domain must belong to somebody.
fn refuse_unknown_colleague(call: &Call<'_>, grantee: &Grantee) -> Result<(), ApiError> {
    let Grantee::User(address) = grantee else {
        return Ok(());
    };
    let domain = |address: &str| {
        address
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_owned())
    };
    if domain(address) == domain(&call.user) && call.world.user(address).is_none() {
        return Err(ApiError::new(
            400,
            "invalidSharingRequest",
            format!(
                "Bad Request. User message: \"You are trying to invite {address}. Since there is \
                 no Google account associated with this email address, you must check the \
                 \"Notify people\" box to invite this recipient.\""
            ),
        ));
    }
    Ok(())
}

/// A permission that stands on this very file.
fn own_permission(
    file: &File,
    id: &str,
    call: &Call<'_>,
    viewer: &Viewer,
) -> Result<Permission, ApiError> {
    if let Some(permission) = file
        .permissions
        .iter()
        .find(|permission| permission.id == id)
    {
        return Ok(permission.clone());
    }
    let inherited = call
        .world
        .drive
        .roles(file, viewer.now)
        .any(|(_, permission)| permission.id == id);
    Err(if inherited {
        ApiError::forbidden(
            "cannotModifyInheritedPermission",
            "Cannot modify or delete inherited permissions on the item itself.",
        )
    } else {
        ApiError::not_found(format!("Permission not found: {id}.")).at_parameter("permissionId")
    })
}

/// Sets a permission; a new owner takes the place of the old one, who stays a writer.
fn put(call: &mut Call<'_>, id: &str, permission: Permission) {
    let new_root = match &permission.grantee {
        Grantee::User(address) if permission.role == Role::Owner => call
            .flag("moveToNewOwnersRoot")
            .then(|| call.world.drive.root(address).to_owned()),
        _ => None,
    };
    call.world.drive.change(id, call.now, |file| {
        if permission.role == Role::Owner {
            for other in &mut file.permissions {
                if other.role == Role::Owner {
                    other.role = Role::Writer;
                }
            }
        }
        match file
            .permissions
            .iter_mut()
            .find(|known| known.id == permission.id)
        {
            Some(known) => *known = permission,
            None => file.permissions.push(permission),
        }
        if let Some(root) = new_root {
            file.parent = Some(root);
        }
    });
}

/// The mail Drive sends to a person a file is shared with.
fn notify(call: &mut Call<'_>, id: &str, permission: &Permission) {
    let (Grantee::User(address) | Grantee::Group(address)) = &permission.grantee else {
        return;
    };
    if !call.flag_or("sendNotificationEmail", true) {
        return;
    }
    let file = &call.world.drive.files[id];
    let name = render::display_name(call.world, &call.user);
    let link = render::web_link(file);
    let note = call.text("emailMessage").unwrap_or_default();
    let may = match permission.role {
        Role::Reader => "view",
        Role::Commenter => "comment on",
        _ => "edit",
    };
    call.notices.push(Notice {
        from: (
            format!("{name} (via Google Drive)"),
            "drive-shares-noreply@google.com".to_owned(),
        ),
        to: vec![address.clone()],
        subject: format!("Item shared with you: \"{}\"", file.name),
        text: format!(
            "{name} ({}) has invited you to {may} the following item:\n\n{}\n{link}\n\n{note}",
            call.user, file.name
        ),
        calendar: None,
    });
}

fn show(call: &Call<'_>, file: &str, id: &str, viewer: &Viewer) -> Result<Reply, ApiError> {
    let file = &call.world.drive.files[file];
    let found = call
        .world
        .drive
        .roles(file, viewer.now)
        .find(|(_, permission)| permission.id == id)
        .ok_or_else(|| {
            ApiError::not_found(format!("Permission not found: {id}.")).at_parameter("permissionId")
        })?;
    let value = render::one_permission(call.world, file, found.0, found.1);
    Ok(Reply::json(if call.text("fields").is_some() {
        value
    } else {
        only(&value, DEFAULT_FIELDS)
    }))
}
