//! Fetching a file out of a message.
//!
//! Gmail's attachment ids change with every read, so a file is named by its part or its name and
//! looked up anew. Invariant: nothing larger than [`LARGEST`] is held.

use bytes::Bytes;
use foundation::Kind;

use super::{
    body,
    message::{self, Message, MimePart},
};
use crate::{ToolCx, ToolError, media_type, resource::ResourceContent, text};

/// Gmail delivers nothing larger.
pub(super) const LARGEST: u64 = 50 << 20;

/// Reads the parts of a message without the text of its headers.
pub(super) async fn message(cx: &ToolCx, id: &str) -> Result<Message, ToolError> {
    cx.call("gmail.users.messages.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "full")
        .fields("id,threadId,payload")
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "message", id))
}

/// Finds the file that `wanted` names: by part, by name, or by Gmail's passing id.
pub(super) fn find<'a>(message: &'a Message, wanted: &str) -> Result<&'a MimePart, ToolError> {
    let files: Vec<&MimePart> = message
        .parts()
        .into_iter()
        .filter(|part| body::is_attachment(part))
        .collect();
    let by = |is: &dyn Fn(&MimePart) -> bool| files.iter().copied().find(|part| is(part));
    by(&|part| part.part_id == wanted)
        .or_else(|| by(&|part| part.body.attachment_id.as_deref() == Some(wanted)))
        .or_else(|| by(&|part| part.filename == wanted || body::name_of(part) == wanted))
        .or_else(|| {
            let wanted = wanted.to_lowercase();
            by(&|part| body::name_of(part).to_lowercase() == wanted)
        })
        // Gmail's ids are long and different each time; with one file there is no doubt.
        .or_else(|| {
            files
                .first()
                .copied()
                .filter(|_| files.len() == 1 && wanted.len() > 60)
        })
        .ok_or_else(|| {
            let listed = body::listed(&body::attachments(message));
            let hint = if listed.is_empty() {
                "the message has no attachments".to_owned()
            } else {
                format!("the message has:{listed}")
            };
            ToolError::new(
                Kind::NotFound,
                format!("the message has no attachment \"{}\"", text::line(wanted)),
            )
            .hint(hint)
        })
}

/// The bytes of a file.
pub(super) async fn bytes(cx: &ToolCx, message: &str, part: &MimePart) -> Result<Bytes, ToolError> {
    if part.body.size > LARGEST {
        return Err(ToolError::input(format!(
            "the attachment has {} bytes; at most {LARGEST} are fetched",
            part.body.size
        )));
    }
    if let Some(bytes) = part.bytes() {
        return Ok(bytes.into());
    }
    let Some(id) = &part.body.attachment_id else {
        return Ok(Bytes::new());
    };
    let body = message::fetch(cx, message, id).await?;
    let data = body.data.unwrap_or_default();
    message::decode(&data).map(Bytes::from).ok_or_else(|| {
        ToolError::new(
            Kind::Upstream,
            "Gmail sent an attachment that is not base64",
        )
    })
}

/// The media type of a file; its name decides where the type is unspecific.
pub(super) fn media_type_of(part: &MimePart) -> String {
    let stated = part.mime_type.to_ascii_lowercase();
    if stated == "application/octet-stream" || !media_type::is_valid(&stated) {
        media_type::of_name(&body::name_of(part)).to_owned()
    } else {
        stated
    }
}

/// The media type with its character set, if the part states one.
pub(super) fn full_type_of(part: &MimePart) -> String {
    let plain = media_type_of(part);
    let stated = part
        .header("Content-Type")
        .map(text::line)
        .unwrap_or_default();
    if stated.to_ascii_lowercase().starts_with(&plain) {
        stated
    } else {
        plain
    }
}

/// Reads a file by reference.
pub(crate) async fn read_resource(
    cx: &ToolCx,
    id: &str,
    part: &str,
) -> Result<ResourceContent, ToolError> {
    let message = message(cx, id).await?;
    let part = find(&message, part)?;
    Ok(ResourceContent {
        mime_type: media_type_of(part),
        name: body::name_of(part),
        bytes: bytes(cx, id, part).await?,
    })
}
