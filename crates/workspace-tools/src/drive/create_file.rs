//! `create_drive_file`: put text, bytes or a local file into Drive.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use google_api::MediaStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    create::{self, Content, New},
    file::{self, FOLDER, NATIVE, kind},
    folder,
};
use crate::{
    Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, local_file,
    media_type, text,
};

/// What one message can carry; larger files come from the disk.
const LARGEST_INLINE: usize = 10 << 20;

/// What Drive takes of one file.
const LARGEST_LOCAL: u64 = 5 << 40;

/// Creates a file.
pub(super) struct CreateFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    file_name: String,
    /// The text.
    #[serde(default)]
    content: Option<String>,
    /// Or the bytes in base64, up to 10 MB.
    #[serde(default)]
    content_base64: Option<String>,
    /// Or a file of the server's machine, where allowed.
    #[serde(default)]
    path: Option<String>,
    /// Id, link, path or name (root).
    #[serde(default)]
    folder_id: Option<String>,
    /// Guessed from the name.
    #[serde(default)]
    mime_type: Option<String>,
    /// The Google editor to convert to.
    #[serde(default)]
    convert_to: Option<Editor>,
    #[serde(default)]
    description: Option<String>,
    /// Refused: fetch it and give the content.
    #[serde(default)]
    file_url: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Editor {
    Document,
    Spreadsheet,
    Presentation,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    mime_type: String,
    folder_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_view_link: Option<String>,
}

impl Tool for CreateFile {
    const META: Meta = Meta {
        name: "create_drive_file",
        title: "Create a Drive file",
        description: "Upload text, base64 or a local file, converted to a Google Doc if wanted.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: false,
        methods: &[
            "drive.files.create",
            "drive.files.generateIds",
            "drive.files.get",
            "drive.files.list",
        ],
        outside_content: false,
        aliases: &[Alias {
            name: "upload_drive_file",
            renamed: &[
                ("file_content", "content_base64"),
                ("folder", "folder_id"),
                ("parent", "folder_id"),
                ("name", "file_name"),
            ],
            assumed: &[],
        }],
        examples: &[
            Example {
                say: "Save this list as a text file",
                arguments: r#"{"file_name": "Shopping.txt", "content": "Bread\nMilk"}"#,
                gives: "Created 'Shopping.txt'",
            },
            Example {
                say: "Make a Google Doc of this in the folder Atlas",
                arguments: r##"{"file_name": "Beta report", "content": "# Beta\n\nAll well.",
                    "mime_type": "text/markdown", "convert_to": "document",
                    "folder_id": "Projects/Atlas"}"##,
                gives: "(Google Doc)",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let name = input.file_name.trim();
        if name.is_empty() {
            return Err(ToolError::input("file_name is empty"));
        }
        let stated = input
            .mime_type
            .as_deref()
            .map(str::trim)
            .filter(|stated| !stated.is_empty());
        if let Some(stated) = stated.filter(|stated| !media_type::is_valid(stated)) {
            return Err(ToolError::input(format!(
                "mime_type \"{}\" is not of the form type/subtype",
                text::line(stated)
            )));
        }
        let content = content(cx, &input, stated).await?;
        let target = target(&input, stated, &content);
        let given = input.folder_id.as_deref().unwrap_or("root");
        let (folder, id) =
            futures::try_join!(folder::resolve(cx, given), create::free_id(cx, &target))?;
        let new = New {
            name,
            mime_type: &target,
            description: input.description.as_deref(),
            folder: &folder,
        };
        let file = create::create(cx, id, &new, content).await?;
        let mut text = format!(
            "Created '{}' ({}) in folder '{given}' for {}.\nID: {}",
            text::line(&file.name),
            kind(&file.mime_type),
            cx.email,
            file.id
        );
        if let Some(link) = &file.web_view_link {
            text.push_str(&format!("\nLink: {link}"));
        }
        let data = Output {
            size: file.size.filter(|_| !file.is_native()),
            id: file.id,
            name: file.name,
            mime_type: file.mime_type,
            folder_id: folder,
            web_view_link: file.web_view_link,
        };
        Ok(Reply::new(data, text))
    }
}

/// The one content that was given.
async fn content(cx: &ToolCx, input: &Input, stated: Option<&str>) -> Result<Content, ToolError> {
    const ONE: &str = "give one of content (text), content_base64 or path";
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    if input.file_url.is_some() || input.path.as_deref().is_some_and(is_url) {
        return Err(
            ToolError::input("this server does not fetch files from web addresses")
                .hint("fetch it yourself and give content or content_base64; or give a local path"),
        );
    }
    match (&input.content, &input.content_base64, &input.path) {
        (Some(text), None, None) => {
            let bytes = Bytes::from(text.clone().into_bytes());
            fits(bytes.len())?;
            Ok(Content::Bytes(
                source_type(input, stated, "text/plain"),
                bytes,
            ))
        }
        (None, Some(base64), None) => {
            let bytes = Bytes::from(decoded(base64)?);
            fits(bytes.len())?;
            Ok(Content::Bytes(source_type(input, stated, ""), bytes))
        }
        (None, None, Some(path)) => {
            let local = local_file::open(&cx.files, path, LARGEST_LOCAL).await?;
            Ok(Content::Stream(MediaStream {
                mime_type: source_type(input, stated, ""),
                length: Some(local.length),
                reader: Box::new(local.file),
            }))
        }
        // Folders and empty documents of Google's editors have no content.
        (None, None, None)
            if stated.is_some_and(|stated| stated.starts_with(NATIVE))
                || input.convert_to.is_some() =>
        {
            Ok(Content::Nothing)
        }
        (None, None, None) => Err(ToolError::input("there is no content").hint(ONE)),
        _ => Err(ToolError::input("there is more than one content").hint(ONE)),
    }
}

fn fits(size: usize) -> Result<(), ToolError> {
    if size <= LARGEST_INLINE {
        return Ok(());
    }
    Err(ToolError::input(format!(
        "the content has {size} bytes; in a message at most {LARGEST_INLINE} are taken"
    ))
    .hint("where the server may read local files, give a path instead"))
}

/// The type of the bytes as they are sent.
fn source_type(input: &Input, stated: Option<&str>, otherwise: &str) -> String {
    if let Some(stated) = stated.filter(|stated| !stated.starts_with(NATIVE)) {
        return stated.to_owned();
    }
    match (media_type::of_name(&input.file_name), otherwise) {
        ("application/octet-stream", otherwise) if !otherwise.is_empty() => otherwise.to_owned(),
        (guessed, _) => guessed.to_owned(),
    }
}

/// The type the file shall have in Drive.
fn target(input: &Input, stated: Option<&str>, content: &Content) -> String {
    let editor = input.convert_to.map(|editor| match editor {
        Editor::Document => file::DOCUMENT,
        Editor::Spreadsheet => file::SPREADSHEET,
        Editor::Presentation => file::PRESENTATION,
    });
    let native = stated.filter(|stated| stated.starts_with(NATIVE));
    match (editor.or(native), content) {
        (Some(native), _) => native.to_owned(),
        (None, Content::Bytes(mime_type, _)) => mime_type.clone(),
        (None, Content::Stream(stream)) => stream.mime_type.clone(),
        (None, Content::Nothing) => FOLDER.to_owned(),
    }
}

/// Base64 in either alphabet, with or without padding, line breaks or a `data:` prefix.
fn decoded(base64: &str) -> Result<Vec<u8>, ToolError> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let plain = match base64.split_once(";base64,") {
        Some((head, body)) if head.starts_with("data:") => body,
        _ => base64,
    };
    // Four characters are three bytes; what is surely too long is not even copied.
    fits(plain.len() / 4 * 3 / 2)?;
    let url_safe = plain.contains(['-', '_']);
    let compact: Vec<u8> = plain
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let alphabet = if url_safe {
        alphabet::URL_SAFE
    } else {
        alphabet::STANDARD
    };
    GeneralPurpose::new(&alphabet, LENIENT)
        .decode(compact)
        .map_err(|error| {
            ToolError::input("content_base64 is not base64")
                .hint("plain text goes into content")
                .caused_by(error)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_taken_as_people_send_it() {
        for written in [
            "aGk_",
            "aGk/",
            " aG\nk/ ",
            "data:text/plain;base64,aGk/",
            "aGk/aA==",
            "aGk/aA",
        ] {
            assert!(
                decoded(written).is_ok_and(|bytes| bytes.starts_with(b"hi?")),
                "{written}"
            );
        }
        assert!(decoded("no base64!").is_err());
        assert!(decoded("").is_ok_and(|bytes| bytes.is_empty()));
    }
}
