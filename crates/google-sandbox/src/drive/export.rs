//! Which formats Google's documents can be exported to and made from, and doing it.
//!
//! Invariant: `formats` lists exactly what `export` answers.

use bytes::Bytes;

use super::{
    file::{DOCUMENT, PRESENTATION, SPREADSHEET},
    native::{self, Block, Native, Sheet, Slide},
    office, pdf,
};

/// A format documents can be exported to.
pub(super) struct Format {
    pub(super) mime_type: &'static str,
    /// The word for it in export links.
    pub(super) extension: &'static str,
}

const fn format(mime_type: &'static str, extension: &'static str) -> Format {
    Format {
        mime_type,
        extension,
    }
}

const PDF: Format = format("application/pdf", "pdf");

const OF_DOCUMENTS: &[Format] = &[
    format("text/plain", "txt"),
    format("text/markdown", "md"),
    format("text/html", "html"),
    PDF,
    format(office::DOCX, "docx"),
];

const OF_SPREADSHEETS: &[Format] = &[
    format("text/csv", "csv"),
    format("text/tab-separated-values", "tsv"),
    PDF,
    format(office::XLSX, "xlsx"),
];

const OF_PRESENTATIONS: &[Format] = &[
    format("text/plain", "txt"),
    PDF,
    format(office::PPTX, "pptx"),
];

/// Which types can be uploaded as which of Google's types.
pub(super) const IMPORTS: &[(&str, &str)] = &[
    ("text/plain", DOCUMENT),
    ("text/markdown", DOCUMENT),
    ("text/html", DOCUMENT),
    ("text/csv", SPREADSHEET),
    ("text/tab-separated-values", SPREADSHEET),
];

/// The formats of a document.
pub(super) fn formats(native: &Native) -> &'static [Format] {
    match native {
        Native::Document(_) => OF_DOCUMENTS,
        Native::Spreadsheet(_) => OF_SPREADSHEETS,
        Native::Presentation(_) => OF_PRESENTATIONS,
    }
}

/// The formats of all editors, by the editor's type.
pub(super) fn all_formats() -> [(&'static str, &'static [Format]); 3] {
    [
        (DOCUMENT, OF_DOCUMENTS),
        (SPREADSHEET, OF_SPREADSHEETS),
        (PRESENTATION, OF_PRESENTATIONS),
    ]
}

/// The document in another format; `None` when it has no such format.
pub(super) fn export(name: &str, native: &Native, mime_type: &str) -> Option<Bytes> {
    let text = |text: String| Some(Bytes::from(text));
    match (native, mime_type) {
        // Google begins plain text with a byte order mark and ends its lines in the Windows way.
        (Native::Document(_) | Native::Presentation(_), "text/plain") => text(format!(
            "\u{feff}{}",
            native.plain_text().replace('\n', "\r\n")
        )),
        (Native::Document(blocks), "text/markdown") => text(native::markdown(blocks)),
        (Native::Document(blocks), "text/html") => text(html(name, blocks)),
        (Native::Document(blocks), office::DOCX) => Some(office::docx(blocks)),
        (Native::Spreadsheet(sheets), "text/csv") => text(native::csv(first(sheets))),
        (Native::Spreadsheet(sheets), "text/tab-separated-values") => text(
            first(sheets)
                .iter()
                .map(|row| row.join("\t"))
                .collect::<Vec<_>>()
                .join("\r\n"),
        ),
        (Native::Spreadsheet(sheets), office::XLSX) => Some(office::xlsx(sheets)),
        (Native::Presentation(slides), office::PPTX) => Some(office::pptx(slides)),
        (_, "application/pdf") => Some(pdf::document(&native.plain_text())),
        _ => None,
    }
}

/// A document of the type `target` made from an upload; `None` when Google cannot do it either.
pub(super) fn import(content_type: &str, bytes: &[u8], target: &str) -> Option<Native> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let text = String::from_utf8_lossy(bytes);
    if !IMPORTS.contains(&(media_type, target)) {
        return None;
    }
    Some(match media_type {
        "text/plain" => Native::Document(native::from_plain_text(&text)),
        "text/markdown" => Native::Document(native::from_markdown(&text)),
        "text/html" => Native::Document(native::from_html(&text)),
        "text/csv" => sheet(native::from_csv(&text, ',')),
        _ => sheet(native::from_csv(&text, '\t')),
    })
}

/// An empty document of one of Google's types.
pub(super) fn empty(mime_type: &str) -> Option<Native> {
    match mime_type {
        DOCUMENT => Some(Native::Document(Vec::new())),
        SPREADSHEET => Some(sheet(Vec::new())),
        PRESENTATION => Some(Native::Presentation(vec![Slide {
            title: String::new(),
            lines: Vec::new(),
        }])),
        _ => None,
    }
}

fn sheet(rows: Vec<Vec<String>>) -> Native {
    Native::Spreadsheet(vec![Sheet {
        title: "Sheet1".to_owned(),
        rows,
    }])
}

fn first(sheets: &[Sheet]) -> &[Vec<String>] {
    sheets.first().map_or(&[], |sheet| sheet.rows.as_slice())
}

fn html(name: &str, blocks: &[Block]) -> String {
    let escape = office::escape;
    let mut body = String::new();
    for block in blocks {
        body.push_str(&match block {
            Block::Heading(level, text) => format!("<h{level}>{}</h{level}>", escape(text)),
            Block::Paragraph(text) => format!("<p>{}</p>", escape(text)),
            Block::Bullet(text) => format!("<ul><li>{}</li></ul>", escape(text)),
            Block::Table(rows) => {
                let cells = |row: &Vec<String>| {
                    row.iter()
                        .map(|cell| format!("<td>{}</td>", escape(cell)))
                        .collect::<Vec<_>>()
                        .concat()
                };
                let rows = rows
                    .iter()
                    .map(|row| format!("<tr>{}</tr>", cells(row)))
                    .collect::<Vec<_>>()
                    .concat();
                format!("<table>{rows}</table>")
            }
        });
    }
    format!(
        "<html><head><meta content=\"text/html; charset=UTF-8\" http-equiv=\"content-type\">\
         <title>{}</title></head><body>{body}</body></html>",
        escape(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stated_format_can_be_made() {
        for (mime_type, formats) in all_formats() {
            let native = empty(mime_type).expect("an editor's type");
            for format in formats {
                assert!(
                    export("x", &native, format.mime_type).is_some(),
                    "{mime_type} as {}",
                    format.mime_type
                );
            }
        }
    }

    #[test]
    fn every_stated_import_can_be_done() {
        for (from, to) in IMPORTS {
            assert!(import(from, b"a,b", to).is_some(), "{from} as {to}");
        }
        assert!(import("image/png", b"", DOCUMENT).is_none());
    }
}
