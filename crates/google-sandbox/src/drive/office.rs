//! Word, Excel and PowerPoint files with the least that readers insist on.
//!
//! Invariant: every part named in a relationship or content type is in the package.

use std::io::{Cursor, Write};

use bytes::Bytes;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::native::{Block, Sheet, Slide};

pub(super) const DOCX: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(super) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(super) const PPTX: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation";

const DOCX_MAIN: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
const XLSX_MAIN: &str =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";
const XLSX_SHEET: &str =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
const PPTX_MAIN: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml";
const PPTX_SLIDE: &str = "application/vnd.openxmlformats-officedocument.presentationml.slide+xml";

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A Word document.
pub(super) fn docx(blocks: &[Block]) -> Bytes {
    let run = |text: &str| {
        format!(
            "<w:r><w:t xml:space=\"preserve\">{}</w:t></w:r>",
            escape(text)
        )
    };
    let mut body = String::new();
    for block in blocks {
        body.push_str(&match block {
            Block::Heading(level, text) => format!(
                "<w:p><w:pPr><w:pStyle w:val=\"Heading{level}\"/></w:pPr>{}</w:p>",
                run(text)
            ),
            Block::Paragraph(text) => format!("<w:p>{}</w:p>", run(text)),
            Block::Bullet(text) => format!("<w:p>{}</w:p>", run(&format!("• {text}"))),
            Block::Table(rows) => {
                let cell = |text: &String| format!("<w:tc><w:p>{}</w:p></w:tc>", run(text));
                let row = |row: &Vec<String>| {
                    format!(
                        "<w:tr>{}</w:tr>",
                        row.iter().map(cell).collect::<Vec<_>>().concat()
                    )
                };
                format!(
                    "<w:tbl>{}</w:tbl><w:p/>",
                    rows.iter().map(row).collect::<Vec<_>>().concat()
                )
            }
        });
    }
    let document = format!(
        "{HEAD}<w:document xmlns:w=\
         \"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
         <w:body>{body}</w:body></w:document>"
    );
    package(
        "word/document.xml",
        &[("word/document.xml".to_owned(), document, DOCX_MAIN)],
        &[],
    )
}

/// An Excel workbook. Numbers are numbers, everything else is a text of its cell.
pub(super) fn xlsx(sheets: &[Sheet]) -> Bytes {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let mut parts = Vec::new();
    let mut list = String::new();
    let mut links = Vec::new();
    for (index, sheet) in sheets.iter().enumerate() {
        let number = index + 1;
        list.push_str(&format!(
            "<sheet name=\"{}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>",
            escape(&sheet.title)
        ));
        links.push(("worksheet", format!("worksheets/sheet{number}.xml")));
        let rows = sheet
            .rows
            .iter()
            .enumerate()
            .map(|(y, row)| xlsx_row(y, row))
            .collect::<Vec<_>>()
            .concat();
        parts.push((
            format!("xl/worksheets/sheet{number}.xml"),
            format!("{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
            XLSX_SHEET,
        ));
    }
    let workbook = format!(
        "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{list}</sheets></workbook>"
    );
    parts.push(("xl/workbook.xml".to_owned(), workbook, XLSX_MAIN));
    package(
        "xl/workbook.xml",
        &parts,
        &[("xl/_rels/workbook.xml.rels", links)],
    )
}

fn xlsx_row(y: usize, row: &[String]) -> String {
    let cells: String = row
        .iter()
        .enumerate()
        .map(|(x, text)| {
            let place = format!("{}{}", column(x), y + 1);
            if text.parse::<f64>().is_ok_and(f64::is_finite) {
                format!("<c r=\"{place}\"><v>{text}</v></c>")
            } else {
                format!(
                    "<c r=\"{place}\" t=\"inlineStr\"><is><t>{}</t></is></c>",
                    escape(text)
                )
            }
        })
        .collect();
    format!("<row r=\"{}\">{cells}</row>", y + 1)
}

/// A PowerPoint presentation: each slide a title and its lines.
pub(super) fn pptx(slides: &[Slide]) -> Bytes {
    const MAIN: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
    const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";
    let paragraph = |text: &str| format!("<a:p><a:r><a:t>{}</a:t></a:r></a:p>", escape(text));
    let shape = |id: usize, body: String| {
        format!(
            "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"Text {id}\"/><p:cNvSpPr/><p:nvPr/>\
             </p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>{body}</p:txBody></p:sp>"
        )
    };
    let mut list = String::new();
    let mut links = Vec::new();
    let mut parts = Vec::new();
    for (index, slide) in slides.iter().enumerate() {
        let number = index + 1;
        list.push_str(&format!(
            "<p:sldId id=\"{}\" r:id=\"rId{number}\"/>",
            255 + number
        ));
        links.push(("slide", format!("slides/slide{number}.xml")));
        let body = slide
            .lines
            .iter()
            .map(|line| paragraph(line))
            .collect::<Vec<_>>()
            .concat();
        let shapes = format!("{}{}", shape(2, paragraph(&slide.title)), shape(3, body));
        parts.push((
            format!("ppt/slides/slide{number}.xml"),
            format!(
                "{HEAD}<p:sld xmlns:p=\"{MAIN}\" xmlns:a=\"{DRAWING}\"><p:cSld><p:spTree>\
                 {shapes}</p:spTree></p:cSld></p:sld>"
            ),
            PPTX_SLIDE,
        ));
    }
    let presentation = format!(
        "{HEAD}<p:presentation xmlns:p=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><p:sldIdLst>{list}\
         </p:sldIdLst></p:presentation>"
    );
    parts.push(("ppt/presentation.xml".to_owned(), presentation, PPTX_MAIN));
    package(
        "ppt/presentation.xml",
        &parts,
        &[("ppt/_rels/presentation.xml.rels", links)],
    )
}

/// Text as it stands in XML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no way to write the other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t' | '\r') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Relationships of a part: the path of their file, and each one's kind and target.
type Links<'a> = (&'a str, Vec<(&'a str, String)>);

fn package(main: &str, parts: &[(String, String, &str)], links: &[Links<'_>]) -> Bytes {
    let overrides = parts
        .iter()
        .map(|(path, _, kind)| format!("<Override PartName=\"/{path}\" ContentType=\"{kind}\"/>"))
        .collect::<Vec<_>>()
        .concat();
    let types = format!(
        "{HEAD}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" \
         ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{overrides}</Types>"
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |path: &str, text: &str| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(path, options)
            .expect("writing to memory does not fail");
        zip.write_all(text.as_bytes())
            .expect("writing to memory does not fail");
    };
    put("[Content_Types].xml", &types);
    put(
        "_rels/.rels",
        &relationships(&[("officeDocument", main.to_owned())]),
    );
    for (path, text, _) in parts {
        put(path, text);
    }
    for (path, links) in links {
        put(path, &relationships(links));
    }
    zip.finish()
        .expect("writing to memory does not fail")
        .into_inner()
        .into()
}

fn relationships(links: &[(&str, String)]) -> String {
    let links = links
        .iter()
        .enumerate()
        .map(|(index, (kind, target))| {
            format!(
                "<Relationship Id=\"rId{}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>",
                index + 1
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!("{HEAD}<Relationships xmlns=\"{RELATIONSHIPS}\">{links}</Relationships>")
}

/// The letters of a column: A, B, … Z, AA.
fn column(mut index: usize) -> String {
    let mut letters = String::new();
    loop {
        let letter = u8::try_from(index % 26).expect("below 26");
        letters.insert(0, char::from(b'A' + letter));
        if index < 26 {
            return letters;
        }
        index = index / 26 - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_as_spreadsheets_do() {
        let all = [0, 25, 26, 51, 52, 701, 702].map(column);
        assert_eq!(all, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
