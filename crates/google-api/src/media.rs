//! Bytes that travel beside JSON: what goes up, what comes down.
//!
//! Not how they travel: that is `upload` and `download`.

use std::fmt;

use bytes::Bytes;
use tokio::io::AsyncRead;

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Media {
    /// The media type, such as `application/pdf`.
    pub mime_type: String,
    /// The content.
    pub bytes: Bytes,
}

/// What is uploaded while it is being read, such as a file. Memory holds one piece of it at a time.
pub struct MediaStream {
    /// The media type, such as `application/pdf`.
    pub mime_type: String,
    /// How many bytes there are, when known; Google can then refuse early.
    pub length: Option<u64>,
    /// Where they come from.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream")
            .field("mime_type", &self.mime_type)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
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

/// What was downloaded into a writer.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// The media type Google stated.
    pub mime_type: Option<String>,
    /// How many bytes were written.
    pub written: u64,
    /// The length of the whole content, when known.
    pub total: Option<u64>,
    /// Whether the cap ended the download before the content did.
    pub truncated: bool,
}
