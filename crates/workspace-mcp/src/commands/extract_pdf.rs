//! `workspace-mcp extract-pdf`: the process in which one PDF file is read.
//!
//! Not for people. Invariant: it runs before any thread exists, so that its limits bind everything.

use std::{
    io::{stdin, stdout},
    path::PathBuf,
    process::ExitCode,
};

use workspace_tools::documents::{ChildPdfReader, pdf_child};

/// The name of this command.
const NAME: &str = "extract-pdf";

/// Reads standard input, writes standard output.
pub(super) fn run() -> ExitCode {
    pdf_child(stdin().lock(), stdout().lock())
}

/// A reader that starts this program again for every file.
pub(crate) fn reader() -> ChildPdfReader {
    // Where the own path is unknown, a reader that cannot start refuses every file.
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("workspace-mcp"));
    ChildPdfReader::new(program, &[NAME])
}
