//! What a caller may say about a file, in creating, copying and changing it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::invalid;
use crate::{
    call::Call,
    drive::file::{Content, File},
    error::ApiError,
};

/// Reads a time of the body.
pub(super) fn time(body: &Value, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
    match body.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| invalid(name)),
    }
}

/// Applies the fields that say something about the file itself. Checks before it changes.
pub(super) fn apply(
    file: &mut File,
    body: &Value,
    user: &str,
    now: Timestamp,
) -> Result<(), ApiError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let modified = time(body, "modifiedTime")?;
    let viewed = time(body, "viewedByMeTime")?;
    if let Some(name) = text("name") {
        file.name = name;
    }
    if let Some(description) = text("description") {
        file.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(name) = text("originalFilename") {
        file.original_name = Some(name);
    }
    if let Some(allowed) = body.get("writersCanShare").and_then(Value::as_bool) {
        file.writers_can_share = allowed;
    }
    let view = file.views.entry(user.to_owned()).or_default();
    if let Some(starred) = body.get("starred").and_then(Value::as_bool) {
        view.starred = starred;
    }
    if let Some(viewed) = viewed {
        view.viewed = Some(viewed);
    }
    merge(&mut file.properties, body.get("properties"));
    merge(&mut file.app_properties, body.get("appProperties"));
    if says_more_than_views(body) {
        file.modified = modified.unwrap_or(now);
        user.clone_into(&mut file.modified_by);
    }
    Ok(())
}

/// Whether the body changes the file and not only how one user sees it.
pub(super) fn says_more_than_views(body: &Value) -> bool {
    body.as_object().is_some_and(|fields| {
        fields
            .keys()
            .any(|name| !["starred", "viewedByMeTime", "trashed"].contains(&name.as_str()))
    })
}

/// Sets properties; `null` removes one.
fn merge(properties: &mut BTreeMap<String, String>, changes: Option<&Value>) {
    for (key, value) in changes.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::String(value) => {
                properties.insert(key.clone(), value.clone());
            }
            _ => {
                properties.remove(key);
            }
        }
    }
}

/// A new id of a file or revision.
pub(super) fn new_id(call: &mut Call<'_>) -> String {
    format!("1{}", call.world.chance.word(32))
}

/// Puts uploaded content into a file, converted when the file is of one of Google's types.
pub(super) fn content(file: &File, call: &Call<'_>) -> Result<Option<Content>, ApiError> {
    let Some(media) = &call.media else {
        return Ok(None);
    };
    if !file.mime_type.starts_with("application/vnd.google-apps.") {
        return Ok(Some(Content::Bytes(media.bytes.clone().into())));
    }
    crate::drive::export::import(&media.content_type, &media.bytes, &file.mime_type)
        .map(|native| Some(Content::Native(native)))
        .ok_or_else(|| {
            ApiError::new(
                400,
                "badRequest",
                "The requested conversion is not supported.",
            )
            .at_parameter("convertTo")
        })
}
