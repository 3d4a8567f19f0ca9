//! Where the content of an upload comes from, piece by piece.
//!
//! Invariant: a reader is read once and in order; a piece that is not at hand any more is an
//! error, never other bytes.

use std::io;

use bytes::{Bytes, BytesMut};
use foundation::Kind;
use google_discovery::Method;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::{ApiError, upload::fits};

/// The size of a piece; Google wants a multiple of 256 KiB.
const PIECE: usize = 8 * 1024 * 1024;

/// A part of the content, and where it belongs.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) bytes: Bytes,
    /// The length of the whole content, known once the last piece is at hand.
    pub(super) total: Option<u64>,
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// Where pieces come from.
pub(super) enum Source {
    /// All of it, again and again.
    Whole(Bytes),
    /// Once, in order.
    Reader {
        ahead: Bytes,
        reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
        /// How much was handed out.
        position: u64,
    },
}

impl Source {
    /// What is left of the piece from `at` on, when that is a part of it.
    #[expect(clippy::unused_self, reason = "asked in the same breath as `next`")]
    pub(super) fn at(&self, piece: &Piece, at: u64) -> Option<Piece> {
        let inside = at >= piece.start && (at < piece.end() || piece.total.is_some());
        let skip = usize::try_from(at.checked_sub(piece.start)?).ok()?;
        (inside && skip <= piece.bytes.len()).then(|| Piece {
            start: at,
            bytes: piece.bytes.slice(skip..),
            total: piece.total,
        })
    }

    /// The piece that starts at `at`.
    pub(super) async fn next(
        &mut self,
        method: &'static Method,
        at: u64,
    ) -> Result<Piece, ApiError> {
        match self {
            Self::Whole(all) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX).min(all.len());
                let end = (start + PIECE).min(all.len());
                let total = (end == all.len()).then_some(all.len() as u64);
                Ok(Piece {
                    start: at,
                    bytes: all.slice(start..end),
                    total,
                })
            }
            Self::Reader {
                ahead,
                reader,
                position,
            } => {
                // What was read before is not kept, so only the very next part can be had.
                if at != *position {
                    let message = "the upload session was lost after parts had been sent";
                    return Err(ApiError::new(Kind::Upstream, method.id, message)
                        .hint("nothing was created; start the upload again"));
                }
                let first = std::mem::take(ahead);
                let (more, ended) = piece(method, reader, PIECE - first.len()).await?;
                let mut bytes = BytesMut::from(first);
                bytes.extend_from_slice(&more);
                *position = at + bytes.len() as u64;
                let total = ended.then_some(*position);
                fits(method, Some(*position))?;
                Ok(Piece {
                    start: at,
                    bytes: bytes.freeze(),
                    total,
                })
            }
        }
    }
}

/// The next `size` bytes, or fewer at the end, and whether that is the end.
pub(super) async fn piece(
    method: &'static Method,
    reader: &mut BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    size: usize,
) -> Result<(Bytes, bool), ApiError> {
    let unreadable = |error: io::Error| {
        let message = format!("the content could not be read: {}", error.kind());
        ApiError::new(Kind::Input, method.id, message).hint("check the file; nothing was created")
    };
    let mut bytes = BytesMut::with_capacity(size);
    let mut limited = (&mut *reader).take(size as u64);
    while limited.read_buf(&mut bytes).await.map_err(unreadable)? > 0 {}
    let ended = reader.fill_buf().await.map_err(unreadable)?.is_empty();
    Ok((bytes.freeze(), ended))
}
