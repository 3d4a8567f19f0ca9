//! The text of a message and the files that came with it.
//!
//! Follows MIME: of alternatives one is read, of mixed parts all. Invariant: a part is either text
//! of the message or listed as an attachment, never both and never neither.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    html::{self, Quotes},
    message::{Message, MimePart},
};
use crate::{
    Part, file_name,
    resource::{ResourceUri, Target},
    text,
};

/// Which form of the text is wanted where a message carries several.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Prefer {
    /// Plain text, else HTML as Markdown.
    Plain,
    /// HTML as Markdown, else plain text.
    Html,
}

/// The text of a message.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Cleaned of invisible characters.
    pub text: String,
    /// Whether text was left out that a person would not have seen.
    pub hidden: bool,
}

/// A file that came with a message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment {
    /// The id of its part, which stays the same.
    pub part_id: String,
    pub filename: String,
    pub mime_type: String,
    pub size: u64,
}

/// Reads the text of a message.
pub(super) fn read(message: &Message, prefer: Prefer, quotes: Quotes) -> Text {
    let mut sections = Vec::new();
    gather(&message.payload, prefer, &mut sections);
    let mut read = Text::default();
    for part in sections {
        let Some(written) = part.text() else { continue };
        let section = if is_html(part) {
            let html = html::to_markdown(&written, quotes);
            read.hidden |= html.hidden;
            html.text
        } else if quotes == Quotes::Drop {
            without_quotes(&written)
        } else {
            written
        };
        let section = text::visible(&section.replace("\r\n", "\n"));
        if !read.text.is_empty() {
            read.text.push_str("\n\n");
        }
        read.text.push_str(section.trim_end());
    }
    read
}

/// The HTML of a message as it is, if it has any.
pub(super) fn raw_html(message: &Message) -> Option<String> {
    let mut sections = Vec::new();
    gather(&message.payload, Prefer::Html, &mut sections);
    let html: Vec<String> = sections
        .into_iter()
        .filter(|part| is_html(part))
        .filter_map(MimePart::text)
        .collect();
    (!html.is_empty()).then(|| html.join("\n"))
}

/// Lists the files that came with a message.
pub(super) fn attachments(message: &Message) -> Vec<Attachment> {
    message
        .parts()
        .into_iter()
        .filter(|part| is_attachment(part))
        .map(|part| Attachment {
            part_id: part.part_id.clone(),
            filename: name_of(part),
            mime_type: text::line(&part.mime_type),
            size: part.body.size,
        })
        .collect()
}

/// Whether a part is a file.
pub(super) fn is_attachment(part: &MimePart) -> bool {
    part.parts.is_empty()
        && !part.is_text_of_message()
        && !part.mime_type.starts_with("multipart/")
        && (!part.filename.is_empty() || part.body.size > 0 || part.body.attachment_id.is_some())
}

/// A harmless name for the file in a part.
pub(super) fn name_of(part: &MimePart) -> String {
    if part.filename.trim().is_empty() {
        let kind = part.mime_type.split('/').next_back().unwrap_or_default();
        let kind = kind.split(['+', ';']).next().unwrap_or_default();
        return file_name::safe(&format!("part-{}.{kind}", part.part_id));
    }
    file_name::safe(&part.filename)
}

/// References to the files, to travel beside the text.
pub(super) fn links(email: &str, message: &str, attachments: &[Attachment]) -> Vec<Part> {
    attachments
        .iter()
        .map(|attachment| link(email, message, attachment))
        .collect()
}

/// The reference to one file.
pub(super) fn link(email: &str, message: &str, attachment: &Attachment) -> Part {
    let uri = ResourceUri {
        email: email.to_owned(),
        target: Target::Attachment {
            message: message.to_owned(),
            part: attachment.part_id.clone(),
        },
    };
    Part::Link {
        uri: uri.to_string(),
        name: attachment.filename.clone(),
        mime_type: Some(attachment.mime_type.clone()),
        size: Some(attachment.size),
    }
}

/// One line per file.
pub(super) fn listed(attachments: &[Attachment]) -> String {
    let mut lines = String::new();
    for attachment in attachments {
        lines.push_str(&format!(
            "\n- {} ({}, {}, part {})",
            attachment.filename,
            attachment.mime_type,
            text::size(attachment.size),
            attachment.part_id
        ));
    }
    lines
}

fn is_html(part: &MimePart) -> bool {
    part.mime_type.eq_ignore_ascii_case("text/html")
}

/// The parts whose text makes up the message, in reading order.
fn gather<'a>(part: &'a MimePart, prefer: Prefer, sections: &mut Vec<&'a MimePart>) {
    if part.is_text_of_message() {
        sections.push(part);
        return;
    }
    if !part.mime_type.eq_ignore_ascii_case("multipart/alternative") {
        for part in &part.parts {
            gather(part, prefer, sections);
        }
        return;
    }
    let choices: Vec<Vec<&MimePart>> = part
        .parts
        .iter()
        .map(|part| {
            let mut choice = Vec::new();
            gather(part, prefer, &mut choice);
            choice
        })
        .filter(|choice| choice.iter().any(|part| !is_blank(part)))
        .collect();
    let wanted = |choice: &Vec<&MimePart>| {
        choice.iter().any(|part| is_html(part)) == (prefer == Prefer::Html)
    };
    // The last alternative is the richest.
    let chosen = choices
        .iter()
        .position(wanted)
        .or(choices.len().checked_sub(1));
    if let Some(chosen) = chosen {
        sections.extend(&choices[chosen]);
    }
}

fn is_blank(part: &MimePart) -> bool {
    part.text().is_none_or(|text| text.trim().is_empty())
}

/// Plain text without the earlier mail quoted below the answer.
fn without_quotes(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_quoted = |line: &&str| line.starts_with('>') || line.trim().is_empty();
    let divider = lines.iter().position(|line| {
        let line = line.trim();
        (line.starts_with("-----") && line.to_ascii_lowercase().contains("original message"))
            || line == "________________________________"
    });
    let end = divider.unwrap_or(lines.len());
    let body = &lines[..end];
    let quoted = body.iter().rev().take_while(|line| is_quoted(line)).count();
    let mut kept = &body[..body.len() - quoted];
    let dropped_quote = body[kept.len()..].iter().any(|line| line.starts_with('>'));
    if dropped_quote {
        // "On Monday, Kim wrote:", which mail programs also break in two.
        let introduces = |lines: &[&str]| {
            let joined = lines.join(" ");
            let joined = joined.trim();
            joined.ends_with(':')
                && (joined.contains('@') || joined.contains("wrote") || joined.contains(','))
        };
        if let [rest @ .., last] = kept
            && introduces(&[last])
        {
            kept = rest;
            if let [rest @ .., first] = kept
                && first.trim_start().starts_with("On ")
                && !last.trim_start().starts_with("On ")
            {
                kept = rest;
            }
        }
    }
    let kept = kept.join("\n");
    // A message that is nothing but a quote is shown as it is.
    if kept.trim().is_empty() {
        text.to_owned()
    } else {
        kept.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::gmail::message::encode;

    fn leaf(id: &str, mime_type: &str, text: &str) -> Value {
        json!({"partId": id, "mimeType": mime_type, "body": {"size": text.len(), "data": encode(text.as_bytes())}})
    }

    fn message(payload: &Value) -> Message {
        serde_json::from_value(json!({"id": "m", "threadId": "t", "payload": payload})).unwrap()
    }

    fn said(message: &Message, prefer: Prefer) -> String {
        read(message, prefer, Quotes::Keep).text
    }

    #[test]
    fn one_of_alternatives_is_read_and_all_of_mixed() {
        let alternative = json!({"mimeType": "multipart/alternative", "parts": [
            leaf("0.0", "text/plain", "plain"), leaf("0.1", "text/html", "<p>rich <b>text</b></p>"),
        ]});
        let mixed = json!({"mimeType": "multipart/mixed", "parts": [
            alternative,
            {"partId": "1", "mimeType": "application/pdf", "filename": "../a.pdf", "body": {"size": 9, "attachmentId": "x"}},
            leaf("2", "text/plain", "footer"),
        ]});
        let message = message(&mixed);
        assert_eq!(said(&message, Prefer::Plain), "plain\n\nfooter");
        assert_eq!(said(&message, Prefer::Html), "rich **text**\n\nfooter");
        let files = attachments(&message);
        assert_eq!(files.len(), 1);
        assert_eq!(
            (files[0].filename.as_str(), files[0].part_id.as_str()),
            ("a.pdf", "1")
        );
    }

    #[test]
    fn a_blank_alternative_is_passed_over() {
        let message = message(&json!({"mimeType": "multipart/alternative", "parts": [
            leaf("0", "text/plain", " \r\n"), leaf("1", "text/html", "<p>words</p>"),
        ]}));
        assert_eq!(said(&message, Prefer::Plain), "words");
    }

    #[test]
    fn related_pictures_are_attachments_and_their_html_is_read() {
        let message = message(&json!({"mimeType": "multipart/related", "parts": [
            leaf("0", "text/html", "<p>look <img src=cid:1></p>"),
            {"partId": "1", "mimeType": "image/png", "body": {"size": 5, "attachmentId": "y"}},
        ]}));
        assert_eq!(said(&message, Prefer::Plain), "look");
        assert_eq!(attachments(&message)[0].filename, "part-1.png");
    }

    #[test]
    fn quoted_mail_can_be_left_out() {
        for (whole, kept) in [
            ("yes\n\nOn Mon, Kim <k@x> wrote:\n> old\n> older\n", "yes"),
            (
                "yes\n\nOn Mon, 1 Jan 2026 at 10:00, Kim Rivera\n<k@x> wrote:\n\n> old",
                "yes",
            ),
            (
                "> quoted\nanswer in between\n> quoted\nlast answer",
                "> quoted\nanswer in between\n> quoted\nlast answer",
            ),
            ("done\n-----Original Message-----\nFrom: k@x\nold", "done"),
            ("> all of it", "> all of it"),
            ("no quote:\nlist", "no quote:\nlist"),
        ] {
            assert_eq!(without_quotes(whole), kept);
        }
    }
}
