//! Text that is text already: its characters, in whatever encoding.
//!
//! Invariant: never fails; characters that make no sense are replaced.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::{
    DocumentText,
    budget::{LONGEST_TEXT, Words},
};
use crate::html::{self, Quotes};

/// The words as they are.
pub(super) fn read(mime_type: &str, bytes: &[u8]) -> DocumentText {
    // No encoding takes more than four bytes for a character.
    let window = &bytes[..bytes.len().min(LONGEST_TEXT * 4)];
    let mut words = Words::default();
    words.push(&decode(mime_type, window));
    let (text, full) = words.finish();
    DocumentText {
        text,
        truncated: full || window.len() < bytes.len(),
        notes: Vec::new(),
    }
}

/// A web page as Markdown.
pub(super) fn html(mime_type: &str, bytes: &[u8]) -> DocumentText {
    let source = read(mime_type, bytes);
    let page = html::to_markdown(&source.text, Quotes::Keep);
    let hidden = page.hidden.then(|| "Hidden text was left out.".to_owned());
    DocumentText {
        text: page.text,
        truncated: source.truncated,
        notes: hidden.into_iter().collect(),
    }
}

/// The characters: as marked, as stated, as UTF-8 if it is, else as Western text.
fn decode<'a>(mime_type: &str, bytes: &'a [u8]) -> Cow<'a, str> {
    if let Some((marked, length)) = Encoding::for_bom(bytes) {
        return marked.decode_without_bom_handling(&bytes[length..]).0;
    }
    let stated = mime_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let label = value.trim().trim_matches('"');
        Encoding::for_label(label.as_bytes())
            .filter(|_| name.trim().eq_ignore_ascii_case("charset"))
    });
    match stated {
        Some(stated) if stated != UTF_8 => stated.decode_without_bom_handling(bytes).0,
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            // Cut inside the last character, by us or by whoever wrote the file.
            Err(error) if error.error_len().is_none() => String::from_utf8_lossy(bytes),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_encoding_is_understood() {
        for (mime_type, bytes, text) in [
            ("text/plain", &b"caf\xc3\xa9"[..], "café"),
            ("text/plain", b"caf\xe9 \x80", "café €"),
            ("text/plain", b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
            ("text/plain", b"\xff\xfec\0a\0f\0\xe9\0", "café"),
            ("text/plain", b"\xfe\xff\0c\0a\0f\0\xe9", "café"),
            ("text/csv; charset=\"iso-8859-2\"", b"\xe8", "č"),
            ("text/csv; charset=nonsense", b"\xc3\xa9", "é"),
            ("text/plain", b"caf\xc3", "caf\u{fffd}"),
        ] {
            assert_eq!(read(mime_type, bytes).text, text);
        }
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = "é".repeat(LONGEST_TEXT);
        let read = read("text/plain", long.as_bytes());
        assert!(read.truncated && read.text.len() == LONGEST_TEXT);
    }

    #[test]
    fn web_pages_lose_what_nobody_sees() {
        let read = html(
            "text/html",
            b"<h1>Hi</h1><p>a <b>b</b></p><p hidden>evil</p>",
        );
        assert!(read.text.contains("# Hi") && !read.text.contains("evil"));
        assert_eq!(read.notes.len(), 1);
    }
}
