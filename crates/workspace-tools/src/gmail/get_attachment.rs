//! `get_gmail_attachment_content`: a file that came with a message.

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{attachment, body};
use crate::{
    Access, Alias, Example, Meta, Part, Reply, Service, Tier, Tool, ToolCx, ToolError,
    documents::{self, DocumentText, Extracted},
    text,
};

/// More than this is not worth a conversation's tokens.
const LARGEST_BASE64: usize = 10 << 20;

/// Fetches an attachment.
pub(super) struct GetAttachment;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    message_id: String,
    /// Part id or file name.
    attachment_id: String,
    #[serde(default, rename = "as")]
    form: Form,
    /// Character to begin at.
    #[serde(default)]
    start: Option<usize>,
    /// Characters to show (20000).
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Reference,
    Text,
    Image,
    Base64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    #[serde(flatten)]
    attachment: body::Attachment,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Tool for GetAttachment {
    const META: Meta = Meta {
        name: "get_gmail_attachment_content",
        title: "Get a Gmail attachment",
        description: "Get a file out of a message: a link to it, its text, or its bytes.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &[
            "gmail.users.messages.get",
            "gmail.users.messages.attachments.get",
        ],
        outside_content: true,
        aliases: &[Alias::same("download_gmail_attachment")],
        examples: &[
            Example {
                say: "Give me the budget workbook from that mail",
                arguments: r#"{"message_id": "{message:Quarterly budget}", "attachment_id": "quarterly-budget.xlsx"}"#,
                gives: "quarterly-budget.xlsx (application/vnd.openxmlformats",
            },
            Example {
                say: "What does the summary say?",
                arguments: r#"{"message_id": "{message:Quarterly budget}", "attachment_id": "budget-summary.pdf", "as": "text"}"#,
                gives: "content from outside: attachment budget-summary.pdf",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let window = text::window(input.start, input.limit)?;
        let message = attachment::message(cx, &input.message_id).await?;
        let part = attachment::find(&message, &input.attachment_id)?;
        let file = body::Attachment {
            part_id: part.part_id.clone(),
            filename: body::name_of(part),
            mime_type: attachment::media_type_of(part),
            size: part.body.size,
        };
        let heading = format!(
            "{} ({}, {})",
            file.filename,
            file.mime_type,
            text::size(file.size)
        );
        let data = Output {
            attachment: file,
            text: None,
            next_start: None,
            base64: None,
        };
        if input.form == Form::Reference {
            let link = body::link(&cx.email, &input.message_id, &data.attachment);
            return Ok(Reply::new(data, heading).with(link));
        }
        let bytes = attachment::bytes(cx, &input.message_id, part).await?;
        if input.form == Form::Base64 {
            if bytes.len() > LARGEST_BASE64 {
                return Err(ToolError::input(format!(
                    "the attachment has {} bytes; base64 is given up to {LARGEST_BASE64}",
                    bytes.len()
                ))
                .hint("ask for it as reference"));
            }
            let text = format!("{heading}: {} bytes of base64 in the data.", bytes.len());
            let base64 = Some(STANDARD.encode(&bytes));
            return Ok(Reply::new(Output { base64, ..data }, text));
        }
        let file = &data.attachment;
        let mime_type = attachment::full_type_of(part);
        match documents::extract(&*cx.pdf, &mime_type, &file.filename, bytes).await? {
            Extracted::Image { mime_type, bytes } => {
                Ok(Reply::new(data, heading).with(Part::Image { mime_type, bytes }))
            }
            Extracted::Text(_) if input.form == Form::Image => Err(ToolError::input(format!(
                "{} is not a picture but {}",
                file.filename, file.mime_type
            ))
            .hint("ask for it as text")),
            Extracted::Text(document) => Ok(shown(&heading, data, &document, window)),
        }
    }
}

fn shown(
    heading: &str,
    data: Output,
    document: &DocumentText,
    (start, limit): (usize, usize),
) -> Reply<Output> {
    let whole = text::visible(&document.text);
    let cut = text::cut(&whole, start, limit);
    let source = format!("attachment {}", data.attachment.filename);
    let mut said = format!("{heading}\n{}", text::outside(&source, cut.shown));
    if let Some(next) = cut.next {
        said.push_str(&format!("\nThere is more: go on with start={next}."));
    }
    for note in &document.notes {
        said.push_str(&format!("\n{note}"));
    }
    if document.truncated {
        said.push_str("\nThe file has more text than can be read.");
    }
    let data = Output {
        text: Some(cut.shown.to_owned()),
        next_start: cut.next,
        ..data
    };
    Reply::new(data, said)
}
