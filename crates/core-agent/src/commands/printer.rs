//! The one place that writes to the terminal.

use std::io::{self, Write};

/// Writes what a person asked to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Printer;

impl Printer {
    /// A line on standard output. A reader that went away (`| head`) is no error.
    pub fn line(self, text: &str) {
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// A line on standard error.
    pub fn problem(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
