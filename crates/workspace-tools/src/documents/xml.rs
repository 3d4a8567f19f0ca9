//! XML of office files, one piece at a time.
//!
//! Not a validator: names are taken without their namespace. Invariant: no document type, no depth
//! beyond [`DEEPEST`], no element with more than [`MOST_ATTRIBUTES`] attributes is passed on.

use std::{borrow::Cow, io::BufRead};

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::budget::{Budget, Refusal};

/// How deep elements may nest.
const DEEPEST: usize = 256;

/// How many attributes one element may have.
const MOST_ATTRIBUTES: usize = 500;

/// Tags shorter than this cannot have too many attributes.
const SHORT_TAG: usize = MOST_ATTRIBUTES * 4;

/// How often the clock is looked at.
const PIECES_BETWEEN_LOOKS: u32 = 512;

const BROKEN: Refusal = Refusal::Damaged("its XML is broken");

/// A part that is being read.
pub(super) struct Xml<'a> {
    reader: Reader<Box<dyn BufRead + 'a>>,
    budget: &'a Budget,
    buffer: Vec<u8>,
    depth: usize,
    pieces: u32,
}

/// What comes next in a part.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// The element of that name ends.
    Close(Vec<u8>),
    /// Characters.
    Text(Cow<'a, str>),
    /// A comment or a declaration.
    Other,
    /// The part ends.
    End,
}

/// The beginning of an element.
#[derive(Debug)]
pub(super) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// Its name without the namespace.
    pub(super) fn name(&self) -> &[u8] {
        self.0.local_name().into_inner()
    }

    /// An attribute by its name without the namespace; of two, the one that has none.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.find(name, false).or_else(|| self.find(name, true))
    }

    /// An attribute that refers to another part: `r:id`, where `id` would be something else.
    pub(super) fn reference(&self, name: &str) -> Option<String> {
        self.find(name, true)
    }

    /// Whether a switch such as `<w:vanish/>` is on.
    pub(super) fn is_on(&self) -> bool {
        !matches!(
            self.get("val").as_deref(),
            Some("0" | "false" | "off" | "none")
        )
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    fn find(&self, name: &str, with_namespace: bool) -> Option<String> {
        let mut attributes = self.0.attributes();
        // The check for repeated names takes time that grows with their square.
        attributes.with_checks(false);
        let found = attributes.filter_map(Result::ok).find(|attribute| {
            attribute.key.local_name().as_ref() == name.as_bytes()
                && attribute.key.prefix().is_some() == with_namespace
        })?;
        let value = String::from_utf8_lossy(&found.value).into_owned();
        match quick_xml::escape::unescape(&value) {
            Ok(plain) => Some(plain.into_owned()),
            Err(_) => Some(value),
        }
    }
}

impl<'a> Xml<'a> {
    /// A part from its first character on.
    pub(super) fn new(source: Box<dyn BufRead + 'a>, budget: &'a Budget) -> Self {
        let mut reader = Reader::from_reader(source);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = false;
        budget.next_token();
        Self {
            reader,
            budget,
            buffer: Vec::new(),
            depth: 0,
            pieces: 0,
        }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Piece<'_>, Refusal> {
        self.pieces = self.pieces.wrapping_add(1);
        if self.pieces.is_multiple_of(PIECES_BETWEEN_LOOKS) {
            self.budget.go_on()?;
        }
        self.buffer.clear();
        self.budget.next_token();
        let event = self.reader.read_event_into(&mut self.buffer);
        let event = event.map_err(|_| self.budget.refusal().unwrap_or(BROKEN))?;
        match event {
            Event::DocType(_) => Err(Refusal::DocumentType),
            Event::Start(start) | Event::Empty(start) => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(Refusal::Depth);
                }
                checked(start).map(Piece::Open)
            }
            Event::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Piece::Close(end.local_name().as_ref().to_vec()))
            }
            Event::Text(text) => Ok(Piece::Text(lossy(text.into_inner()))),
            Event::CData(text) => Ok(Piece::Text(lossy(text.into_inner()))),
            Event::GeneralRef(reference) => Ok(Piece::Text(Cow::Owned(character(&reference)))),
            // A part that was cut off must not pass for a whole one.
            Event::Eof if self.depth > 0 => Err(BROKEN),
            Event::Eof => Ok(Piece::End),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => Ok(Piece::Other),
        }
    }

    /// Passes over the element that has just begun.
    pub(super) fn skip(&mut self) -> Result<(), Refusal> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if let Piece::End = self.next()? {
                break;
            }
        }
        Ok(())
    }
}

fn checked(start: BytesStart<'_>) -> Result<Tag<'_>, Refusal> {
    if start.len() > SHORT_TAG {
        let mut attributes = start.attributes();
        attributes.with_checks(false);
        if attributes.take(MOST_ATTRIBUTES + 1).count() > MOST_ATTRIBUTES {
            return Err(Refusal::Attributes);
        }
    }
    Ok(Tag(start))
}

fn lossy(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// The character that `&…;` stands for; entities of a document type do not exist here.
fn character(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return c.to_string();
    }
    match &**reference {
        b"lt" => "<",
        b"gt" => ">",
        b"amp" => "&",
        b"quot" => "\"",
        b"apos" => "'",
        _ => "",
    }
    .to_owned()
}
