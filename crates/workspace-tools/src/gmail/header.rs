//! What may stand in a header field that a caller chose.
//!
//! Invariant: nothing passes that a mail program could read as the end of the field, directly or
//! after decoding an encoded word.

use crate::{ToolError, text};

/// Refuses line ends of every kind, other control characters and encoded words.
pub(super) fn check(field: &str, value: &str) -> Result<(), ToolError> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if value.chars().any(breaks) {
        return Err(ToolError::input(format!(
            "{field} contains a line break or another control character"
        ))
        .hint("header fields are single lines; put further lines into body"));
    }
    if has_encoded_word(value) {
        return Err(
            ToolError::input(format!("{field} contains an encoded word (=?…?=)"))
                .hint("write the text itself; it is encoded when it is sent"),
        );
    }
    Ok(())
}

/// A header text that others wrote, fit to be sent again: encoded words cannot come alive in it.
pub(super) fn defused(value: &str) -> String {
    text::line(value).replace("=?", "= ?")
}

/// Reads message ids, with or without brackets, separated by blanks or commas.
pub(super) fn message_ids(field: &str, value: &str) -> Result<Vec<String>, ToolError> {
    check(field, value)?;
    value
        .split([' ', ',', '\t'])
        .filter(|id| !id.is_empty())
        .map(|id| {
            bare_id(id).ok_or_else(|| {
                ToolError::input(format!("{field}: \"{id}\" is not a message id"))
                    .hint("a message id looks like <abc@mail.example>")
            })
        })
        .collect()
}

/// Reads message ids that others wrote; what makes no sense is left out.
pub(super) fn lenient_ids(value: &str) -> Vec<String> {
    value
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter_map(bare_id)
        .collect()
}

/// The id without brackets, if it is one.
fn bare_id(id: &str) -> Option<String> {
    let id = id.strip_prefix('<').unwrap_or(id);
    let id = id.strip_suffix('>').unwrap_or(id);
    let good = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
    ((1..=900).contains(&id.len()) && id.chars().all(good)).then(|| id.to_owned())
}

fn has_encoded_word(value: &str) -> bool {
    value
        .split_once("=?")
        .is_some_and(|(_, rest)| rest.matches('?').count() >= 2 || rest.contains("?="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_ends_a_field_passes() {
        for hostile in [
            "a\r\nBcc: eve@x",
            "a\nBcc: eve@x",
            "a\rBcc: eve@x",
            "a\r\n folded",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\0b",
            "=?utf-8?q?a=0D=0ABcc:_eve@x?=",
            "=?UTF-8?B?YQ0KQmNjOiBldmVAeA==?=",
        ] {
            assert!(check("subject", hostile).is_err(), "{hostile:?}");
        }
        for plain in ["", "Re: a=b?", "Žluť 😀", "1 =? 2", "who?=what"] {
            assert!(check("subject", plain).is_ok(), "{plain:?}");
        }
    }

    #[test]
    fn message_ids_are_read_with_and_without_brackets() {
        let ids = message_ids("references", "<a@x>, b@y <c@z>").unwrap();
        assert_eq!(ids, ["a@x", "b@y", "c@z"]);
        assert!(message_ids("references", "<a@x>\r\n <b@y>").is_err());
        assert!(message_ids("references", "a<b").is_err());
        assert_eq!(lenient_ids("<a@x>\r\n\t<b@y> žž"), ["a@x", "b@y"]);
    }
}
