//! Chores of the repository: `cargo xtask <chore>`.
//!
//! Not part of the product. One chore, one file with `Arguments` and `run`, one variant and one
//! line here. Invariant: every chore works from any folder of the repository.
#![expect(clippy::print_stdout, reason = "a chore reports to whoever runs it")]

mod bench;
mod catalogue;
mod docs;
mod search;
mod third_party;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Parser, Subcommand};

/// Chores of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    Bench(bench::Arguments),
    Catalogue(catalogue::Arguments),
    Docs(docs::Arguments),
    Search(search::Arguments),
    ThirdParty(third_party::Arguments),
    Tidy(tidy::Arguments),
}

fn main() -> anyhow::Result<()> {
    let root = root();
    match CommandLine::parse().chore {
        Chore::Bench(arguments) => bench::run(&arguments, &root),
        Chore::Catalogue(arguments) => catalogue::run(&arguments, &root),
        Chore::Docs(arguments) => docs::run(&arguments, &root),
        Chore::Search(arguments) => search::run(&arguments, &root),
        Chore::ThirdParty(arguments) => third_party::run(&arguments, &root),
        Chore::Tidy(arguments) => tidy::run(&arguments, &root),
    }
}

/// The repository's top folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository")
        .to_path_buf()
}

/// Cargo at the top of the repository, without what the cargo that started us says about this
/// package: build scripts look at it, and half of the dependencies would be built anew.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name
            .to_str()
            .is_some_and(|name| ours.iter().any(|start| name.starts_with(start)))
        {
            command.env_remove(name);
        }
    }
    command
}
