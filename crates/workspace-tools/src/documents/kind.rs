//! What a file is: by its media type, by its name where that says nothing, and by its first bytes.
//!
//! Invariant: a file is never given to a reader whose first bytes it does not have.

use crate::media_type;

/// How a file is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FileKind {
    /// A docx.
    Word,
    /// A pptx.
    Slides,
    /// An xlsx.
    Sheets,
    /// An odt, ods or odp.
    OpenDocument,
    /// A PDF.
    Pdf,
    /// A web page.
    Html,
    /// Words as they are.
    Plain,
    /// A picture models can look at.
    Image(&'static str),
    /// An Office file protected with a password: its outside is not a zip archive.
    Locked,
    /// Anything else.
    Unreadable,
}

const PLAIN: &[&str] = &[
    "application/json",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/javascript",
    "application/sql",
    "application/x-ndjson",
    "application/x-sh",
    "message/rfc822",
];

const IMAGES: &[(&str, &[u8])] = &[
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
    ("image/webp", b"RIFF"),
];

const ZIP: &[u8] = b"PK";

/// The container of the old Office programs, and of encrypted new files.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

impl FileKind {
    /// What a file of that type, name and content is.
    pub(super) fn of(mime_type: &str, name: &str, bytes: &[u8]) -> Self {
        let stated = mime_type.split(';').next().unwrap_or_default().trim();
        let stated = stated.to_ascii_lowercase();
        let unspecific = matches!(
            stated.as_str(),
            "" | "application/octet-stream"
                | "application/zip"
                | "application/x-zip-compressed"
                | "binary/octet-stream"
                | "application/force-download"
                | "application/x-download"
        );
        let by_type = Self::of_type(&stated);
        let kind = if unspecific || by_type == Self::Unreadable {
            Self::of_type(media_type::of_name(name))
        } else {
            by_type
        };
        match kind {
            Self::Unreadable if unspecific => Self::of_content(bytes),
            // A wrong picture would end a conversation at the model's door.
            Self::Image(_) | Self::Pdf => Self::of_content(bytes),
            Self::Word | Self::Slides | Self::Sheets if bytes.starts_with(COMPOUND) => Self::Locked,
            _ => kind,
        }
    }

    fn of_type(mime_type: &str) -> Self {
        const OFFICE: &str = "application/vnd.openxmlformats-officedocument.";
        const ODF: &str = "application/vnd.oasis.opendocument.";
        if let Some(office) = mime_type.strip_prefix(OFFICE) {
            return match office.split('.').next() {
                Some("wordprocessingml") => Self::Word,
                Some("presentationml") => Self::Slides,
                Some("spreadsheetml") => Self::Sheets,
                _ => Self::Unreadable,
            };
        }
        if let Some((known, _)) = IMAGES.iter().find(|(known, _)| *known == mime_type) {
            return Self::Image(known);
        }
        match mime_type {
            "application/vnd.ms-word.document.macroenabled.12" => Self::Word,
            "application/vnd.ms-powerpoint.presentation.macroenabled.12" => Self::Slides,
            "application/vnd.ms-excel.sheet.macroenabled.12" => Self::Sheets,
            "application/pdf" | "application/x-pdf" => Self::Pdf,
            "text/html" | "application/xhtml+xml" => Self::Html,
            "text/rtf" => Self::Unreadable,
            _ if mime_type.starts_with(ODF) => Self::OpenDocument,
            _ if mime_type.starts_with("text/") || PLAIN.contains(&mime_type) => Self::Plain,
            _ if mime_type.ends_with("+json") || mime_type.ends_with("+xml") => Self::Plain,
            _ => Self::Unreadable,
        }
    }

    fn of_content(bytes: &[u8]) -> Self {
        let image = IMAGES.iter().find(|(_, magic)| bytes.starts_with(magic));
        if let Some((mime_type, _)) = image {
            let is_webp = bytes.get(8..12) == Some(b"WEBP".as_slice());
            return match *mime_type {
                "image/webp" if !is_webp => Self::Unreadable,
                known => Self::Image(known),
            };
        }
        let start = &bytes[..bytes.len().min(8_192)];
        if start
            .windows(5)
            .take(1_024)
            .any(|window| window == b"%PDF-")
        {
            return Self::Pdf;
        }
        if bytes.starts_with(ZIP) || bytes.starts_with(COMPOUND) || start.contains(&0) {
            return Self::Unreadable;
        }
        let text = match std::str::from_utf8(start) {
            Ok(_) => true,
            // The window may end inside a character.
            Err(error) => error.error_len().is_none() && bytes.len() > start.len(),
        };
        if text { Self::Plain } else { Self::Unreadable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

    #[test]
    fn types_names_and_bytes_decide_in_that_order() {
        for (mime_type, name, bytes, kind) in [
            (DOCX, "x", &b"PK\x03\x04"[..], FileKind::Word),
            (DOCX, "x", COMPOUND, FileKind::Locked),
            (
                "application/octet-stream",
                "a.XLSX",
                b"PK",
                FileKind::Sheets,
            ),
            ("application/zip", "a.pptx", b"PK", FileKind::Slides),
            ("application/zip", "a.zip", b"PK", FileKind::Unreadable),
            ("application/octet-stream", "a", b"words", FileKind::Plain),
            ("application/octet-stream", "a", b"%PDF-1.7", FileKind::Pdf),
            (
                "application/octet-stream",
                "a",
                b"\0\x01",
                FileKind::Unreadable,
            ),
            ("application/pdf", "a.pdf", b"junk %PDF-1.4", FileKind::Pdf),
            (
                "application/pdf",
                "a.pdf",
                b"<html>not found",
                FileKind::Plain,
            ),
            (
                "image/png",
                "a.png",
                b"\xff\xd8\xff\xe0",
                FileKind::Image("image/jpeg"),
            ),
            (
                "image/webp",
                "a",
                b"RIFF1234WEBPVP8 ",
                FileKind::Image("image/webp"),
            ),
            (
                "image/webp",
                "a",
                b"RIFF1234WAVE\0\0\0",
                FileKind::Unreadable,
            ),
            ("text/html; charset=utf-8", "a", b"<p>", FileKind::Html),
            ("application/ld+json", "a", b"{}", FileKind::Plain),
            (
                "application/vnd.oasis.opendocument.text",
                "a",
                b"PK",
                FileKind::OpenDocument,
            ),
            ("application/x-unknown", "a.md", b"# a", FileKind::Plain),
            ("video/mp4", "a.mp4", b"\0\0\0", FileKind::Unreadable),
            (
                "application/msword",
                "a.doc",
                COMPOUND,
                FileKind::Unreadable,
            ),
        ] {
            assert_eq!(
                FileKind::of(mime_type, name, bytes),
                kind,
                "{mime_type} {name}"
            );
        }
    }
}
