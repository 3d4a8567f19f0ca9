//! Plain text as a small, correct PDF.
//!
//! Not a typesetter: one font, lines of at most 90 characters. Invariant: every offset in the
//! cross-reference table is the true one, so that strict readers open the file.

use bytes::Bytes;

const LINES_PER_PAGE: usize = 48;
const CHARACTERS_PER_LINE: usize = 90;

/// A PDF of the text. Characters outside Latin-1 become `?`.
pub(super) fn document(text: &str) -> Bytes {
    let lines: Vec<String> = text.lines().flat_map(wrapped).collect();
    let pages: Vec<&[String]> = if lines.is_empty() {
        vec![&[]]
    } else {
        lines.chunks(LINES_PER_PAGE).collect()
    };
    // Objects: 1 catalogue, 2 pages, 3 font, then a page and its content each.
    let page_ids: Vec<usize> = (0..pages.len()).map(|index| 4 + 2 * index).collect();
    let kids: Vec<String> = page_ids.iter().map(|id| format!("{id} 0 R")).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            pages.len()
        )
        .into(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    ];
    for (page, id) in pages.iter().zip(&page_ids) {
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] \
                 /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
                id + 1
            )
            .into(),
        );
        let content = content(page);
        let mut object = format!("<< /Length {} >>\nstream\n", content.len()).into_bytes();
        object.extend(content);
        object.extend(b"\nendstream");
        objects.push(object);
    }
    file(&objects)
}

fn file(objects: &[Vec<u8>]) -> Bytes {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.extend(format!("{} 0 obj\n", index + 1).into_bytes());
        pdf.extend(object);
        pdf.extend(b"\nendobj\n");
    }
    let table = pdf.len();
    let count = objects.len() + 1;
    pdf.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").into_bytes());
    for offset in offsets {
        pdf.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    pdf.extend(
        format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n")
            .into_bytes(),
    );
    Bytes::from(pdf)
}

fn content(lines: &[String]) -> Vec<u8> {
    let mut content = b"BT\n/F1 11 Tf\n14 TL\n56 786 Td\n".to_vec();
    for line in lines {
        content.push(b'(');
        for c in line.chars() {
            match u8::try_from(u32::from(c)) {
                Ok(byte @ (b'(' | b')' | b'\\')) => content.extend([b'\\', byte]),
                Ok(byte) if byte >= 0x20 => content.push(byte),
                Ok(_) => content.push(b' '),
                Err(_) => content.push(b'?'),
            }
        }
        content.extend(b") Tj\nT*\n");
    }
    content.extend(b"ET");
    content
}

fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let current = lines.last_mut().expect("never empty");
        if current.is_empty() {
            current.push_str(word);
        } else if current.chars().count() + 1 + word.chars().count() <= CHARACTERS_PER_LINE {
            current.push(' ');
            current.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_leads_to_its_object() {
        let pdf = document(&"some words (in brackets)\n".repeat(100));
        let text: String = pdf.iter().map(|&byte| char::from(byte)).collect();
        let table = text.split("xref\n").nth(1).expect("a table");
        let offsets: Vec<usize> = table
            .lines()
            .filter(|line| line.ends_with(" n "))
            .map(|line| {
                line.split(' ')
                    .next()
                    .expect("an offset")
                    .parse()
                    .expect("a number")
            })
            .collect();
        assert_eq!(offsets.len(), 3 + 2 * 3);
        for (index, offset) in offsets.iter().enumerate() {
            assert!(pdf[*offset..].starts_with(format!("{} 0 obj", index + 1).as_bytes()));
        }
    }
}
