//! `get_drive_file_content`: a file as text, or as a picture.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    charset,
    content::{self, Source},
    file,
};
use crate::{
    Access, Example, Meta, Part, Reply, Service, Tier, Tool, ToolCx, ToolError,
    documents::{self, Extracted},
    media_type, text,
};

/// Larger pictures are not worth a conversation's tokens.
const LARGEST_IMAGE: u64 = documents::LARGEST_IMAGE as u64;

/// The largest document that is fetched for its text.
const LARGEST_FILE: u64 = documents::LARGEST_FILE as u64;

/// The longest a character is in any of the encodings that are read.
const LONGEST_CHARACTER: u64 = 4;

/// Reads a file.
pub(super) struct GetContent;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    /// Character to begin at.
    #[serde(default)]
    start: Option<usize>,
    /// Characters to show (20000).
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_view_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<usize>,
}

/// What a model can take in.
enum Readable {
    /// Text; `more` when only its beginning was fetched.
    Text {
        text: String,
        more: bool,
        note: Option<String>,
    },
    Image {
        mime_type: String,
        bytes: Bytes,
    },
}

impl Tool for GetContent {
    const META: Meta = Meta {
        name: "get_drive_file_content",
        title: "Read a Drive file",
        description: "Read a file: Docs, Sheets, Slides, Office, PDF and text as text, or an image.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["drive.files.get", "drive.files.export"],
        outside_content: true,
        aliases: &[],
        examples: &[
            Example {
                say: "What does the launch plan say?",
                arguments: r#"{"file_id": "{file:Atlas launch plan}"}"#,
                gives: "| Launch | everybody | 2026-12-08 |",
            },
            Example {
                say: "Read the beginning of the contract",
                arguments: r#"{"file_id": "{file:Contract Northwind.docx}", "limit": 200}"#,
                gives: "Northwind Traders",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let (start, limit) = text::window(input.start, input.limit)?;
        let id = file::id(&input.file_id)?;
        let source = content::source(cx, &id).await?;
        let readable = read(cx, &source, start + limit).await?;
        let heading = source.heading();
        let data = Output {
            id: source.id,
            name: source.name,
            mime_type: source.mime_type,
            web_view_link: source.web_view_link,
            content: None,
            next_start: None,
        };
        let head = match &data.web_view_link {
            Some(link) => format!("{heading}\nID: {}\n{link}", data.id),
            None => format!("{heading}\nID: {}", data.id),
        };
        match readable {
            Readable::Image { mime_type, bytes } => {
                Ok(Reply::new(data, head).with(Part::Image { mime_type, bytes }))
            }
            Readable::Text {
                text: whole,
                more,
                note,
            } => Ok(shown(data, &head, &whole, more, note, (start, limit))),
        }
    }
}

fn shown(
    data: Output,
    head: &str,
    whole: &str,
    more: bool,
    note: Option<String>,
    (start, limit): (usize, usize),
) -> Reply<Output> {
    let whole = text::visible(whole);
    let cut = text::cut(&whole, start, limit);
    let count = cut.shown.chars().count();
    // What was fetched ended before the file did.
    let next = cut
        .next
        .or_else(|| (more && count > 0).then_some(start + count));
    let source = format!("file {}", data.name);
    let mut said = format!("{head}\n{}", text::outside(&source, cut.shown));
    if let Some(note) = note {
        said.push_str(&format!("\n{note}"));
    }
    if let Some(next) = next {
        said.push_str(&format!("\nThere is more: go on with start={next}."));
    }
    let content = Some(cut.shown.to_owned());
    Reply::new(
        Output {
            content,
            next_start: next,
            ..data
        },
        said,
    )
}

/// Fetches and reads as much as the first `characters` need.
async fn read(cx: &ToolCx, source: &Source, characters: usize) -> Result<Readable, ToolError> {
    if source.is_native() {
        let format = content::text_format(&source.mime_type).ok_or_else(|| source.no_format())?;
        let fetched = source.export(cx, format).await?;
        if is_image(format) {
            return Ok(Readable::Image {
                mime_type: fetched.mime_type,
                bytes: fetched.bytes,
            });
        }
        let note = (format == "text/csv").then(|| {
            "This is the first sheet; download_drive_file gives all sheets as xlsx.".to_owned()
        });
        let text = charset::decode(&fetched.bytes, false).unwrap_or_default();
        return Ok(Readable::Text {
            text: text.replace("\r\n", "\n"),
            more: false,
            note,
        });
    }
    if is_image(&source.mime_type)
        && let Some(size) = source.size.filter(|size| *size > LARGEST_IMAGE)
    {
        return Err(ToolError::input(format!(
            "the picture has {}; at most {} are shown",
            text::size(size),
            text::size(LARGEST_IMAGE)
        ))
        .hint("download_drive_file gives a link to it"));
    }
    if is_image(&source.mime_type) || is_document(&source.mime_type, &source.name) {
        return document(cx, source).await;
    }
    // As many bytes as the characters can have at most, so that a huge log costs little.
    let enough = (characters as u64 + 1) * LONGEST_CHARACTER;
    let fetched = source.download(cx, enough).await?;
    match charset::decode(&fetched.bytes, fetched.truncated) {
        Some(text) => Ok(Readable::Text {
            text,
            more: fetched.truncated,
            note: None,
        }),
        None => Err(ToolError::input(format!(
            "{} ({}) is binary and has no text to read",
            text::line(&source.name),
            source.mime_type
        ))
        .hint("download_drive_file gives its bytes or a link")),
    }
}

fn is_image(mime_type: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&mime_type)
}

/// Whether the text is inside a format of its own.
fn is_document(mime_type: &str, name: &str) -> bool {
    const FORMATS: &[&str] = &[
        "application/vnd.openxmlformats-",
        "application/vnd.oasis.opendocument.",
        "application/vnd.ms-",
        "application/msword",
        "application/rtf",
        "application/pdf",
        "text/html",
    ];
    let mime_type = match mime_type {
        "application/octet-stream" | "application/zip" | "" => media_type::of_name(name),
        stated => stated,
    };
    FORMATS.iter().any(|format| mime_type.starts_with(format))
}

/// Fetches the whole file and has it read.
async fn document(cx: &ToolCx, source: &Source) -> Result<Readable, ToolError> {
    let fetched = source.whole(cx, None, LARGEST_FILE).await?;
    let (mime_type, name) = (&source.mime_type, &source.name);
    match documents::extract(&*cx.pdf, mime_type, name, fetched.bytes).await? {
        Extracted::Image { mime_type, bytes } => Ok(Readable::Image { mime_type, bytes }),
        Extracted::Text(mut document) => {
            if document.truncated {
                document
                    .notes
                    .push("The rest of the document is not read.".to_owned());
            }
            Ok(Readable::Text {
                text: document.text,
                more: false,
                note: (!document.notes.is_empty()).then(|| document.notes.join(" ")),
            })
        }
    }
}
