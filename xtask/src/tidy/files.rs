//! How a file looks: it says what it is, it is small, it has a good name.

use super::Source;

/// Lines a file may have before its tests.
const MOST_LINES: usize = 600;

/// Files above that, with the reason. Only shrinks.
const LONG: &[(&str, &str)] = &[];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "misc"];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let path = &source.path;
        let headed = source.text.starts_with("//!") || source.text.starts_with("#![doc = include");
        if !headed {
            complaints.push(format!(
                "{path}: begin with //!: what it is, what it is not, one invariant"
            ));
        }
        let lines = if is_test(path) { 0 } else { body(&source.text) };
        let excused = LONG.iter().any(|(long, _)| long == path);
        if lines > MOST_LINES && !excused {
            complaints.push(format!(
                "{path}: {lines} lines before its tests; split it at {MOST_LINES}"
            ));
        }
        if lines <= MOST_LINES && excused {
            complaints.push(format!(
                "{path}: short enough now; take it off the list in tidy/files.rs"
            ));
        }
        let name = path
            .rsplit('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".rs");
        let folder = path
            .trim_end_matches("/mod.rs")
            .rsplit('/')
            .next()
            .unwrap_or(path);
        if EMPTY_NAMES.contains(&name) || EMPTY_NAMES.contains(&folder) {
            complaints.push(format!("{path}: say in the name what is inside"));
        }
        for (forbidden, instead) in [
            (
                "#[ignore",
                "a test that does not run proves nothing: delete it or make it run",
            ),
            ("#[should_panic", "assert on the error instead"),
        ] {
            if source
                .text
                .lines()
                .any(|line| line.trim_start().starts_with(forbidden))
            {
                complaints.push(format!("{path}: {forbidden}…]: {instead}"));
            }
        }
    }
    complaints
}

/// Lines up to the tests at the end of the file.
fn body(text: &str) -> usize {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .count()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}
