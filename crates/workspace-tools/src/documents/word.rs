//! Word documents as Markdown: headings, lists, tables, notes and comments.
//!
//! Not a converter: fonts, pictures and deleted text are left out. Invariant: hidden text is never
//! given out.

use std::collections::HashMap;

use super::{
    DocumentText,
    budget::{Refusal, Words},
    package::Package,
    xml::{Piece, Tag, Xml},
};

/// Parts beside the text itself, with what they are called.
const BESIDE: &[(&str, &str)] = &[
    ("footnotes", "Footnotes"),
    ("endnotes", "Endnotes"),
    ("comments", "Comments"),
];

/// Reads a docx.
pub(super) fn read(package: &mut Package<'_>) -> Result<DocumentText, Refusal> {
    let main = package.main_part("word/document.xml")?;
    let parts = package.relations(&main)?;
    let styles = match parts.of_kind("styles") {
        Some(part) => styles(package, part)?,
        None => HashMap::new(),
    };
    let mut writer = Writer {
        styles,
        ..Writer::default()
    };
    let Some(mut xml) = package.part(&main)? else {
        return Err(Refusal::Damaged("it has no document inside"));
    };
    writer.part(&mut xml)?;
    drop(xml);
    for (kind, heading) in BESIDE {
        let Some(part) = parts.of_kind(kind) else {
            continue;
        };
        let Some(mut xml) = package.part(part)? else {
            continue;
        };
        writer.heading = Some(heading);
        writer.part(&mut xml)?;
    }
    let mut notes = Vec::new();
    if writer.hidden {
        notes.push("Hidden text was left out.".to_owned());
    }
    let (text, truncated) = writer.words.finish();
    Ok(DocumentText {
        text,
        truncated,
        notes,
    })
}

/// What a paragraph is by its style.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    Heading(usize),
    Item,
}

/// The styles that mean something, by their ids; the names are English in every language.
fn styles(package: &mut Package<'_>, part: &str) -> Result<HashMap<String, Look>, Refusal> {
    let mut styles = HashMap::new();
    let Some(mut xml) = package.part(part)? else {
        return Ok(styles);
    };
    let mut id = None;
    loop {
        match xml.next()? {
            Piece::Open(tag) => match tag.name() {
                b"style" => id = tag.get("styleId"),
                b"name" => {
                    let name = tag.get("val").unwrap_or_default().to_lowercase();
                    let look = match name.strip_prefix("heading ").map(str::parse) {
                        Some(Ok(level)) => Some(Look::Heading(level)),
                        _ if name == "title" => Some(Look::Heading(1)),
                        _ if name.starts_with("list bullet") || name.starts_with("list number") => {
                            Some(Look::Item)
                        }
                        _ => None,
                    };
                    if let (Some(look), Some(id)) = (look, id.take()) {
                        styles.insert(id, look);
                    }
                }
                _ => {}
            },
            Piece::End => return Ok(styles),
            _ => {}
        }
    }
}

/// A paragraph that is being read.
#[derive(Debug, Default)]
struct Paragraph {
    text: String,
    look: Option<Look>,
    indent: usize,
}

/// A table that is being read.
#[derive(Debug, Default)]
struct Table {
    rows: usize,
    cells: Vec<String>,
    cell: String,
}

#[derive(Debug, Default)]
struct Writer {
    styles: HashMap<String, Look>,
    words: Words,
    /// Written before the first words of a part.
    heading: Option<&'static str>,
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    after_item: bool,
    in_text: bool,
    in_run: bool,
    run_is_hidden: bool,
    hidden: bool,
}

impl Writer {
    fn part(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        while !self.words.is_full() {
            match xml.next()? {
                Piece::Open(tag) => {
                    // The same again, for programs that know less; and what was deleted.
                    if matches!(
                        tag.name(),
                        b"Fallback" | b"del" | b"moveFrom" | b"rPrChange"
                    ) {
                        xml.skip()?;
                    } else {
                        self.open(&tag);
                    }
                }
                Piece::Close(name) => self.close(&name),
                Piece::Text(text) if self.in_text => self.say(&text),
                Piece::End => break,
                _ => {}
            }
        }
        Ok(())
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            b"p" => self.paragraphs.push(Paragraph::default()),
            b"r" => {
                self.in_run = true;
                self.run_is_hidden = false;
            }
            b"vanish" | b"webHidden" if self.in_run => self.run_is_hidden = tag.is_on(),
            b"t" => self.in_text = true,
            b"tab" | b"ptab" if self.in_run => self.say("\t"),
            b"br" | b"cr" if self.in_run => self.say("\n"),
            b"noBreakHyphen" => self.say("-"),
            b"tbl" => self.tables.push(Table::default()),
            b"pStyle" | b"outlineLvl" | b"ilvl" | b"numId" => self.style(tag),
            _ => {}
        }
    }

    fn style(&mut self, tag: &Tag<'_>) {
        let Some(paragraph) = self.paragraphs.last_mut() else {
            return;
        };
        match tag.name() {
            b"pStyle" => {
                let id = tag.get("val").unwrap_or_default();
                paragraph.look = self.styles.get(&id).copied();
            }
            b"outlineLvl" => {
                if let Some(level @ 0..=8) = tag.number("val") {
                    paragraph.look = Some(Look::Heading(level + 1));
                }
            }
            b"ilvl" => paragraph.indent = tag.number("val").unwrap_or(0).min(8),
            _ => {
                let is_heading = matches!(paragraph.look, Some(Look::Heading(_)));
                if !is_heading {
                    let is_item = tag.number("val").is_some_and(|list| list > 0);
                    paragraph.look = is_item.then_some(Look::Item);
                }
            }
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"p" => self.end_paragraph(),
            b"r" => self.in_run = false,
            b"t" => self.in_text = false,
            b"tc" => {
                if let Some(table) = self.tables.last_mut() {
                    let cell = std::mem::take(&mut table.cell);
                    table.cells.push(cell);
                }
            }
            b"tr" => self.end_row(),
            b"tbl" => {
                self.tables.pop();
                if self.tables.is_empty() {
                    self.words.gap();
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        if self.run_is_hidden {
            self.hidden |= !text.trim().is_empty();
        } else if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else {
            return;
        };
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(table) = self.tables.last_mut() {
            if !table.cell.is_empty() {
                table.cell.push(' ');
            }
            table.cell.push_str(text);
            return;
        }
        self.before_words();
        let is_item = paragraph.look == Some(Look::Item);
        if is_item && self.after_item {
            self.words.end_line();
        } else {
            self.words.gap();
        }
        match paragraph.look {
            Some(Look::Heading(level)) => {
                self.words.push(&"#".repeat(level.clamp(1, 6)));
                self.words.push(" ");
            }
            Some(Look::Item) => {
                self.words.push(&"  ".repeat(paragraph.indent));
                self.words.push("- ");
            }
            None => {}
        }
        self.words.push(text);
        self.after_item = is_item;
    }

    fn end_row(&mut self) {
        let inside = self.tables.len() > 1;
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        let cells = std::mem::take(&mut table.cells);
        if cells.iter().all(String::is_empty) {
            return;
        }
        table.rows += 1;
        let is_first = table.rows == 1;
        if inside {
            let line = cells.join(" ");
            let around = self.tables.len() - 2;
            let cell = &mut self.tables[around].cell;
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(&line);
            return;
        }
        self.before_words();
        if is_first {
            self.words.gap();
        } else {
            self.words.end_line();
        }
        self.words.push(&row(&cells));
        if is_first {
            self.words
                .push(&format!("\n|{}", " --- |".repeat(cells.len())));
        }
        self.after_item = false;
    }

    fn before_words(&mut self) {
        if let Some(heading) = self.heading.take() {
            self.words.gap();
            self.words.push(&format!("## {heading}"));
            self.after_item = false;
        }
    }
}

/// A row of a Markdown table.
pub(super) fn row(cells: &[String]) -> String {
    let mut row = "|".to_owned();
    for cell in cells {
        let cell = cell.replace('|', "\\|");
        let words: Vec<&str> = cell.split_whitespace().collect();
        row.push(' ');
        row.push_str(&words.join(" "));
        row.push_str(" |");
    }
    row
}
