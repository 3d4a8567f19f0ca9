//! `calendar.acl`: who may see and change a calendar.
//!
//! Invariant: the owner of a primary calendar keeps it.

use serde_json::{Value, json};

use super::{
    access::{self, invalid, missing},
    state::{Role, Rule, etag},
};
use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// `calendar.acl.list`
pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    let items = access::calendar(call, &id)
        .rules
        .iter()
        .map(shown)
        .collect();
    let (items, next): (Vec<Value>, _) =
        call.page(items, call.page_size("maxResults", 100, 250))?;
    let mut answer = json!({
        "kind": "calendar#acl",
        "etag": etag(call.world.calendar.revision()),
        "items": items,
    });
    if let Some(token) = next {
        answer["nextPageToken"] = json!(token);
    }
    Ok(Reply::json(answer))
}

/// `calendar.acl.get`
pub(super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    let wanted = call.required("ruleId");
    let mut rules = access::calendar(call, &id).rules.iter();
    let rule = rules
        .find(|rule| rule.id() == wanted)
        .ok_or_else(access::not_found)?;
    Ok(Reply::json(shown(rule)))
}

/// `calendar.acl.insert`
pub(super) fn insert(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    let role = call
        .body_text("role")
        .ok_or_else(|| missing("Missing role."))?;
    let role = Role::named(role).ok_or_else(|| invalid("Invalid role."))?;
    let scope = &call.body["scope"];
    let kind = scope["type"]
        .as_str()
        .ok_or_else(|| missing("Missing scope type."))?
        .to_owned();
    let value = scope["value"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let named = matches!(kind.as_str(), "user" | "group" | "domain");
    if (named && value.is_empty()) || (!named && kind != "default") {
        return Err(invalid("Invalid scope value."));
    }
    let added = Rule { kind, value, role };
    if added.kind == "user" && call.world.user(&added.value).is_some() && role > Role::None {
        let guest = added.value.clone();
        call.world.calendar.show(&guest, &id, "9");
    }
    let answer = shown(&added);
    let rules = &mut access::calendar_mut(call, &id).rules;
    rules.retain(|other| other.id() != added.id());
    rules.push(added);
    Ok(Reply::json(answer))
}

/// `calendar.acl.delete`
pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let id = access::calendar_id(call, Role::Owner)?;
    let wanted = call.required("ruleId").to_owned();
    let calendar = access::calendar_mut(call, &id);
    if calendar.primary && wanted == format!("user:{id}") {
        return Err(ApiError::forbidden(
            "cannotChangeOwnAcl",
            "Cannot change your own access level.",
        )
        .in_domain("calendar"));
    }
    let before = calendar.rules.len();
    calendar.rules.retain(|rule| rule.id() != wanted);
    if calendar.rules.len() == before {
        return Err(access::not_found());
    }
    Ok(Reply::empty())
}

fn shown(rule: &Rule) -> Value {
    let mut scope = json!({"type": rule.kind});
    if !rule.value.is_empty() {
        scope["value"] = json!(rule.value);
    }
    json!({
        "kind": "calendar#aclRule",
        "etag": etag(crate::page::fingerprint(rule.role.name().as_bytes()) % 1_000_000),
        "id": rule.id(),
        "scope": scope,
        "role": rule.role.name(),
    })
}
