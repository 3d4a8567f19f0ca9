//! Uploads in pieces.
//!
//! Not the handler that takes the finished content. Invariant: bytes are taken in order, once, and
//! every piece but the last is a multiple of 256 KiB.

use std::collections::HashMap;

use super::{Answer, Ticket};

/// The size that pieces must be a multiple of.
pub(crate) const STEP: u64 = 256 * 1024;

/// The uploads under way.
#[derive(Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    made: u64,
}

/// One upload under way.
pub(crate) struct Session {
    /// What to do with the content once it is complete.
    pub(crate) ticket: Ticket,
    pub(crate) content_type: String,
    /// The whole size, once known.
    pub(crate) total: Option<u64>,
    pub(crate) received: Vec<u8>,
    /// The final answer, repeated when asked again.
    pub(crate) done: Option<Answer>,
}

/// What a `PUT` to a session leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// So much is here; go on.
    Incomplete(u64),
    /// All is here.
    Complete,
    /// It was complete before.
    Repeat,
    /// The piece does not fit; the reason.
    Wrong(String),
}

impl Sessions {
    /// Opens a session and gives its id.
    pub(crate) fn open(&mut self, session: Session, salt: &str) -> String {
        self.made += 1;
        let id = format!("ABgVH8-{salt}{:04x}", self.made);
        self.by_id.insert(id.clone(), session);
        id
    }

    /// The session of this id.
    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    /// Ends a session.
    pub(crate) fn close(&mut self, id: &str) -> bool {
        self.by_id.remove(id).is_some()
    }
}

impl Session {
    /// Takes one request's content.
    pub(crate) fn take(&mut self, range: Option<&str>, content: &[u8]) -> Step {
        if self.done.is_some() {
            return Step::Repeat;
        }
        let here = self.received.len() as u64;
        let Some(range) = range else {
            self.received.truncate(0);
            self.received.extend_from_slice(content);
            self.total = Some(content.len() as u64);
            return Step::Complete;
        };
        let Some((pair, total)) = parse(range) else {
            return Step::Wrong(format!("Failed to parse Content-Range header: {range}"));
        };
        if let (Some(known), Some(total)) = (self.total, total)
            && known != total
        {
            return Step::Wrong(format!("The upload has {known} bytes in all, not {total}."));
        }
        self.total = self.total.or(total);
        let Some((first, last)) = pair else {
            return self.state();
        };
        if content.len() as u64 != last + 1 - first {
            return Step::Wrong(format!(
                "There were {} byte(s) in the request body. There should have been {} byte(s) \
                 (starting at offset {first} and ending at offset {last}).",
                content.len(),
                last + 1 - first
            ));
        }
        let is_last = self.total == Some(last + 1);
        if !is_last && !(last + 1 - first).is_multiple_of(STEP) {
            return Step::Wrong("Every piece but the last must be a multiple of 256 KiB.".into());
        }
        if first > here {
            return Step::Wrong(format!(
                "The piece starts at {first}, but only {here} bytes are here."
            ));
        }
        // A repeated beginning is what a client sends that missed our last answer.
        let known = usize::try_from(here - first).expect("below the content's length or skipped");
        if let Some(fresh) = content.get(known..) {
            self.received.extend_from_slice(fresh);
        }
        self.state()
    }

    fn state(&self) -> Step {
        let here = self.received.len() as u64;
        if self.total == Some(here) {
            Step::Complete
        } else {
            Step::Incomplete(here)
        }
    }
}

type Range = (Option<(u64, u64)>, Option<u64>);

fn parse(text: &str) -> Option<Range> {
    let (range, total) = text.strip_prefix("bytes")?.trim_start().split_once('/')?;
    let total = if total == "*" {
        None
    } else {
        Some(total.parse().ok()?)
    };
    if range == "*" {
        return Some((None, total));
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && total.is_none_or(|total| last < total))
        .then_some((Some((first, last)), total))
}
