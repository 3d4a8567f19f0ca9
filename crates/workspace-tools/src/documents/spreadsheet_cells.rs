//! What a cell shows: numbers as numbers, dates as dates, and rows as lines.
//!
//! Not a formatter: currency, percent and colours are left out. Invariant: a row is as long as its
//! cells, however far apart they claim to be.

use std::collections::{HashMap, HashSet};

use jiff::{
    SignedDuration,
    civil::{DateTime, date},
};

use super::{
    budget::{Refusal, Words},
    xml::{Piece, Xml},
};

/// Empty columns up to this many are kept as they are; beyond, a cell says where it stands.
const WIDEST_GAP: usize = 40;

/// What a cell's value is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum CellKind {
    #[default]
    Number,
    Shared,
    Text,
    Truth,
}

impl CellKind {
    /// The kind that xlsx calls so.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "s" => Self::Shared,
            "b" => Self::Truth,
            "n" => Self::Number,
            _ => Self::Text,
        }
    }
}

/// A cell that is being read.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub column: Option<usize>,
    pub kind: CellKind,
    pub value: String,
    pub formula: String,
    style: Option<usize>,
}

impl Cell {
    /// An empty cell.
    pub(super) fn begin(column: Option<usize>, kind: CellKind, style: Option<usize>) -> Self {
        Self {
            column,
            kind,
            style,
            ..Self::default()
        }
    }

    /// What a person sees in it.
    pub(super) fn shown(&self, formats: &Formats) -> String {
        if self.value.is_empty() && !self.formula.is_empty() {
            return format!("={}", self.formula);
        }
        match self.kind {
            CellKind::Truth if self.value == "1" => "TRUE".to_owned(),
            CellKind::Truth => "FALSE".to_owned(),
            CellKind::Number => formats.number(&self.value, self.style),
            CellKind::Text | CellKind::Shared => self.value.clone(),
        }
    }
}

/// The line of a row.
#[derive(Debug, Default)]
pub(super) struct Row {
    line: String,
    column: usize,
    number: usize,
    written: usize,
}

impl Row {
    /// A row begins; its number, from one on, if it says.
    pub(super) fn begin(&mut self, number: Option<usize>) {
        self.line.clear();
        self.column = 0;
        self.number = number.unwrap_or(self.number + 1);
    }

    /// Adds a cell; `column` counts from zero.
    pub(super) fn push(&mut self, column: Option<usize>, shown: &str) {
        let column = column.unwrap_or(self.column).max(self.column);
        if shown.is_empty() {
            // Nothing is written for it; the next cell knows where it stands.
            return;
        }
        let gap = column - self.column;
        if gap > WIDEST_GAP {
            self.line.push_str(&format!("[{}] ", letters(column)));
        } else {
            self.line.extend(std::iter::repeat_n('\t', gap));
        }
        let mut parts = shown
            .split(['\t', '\n', '\r'])
            .filter(|part| !part.is_empty());
        self.line.push_str(parts.next().unwrap_or_default());
        for part in parts {
            self.line.push(' ');
            self.line.push_str(part);
        }
        self.line.push('\t');
        self.column = column + 1;
    }

    /// Writes the row, and one empty line for empty rows before it.
    pub(super) fn end(&mut self, words: &mut Words) {
        let line = self.line.trim_end();
        if line.is_empty() {
            return;
        }
        if self.written > 0 && self.number > self.written + 1 {
            words.push("\n");
        }
        words.push(line);
        words.push("\n");
        self.written = self.number;
    }
}

/// The column that a reference such as `AB12` names, from zero on.
pub(super) fn column(reference: &str) -> Option<usize> {
    let mut column = 0;
    for letter in reference
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .take(3)
    {
        column = column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    }
    column.checked_sub(1)
}

fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// Which styles mean a date or a time.
#[derive(Debug, Default)]
pub(super) struct Formats {
    dates: HashSet<usize>,
    since_1904: bool,
}

impl Formats {
    /// Reads the styles of a workbook.
    pub(super) fn read(xml: &mut Xml<'_>, since_1904: bool) -> Result<Self, Refusal> {
        let mut formats = Self {
            since_1904,
            ..Self::default()
        };
        let mut own: HashMap<usize, bool> = HashMap::new();
        let (mut in_cells, mut style) = (false, 0);
        loop {
            match xml.next()? {
                Piece::Open(tag) => match tag.name() {
                    b"numFmt" => {
                        if let (Some(id), Some(code)) =
                            (tag.number("numFmtId"), tag.get("formatCode"))
                        {
                            own.insert(id, is_date(&code));
                        }
                    }
                    b"cellXfs" => in_cells = true,
                    b"xf" if in_cells => {
                        let id = tag.number("numFmtId").unwrap_or(0);
                        let built_in = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                        if own.get(&id).copied().unwrap_or(built_in) {
                            formats.dates.insert(style);
                        }
                        style += 1;
                    }
                    _ => {}
                },
                Piece::Close(name) if name == b"cellXfs" => in_cells = false,
                Piece::End => return Ok(formats),
                _ => {}
            }
        }
    }

    fn number(&self, written: &str, style: Option<usize>) -> String {
        let Ok(number) = written.trim().parse::<f64>() else {
            return written.to_owned();
        };
        let is_date = style.is_some_and(|style| self.dates.contains(&style));
        is_date
            .then(|| moment(number, self.since_1904))
            .flatten()
            .unwrap_or_else(|| rounded(number))
    }
}

/// A number as sheets show it: fifteen digits, so that 0.1 + 0.2 is 0.3.
fn rounded(number: f64) -> String {
    let fifteen: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    fifteen.to_string()
}

/// Whether a format shows a date or a time: it names a part of one outside quotes and brackets.
fn is_date(code: &str) -> bool {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    let first = code.split(';').next().unwrap_or_default();
    for c in first.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' | '_' | '*' => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => bracketed = true,
            ']' => bracketed = false,
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' if !quoted && !bracketed => {
                return true;
            }
            _ => {}
        }
    }
    // Elapsed time stands in brackets.
    ["[h", "[m]", "[mm]", "[s"]
        .iter()
        .any(|mark| first.to_ascii_lowercase().contains(mark))
}

/// The moment that a count of days means; a time alone below one day.
fn moment(days: f64, since_1904: bool) -> Option<String> {
    if !(0.0..=2_958_466.0).contains(&days) {
        return None;
    }
    let whole = days.floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked against the largest date above"
    )]
    let (mut day, seconds) = (whole as i64, ((days - whole) * 86_400.0).round() as i64);
    let start = if since_1904 {
        date(1904, 1, 1)
    } else {
        // Sheets believe in a 29 February 1900.
        if day < 60 {
            day += 1;
        }
        date(1899, 12, 30)
    };
    let moment: DateTime = start
        .at(0, 0, 0, 0)
        .checked_add(SignedDuration::from_secs(day * 86_400 + seconds))
        .ok()?;
    Some(if whole < 1.0 && !since_1904 {
        moment.time().to_string()
    } else if seconds == 0 {
        moment.date().to_string()
    } else {
        format!("{} {}", moment.date(), moment.time())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_dates() {
        for (days, shown) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (45_000.0, "2023-03-15"),
            (45_000.5, "2023-03-15 12:00:00"),
            (0.25, "06:00:00"),
        ] {
            assert_eq!(moment(days, false).as_deref(), Some(shown));
        }
        assert_eq!(moment(0.0, true).as_deref(), Some("1904-01-01"));
        assert_eq!(moment(f64::NAN, false), None);
        assert_eq!(moment(1e300, false), None);
    }

    #[test]
    fn formats_of_dates_are_known() {
        for date in [
            "yyyy-mm-dd",
            "[$-409]d/m/yy",
            "h:mm AM/PM",
            "[h]:mm",
            "mm\"d\"",
        ] {
            assert!(is_date(date), "{date}");
        }
        for other in [
            "0.00",
            "#,##0 \"days\"",
            "[Red]0",
            "General",
            "0\\d",
            "_-* #,##0",
        ] {
            assert!(!is_date(other), "{other}");
        }
    }

    #[test]
    fn columns_count_like_letters() {
        for (reference, index) in [("A1", 0), ("Z9", 25), ("AA1", 26), ("XFD1048576", 16_383)] {
            assert_eq!(column(reference), Some(index));
            assert!(reference.starts_with(&letters(index)));
        }
        assert_eq!(column("12"), None);
    }

    #[test]
    fn rows_keep_their_columns_and_no_more() {
        let mut words = Words::default();
        let mut row = Row::default();
        row.begin(Some(1));
        row.push(Some(0), "a\tb");
        row.push(Some(3), "d");
        row.push(Some(16_383), "far");
        row.end(&mut words);
        row.begin(Some(1_048_576));
        row.push(None, "last");
        row.end(&mut words);
        assert_eq!(words.finish().0, "a b\t\t\td\t[XFD] far\n\nlast");
        assert_eq!(rounded(0.1 + 0.2), "0.3");
        assert_eq!(rounded(1_234_567.0), "1234567");
    }
}
