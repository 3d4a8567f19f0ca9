//! Messages put together: demo data, notices, and the corrections Gmail makes when sending.
//!
//! Not a general MIME library: what comes in here is the sandbox's own. Invariant: the same
//! message is the same bytes every time, boundaries included.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

use crate::page::fingerprint;

/// A message to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letter {
    /// Display name and address.
    pub(crate) from: (String, String),
    pub(crate) to: Vec<(String, String)>,
    pub(crate) cc: Vec<(String, String)>,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) references: Vec<String>,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
    /// More header lines, name and value.
    pub(crate) headers: Vec<(String, String)>,
}

/// A file in a message.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) content: Vec<u8>,
}

impl Letter {
    /// The message as bytes, dated `at`.
    pub(crate) fn write(&self, at: Timestamp) -> Vec<u8> {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            write!(out, "{name}: {value}\r\n").expect("a String takes everything");
        };
        line("MIME-Version", "1.0");
        for (name, value) in &self.headers {
            line(name, value);
        }
        line("Date", &rfc2822(at));
        line("Message-ID", &format!("<{}>", self.message_id));
        if let Some(last) = self.references.last() {
            let all: Vec<String> = self.references.iter().map(|id| format!("<{id}>")).collect();
            line("References", &all.join("\r\n "));
            line("In-Reply-To", &format!("<{last}>"));
        }
        line("Subject", &encoded(&self.subject));
        line("From", &mailbox(&self.from));
        let list =
            |people: &[(String, String)]| people.iter().map(mailbox).collect::<Vec<_>>().join(", ");
        if !self.to.is_empty() {
            line("To", &list(&self.to));
        }
        if !self.cc.is_empty() {
            line("Cc", &list(&self.cc));
        }
        out.push_str(&self.body());
        out.into_bytes()
    }

    fn body(&self) -> String {
        let readable = self.readable();
        if self.attachments.is_empty() {
            return readable;
        }
        let boundary = self.boundary("mixed");
        let mut out = format!(
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n{readable}\r\n"
        );
        for attachment in &self.attachments {
            write!(
                out,
                "--{boundary}\r\nContent-Type: {kind}; name=\"{name}\"\r\n\
                 Content-Disposition: attachment; filename=\"{name}\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{content}\r\n",
                kind = attachment.content_type,
                name = attachment.name,
                content = lines(&attachment.content),
            )
            .expect("a String takes everything");
        }
        write!(out, "--{boundary}--\r\n").expect("a String takes everything");
        out
    }

    fn readable(&self) -> String {
        let plain = part("text/plain", &self.text);
        let Some(html) = &self.html else { return plain };
        let boundary = self.boundary("alternative");
        format!(
            "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n\
             {plain}\r\n--{boundary}\r\n{}\r\n--{boundary}--\r\n",
            part("text/html", html)
        )
    }

    fn boundary(&self, kind: &str) -> String {
        format!(
            "{:024x}",
            u128::from(fingerprint(format!("{kind}{}", self.message_id).as_bytes()))
        )
    }
}

fn part(kind: &str, text: &str) -> String {
    format!(
        "Content-Type: {kind}; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        lines(text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes())
    )
}

fn lines(content: &[u8]) -> String {
    let encoded = STANDARD.encode(content);
    let mut out = String::with_capacity(encoded.len() + encoded.len() / 38);
    for (at, letter) in encoded.chars().enumerate() {
        if at > 0 && at % 76 == 0 {
            out.push_str("\r\n");
        }
        out.push(letter);
    }
    out
}

/// `Name <address>`, the name encoded where it must be.
pub(crate) fn mailbox(person: &(String, String)) -> String {
    let (name, address) = person;
    if name.is_empty() {
        return address.clone();
    }
    let plain = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == ' ');
    if plain {
        format!("{name} <{address}>")
    } else if name.is_ascii() {
        format!(
            "\"{}\" <{address}>",
            name.replace(['"', '\\', '\r', '\n'], "")
        )
    } else {
        format!("{} <{address}>", encoded(name))
    }
}

/// RFC 2047 where the text is not plain ASCII.
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.replace(['\r', '\n'], " ");
    }
    let letters: Vec<char> = text.chars().collect();
    let word = |some: &[char]| {
        format!(
            "=?UTF-8?B?{}?=",
            STANDARD.encode(some.iter().collect::<String>())
        )
    };
    letters
        .chunks(12)
        .map(word)
        .collect::<Vec<_>>()
        .join("\r\n ")
}

/// A date as mail writes it.
pub(crate) fn rfc2822(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%a, %d %b %Y %H:%M:%S +0000")
        .to_string()
}

/// The lines of the head, each with its continuation lines, and where the body begins.
fn head(raw: &[u8]) -> (Vec<&[u8]>, usize) {
    let mut fields: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let end = raw[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(raw.len(), |n| at + n + 1);
        let line = &raw[at..end];
        if line == b"\r\n" || line == b"\n" {
            return (
                fields
                    .into_iter()
                    .map(|(from, to)| &raw[from..to])
                    .collect(),
                at,
            );
        }
        match (line[0], fields.last_mut()) {
            (b' ' | b'\t', Some(last)) => last.1 = end,
            _ => fields.push((at, end)),
        }
        at = end;
    }
    (
        fields
            .into_iter()
            .map(|(from, to)| &raw[from..to])
            .collect(),
        raw.len(),
    )
}

fn is_named(field: &[u8], name: &str) -> bool {
    let (prefix, rest) = field.split_at(name.len().min(field.len()));
    prefix.eq_ignore_ascii_case(name.as_bytes()) && rest.first() == Some(&b':')
}

/// The message without a header, wherever it stands in the head.
pub(crate) fn without_header(raw: &[u8], name: &str) -> Vec<u8> {
    let (fields, body) = head(raw);
    let mut out: Vec<u8> = fields
        .into_iter()
        .filter(|field| !is_named(field, name))
        .flatten()
        .copied()
        .collect();
    out.extend_from_slice(&raw[body..]);
    out
}

/// The message with a header put first.
pub(crate) fn with_header(raw: &[u8], name: &str, value: &str) -> Vec<u8> {
    let mut out = format!("{name}: {value}\r\n").into_bytes();
    // A message that begins with its body has no empty line of its own.
    let (fields, body) = head(raw);
    if fields.is_empty() && body == raw.len() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(raw);
    out
}

/// Whether the head has this header.
pub(crate) fn has_header(raw: &[u8], name: &str) -> bool {
    head(raw).0.into_iter().any(|field| is_named(field, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_and_go_with_their_continuations() {
        let raw = b"To: a\r\nBcc: b,\r\n c\r\nSubject: s\r\n\r\nBcc: body\r\n";
        assert!(has_header(raw, "bcc"));
        assert_eq!(
            without_header(raw, "Bcc"),
            b"To: a\r\nSubject: s\r\n\r\nBcc: body\r\n"
        );
        assert!(with_header(raw, "Date", "now").starts_with(b"Date: now\r\nTo: a"));
    }

    #[test]
    fn letters_read_back() {
        let letter = Letter {
            from: ("Zoë Ångström".into(), "zoe@example.com".into()),
            to: vec![("Smith, J.".into(), "j@example.com".into())],
            subject: "Über uns – und euch, ein langer Betreff".into(),
            message_id: "x@y".into(),
            text: "Grüße".into(),
            html: Some("<p>Grüße</p>".into()),
            attachments: vec![Attachment {
                name: "a.bin".into(),
                content_type: "application/octet-stream".into(),
                content: (0..=255).collect(),
            }],
            ..Letter::default()
        };
        let raw = letter.write(Timestamp::UNIX_EPOCH);
        let parsed = mail_parser::MessageParser::default()
            .parse(&raw)
            .expect("well formed");
        assert_eq!(parsed.subject(), Some(letter.subject.as_str()));
        assert_eq!(
            parsed.from().and_then(|from| from.first()?.name()),
            Some("Zoë Ångström")
        );
        assert_eq!(
            parsed.to().and_then(|to| to.first()?.name()),
            Some("Smith, J.")
        );
        assert_eq!(
            parsed.attachment(0).map(|part| part.contents().len()),
            Some(256)
        );
    }
}
