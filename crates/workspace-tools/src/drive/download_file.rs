//! `download_drive_file`: a file as it is, by reference or as bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{content, file};
use crate::{
    Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, file_name, text,
};

/// The largest file that is given as base64.
const LARGEST_BASE64: u64 = 10 << 20;

/// Downloads a file.
pub(super) struct DownloadFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    /// A link to the file, or its bytes (up to 10 MB).
    #[serde(default, rename = "as")]
    form: Form,
    /// For base64: media type to export a Google file to.
    #[serde(default)]
    export_mime_type: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Reference,
    Base64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    name: String,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Tool for DownloadFile {
    const META: Meta = Meta {
        name: "download_drive_file",
        title: "Download a Drive file",
        description: "Get a file as a link or as base64; Google files become Office files.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["drive.files.get", "drive.files.export"],
        outside_content: true,
        aliases: &[Alias {
            name: "get_drive_file_download_url",
            renamed: &[("export_format", "export_mime_type")],
            assumed: &[],
        }],
        examples: &[
            Example {
                say: "Give me the chart",
                arguments: r#"{"file_id": "{file:sign-ups.png}"}"#,
                gives: "sign-ups.png (image/png",
            },
            Example {
                say: "Get the budget as a PDF",
                arguments: r#"{"file_id": "{file:Atlas budget 2026}", "as": "base64",
                    "export_mime_type": "application/pdf"}"#,
                gives: "base64 in the data",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = file::id(&input.file_id)?;
        let source = content::source(cx, &id).await?;
        let format = input
            .export_mime_type
            .as_deref()
            .filter(|format| !format.is_empty());
        if input.form == Form::Reference && format.is_none() {
            if source.is_native() && content::file_format(&source.mime_type).is_none() {
                return Err(source.no_format());
            }
            let text = format!(
                "{}: fetch it by the link that comes along.",
                source.heading()
            );
            let link = source.link(&cx.email);
            let data = Output {
                size: source.size.filter(|_| !source.is_native()),
                id: source.id,
                name: source.name,
                mime_type: source.mime_type,
                base64: None,
            };
            return Ok(Reply::new(data, text).with(link));
        }
        let fetched = source.whole(cx, format, LARGEST_BASE64).await?;
        let size = fetched.bytes.len() as u64;
        let data = Output {
            id: source.id,
            name: source.name,
            mime_type: fetched.mime_type,
            size: Some(size),
            base64: Some(STANDARD.encode(&fetched.bytes)),
        };
        let text = format!(
            "{} ({}): {} as base64 in the data.",
            text::line(&file_name::safe(&data.name)),
            data.mime_type,
            text::size(size)
        );
        Ok(Reply::new(data, text))
    }
}
