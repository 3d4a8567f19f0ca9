//! Pinned packages of others, installed once under `target/`.
//!
//! A marker file holds the list that was installed; another list installs anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::bail;

/// A virtual environment with exactly these packages; the path of its Python.
pub(crate) fn venv(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let place = folder.join("venv");
    let python = place.join("bin/python");
    if !is_fresh(&place, packages) {
        let _ = fs::remove_dir_all(&place);
        checked(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        checked(
            Command::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(packages),
        )?;
        mark(&place, packages)?;
    }
    Ok(python)
}

/// A folder with exactly these npm packages; the path of its `node_modules`.
pub(crate) fn npm(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    npm_with(folder, packages, &[])
}

/// The same without running what the packages want run at their installation.
pub(crate) fn npm_without_scripts(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    npm_with(folder, packages, &["--ignore-scripts"])
}

fn npm_with(folder: &Path, packages: &[&str], options: &[&str]) -> anyhow::Result<PathBuf> {
    let modules = folder.join("node_modules");
    if !is_fresh(folder, packages) {
        let _ = fs::remove_dir_all(&modules);
        fs::create_dir_all(folder)?;
        fs::write(
            folder.join("package.json"),
            "{\"private\": true, \"type\": \"module\"}\n",
        )?;
        checked(
            Command::new("npm")
                .args([
                    "install",
                    "--silent",
                    "--no-audit",
                    "--no-fund",
                    "--save-exact",
                ])
                .args(options)
                .args(packages)
                .current_dir(folder),
        )?;
        mark(folder, packages)?;
    }
    Ok(modules)
}

/// Runs a command and fails when it does.
pub(crate) fn checked(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

fn is_fresh(folder: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(folder.join("installed")).is_ok_and(|list| list == packages.join("\n"))
}

fn mark(folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    Ok(fs::write(folder.join("installed"), packages.join("\n"))?)
}
