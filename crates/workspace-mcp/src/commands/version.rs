//! `version`: what this program is.

use super::Printer;

pub(super) fn run() {
    Printer.line(&format!("workspace-mcp {}", env!("CARGO_PKG_VERSION")));
}
