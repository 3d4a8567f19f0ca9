//! Documents of Google's own editors, as far as Drive deals with them: made, imported, exported.
//!
//! Not the editing APIs. Invariant: what is imported from a format comes out of the export to that
//! format with the same words in the same order.

use serde::{Deserialize, Serialize};

/// A document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Native {
    Document(Vec<Block>),
    Spreadsheet(Vec<Sheet>),
    Presentation(Vec<Slide>),
}

/// A part of a text document.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Block {
    Heading(u8, String),
    Paragraph(String),
    Bullet(String),
    Table(Vec<Vec<String>>),
}

/// A sheet of a workbook.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) rows: Vec<Vec<String>>,
}

/// A slide.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Slide {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

impl Native {
    /// The words, for the index and the size.
    pub(super) fn plain_text(&self) -> String {
        match self {
            Self::Document(blocks) => blocks.iter().map(block_text).collect::<Vec<_>>().join("\n"),
            Self::Spreadsheet(sheets) => sheets
                .iter()
                .map(|sheet| format!("{}\n{}", sheet.title, csv(&sheet.rows)))
                .collect::<Vec<_>>()
                .join("\n"),
            Self::Presentation(slides) => slides
                .iter()
                .map(|slide| format!("{}\n{}", slide.title, slide.lines.join("\n")))
                .collect::<Vec<_>>()
                .join("\n\n"),
        }
    }
}

fn block_text(block: &Block) -> String {
    match block {
        Block::Heading(_, text) | Block::Paragraph(text) => text.clone(),
        Block::Bullet(text) => format!("* {text}"),
        Block::Table(rows) => rows
            .iter()
            .map(|row| row.join("\t"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// Blocks as Markdown.
pub(super) fn markdown(blocks: &[Block]) -> String {
    let mut text = String::new();
    for (index, block) in blocks.iter().enumerate() {
        let after_bullet = index > 0 && matches!(blocks[index - 1], Block::Bullet(_));
        if index > 0 {
            let tight = after_bullet && matches!(block, Block::Bullet(_));
            text.push_str(if tight { "\n" } else { "\n\n" });
        }
        match block {
            Block::Heading(level, words) => {
                text.push_str(&"#".repeat(usize::from(*level)));
                text.push(' ');
                text.push_str(words);
            }
            Block::Paragraph(words) => text.push_str(words),
            Block::Bullet(words) => {
                text.push_str("* ");
                text.push_str(words);
            }
            Block::Table(rows) => text.push_str(&markdown_table(rows)),
        }
    }
    text.push('\n');
    text
}

fn markdown_table(rows: &[Vec<String>]) -> String {
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        lines.push(format!("| {} |", row.join(" | ")));
        if index == 0 {
            lines.push(format!("|{}", " --- |".repeat(row.len())));
        }
    }
    lines.join("\n")
}

/// Markdown as blocks: headings, bullets, tables, paragraphs.
pub(super) fn from_markdown(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let level = line.chars().take_while(|c| *c == '#').count();
        let heading = line.trim_start_matches('#').strip_prefix(' ');
        if let Some(words) = heading.filter(|_| (1..=6).contains(&level)) {
            let level = u8::try_from(level).expect("at most six");
            blocks.push(Block::Heading(level, words.trim().to_owned()));
        } else if let Some(words) = line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")) {
            blocks.push(Block::Bullet(words.trim().to_owned()));
        } else if let Some(cells) = line.strip_prefix('|') {
            add_table_row(&mut blocks, cells);
        } else {
            blocks.push(Block::Paragraph(line.to_owned()));
        }
    }
    blocks
}

fn add_table_row(blocks: &mut Vec<Block>, cells: &str) {
    let cells: Vec<String> = cells
        .trim_end_matches('|')
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect();
    let ruler = cells
        .iter()
        .all(|cell| !cell.is_empty() && cell.chars().all(|c| "-: ".contains(c)));
    match blocks.last_mut() {
        Some(Block::Table(rows)) if ruler && rows.len() == 1 => {}
        Some(Block::Table(rows)) => rows.push(cells),
        _ => blocks.push(Block::Table(vec![cells])),
    }
}

/// Plain text as blocks, a paragraph a line.
pub(super) fn from_plain_text(text: &str) -> Vec<Block> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .map(|line| Block::Paragraph(line.trim_end().to_owned()))
        .collect()
}

/// The words of HTML, a paragraph a line; markup, scripts and styles are dropped.
pub(super) fn from_html(html: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut words = String::new();
    let mut rest = html;
    let mut skip_until: Option<String> = None;
    while let Some((before, after)) = rest.split_once('<') {
        if skip_until.is_none() {
            words.push_str(before);
        }
        let Some((tag, after)) = after.split_once('>') else {
            break;
        };
        rest = after;
        let name = tag
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match &skip_until {
            Some(end) if *end == name => skip_until = None,
            None if matches!(name.as_str(), "script" | "style" | "title") => {
                skip_until = Some(format!("/{name}"));
            }
            None if matches!(name.as_str(), "/h1" | "/h2" | "/h3") => {
                let level = name
                    .chars()
                    .last()
                    .and_then(|c| c.to_digit(10))
                    .unwrap_or(1);
                let text = std::mem::take(&mut words);
                let level = u8::try_from(level).expect("one digit");
                blocks.push(Block::Heading(level, unescape(text.trim())));
            }
            None if matches!(name.as_str(), "/p" | "/div" | "br" | "br/" | "/li" | "/tr") => {
                let text = std::mem::take(&mut words);
                if !text.trim().is_empty() {
                    blocks.push(Block::Paragraph(unescape(text.trim())));
                }
            }
            Some(_) | None => {}
        }
    }
    words.push_str(rest);
    if !words.trim().is_empty() {
        blocks.push(Block::Paragraph(unescape(words.trim())));
    }
    blocks
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// Rows as comma-separated values, lines ended as Google ends them.
pub(super) fn csv(rows: &[Vec<String>]) -> String {
    let cell = |text: &String| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    rows.iter()
        .map(|row| row.iter().map(cell).collect::<Vec<_>>().join(","))
        .collect::<Vec<_>>()
        .join("\r\n")
}

/// Comma- or tab-separated values as rows.
pub(super) fn from_csv(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut rest = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                cell.push('"');
                rest.next();
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if quoted => cell.push(c),
            c if c == separator => row.push(std::mem::take(&mut cell)),
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_comes_back_as_it_went_in() {
        let text =
            "# Plan\n\nFirst words.\n\n* one\n* two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n";
        assert_eq!(markdown(&from_markdown(text)), text);
    }

    #[test]
    fn csv_keeps_commas_quotes_and_line_breaks() {
        let rows = vec![
            vec!["name".to_owned(), "say \"hi\", twice".to_owned()],
            vec!["two\nlines".to_owned(), String::new()],
        ];
        assert_eq!(from_csv(&csv(&rows), ','), rows);
    }

    #[test]
    fn html_becomes_its_words() {
        let blocks = from_html(
            "<style>p{color:red}</style><h1>Plan &amp; goal</h1><p>First <b>words</b></p>end",
        );
        assert_eq!(
            blocks,
            [
                Block::Heading(1, "Plan & goal".into()),
                Block::Paragraph("First words".into()),
                Block::Paragraph("end".into())
            ]
        );
    }
}
