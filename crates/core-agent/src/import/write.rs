//! Writing what was planned.
//!
//! Invariant: at any moment the file is whole, the old one or the new one; the old one is kept
//! beside it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;

use super::{Import, ImportError};

/// Writes the file, and returns where the old one is kept. With `keep_secrets` the secrets are
/// put into the `.env` beside it, for this user alone.
pub fn write(import: &Import, keep_secrets: bool) -> Result<Option<PathBuf>, ImportError> {
    let target = &import.target;
    let failed = |path: &Path, error: io::Error| ImportError::Write {
        path: path.to_owned(),
        why: error.to_string(),
    };
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    if keep_secrets && !import.wanted.is_empty() {
        // Before the file that refers to them.
        let path = target.with_file_name(".env");
        keep(import, &path).map_err(|error| failed(&path, error))?;
    }
    let mut kept = None;
    if let Some(before) = &import.before {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".bak");
        let path = target.with_file_name(name);
        replace(&path, before).map_err(|error| failed(&path, error))?;
        kept = Some(path);
    }
    replace(target, &import.after).map_err(|error| failed(target, error))?;
    Ok(kept)
}

/// Adds the secrets the `.env` does not have yet.
fn keep(import: &Import, path: &Path) -> io::Result<()> {
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for wanted in &import.wanted {
        let start = format!("{}=", wanted.variable);
        if !text
            .lines()
            .any(|line| line.trim_start().starts_with(&start))
        {
            // In single quotes nothing has a meaning but the quote itself.
            let value = wanted.value.expose_secret().replace('\'', "'\\''");
            text.push_str(&format!("{start}'{value}'\n"));
        }
    }
    replace(path, &text)
}

/// Puts a whole file in the place of another.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link leads to the file that a person keeps elsewhere.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = (|| {
        let mut file = options.open(&new)?;
        if let Ok(about) = fs::metadata(&path)
            && path.file_name().is_some_and(|name| name != ".env")
        {
            file.set_permissions(about.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
