//! One digest, in one spelling.
//!
//! For names and versions, never for passwords. Invariant: SHA-256, lower-case hexadecimal.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

/// The digest of `bytes`, 64 characters.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
