//! Text out of the files people send: Office, OpenDocument, PDF, plain text; pictures as they are.
//!
//! The files are hostile until shown otherwise. Invariant: whatever the bytes are, the answer is
//! text, a picture or an error, within the limits of `budget.rs` and, for PDF, of a child process.

mod budget;
mod kind;
mod open_document;
mod package;
mod pdf;
mod pdf_child;
mod plain;
mod sheets;
mod slides;
mod spreadsheet_cells;
mod word;
mod xml;

use bytes::Bytes;
use foundation::Kind;
use tokio::sync::Semaphore;

use self::{
    budget::{Budget, Cancel, Refusal},
    kind::FileKind,
    package::Package,
};
use crate::{ToolError, text};

pub use pdf::{ChildPdfReader, PdfText};
pub use pdf_child::pdf_child;

/// The largest picture that is shown.
pub const LARGEST_IMAGE: usize = 5_000_000;

/// The largest file that is read for its text.
pub const LARGEST_FILE: usize = 25 << 20;

/// How many files are unpacked at once; each may take some ten megabytes.
static UNPACKING: Semaphore = Semaphore::const_new(3);

/// What could be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Extracted {
    /// The words of a document.
    Text(DocumentText),
    /// A picture to look at.
    Image {
        /// Its media type.
        mime_type: String,
        /// Its bytes.
        bytes: Bytes,
    },
}

/// The words of a document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DocumentText {
    /// The words, in Markdown where there is structure.
    pub text: String,
    /// Whether the document has more than this.
    pub truncated: bool,
    /// What a reader should know: pages or sheets, hidden or unreadable parts. Each a
    /// sentence of ours, without words of the document.
    pub notes: Vec<String>,
}

/// Reads a file for its text, or a picture as it is.
///
/// `mime_type` is believed where the bytes allow it; the name decides when it says nothing.
pub async fn extract(
    pdf: &dyn PdfText,
    mime_type: &str,
    name: &str,
    bytes: Bytes,
) -> Result<Extracted, ToolError> {
    let kind = FileKind::of(mime_type, name, &bytes);
    match kind {
        FileKind::Image(mime_type) if bytes.len() <= LARGEST_IMAGE => {
            let mime_type = mime_type.to_owned();
            return Ok(Extracted::Image { mime_type, bytes });
        }
        FileKind::Image(_) => return Err(image_too_large(name, bytes.len())),
        _ if bytes.len() > LARGEST_FILE => return Err(file_too_large(name, bytes.len())),
        FileKind::Pdf => return pdf.text(bytes).await.map(Extracted::Text),
        FileKind::Locked => return Err(refused(name, Refusal::Encrypted)),
        FileKind::Unreadable => return Err(unreadable(name, mime_type)),
        _ => {}
    }
    let permit = UNPACKING.acquire().await.map_err(ToolError::internal)?;
    let mime_type = mime_type.to_owned();
    let cancel = Cancel::default();
    let flag = cancel.flag();
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        words(kind, &mime_type, &bytes, Budget::new(flag))
    });
    let read = read.await.map_err(ToolError::internal)?;
    drop(cancel);
    read.map(Extracted::Text)
        .map_err(|refusal| refused(name, refusal))
}

fn words(
    kind: FileKind,
    mime_type: &str,
    bytes: &[u8],
    budget: Budget,
) -> Result<DocumentText, Refusal> {
    match kind {
        FileKind::Word => word::read(&mut Package::open(bytes, budget)?),
        FileKind::Slides => slides::read(&mut Package::open(bytes, budget)?),
        FileKind::Sheets => sheets::read(&mut Package::open(bytes, budget)?),
        FileKind::OpenDocument => open_document::read(&mut Package::open(bytes, budget)?),
        FileKind::Html => Ok(plain::html(mime_type, bytes)),
        _ => Ok(plain::read(mime_type, bytes)),
    }
}

fn image_too_large(name: &str, size: usize) -> ToolError {
    ToolError::input(format!(
        "the picture {} has {}; pictures are shown up to {}",
        text::line(name),
        text::size(size as u64),
        text::size(LARGEST_IMAGE as u64),
    ))
    .hint("fetch the file itself, or have it made smaller")
}

fn file_too_large(name: &str, size: usize) -> ToolError {
    ToolError::input(format!(
        "{} has {}; files are read for their text up to {}",
        text::line(name),
        text::size(size as u64),
        text::size(LARGEST_FILE as u64),
    ))
    .hint("fetch the file itself")
}

fn unreadable(name: &str, mime_type: &str) -> ToolError {
    ToolError::input(format!(
        "{} ({}) has no text that can be read here; docx, xlsx, pptx, odt, ods, odp, pdf, html, \
         csv, json and plain text have, and png, jpeg, gif and webp pictures can be shown",
        text::line(name),
        text::line(mime_type),
    ))
    .hint("fetch the file itself, or have it saved as one of these")
}

fn refused(name: &str, refusal: Refusal) -> ToolError {
    let name = text::line(name);
    let kind = match refusal {
        Refusal::Cancelled => Kind::Busy,
        _ => Kind::Input,
    };
    ToolError::new(kind, format!("{name} was not read: {refusal}")).hint(refusal.advice())
}
