//! OpenDocument: texts as Markdown, sheets as rows apart by tabs, presentations by page.
//!
//! Invariant: a cell or row that claims to be repeated is written once, or as one empty place.

use super::{
    DocumentText,
    budget::{Refusal, Words},
    package::Package,
    spreadsheet_cells::Row,
    word::row as markdown_row,
    xml::{Piece, Tag, Xml},
};

/// How often a repeated value is written; more is formatting gone astray.
const MOST_REPEATS: usize = 64;

/// Reads an odt, ods or odp.
pub(super) fn read(package: &mut Package<'_>) -> Result<DocumentText, Refusal> {
    let manifest = "META-INF/manifest.xml";
    if let Some(mut xml) = package.part(manifest)? {
        loop {
            match xml.next()? {
                Piece::Open(tag) if tag.name() == b"encryption-data" => {
                    return Err(Refusal::Encrypted);
                }
                Piece::End => break,
                _ => {}
            }
        }
    }
    let Some(mut xml) = package.part("content.xml")? else {
        return Err(Refusal::Damaged("it has no content inside"));
    };
    let mut writer = Writer::default();
    writer.read(&mut xml)?;
    let mut notes = Vec::new();
    for (all, one, many) in [
        (writer.sheets, "sheet", "sheets"),
        (writer.pages, "slide", "slides"),
    ] {
        match all {
            0 => {}
            1 => notes.push(format!("It has 1 {one}.")),
            _ => notes.push(format!("It has {all} {many}.")),
        }
    }
    let (text, truncated) = writer.words.finish();
    Ok(DocumentText {
        text,
        truncated,
        notes,
    })
}

#[derive(Debug, Default)]
struct Writer {
    words: Words,
    line: String,
    heading: Option<usize>,
    lists: usize,
    after_item: bool,
    /// How deep in paragraphs: text elsewhere is none.
    paragraphs: usize,
    is_spreadsheet: bool,
    sheets: usize,
    pages: usize,
    tables: usize,
    row: Row,
    column: usize,
    cells: Vec<String>,
    cell: String,
    repeats: usize,
    rows_in_table: usize,
}

impl Writer {
    fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        while !self.words.is_full() {
            match xml.next()? {
                Piece::Open(tag) => match tag.name() {
                    b"tracked-changes" | b"annotation" | b"annotation-end" | b"settings"
                    | b"automatic-styles" | b"font-face-decls" | b"scripts" | b"forms" => {
                        xml.skip()?;
                    }
                    _ => self.open(&tag),
                },
                Piece::Text(text) if self.paragraphs > 0 => self.line.push_str(&text),
                Piece::Close(name) => self.close(&name),
                Piece::End => break,
                _ => {}
            }
        }
        Ok(())
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            b"spreadsheet" => self.is_spreadsheet = true,
            b"p" => self.paragraphs += 1,
            b"h" => {
                self.paragraphs += 1;
                self.heading = Some(tag.number("outline-level").unwrap_or(1));
            }
            b"s" => {
                let spaces = tag.number("c").unwrap_or(1).min(64);
                self.line.extend(std::iter::repeat_n(' ', spaces));
            }
            b"tab" => self.line.push('\t'),
            b"line-break" => self.line.push('\n'),
            b"list" => self.lists += 1,
            b"page" => {
                self.pages += 1;
                self.words.gap();
                self.words.push(&format!("## Slide {}", self.pages));
                self.words.gap();
            }
            b"notes" => {
                self.words.gap();
                self.words.push("Notes:\n");
            }
            b"table" => {
                self.tables += 1;
                self.rows_in_table = 0;
                if self.is_spreadsheet && self.tables == 1 {
                    self.sheets += 1;
                    self.row = Row::default();
                    self.words.gap();
                    self.words.push("## ");
                    self.words.push(&tag.get("name").unwrap_or_default());
                    self.words.gap();
                }
            }
            b"table-row" => {
                self.row.begin(None);
                self.column = 0;
            }
            b"table-cell" | b"covered-table-cell" => {
                self.repeats = tag.number("number-columns-repeated").unwrap_or(1).max(1);
                self.cell.clear();
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"p" | b"h" => {
                self.paragraphs = self.paragraphs.saturating_sub(1);
                self.end_paragraph();
            }
            b"list" => self.lists = self.lists.saturating_sub(1),
            b"table" => {
                self.tables = self.tables.saturating_sub(1);
                self.words.gap();
            }
            b"table-cell" | b"covered-table-cell" => self.end_cell(),
            b"table-row" if self.is_spreadsheet => self.row.end(&mut self.words),
            b"table-row" => self.end_row(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let line = std::mem::take(&mut self.line);
        let heading = self.heading.take();
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if self.tables > 0 {
            if !self.cell.is_empty() {
                self.cell.push(' ');
            }
            self.cell.push_str(line);
            return;
        }
        let is_item = self.lists > 0;
        let is_close = (is_item && self.after_item) || self.pages > 0;
        if is_close {
            self.words.end_line();
        } else {
            self.words.gap();
        }
        if let Some(level) = heading {
            self.words.push(&"#".repeat(level.clamp(1, 6)));
            self.words.push(" ");
        } else if is_item {
            self.words.push(&"  ".repeat(self.lists.clamp(1, 9) - 1));
            self.words.push("- ");
        }
        self.words.push(line);
        self.after_item = is_item;
    }

    fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        let written = if cell.is_empty() {
            0
        } else {
            self.repeats.min(MOST_REPEATS)
        };
        if self.is_spreadsheet {
            for place in 0..written {
                self.row.push(Some(self.column + place), &cell);
            }
            self.column = self.column.saturating_add(self.repeats);
        } else {
            self.cells.push(cell);
        }
        self.repeats = 1;
    }

    fn end_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if cells.iter().all(String::is_empty) {
            return;
        }
        self.rows_in_table += 1;
        if self.rows_in_table == 1 {
            self.words.gap();
        } else {
            self.words.end_line();
        }
        self.words.push(&markdown_row(&cells));
        if self.rows_in_table == 1 {
            self.words
                .push(&format!("\n|{}", " --- |".repeat(cells.len())));
        }
        self.after_item = false;
    }
}
