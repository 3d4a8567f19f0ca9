//! From the bytes of a text file to its text.
//!
//! Invariant: bytes that are no text in any usual encoding are called binary, not shown as rubble.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The text, if the bytes are text: by the mark at their beginning, else UTF-8, else Windows-1252.
///
/// `cut_off` says that the bytes may end in the middle of a character.
pub(super) fn decode(bytes: &[u8], cut_off: bool) -> Option<String> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let whole = if cut_off && encoding != UTF_8 {
            bytes.len() / 2 * 2
        } else {
            bytes.len()
        };
        let body = bytes.get(mark..whole)?;
        let (text, _) = encoding.decode_without_bom_handling(body);
        let text = text.into_owned();
        return Some(if cut_off {
            without_broken_end(text)
        } else {
            text
        });
    }
    // Zero bytes are valid UTF-8, so this comes first.
    if let Some(encoding) = looks_like_utf_16(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
        return (!broken || cut_off).then(|| without_broken_end(text.into_owned()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => return is_text(text).then(|| text.to_owned()),
        Err(error) if cut_off && error.error_len().is_none() => {
            let good = bytes.get(..error.valid_up_to())?;
            let text = std::str::from_utf8(good).ok()?;
            return is_text(text).then(|| text.to_owned());
        }
        Err(_) => {}
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    is_text(&text).then(|| text.into_owned())
}

/// A character that was cut in two becomes the replacement character; it comes again later.
fn without_broken_end(text: String) -> String {
    text.strip_suffix('\u{fffd}')
        .map(str::to_owned)
        .unwrap_or(text)
}

/// Text has line breaks and tabs, and hardly any other control character.
fn is_text(text: &str) -> bool {
    let controls = text
        .chars()
        .filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}'))
        .count();
    !text.contains('\0') && controls * 100 <= text.chars().count()
}

/// Every other byte of western text in UTF-16 is zero.
fn looks_like_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..bytes.len().min(512))?;
    if sample.len() < 8 {
        return None;
    }
    let zeros = |offset: usize| {
        sample
            .iter()
            .skip(offset)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let most = sample.len() * 2 / 5;
    match (zeros(0), zeros(1)) {
        (0, odd) if odd >= most => Some(UTF_16LE),
        (even, 0) if even >= most => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_encodings_are_read_and_binaries_are_not() {
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let mut marked = vec![0xff, 0xfe];
        marked.extend(utf16("Zoé 😀"));
        for (bytes, text) in [
            ("Zoé".as_bytes().to_vec(), "Zoé"),
            (b"\xef\xbb\xbfZo\xc3\xa9".to_vec(), "Zoé"),
            (b"Zo\xe9 \x80".to_vec(), "Zoé €"),
            (marked, "Zoé 😀"),
            (utf16("plain words"), "plain words"),
            (Vec::new(), ""),
        ] {
            assert_eq!(decode(&bytes, false).as_deref(), Some(text));
        }
        for binary in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..],
            b"PK\x03\x04\x14\0\x08\0",
        ] {
            assert_eq!(decode(binary, false), None);
        }
    }

    proptest! {
        #[test]
        fn a_cut_off_text_is_a_beginning_of_the_whole(
            text in "[a-zé😀\n]{1,40}", end in 0usize..160,
        ) {
            let end = end.min(text.len());
            let part = decode(&text.as_bytes()[..end], true);
            let part = part.expect("text stays text");
            prop_assert!(text.starts_with(&part));
        }
    }
}
