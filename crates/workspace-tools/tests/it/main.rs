//! All tests that need a Google: one binary, one module a subject.

mod calendar;
mod catalogue;
mod drive;
mod examples;
mod gmail_labels;
mod gmail_read;
mod gmail_send;
mod listing;
mod schemas;
mod sources;
mod world;

/// A file nobody named above would be forgotten without a word.
#[test]
fn no_test_file_is_forgotten() {
    let named = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for file in std::fs::read_dir(folder).expect("this folder is there") {
        let file = file.expect("a readable entry").file_name();
        let name = file.to_string_lossy();
        if let Some(module) = name.strip_suffix(".rs").filter(|name| *name != "main") {
            assert!(
                named.contains(&format!("mod {module};")),
                "{name} is not named in main.rs"
            );
        }
    }
}
