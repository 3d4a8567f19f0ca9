//! Every call as it stands in the source, whether or not a test takes its path: method, parameters
//! and mask exist in Google's description, and what a service declares is what it calls.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use google_discovery::catalogue;
use workspace_tools::{Service, all};

/// The sources of a folder, with the names of their files; tests in them are left out.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if !path.display().to_string().ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("a readable source");
            let code = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default();
            found.push((path, code.to_owned()));
        }
    }
    found
}

fn of_service(service: Service) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&folder.join(service.name()))
}

/// The literal that `code` begins with, continued lines joined.
fn literal(code: &str) -> Option<String> {
    let inside = code.trim_start().strip_prefix('"')?;
    let (literal, _) = inside.split_once('"')?;
    let pieces: Vec<&str> = literal.split("\\\n").collect();
    Some(
        pieces
            .iter()
            .enumerate()
            .map(|(number, piece)| {
                if number == 0 {
                    piece
                } else {
                    piece.trim_start()
                }
            })
            .collect(),
    )
}

/// The value of a constant text of this file.
fn constant(source: &str, name: &str) -> Option<String> {
    let (_, after) = source.split_once(&format!("const {name}: &str ="))?;
    literal(after)
}

/// The first argument of each call of `function`.
fn arguments<'a>(code: &'a str, function: &str) -> Vec<&'a str> {
    code.split(&format!(".{function}(")).skip(1).collect()
}

#[test]
fn every_call_is_one_that_google_describes() {
    let (mut problems, mut masks, mut calls) = (Vec::new(), 0, 0);
    for (path, source) in Service::ALL.iter().flat_map(|service| of_service(*service)) {
        for after in arguments(&source, "call") {
            let Some(id) = literal(after) else { continue };
            let place = format!("{}: {id}", path.display());
            let Ok(method) = catalogue().method(&id) else {
                problems.push(format!("{place} is not a method"));
                continue;
            };
            calls += 1;
            let statement = after.split(".await").next().unwrap_or_default();
            for function in ["param", "params", "param_opt"] {
                for name in arguments(statement, function)
                    .into_iter()
                    .filter_map(literal)
                {
                    if method.parameter(&name).is_none() {
                        problems.push(format!("{place} has no parameter {name}"));
                    }
                }
            }
            for argument in arguments(statement, "fields") {
                let name: String = argument
                    .chars()
                    .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                    .collect();
                let mask = literal(argument).or_else(|| constant(&source, &name));
                // Masks put together at run time are checked when examples run.
                let Some(mask) = mask else { continue };
                masks += 1;
                if let Err(invalid) = method.check_fields(&mask) {
                    problems.push(format!("{place}: {invalid}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(
        calls > 30 && masks > 20,
        "the scan sees {calls} calls and {masks} masks only"
    );
}

#[test]
fn services_call_what_their_tools_declare() {
    for service in Service::ALL {
        let declared: BTreeSet<&str> = all()
            .filter(|entry| entry.meta.service == *service)
            .flat_map(|entry| entry.meta.methods.iter().copied())
            .collect();
        let mut called = BTreeSet::new();
        for (_, source) in of_service(*service) {
            let code: String = source
                .split("methods: &[")
                .enumerate()
                .map(|(number, piece)| match piece.split_once(']') {
                    Some((_, after)) if number > 0 => after,
                    _ => piece,
                })
                .collect();
            // Looking up what is no method is slow, because the nearest one is searched.
            let like_an_id = |text: &&str| {
                let api = ["gmail.", "drive.", "calendar."]
                    .iter()
                    .any(|api| text.starts_with(api));
                api && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
            };
            for text in code.split('"').filter(like_an_id) {
                if let Ok(method) = catalogue().method(text) {
                    called.insert(method.id);
                }
            }
        }
        // What another service's code does for a tool is held against that service's tools.
        let elsewhere = |id: &str| {
            let api = id.split('.').next().and_then(Service::named);
            api.is_some_and(|api| api != *service)
                && all().any(|entry| {
                    Some(entry.meta.service) == api && entry.meta.methods.contains(&id)
                })
        };
        let own: BTreeSet<&str> = declared
            .into_iter()
            .filter(|id| called.contains(id) || !elsewhere(id))
            .collect();
        assert_eq!(called, own, "{}: called on the left", service.name());
    }
}
