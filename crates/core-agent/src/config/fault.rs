//! What is wrong with a configuration.
//!
//! Invariant: no fault shows a value that may be a secret.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is said.
    pub place: Option<Place>,
    /// What it is about, such as `servers.github.url` or a variable's name.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What is allowed, or what to do.
    pub advice: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth saying.
    Warning,
    /// Something a server needs is not there: that server cannot be used, all others can.
    Unavailable,
    /// The configuration cannot be used.
    Error,
}

/// Where something is said.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// All that is wrong, worst first.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Whether the configuration cannot be used.
    pub fn fatal(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// Worst first; in the order of the text among equals.
    pub fn sort(&mut self) {
        self.0.sort_by(|one, other| {
            let place = |fault: &Fault| {
                fault
                    .place
                    .as_ref()
                    .map(|place| (place.file.clone(), place.line, place.column))
            };
            (other.severity.cmp(&one.severity)).then_with(|| place(one).cmp(&place(other)))
        });
        self.0.dedup();
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}: {}", self.severity, self.key, self.problem)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
