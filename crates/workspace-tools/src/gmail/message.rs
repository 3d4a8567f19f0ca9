//! Gmail's own form of a message, and how it is read.
//!
//! Gmail takes MIME apart and hands out its parts; this puts together what a reader wants from
//! them. Invariant: whatever comes out has been cleaned of invisible characters.

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use jiff::Timestamp;
use serde::Deserialize;

use super::html;
use crate::{ToolCx, ToolError, text};

/// Gmail leaves padding out; others may not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The fields of a whole message.
pub(super) const FULL: &str = "id,threadId,labelIds,snippet,internalDate,sizeEstimate,payload";

/// A message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    pub id: String,
    pub thread_id: String,
    pub label_ids: Vec<String>,
    pub snippet: String,
    pub internal_date: Option<String>,
    pub size_estimate: Option<u64>,
    pub payload: MimePart,
}

/// A part of a message, or its whole payload.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct MimePart {
    pub part_id: String,
    pub mime_type: String,
    pub filename: String,
    pub headers: Vec<Header>,
    pub body: Body,
    pub parts: Vec<MimePart>,
}

/// A header field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub name: String,
    pub value: String,
}

/// The content of a part, or where to get it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Body {
    pub attachment_id: Option<String>,
    pub size: u64,
    pub data: Option<String>,
}

impl Message {
    /// The value of a header, as it is.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.payload.header(name)
    }

    /// The value of a header as a single clean line; empty when absent.
    pub(super) fn line(&self, name: &str) -> String {
        self.header(name).map(text::line).unwrap_or_default()
    }

    /// The subject, for people.
    pub(super) fn subject(&self) -> String {
        or_else(self.line("Subject"), "(no subject)")
    }

    /// The sender, for people.
    pub(super) fn sender(&self) -> String {
        or_else(self.line("From"), "(unknown sender)")
    }

    /// When Gmail received it, in UTC.
    pub(super) fn date(&self) -> Option<Timestamp> {
        let milliseconds = self.internal_date.as_deref()?.parse().ok()?;
        Timestamp::from_millisecond(milliseconds).ok()
    }

    /// The snippet as a clean line.
    pub(super) fn snippet(&self) -> String {
        text::line(&html::unescaped(&self.snippet))
    }

    /// Every part, the payload itself first.
    pub(super) fn parts(&self) -> Vec<&MimePart> {
        let mut found = Vec::new();
        let mut waiting = vec![&self.payload];
        while let Some(part) = waiting.pop() {
            found.push(part);
            waiting.extend(part.parts.iter().rev());
        }
        found
    }
}

impl MimePart {
    /// The value of a header, as it is.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    /// Whether it is the text of the message rather than a file that came with it.
    pub(super) fn is_text_of_message(&self) -> bool {
        let attached = self.header("Content-Disposition").is_some_and(|value| {
            value
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("attachment")
        });
        self.parts.is_empty()
            && self.filename.is_empty()
            && !attached
            && matches!(
                self.mime_type.to_ascii_lowercase().as_str(),
                "text/plain" | "text/html"
            )
    }

    /// Its bytes, when they came with the message.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        decode(self.body.data.as_deref()?)
    }

    /// Its text, when it came with the message.
    pub(super) fn text(&self) -> Option<String> {
        Some(self.decoded(&self.bytes()?))
    }

    /// `bytes` in the character set the part states; UTF-8 wins where it is valid.
    pub(super) fn decoded(&self, bytes: &[u8]) -> String {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return text.to_owned();
        }
        let stated = self.header("Content-Type").and_then(charset);
        let encoding = match stated {
            Some(encoding) if encoding != UTF_8 => encoding,
            _ => WINDOWS_1252,
        };
        encoding.decode(bytes).0.into_owned()
    }
}

/// Reads a whole message; text that Gmail keeps apart because of its length is fetched too.
pub(super) async fn load(cx: &ToolCx, id: &str) -> Result<Message, ToolError> {
    let mut message: Message = cx
        .call("gmail.users.messages.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "full")
        .fields(FULL)
        .send_as()
        .await
        .map_err(|error| not_found(error, "message", id))?;
    fill(cx, &mut message).await?;
    Ok(message)
}

/// Fetches text that Gmail keeps apart because of its length.
pub(super) async fn fill(cx: &ToolCx, message: &mut Message) -> Result<(), ToolError> {
    let id = message.id.clone();
    let mut waiting = vec![&mut message.payload];
    while let Some(part) = waiting.pop() {
        if part.is_text_of_message()
            && part.body.data.is_none()
            && let Some(attachment) = &part.body.attachment_id
        {
            let body = fetch(cx, &id, attachment).await?;
            part.body.data = body.data;
        }
        waiting.extend(part.parts.iter_mut());
    }
    Ok(())
}

/// Fetches the content of an attachment.
pub(super) async fn fetch(cx: &ToolCx, message: &str, id: &str) -> Result<Body, ToolError> {
    cx.call("gmail.users.messages.attachments.get")
        .param("userId", "me")
        .param("messageId", message)
        .param("id", id)
        .fields("data,size")
        .send_as()
        .await
        .map_err(|error| not_found(error, "attachment of message", message))
}

/// Reads base64url with or without padding.
pub(super) fn decode(data: &str) -> Option<Vec<u8>> {
    BASE64.decode(data.trim()).ok()
}

/// Writes base64url as Gmail wants it.
pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Google's "not found", said with what was looked for and how to find it.
pub(super) fn not_found(error: google_api::ApiError, what: &str, id: &str) -> ToolError {
    let malformed =
        error.status == Some(400) && error.message.to_ascii_lowercase().contains("invalid id");
    if error.status != Some(404) && !malformed {
        return error.into();
    }
    let id = text::line(id);
    ToolError::new(
        foundation::Kind::NotFound,
        format!("there is no {what} {id} in this mailbox"),
    )
    .hint("search_gmail_messages gives the ids of messages and threads")
    .caused_by(error)
}

fn charset(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Encoding::for_label(value.as_bytes()))?
    })
}

fn or_else(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for written in ["8J-YgA", "8J-YgA=="] {
            assert_eq!(decode(written).unwrap(), "😀".as_bytes());
        }
        assert_eq!(encode("😀".as_bytes()), "8J-YgA");
    }

    #[test]
    fn old_character_sets_are_understood() {
        let part = |content_type: &str| MimePart {
            headers: vec![Header {
                name: "content-type".into(),
                value: content_type.into(),
            }],
            ..MimePart::default()
        };
        let latin2 = part("text/plain; charset=\"iso-8859-2\"");
        assert_eq!(latin2.decoded(b"\xbelu\xbbou\xe8k\xfd"), "žluťoučký");
        assert_eq!(part("text/plain").decoded(b"caf\xe9"), "café");
        // Gmail converts much to UTF-8 and leaves the old label standing.
        assert_eq!(latin2.decoded("žluť".as_bytes()), "žluť");
    }
}
