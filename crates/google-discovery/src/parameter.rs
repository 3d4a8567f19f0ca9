//! The query parameters every Google method takes.
//!
//! Not read from the descriptions, because several of them leave some out. Invariant: none of
//! them is required.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{
    method::{Location, Parameter},
    schema::{Format, Type},
};

/// The query parameters every Google method takes, whatever its own description says.
pub static GLOBAL_PARAMETERS: LazyLock<BTreeMap<&'static str, Parameter>> = LazyLock::new(|| {
    [
        ("$.xgafv", Type::Enum(vec!["1", "2"])),
        ("access_token", Type::String(Format::None)),
        ("alt", Type::Enum(vec!["json", "media", "proto", "atom"])),
        ("callback", Type::String(Format::None)),
        ("fields", Type::String(Format::None)),
        ("key", Type::String(Format::None)),
        ("oauth_token", Type::String(Format::None)),
        ("prettyPrint", Type::Boolean),
        ("quotaUser", Type::String(Format::None)),
        (
            "uploadType",
            Type::Enum(vec!["media", "multipart", "resumable"]),
        ),
        (
            "upload_protocol",
            Type::Enum(vec!["raw", "multipart", "resumable"]),
        ),
        ("userIp", Type::String(Format::None)),
    ]
    .into_iter()
    .map(|(name, ty)| {
        let parameter = Parameter {
            name,
            location: Location::Query,
            ty,
            required: false,
            repeated: false,
            deprecated: false,
            default: None,
            minimum: None,
            maximum: None,
            segments: None,
        };
        (name, parameter)
    })
    .collect()
});

pub(crate) fn global(name: &str) -> Option<&'static Parameter> {
    GLOBAL_PARAMETERS.get(name)
}
