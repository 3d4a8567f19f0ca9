//! Messages taken apart: what search looks at, and the part tree of the API.
//!
//! Not the writing of messages. Invariant: an unreadable message still has an index and a payload.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use mail_parser::{
    Address, Header, HeaderName, HeaderValue, Message as Parsed, MessageParser, MessagePart,
    MimeHeaders, PartType,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What search, threading and lists need to know of a message.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Index {
    /// The addresses and names of each field, as words.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    /// The bare addresses of all recipients, in lower case.
    pub(crate) recipients: Vec<String>,
    pub(crate) subject: String,
    pub(crate) list: String,
    pub(crate) message_id: String,
    pub(crate) references: Vec<String>,
    /// Names of attachments.
    pub(crate) files: Vec<String>,
    /// Subject, people, text and file names, as words.
    pub(crate) words: String,
    pub(crate) snippet: String,
    pub(crate) size: usize,
}

impl Index {
    /// Reads a message.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(raw) else {
            return Self {
                size: raw.len(),
                ..Self::default()
            };
        };
        let people = |name: HeaderName<'static>| {
            message
                .header_values(name)
                .filter_map(HeaderValue::as_address)
                .map(joined)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let text = readable(&message);
        let subject = message.subject().unwrap_or_default().to_owned();
        let files: Vec<String> = message
            .parts
            .iter()
            .filter_map(|part| part.attachment_name())
            .map(str::to_owned)
            .collect();
        let (from, to) = (people(HeaderName::From), people(HeaderName::To));
        let (cc, bcc) = (people(HeaderName::Cc), people(HeaderName::Bcc));
        let all = [subject.as_str(), &from, &to, &cc, &text, &files.join(" ")].join(" ");
        Self {
            words: words(&all),
            recipients: recipients(&message),
            from: words(&from),
            to: words(&to),
            cc: words(&cc),
            bcc: words(&bcc),
            list: words(message.header_raw("List-ID").unwrap_or_default()),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            references: [message.references(), message.in_reply_to()]
                .into_iter()
                .flat_map(|value| match value {
                    HeaderValue::Text(one) => vec![one.to_string()],
                    HeaderValue::TextList(many) => many.iter().map(ToString::to_string).collect(),
                    _ => Vec::new(),
                })
                .collect(),
            snippet: snippet(&text),
            size: raw.len(),
            subject,
            files,
        }
    }

    /// Whether this message belongs into the thread of that one.
    pub(super) fn answers(&self, other: &Self) -> bool {
        let shares = self.references.contains(&other.message_id)
            || self
                .references
                .iter()
                .any(|id| other.references.contains(id));
        shares && bare_subject(&self.subject) == bare_subject(&other.subject)
    }
}

/// A subject without its `Re:` and `Fwd:`.
fn bare_subject(subject: &str) -> String {
    let mut rest = subject.trim().to_lowercase();
    while let Some(shorter) = ["re:", "fwd:", "fw:", "aw:"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))
    {
        rest = shorter.trim_start().to_owned();
    }
    rest
}

/// Words in lower case with one space around each, so that a phrase is found as a substring.
pub(super) fn words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 2);
    plain.push(' ');
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '_' {
            plain.extend(letter.to_lowercase());
        } else if !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
    plain
}

fn joined(address: &Address<'_>) -> String {
    let one = |addr: &mail_parser::Addr<'_>| {
        format!(
            "{} {}",
            addr.name().unwrap_or_default(),
            addr.address().unwrap_or_default()
        )
    };
    address.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn recipients(message: &Parsed<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for name in [HeaderName::To, HeaderName::Cc, HeaderName::Bcc] {
        for address in message
            .header_values(name)
            .filter_map(HeaderValue::as_address)
        {
            for addr in address.iter().filter_map(mail_parser::Addr::address) {
                let addr = addr.to_ascii_lowercase();
                if !all.contains(&addr) {
                    all.push(addr);
                }
            }
        }
    }
    all
}

/// The text of a message as a reader sees it.
fn readable(message: &Parsed<'_>) -> String {
    let mut text = String::new();
    for at in &message.text_body {
        match message.part(*at).map(|part| &part.body) {
            Some(PartType::Text(plain)) => text.push_str(plain),
            Some(PartType::Html(html)) => text.push_str(&without_tags(html)),
            _ => {}
        }
        text.push(' ');
    }
    text
}

fn without_tags(html: &str) -> String {
    mail_parser::decoders::html::html_to_text(html)
}

/// The first words, escaped like Gmail's.
fn snippet(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short = String::new();
    for letter in flat.chars().take(200) {
        match letter {
            '&' => short.push_str("&amp;"),
            '<' => short.push_str("&lt;"),
            '>' => short.push_str("&gt;"),
            '"' => short.push_str("&quot;"),
            '\'' => short.push_str("&#39;"),
            other => short.push(other),
        }
    }
    short
}

/// The whole part tree.
pub(super) fn payload(id: &str, raw: &[u8]) -> Value {
    match MessageParser::default().parse(raw) {
        Some(message) => part_json(id, &message, 0, ""),
        None => json!({"partId": "", "mimeType": "text/plain", "filename": "", "headers": [],
            "body": {"size": raw.len()}}),
    }
}

/// The root's type and headers alone; of those named, if any are.
pub(super) fn headers(raw: &[u8], wanted: &[String]) -> Value {
    let Some(message) = MessageParser::default().parse(raw) else {
        return json!({});
    };
    let root = message.root_part();
    let all = header_list(&message, root);
    let kept: Vec<Value> = all
        .into_iter()
        .filter(|(name, _)| {
            wanted.is_empty()
                || wanted
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        })
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"mimeType": mime_type(root), "headers": kept})
}

/// The content of the part that an attachment id names.
pub(super) fn attachment(raw: &[u8], part_id: &str) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(raw)?;
    find(&message, 0, "", part_id)
}

fn find(message: &Parsed<'_>, at: u32, id: &str, wanted: &str) -> Option<Vec<u8>> {
    let part = message.part(at)?;
    if id == wanted {
        return Some(part.contents().to_vec());
    }
    match &part.body {
        PartType::Multipart(children) => children
            .iter()
            .enumerate()
            .find_map(|(place, child)| find(message, *child, &child_id(id, place), wanted)),
        PartType::Message(inner) => find(inner, 0, &child_id(id, 0), wanted),
        _ => None,
    }
}

fn part_json(message_id: &str, message: &Parsed<'_>, at: u32, id: &str) -> Value {
    let Some(part) = message.part(at) else {
        return Value::Null;
    };
    let filename = part.attachment_name().unwrap_or_default();
    let headers: Vec<Value> = header_list(message, part)
        .into_iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let content = part.contents();
    let mut value = json!({
        "partId": id, "mimeType": mime_type(part), "filename": filename, "headers": headers,
    });
    match &part.body {
        PartType::Multipart(children) => {
            value["body"] = json!({"size": 0});
            value["parts"] = children
                .iter()
                .enumerate()
                .map(|(place, child)| part_json(message_id, message, *child, &child_id(id, place)))
                .collect();
        }
        PartType::Message(inner) => {
            value["body"] = json!({
                "attachmentId": attachment_id(message_id, id), "size": content.len(),
            });
            value["parts"] = json!([part_json(message_id, inner, 0, &child_id(id, 0))]);
        }
        PartType::Text(_) | PartType::Html(_) if filename.is_empty() => {
            value["body"] = json!({"size": content.len(), "data": URL_SAFE.encode(content)});
        }
        _ => {
            value["body"] = json!({
                "attachmentId": attachment_id(message_id, id), "size": content.len(),
            });
        }
    }
    value
}

/// Root parts have no number; their children have `0`, `1`; those of child 0 have `0.0`.
fn child_id(id: &str, place: usize) -> String {
    if id.is_empty() {
        place.to_string()
    } else {
        format!("{id}.{place}")
    }
}

fn attachment_id(message_id: &str, part_id: &str) -> String {
    format!(
        "ANGjdJ{}",
        URL_SAFE
            .encode(format!("{message_id}/{part_id}"))
            .trim_end_matches('=')
    )
}

/// The part an attachment id names, if it is one of this message.
pub(super) fn part_of_attachment(message_id: &str, attachment_id: &str) -> Option<String> {
    let encoded = attachment_id.strip_prefix("ANGjdJ")?;
    let text = crate::blob::base64_lenient(encoded.as_bytes())?;
    let text = String::from_utf8(text).ok()?;
    text.strip_prefix(message_id)?
        .strip_prefix('/')
        .map(str::to_owned)
}

fn mime_type(part: &MessagePart<'_>) -> String {
    match (part.content_type(), &part.body) {
        (Some(kind), _) => {
            let subtype = kind.subtype().unwrap_or("plain");
            format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase()
        }
        (None, PartType::Html(_)) => "text/html".to_owned(),
        _ => "text/plain".to_owned(),
    }
}

fn header_list(message: &Parsed<'_>, part: &MessagePart<'_>) -> Vec<(String, String)> {
    part.headers()
        .iter()
        .map(|header| (header.name().to_owned(), header_text(message, header)))
        .collect()
}

/// A header's value on one line, encoded words decoded.
fn header_text(message: &Parsed<'_>, header: &Header<'_>) -> String {
    let bytes = message
        .raw_message()
        .get(header.offset_start as usize..header.offset_end as usize)
        .unwrap_or_default();
    let raw = String::from_utf8_lossy(bytes);
    let flat = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    if !flat.contains("=?") {
        return flat;
    }
    let line = format!("Subject: {flat}\r\n\r\n");
    let decoded = MessageParser::new()
        .header_text(HeaderName::Subject)
        .parse(line.as_bytes());
    decoded
        .and_then(|message| message.subject().map(str::to_owned))
        .unwrap_or(flat)
}
