//! Text that cannot break out of its line or hide part of it.
//!
//! Invariant: no output has a control character, a line or paragraph separator, or a character
//! that changes the direction of writing.

use std::fmt::Write;

/// Whether `c` may not stand in a log line as it is.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Appends `text` as a JSON string, quotes included.
///
/// Queries find errors by the word ERROR, so with `hide_error` the word is written with an escape:
/// the same string to a JSON reader, another one to a text search.
pub(super) fn json_string(text: &str, hide_error: bool, line: &mut String) {
    line.push('"');
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_unsafe(c) => escaped(c, line),
            'E' if hide_error && rest.starts_with("ERROR") => line.push_str("\\u0045"),
            c => line.push(c),
        }
        rest = rest
            .strip_prefix(c)
            .expect("the character was just read there");
    }
    line.push('"');
}

/// Appends `text` for people, with escapes where it could mislead them.
pub(super) fn plain(text: &str, hide_error: bool, line: &mut String) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_unsafe(c) => escaped(c, line),
            'E' if hide_error && rest.starts_with("ERROR") => line.push('e'),
            c => line.push(c),
        }
        rest = rest
            .strip_prefix(c)
            .expect("the character was just read there");
    }
}

fn escaped(c: char, line: &mut String) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        write!(line, "\\u{unit:04x}").expect("writing to a string does not fail");
    }
}
