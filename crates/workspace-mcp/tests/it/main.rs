//! The server through its public doors: the real program, a real sandbox, HTTP, stdio and the
//! command line.
//!
//! One binary for all, so that it is linked once. Invariant: a file here is a module below; a
//! forgotten one fails the first test; every server tells all it can and is watched for secrets and
//! content.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod cli;
mod pdf;
mod protocol;
mod secrets;
mod serving;
mod stdio;

use std::path::Path;

use testkit::{World, WorldOptions};

/// The program under test.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_workspace-mcp"))
}

/// A world with the demo user signed in.
async fn world() -> World {
    world_with(&[]).await
}

/// The same with settings of its own.
async fn world_with(settings: &[(&str, &str)]) -> World {
    let settings = settings
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let options = WorldOptions {
        settings: settings.collect(),
        watched: true,
        ..WorldOptions::default()
    };
    World::start(program(), options)
        .await
        .expect("the world starts")
}

#[test]
fn no_file_of_tests_is_forgotten() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let this = std::fs::read_to_string(here.join("main.rs")).expect("this file");
    for entry in std::fs::read_dir(here).expect("this folder") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        let Some(module) = name.strip_suffix(".rs") else {
            continue;
        };
        let known = module == "main" || this.contains(&format!("mod {module};"));
        assert!(known, "{name} is no module of main.rs");
    }
}
