//! What is wrong with a request, in words a model can act on.
//!
//! Not an answer of Google's: everything here is found before anything is sent. Invariant: the
//! words name places and expectations and never repeat a long value.

use std::fmt;

/// A request that Google would refuse or misunderstand, with everything that is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invalid {
    /// The id of the method the request is for.
    pub method: &'static str,
    /// What is wrong, in the order of the request; never empty.
    pub problems: Vec<Problem>,
    /// How many more problems were not listed.
    pub omitted: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where: `parameters.maxResults`, `body.message.raw`, `body.requests[2].insertText`.
    pub path: String,
    /// What was found, what is allowed, what to do.
    pub message: String,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be called like this: ", self.method)?;
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "; and {more} more problems"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Collects problems, but not endlessly many.
pub(crate) struct Problems {
    found: Vec<Problem>,
    omitted: usize,
}

impl Problems {
    const AT_MOST: usize = 30;

    pub(crate) fn none() -> Self {
        Self {
            found: Vec::new(),
            omitted: 0,
        }
    }

    /// Notes a problem; the path is only written down when it will be shown.
    pub(crate) fn add(&mut self, path: impl FnOnce() -> String, message: impl Into<String>) {
        if self.found.len() < Self::AT_MOST {
            self.found.push(Problem {
                path: path(),
                message: message.into(),
            });
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn into_result(self, method: &'static str) -> Result<(), Invalid> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(Invalid {
                method,
                problems: self.found,
                omitted: self.omitted,
            })
        }
    }
}
