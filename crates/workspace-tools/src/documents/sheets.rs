//! Spreadsheets: one section a sheet, one line a row, cells apart by tabs.
//!
//! An own reader and no library's: those open the archive themselves, past our budget, and build a
//! table as large as the two cells farthest apart. Invariant: memory follows the text that is
//! given out and the shared strings, never the size a sheet claims.

use super::{
    DocumentText,
    budget::{Refusal, Words},
    package::{Package, Relations, is_numbered},
    spreadsheet_cells::{self as cells, Cell, CellKind, Formats, Row},
    xml::{Piece, Xml},
};

/// The most strings that cells may refer to.
const MOST_STRINGS: usize = 1 << 20;

/// Reads an xlsx.
pub(super) fn read(package: &mut Package<'_>) -> Result<DocumentText, Refusal> {
    let main = package.main_part("xl/workbook.xml")?;
    let relations = package.relations(&main)?;
    let workbook = workbook(package, &main, &relations)?;
    if workbook.sheets.is_empty() {
        return Err(Refusal::Damaged("it has no sheets inside"));
    }
    let usual = |kind: &str| relations.of_kind(kind).map(str::to_owned);
    let part = usual("sharedStrings").unwrap_or_else(|| "xl/sharedStrings.xml".to_owned());
    let strings = match package.part(&part)? {
        Some(mut xml) => Strings::read(&mut xml)?,
        None => Strings::default(),
    };
    let part = usual("styles").unwrap_or_else(|| "xl/styles.xml".to_owned());
    let formats = match package.part(&part)? {
        Some(mut xml) => Formats::read(&mut xml, workbook.since_1904)?,
        None => Formats::default(),
    };
    let mut words = Words::default();
    let mut hidden = 0;
    for sheet in &workbook.sheets {
        hidden += usize::from(sheet.is_hidden);
        if words.is_full() {
            continue;
        }
        let Some(mut xml) = package.part(&sheet.part)? else {
            continue;
        };
        words.gap();
        let mark = if sheet.is_hidden { " (hidden)" } else { "" };
        words.push(&format!("## {}{mark}", sheet.name));
        words.gap();
        rows(&mut xml, &strings, &formats, &mut words)?;
    }
    let mut notes = vec![match workbook.sheets.len() {
        1 => "It has 1 sheet.".to_owned(),
        all => format!("It has {all} sheets."),
    }];
    if hidden > 0 {
        notes.push(format!("{hidden} of them are hidden."));
    }
    let (text, truncated) = words.finish();
    Ok(DocumentText {
        text,
        truncated,
        notes,
    })
}

#[derive(Debug, Default)]
struct Workbook {
    sheets: Vec<Sheet>,
    since_1904: bool,
}

#[derive(Debug)]
struct Sheet {
    name: String,
    part: String,
    is_hidden: bool,
}

fn workbook(
    package: &mut Package<'_>,
    main: &str,
    relations: &Relations,
) -> Result<Workbook, Refusal> {
    let mut workbook = Workbook::default();
    if let Some(mut xml) = package.part(main)? {
        loop {
            match xml.next()? {
                Piece::Open(tag) => match tag.name() {
                    b"workbookPr" => {
                        let since = tag.get("date1904");
                        workbook.since_1904 = matches!(since.as_deref(), Some("1" | "true"));
                    }
                    b"sheet" => {
                        let id = tag.reference("id").unwrap_or_default();
                        if let Some(part) = relations.target(&id) {
                            workbook.sheets.push(Sheet {
                                name: tag.get("name").unwrap_or_default(),
                                part: part.to_owned(),
                                is_hidden: tag.get("state").is_some_and(|state| state != "visible"),
                            });
                        }
                    }
                    _ => {}
                },
                Piece::End => break,
                _ => {}
            }
        }
    }
    if workbook.sheets.is_empty() {
        let names = package.names().into_iter();
        let found = names.filter(|name| is_numbered(name, "xl/worksheets/sheet"));
        workbook.sheets = found
            .zip(1..)
            .map(|(part, number)| Sheet {
                name: format!("Sheet {number}"),
                part,
                is_hidden: false,
            })
            .collect();
    }
    Ok(workbook)
}

/// The texts that cells refer to by number, in one piece: millions of empty ones cost little.
#[derive(Debug, Default)]
struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    fn read(xml: &mut Xml<'_>) -> Result<Self, Refusal> {
        let mut strings = Self::default();
        let mut in_text = false;
        while strings.ends.len() < MOST_STRINGS {
            match xml.next()? {
                Piece::Open(tag) => match tag.name() {
                    b"t" => in_text = true,
                    // How Japanese words are read aloud.
                    b"rPh" => xml.skip()?,
                    _ => {}
                },
                Piece::Text(text) if in_text => strings.text.push_str(&text),
                Piece::Close(name) => match name.as_slice() {
                    b"t" => in_text = false,
                    b"si" => strings.end(),
                    _ => {}
                },
                Piece::End => break,
                _ => {}
            }
        }
        Ok(strings)
    }

    fn end(&mut self) {
        // The budget for a whole file fits many times.
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, number: &str) -> Option<&str> {
        let index: usize = number.trim().parse().ok()?;
        let end = *self.ends.get(index)?;
        let start = match index {
            0 => 0,
            _ => *self.ends.get(index - 1)?,
        };
        self.text.get(start as usize..end as usize)
    }
}

fn rows(
    xml: &mut Xml<'_>,
    strings: &Strings,
    formats: &Formats,
    words: &mut Words,
) -> Result<(), Refusal> {
    let mut row = Row::default();
    let mut cell = Cell::default();
    let mut inside = Inside::Nothing;
    while !words.is_full() {
        match xml.next()? {
            Piece::Open(tag) => match tag.name() {
                b"row" => row.begin(tag.number("r")),
                b"c" => {
                    cell = Cell::begin(
                        tag.get("r").as_deref().and_then(cells::column),
                        tag.get("t")
                            .as_deref()
                            .map_or(CellKind::Number, CellKind::named),
                        tag.number("s"),
                    );
                }
                b"v" | b"t" => inside = Inside::Value,
                b"f" => inside = Inside::Formula,
                b"rPh" | b"extLst" => xml.skip()?,
                _ => {}
            },
            Piece::Text(text) => match inside {
                Inside::Value => cell.value.push_str(&text),
                Inside::Formula => cell.formula.push_str(&text),
                Inside::Nothing => {}
            },
            Piece::Close(name) => match name.as_slice() {
                b"v" | b"t" | b"f" => inside = Inside::Nothing,
                b"c" => {
                    let shown = match cell.kind {
                        CellKind::Shared => strings.get(&cell.value).unwrap_or_default().to_owned(),
                        _ => cell.shown(formats),
                    };
                    row.push(cell.column, &shown);
                }
                b"row" => row.end(words),
                _ => {}
            },
            Piece::End => break,
            Piece::Other => {}
        }
    }
    Ok(())
}

/// Which part of a cell the characters belong to.
#[derive(Clone, Copy, Debug)]
enum Inside {
    Nothing,
    Value,
    Formula,
}
