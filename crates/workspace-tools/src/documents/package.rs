//! A zip archive full of XML, as all office programs write them.
//!
//! Reads parts where they lie and unpacks them piece by piece. Invariant: the archive's table was
//! judged before it is built, and nothing in it is opened as an archive again.

use std::{
    collections::HashMap,
    io::{BufReader, Cursor, Read},
};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{
    budget::{Budget, MOST_ENTRIES, Refusal},
    xml::{Piece, Xml},
};

const NO_ARCHIVE: Refusal = Refusal::Damaged("it is no zip archive");

/// An opened office file.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    budget: Budget,
}

impl<'a> Package<'a> {
    /// Opens an archive after a look at what it claims.
    pub(super) fn open(bytes: &'a [u8], budget: Budget) -> Result<Self, Refusal> {
        // Every entry of a table begins with this mark, wherever the table is said to be; and each
        // end mark makes the library try one more table.
        if count(bytes, *b"PK\x01\x02") > MOST_ENTRIES || count(bytes, *b"PK\x05\x06") > 64 {
            return Err(Refusal::Entries);
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refusal(&error))?;
        if archive.len() > MOST_ENTRIES {
            return Err(Refusal::Entries);
        }
        for index in 0..archive.len() {
            budget.go_on()?;
            let entry = archive
                .by_index_raw(index)
                .map_err(|error| refusal(&error))?;
            if entry.encrypted() {
                return Err(Refusal::Encrypted);
            }
            let known = [CompressionMethod::Stored, CompressionMethod::Deflated];
            if !known.contains(&entry.compression()) {
                return Err(Refusal::Compression);
            }
        }
        match archive.has_overlapping_entries() {
            Ok(false) => Ok(Self { archive, budget }),
            Ok(true) => Err(Refusal::Overlap),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// The names of the parts, numbers in their natural order.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        let mut names: Vec<String> = names.map(std::borrow::Cow::into_owned).collect();
        names.sort_by_cached_key(|name| natural(name));
        names
    }

    /// Begins to read a part; `None` when there is none of that name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Xml<'_>>, Refusal> {
        let Some(index) = self.archive.index_for_name(name) else {
            return Ok(None);
        };
        let entry = self
            .archive
            .by_index(index)
            .map_err(|error| refusal(&error))?;
        let metered = Metered {
            packed: entry.compressed_size(),
            given: 0,
            inner: entry,
            budget: &self.budget,
        };
        let reader = BufReader::with_capacity(32 << 10, metered);
        Ok(Some(Xml::new(Box::new(reader), &self.budget)))
    }

    /// The parts that `name` refers to: target by id, and by the last word of its type.
    pub(super) fn relations(&mut self, name: &str) -> Result<Relations, Refusal> {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let mut relations = Relations::default();
        let list = format!("{folder}/_rels/{file}.rels");
        let Some(mut xml) = self.part(list.trim_start_matches('/'))? else {
            return Ok(relations);
        };
        loop {
            match xml.next()? {
                Piece::Open(tag) if tag.name() == b"Relationship" => {
                    let outside = tag.get("TargetMode").as_deref() == Some("External");
                    if let (Some(id), Some(target), false) =
                        (tag.get("Id"), tag.get("Target"), outside)
                    {
                        let kind = tag.get("Type").unwrap_or_default();
                        let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                        relations.0.insert(id, (kind, resolve(folder, &target)));
                    }
                }
                Piece::End => return Ok(relations),
                _ => {}
            }
        }
    }

    /// The part everything begins with; `usual` where the file does not say.
    pub(super) fn main_part(&mut self, usual: &str) -> Result<String, Refusal> {
        let relations = self.relations("")?;
        let main = relations.of_kind("officeDocument");
        Ok(main.unwrap_or(usual).to_owned())
    }
}

/// What a part refers to.
#[derive(Debug, Default)]
pub(super) struct Relations(HashMap<String, (String, String)>);

impl Relations {
    /// The part with that id.
    pub(super) fn target(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(|(_, target)| target.as_str())
    }

    /// A part of that kind, such as `notesSlide`.
    pub(super) fn of_kind(&self, kind: &str) -> Option<&str> {
        let mut all = self.0.values();
        all.find(|(of, _)| of == kind)
            .map(|(_, target)| target.as_str())
    }
}

/// Takes what it gives from the budget.
struct Metered<'b, R> {
    inner: R,
    budget: &'b Budget,
    given: u64,
    packed: u64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.given += read as u64;
        self.budget
            .take(read as u64, self.given, self.packed)
            .map_err(std::io::Error::other)?;
        Ok(read)
    }
}

fn refusal(error: &ZipError) -> Refusal {
    match error {
        ZipError::UnsupportedArchive(what) if *what == ZipError::PASSWORD_REQUIRED => {
            Refusal::Encrypted
        }
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            Refusal::Compression
        }
        _ => NO_ARCHIVE,
    }
}

fn count(bytes: &[u8], mark: [u8; 4]) -> usize {
    let (mut found, mut rest) = (0, bytes);
    while let Some(at) = rest.iter().position(|&byte| byte == mark[0]) {
        rest = &rest[at..];
        found += usize::from(rest.starts_with(&mark));
        rest = &rest[1..];
    }
    found
}

/// The name that `target`, written in a part of `folder`, means.
fn resolve(folder: &str, target: &str) -> String {
    let (base, target) = match target.strip_prefix('/') {
        Some(absolute) => ("", absolute),
        None => (folder, target),
    };
    let mut path: Vec<&str> = base.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

/// Whether a part is called `prefix`, a number and `.xml`.
pub(super) fn is_numbered(name: &str, prefix: &str) -> bool {
    let number = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(".xml"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Sorts `slide10` after `slide2`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let words = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(words);
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (number, after) = after.split_at(digits);
        pieces.push((word.to_owned(), number.parse().unwrap_or(0)));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["slide10.xml", "slide2.xml", "slide1.xml", "a.xml"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a.xml", "slide1.xml", "slide2.xml", "slide10.xml"]);
    }

    #[test]
    fn targets_are_found_from_where_they_are_written() {
        assert_eq!(
            resolve("xl", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml"
        );
        assert_eq!(resolve("xl", "/xl/a.xml"), "xl/a.xml");
        assert_eq!(
            resolve("ppt/slides", "../notesSlides/n1.xml"),
            "ppt/notesSlides/n1.xml"
        );
        assert_eq!(resolve("", "../../etc/passwd"), "etc/passwd");
    }
}
