//! `cargo xtask tidy`: rules of the code base that no lint knows.
//!
//! Also a test, so that `cargo test` holds them. A rule is a function from the repository to
//! complaints. Invariant: exception lists only shrink; an entry that is no longer needed is a
//! complaint too.

mod borders;
mod files;
mod words;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

/// Check the rules of the code base that no lint knows.
#[derive(Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, root: &Path) -> anyhow::Result<()> {
    let complaints = complaints(root)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!("tidy");
        return Ok(());
    }
    bail!("{} complaints", complaints.len())
}

/// Everything that is untidy.
fn complaints(root: &Path) -> anyhow::Result<Vec<String>> {
    let sources = sources(root)?;
    let mut complaints = files::check(&sources);
    complaints.extend(words::check(root)?);
    complaints.extend(borders::check(root, &sources)?);
    Ok(complaints)
}

/// A Rust file of ours.
struct Source {
    /// Its path from the top of the repository, with `/`.
    path: String,
    text: String,
}

fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in listed(root)? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source {
                path: shown(root, &path),
                text: std::fs::read_to_string(&path)?,
            });
        }
    }
    sources.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(sources)
}

/// Every file of the repository that is not built, fetched or hidden from git.
fn listed(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if name != "target" && name != ".git" && name != "node_modules" {
                    folders.push(entry.path());
                }
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_code_base_is_tidy() {
        let complaints = super::complaints(&crate::root()).expect("the repository can be read");
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}
