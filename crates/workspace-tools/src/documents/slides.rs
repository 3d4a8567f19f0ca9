//! Presentations: one section a slide, with its notes.
//!
//! Not a picture of the slides: text in the order the file has it. Invariant: a slide that is not
//! shown is marked so.

use super::{
    DocumentText,
    budget::{Refusal, Words},
    package::{Package, is_numbered},
    word::row,
    xml::{Piece, Xml},
};

/// Reads a pptx.
pub(super) fn read(package: &mut Package<'_>) -> Result<DocumentText, Refusal> {
    let slides = order(package)?;
    if slides.is_empty() {
        return Err(Refusal::Damaged("it has no slides inside"));
    }
    let mut words = Words::default();
    let mut hidden = 0;
    for (index, slide) in slides.iter().enumerate() {
        if words.is_full() {
            break;
        }
        let Some(mut xml) = package.part(slide)? else {
            continue;
        };
        let found = text(&mut xml)?;
        drop(xml);
        hidden += usize::from(found.is_hidden);
        words.gap();
        let mark = if found.is_hidden { " (not shown)" } else { "" };
        words.push(&format!("## Slide {}{mark}", index + 1));
        words.gap();
        words.push(found.text.trim());
        let relations = package.relations(slide)?;
        let Some(notes) = relations.of_kind("notesSlide") else {
            continue;
        };
        let Some(mut xml) = package.part(notes)? else {
            continue;
        };
        let found = text(&mut xml)?;
        if !found.text.trim().is_empty() {
            words.gap();
            words.push("Notes: ");
            words.push(found.text.trim());
        }
    }
    let mut notes = vec![match slides.len() {
        1 => "It has 1 slide.".to_owned(),
        all => format!("It has {all} slides."),
    }];
    if hidden > 0 {
        notes.push(format!("{hidden} of them are not shown."));
    }
    let (text, truncated) = words.finish();
    Ok(DocumentText {
        text,
        truncated,
        notes,
    })
}

/// The slides as the presentation orders them, then the ones it forgot.
fn order(package: &mut Package<'_>) -> Result<Vec<String>, Refusal> {
    let main = package.main_part("ppt/presentation.xml")?;
    let relations = package.relations(&main)?;
    let mut slides = Vec::new();
    if let Some(mut xml) = package.part(&main)? {
        loop {
            match xml.next()? {
                Piece::Open(tag) if tag.name() == b"sldId" => {
                    let id = tag.reference("id").unwrap_or_default();
                    slides.extend(relations.target(&id).map(str::to_owned));
                }
                Piece::End => break,
                _ => {}
            }
        }
    }
    let known: std::collections::HashSet<String> = slides.iter().cloned().collect();
    let names = package.names().into_iter();
    slides.extend(
        names.filter(|name| is_numbered(name, "ppt/slides/slide") && !known.contains(name)),
    );
    Ok(slides)
}

#[derive(Debug, Default)]
struct Found {
    text: String,
    is_hidden: bool,
}

/// The text of a slide, a line for every paragraph.
fn text(xml: &mut Xml<'_>) -> Result<Found, Refusal> {
    let mut found = Found::default();
    let mut cells: Option<Vec<String>> = None;
    let (mut in_text, mut line) = (false, String::new());
    loop {
        match xml.next()? {
            Piece::Open(tag) => match tag.name() {
                b"sld" => {
                    found.is_hidden = matches!(tag.get("show").as_deref(), Some("0" | "false"));
                }
                // The same again for older programs; page numbers and dates.
                b"Fallback" | b"fld" => xml.skip()?,
                b"t" => in_text = true,
                b"br" => line.push(' '),
                b"tr" => cells = Some(Vec::new()),
                _ => {}
            },
            Piece::Text(words) if in_text => line.push_str(&words),
            Piece::Close(name) => match name.as_slice() {
                b"t" => in_text = false,
                b"p" if cells.is_some() => line.push(' '),
                b"p" | b"txBody" => end_line(&mut found.text, &mut line),
                b"tc" => {
                    if let Some(cells) = &mut cells {
                        cells.push(std::mem::take(&mut line));
                    }
                }
                b"tr" => {
                    line = row(&cells.take().unwrap_or_default());
                    end_line(&mut found.text, &mut line);
                }
                _ => {}
            },
            Piece::End => return Ok(found),
            _ => {}
        }
    }
}

fn end_line(text: &mut String, line: &mut String) {
    if !line.trim().is_empty() {
        text.push_str(line.trim());
        text.push('\n');
    }
    line.clear();
}
