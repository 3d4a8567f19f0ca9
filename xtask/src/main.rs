//! Chores of the repository: `cargo xtask <chore>`.
//!
//! Not part of the product. One chore, one file with `Arguments` and `run`, one variant and one
//! line here. Invariant: every chore works from any folder of the repository.
#![expect(clippy::print_stdout, reason = "a chore reports to whoever runs it")]

mod bench;
mod catalogue;
mod docs;
mod third_party;
mod tidy;

use std::path::{Path, PathBuf};

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
    ThirdParty(third_party::Arguments),
    Tidy(tidy::Arguments),
}

fn main() -> anyhow::Result<()> {
    let root = root();
    match CommandLine::parse().chore {
        Chore::Bench(arguments) => bench::run(&arguments, &root),
        Chore::Catalogue(arguments) => catalogue::run(&arguments, &root),
        Chore::Docs(arguments) => docs::run(&arguments, &root),
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
