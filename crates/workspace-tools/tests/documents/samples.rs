//! Documents made here, part by part.

use std::io::{Cursor, Write};

use bytes::Bytes;
use foundation::Kind;
use futures::future::BoxFuture;
use workspace_tools::{
    ToolError,
    documents::{DocumentText, Extracted, PdfText, extract},
};
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) const DOCX: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(crate) const PPTX: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// These tests read no PDF.
struct NoPdf;

impl PdfText for NoPdf {
    fn text(&self, _: Bytes) -> BoxFuture<'_, Result<DocumentText, ToolError>> {
        Box::pin(async { Err(ToolError::new(Kind::Internal, "no PDF here")) })
    }
}

/// Reads a file as a tool would.
pub(crate) async fn read(mime_type: &str, bytes: Vec<u8>) -> Result<Extracted, ToolError> {
    extract(&NoPdf, mime_type, "sample", bytes.into()).await
}

/// The words of a document that has some.
pub(crate) async fn words(mime_type: &str, bytes: Vec<u8>) -> DocumentText {
    match read(mime_type, bytes).await {
        Ok(Extracted::Text(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// An archive of these parts.
pub(crate) fn archive<N: AsRef<str>, C: AsRef<[u8]>>(parts: &[(N, C)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(name.as_ref(), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content.as_ref()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A part that says what another refers to: (id, kind, target).
pub(crate) fn relations(of: &[(&str, &str, &str)]) -> String {
    let mut lines = String::new();
    for (id, kind, target) in of {
        let kind =
            format!("http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}");
        lines.push_str(&format!(
            "<Relationship Id=\"{id}\" Target=\"{target}\" Type=\"{kind}\"/>"
        ));
    }
    format!("<?xml version=\"1.0\"?><Relationships>{lines}</Relationships>")
}

/// The main part of a Word document around `body`.
pub(crate) fn word(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
         <w:body>{body}</w:body></w:document>"
    )
}

/// A Word document around `body`.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    archive(&[("word/document.xml", word(body))])
}

/// A sheet around `rows`.
pub(crate) fn sheet(rows: &str) -> String {
    format!("<?xml version=\"1.0\"?><worksheet><sheetData>{rows}</sheetData></worksheet>")
}
