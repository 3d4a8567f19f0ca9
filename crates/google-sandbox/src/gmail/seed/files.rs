//! Files that demo mail carries: real ones, small, built here.
//!
//! Not the exports of Drive. Invariant: the same arguments give the same bytes.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::super::compose::Attachment;

/// A comma-separated table.
pub(super) fn csv(name: &str, rows: &[Vec<String>]) -> Attachment {
    let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    attachment(
        name,
        "text/csv",
        format!("{}\r\n", lines.join("\r\n")).into_bytes(),
    )
}

/// A workbook of one sheet; cells that are numbers become numbers.
pub(super) fn xlsx(name: &str, sheet: &str, rows: &[Vec<String>]) -> Attachment {
    let mut cells = String::new();
    for (y, row) in rows.iter().enumerate() {
        cells.push_str(&format!("<row r=\"{}\">", y + 1));
        for (x, text) in row.iter().enumerate() {
            let place = format!(
                "{}{}",
                char::from(b'A' + u8::try_from(x % 26).unwrap_or(0)),
                y + 1
            );
            cells.push_str(&if text.parse::<f64>().is_ok() {
                format!("<c r=\"{place}\"><v>{text}</v></c>")
            } else {
                format!(
                    "<c r=\"{place}\" t=\"inlineStr\"><is><t>{}</t></is></c>",
                    xml(text)
                )
            });
        }
        cells.push_str("</row>");
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let workbook = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"{}\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        xml(sheet)
    );
    let links = relationship_file(&format!("{relations}/worksheet"), "worksheets/sheet1.xml");
    let content = package(
        "xl/workbook.xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        &[
            ("xl/workbook.xml", &workbook),
            ("xl/_rels/workbook.xml.rels", &links),
            (
                "xl/worksheets/sheet1.xml",
                &format!("<worksheet xmlns=\"{main}\"><sheetData>{cells}</sheetData></worksheet>"),
            ),
        ],
        "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
    );
    attachment(
        name,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        content,
    )
}

/// A text document, one paragraph a line.
pub(super) fn docx(name: &str, paragraphs: &[&str]) -> Attachment {
    let mut text = String::new();
    for line in paragraphs {
        text.push_str("<w:p><w:r><w:t xml:space=\"preserve\">");
        text.push_str(&xml(line));
        text.push_str("</w:t></w:r></w:p>");
    }
    let main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    let document = format!("<w:document xmlns:w=\"{main}\"><w:body>{text}</w:body></w:document>");
    let content = package(
        "word/document.xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        &[("word/document.xml", &document)],
        "",
    );
    attachment(
        name,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        content,
    )
}

/// A page of text.
pub(super) fn pdf(name: &str, lines: &[&str]) -> Attachment {
    let mut text = String::from("BT /F1 12 Tf 72 760 Td 18 TL\n");
    for line in lines {
        let safe = line
            .replace('\\', "\\\\")
            .replace('(', "\\(")
            .replace(')', "\\)");
        text.push_str(&format!("({safe}) Tj T*\n"));
    }
    text.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let start = out.len();
    out.push_str(&format!(
        "xref\n0 {}\n0000000000 65535 f \n",
        objects.len() + 1
    ));
    for offset in offsets {
        out.push_str(&format!("{offset:010} 00000 n \n"));
    }
    out.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    ));
    attachment(name, "application/pdf", out.into_bytes())
}

/// A picture: bars of these heights (0 to 100) in one colour.
pub(super) fn png(name: &str, bars: &[u32], colour: [u8; 3]) -> Attachment {
    let (width, height) = (u32::try_from(bars.len()).unwrap_or(0) * 16, 100_u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        pixels.push(0);
        for x in 0..width {
            let bar = bars[(x / 16) as usize].min(100);
            let inside = x % 16 >= 3 && height - y <= bar;
            pixels.extend_from_slice(if inside { &colour } else { &[250, 250, 250] });
        }
    }
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = pixels.chunks(60_000).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block is at most 60,000 bytes");
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend_from_slice(&length.to_le_bytes());
        zlib.extend_from_slice(&(!length).to_le_bytes());
        zlib.extend_from_slice(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in &pixels {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    zlib.extend_from_slice(&((high << 16) | low).to_be_bytes());
    let mut out = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
    let mut head = Vec::new();
    head.extend_from_slice(&width.to_be_bytes());
    head.extend_from_slice(&height.to_be_bytes());
    head.extend_from_slice(&[8, 2, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", &head), (b"IDAT", &zlib), (b"IEND", &Vec::new())] {
        let length = u32::try_from(data.len()).expect("a small picture");
        out.extend_from_slice(&length.to_be_bytes());
        let start = out.len();
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        let sum = crc32(&out[start..]);
        out.extend_from_slice(&sum.to_be_bytes());
    }
    attachment(name, "image/png", out)
}

fn attachment(name: &str, content_type: &str, content: Vec<u8>) -> Attachment {
    Attachment {
        name: name.into(),
        content_type: content_type.into(),
        content,
    }
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn relationship_file(kind: &str, target: &str) -> String {
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"rId1\" Type=\"{kind}\" Target=\"{target}\"/></Relationships>"
    )
}

/// An Office package around its parts.
fn package(main: &str, main_type: &str, parts: &[(&str, &str)], more_types: &str) -> Vec<u8> {
    let types = format!(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Override PartName=\"/{main}\" ContentType=\"{main_type}\"/>{more_types}</Types>"
    );
    let root = relationship_file(
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
        main,
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let all = [
        ("[Content_Types].xml", types.as_str()),
        ("_rels/.rels", root.as_str()),
    ];
    for (path, text) in all.iter().chain(parts) {
        zip.start_file(*path, options)
            .expect("a short constant path");
        let whole = format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>{text}");
        zip.write_all(whole.as_bytes())
            .expect("memory takes everything");
    }
    zip.finish().expect("memory takes everything").into_inner()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}
