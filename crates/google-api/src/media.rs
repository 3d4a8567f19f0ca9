//! Bytes that travel beside JSON: uploads and downloads.

use bytes::Bytes;

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Media {
    /// The media type, such as `application/pdf`.
    pub mime_type: String,
    /// The content.
    pub bytes: Bytes,
}

/// A part of a download, in bytes from the start.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive.
    pub end: Option<u64>,
}

/// What was downloaded.
#[derive(Clone, Debug)]
pub struct Download {
    /// The media type Google stated.
    pub mime_type: Option<String>,
    /// The content, at most as long as the caller allowed.
    pub bytes: Bytes,
    /// The length of the whole content, when known.
    pub total: Option<u64>,
    /// Whether the cap ended the download before the content did.
    pub truncated: bool,
}
