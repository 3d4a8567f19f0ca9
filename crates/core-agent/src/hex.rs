//! Bytes as hexadecimal text, in lower case.
//!
//! Invariant: two characters for each byte.

use std::fmt::Write;

/// The text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}
