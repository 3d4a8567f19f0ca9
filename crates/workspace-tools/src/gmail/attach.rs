//! Files that go out with a message: given in base64, by path, or by reference.
//!
//! Invariant: names are harmless and types are plain before they reach a header field.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::Deserialize;

use super::header;
use crate::{
    ToolCx, ToolError, file_name, local_file, media_type,
    resource::{self, ResourceUri, Target},
};

/// The most that all files of a message may hold together, as Gmail has it.
pub(super) const LARGEST_TOTAL: u64 = 25_000_000;

/// How many files are fetched at once.
const AT_ONCE: usize = 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file to send, as the caller describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Attached {
    #[serde(alias = "filename")]
    name: Option<String>,
    mime_type: Option<String>,
    #[serde(alias = "content")]
    content_base64: Option<String>,
    /// A file of this machine, below an allowed directory.
    path: Option<String>,
    drive_file_id: Option<String>,
    /// A `workspace://` reference.
    uri: Option<String>,
}

/// A file that is ready to be sent.
#[derive(Debug)]
pub(super) struct File {
    pub name: String,
    pub mime_type: String,
    pub bytes: Bytes,
}

/// Gets all files.
pub(super) async fn all(cx: &ToolCx, attached: &[Attached]) -> Result<Vec<File>, ToolError> {
    let mut files = Vec::new();
    let mut total = 0_u64;
    // Batch by batch, so that a long list is given up before it fills the memory.
    for (index, batch) in attached.chunks(AT_ONCE).enumerate() {
        let before = index * AT_ONCE;
        let fetches: Vec<_> = batch
            .iter()
            .enumerate()
            .map(|(index, attached)| one(cx, before + index + 1, attached))
            .collect();
        let fetched = google_api::try_join_bounded(fetches, AT_ONCE).await?;
        total += fetched
            .iter()
            .map(|file| file.bytes.len() as u64)
            .sum::<u64>();
        if total > LARGEST_TOTAL {
            return Err(ToolError::input(format!(
                "the attachments have {total} bytes together or more; Gmail takes {LARGEST_TOTAL}"
            ))
            .hint("upload large files with upload_drive_file and send their links"));
        }
        files.extend(fetched);
    }
    Ok(files)
}

async fn one(cx: &ToolCx, number: usize, attached: &Attached) -> Result<File, ToolError> {
    if let Some(name) = &attached.name {
        header::check(&format!("the name of attachment {number}"), name)?;
    }
    if let Some(mime_type) = attached.mime_type.as_deref()
        && !media_type::is_valid(mime_type)
    {
        return Err(ToolError::input(format!(
            "the mime_type of attachment {number} is not of the form type/subtype"
        )));
    }
    let given = content(cx, number, attached).await?;
    let name = attached.name.as_deref().or(given.name.as_deref());
    let name = file_name::safe(name.unwrap_or("attachment"));
    let mime_type = attached
        .mime_type
        .clone()
        .or(given.mime_type.filter(|given| media_type::is_valid(given)))
        .unwrap_or_else(|| media_type::of_name(&name).to_owned());
    Ok(File {
        name,
        mime_type,
        bytes: given.bytes,
    })
}

struct Given {
    name: Option<String>,
    mime_type: Option<String>,
    bytes: Bytes,
}

async fn content(cx: &ToolCx, number: usize, attached: &Attached) -> Result<Given, ToolError> {
    match attached {
        Attached {
            content_base64: Some(content),
            path: None,
            drive_file_id: None,
            uri: None,
            ..
        } => Ok(Given {
            name: None,
            mime_type: None,
            bytes: decoded(content).ok_or_else(|| {
                ToolError::input(format!(
                    "the content_base64 of attachment {number} is not base64"
                ))
            })?,
        }),
        Attached {
            content_base64: None,
            path: Some(path),
            drive_file_id: None,
            uri: None,
            ..
        } => {
            let file = local_file::read(&cx.files, path, LARGEST_TOTAL).await?;
            Ok(Given {
                name: Some(file.name),
                mime_type: None,
                bytes: file.bytes,
            })
        }
        Attached {
            content_base64: None,
            path: None,
            drive_file_id: Some(id),
            uri: None,
            ..
        } => referred(cx, Target::File { id: id.clone() }).await,
        Attached {
            content_base64: None,
            path: None,
            drive_file_id: None,
            uri: Some(uri),
            ..
        } => match ResourceUri::parse(uri) {
            Some(uri) if uri.email.eq_ignore_ascii_case(&cx.email) => {
                referred(cx, uri.target).await
            }
            Some(_) => Err(ToolError::input(format!(
                "the uri of attachment {number} belongs to another account"
            ))
            .hint(format!("this message is written by {}", cx.email))),
            None => Err(ToolError::input(format!(
                "the uri of attachment {number} is not a workspace:// reference"
            ))
            .hint("reading a message or a file gives such references")),
        },
        _ => Err(ToolError::input(format!(
            "attachment {number} needs exactly one of content_base64, path, drive_file_id and uri"
        ))),
    }
}

async fn referred(cx: &ToolCx, target: Target) -> Result<Given, ToolError> {
    let uri = ResourceUri {
        email: cx.email.clone(),
        target,
    };
    let content = resource::read(cx, &uri).await?;
    Ok(Given {
        name: Some(content.name),
        mime_type: Some(content.mime_type),
        bytes: content.bytes,
    })
}

/// Base64 as models write it: either alphabet, with line breaks, as a data URL.
fn decoded(content: &str) -> Option<Bytes> {
    let content = match content.strip_prefix("data:") {
        Some(url) => url.split_once("base64,")?.1,
        None => content,
    };
    let plain: String = content
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    BASE64.decode(plain).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_models_write_it() {
        for written in [
            "8J+YgA==",
            "8J+YgA",
            "8J-YgA",
            "8J+Y\r\ngA==",
            "data:text/plain;base64,8J+YgA==",
        ] {
            assert_eq!(decoded(written).unwrap(), "😀".as_bytes(), "{written}");
        }
        assert_eq!(decoded("not base64!"), None);
    }
}
