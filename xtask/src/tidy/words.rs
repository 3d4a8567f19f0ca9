//! Words that must not be in the repository: machine paths, unfinished work, secrets.

use std::path::Path;

use super::{listed, shown};

/// Files that are no text of ours.
const SKIPPED: &[&str] = &[
    ".gz", ".png", ".pdf", ".der", ".lock", ".docx", ".xlsx", ".pptx", ".snap",
];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    // Assembled here so that this file does not complain about itself.
    let machine_path = root.parent().map(|parent| format!("{}/", parent.display()));
    let unfinished = [
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimpl", "emented!("),
    ];
    let private_key = concat!("-----BEGIN ", "PRIVATE KEY");
    for path in listed(root)? {
        let shown = shown(root, &path);
        if SKIPPED.iter().any(|ending| shown.ends_with(ending)) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{shown}:{}", number + 1);
            // Short parents such as / would match everything.
            if machine_path
                .as_ref()
                .is_some_and(|path| path.len() > 4 && line.contains(path))
            {
                complaints.push(format!("{}: a path of this machine", place()));
            }
            if unfinished.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{}: unfinished work", place()));
            }
            if line.contains(private_key) && !shown.contains("/tests/") {
                complaints.push(format!("{}: a private key", place()));
            }
        }
    }
    Ok(complaints)
}
