//! What every declaration must be like, by walking the registry.

use std::collections::BTreeSet;

use google_discovery::{Access as MethodAccess, catalogue};
use serde_json::Value;
use workspace_tools::{Access, Entry, Selection, Service, Toolbox, all};

fn check(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

fn problems_of_all(judge: impl Fn(&'static Entry, &mut Vec<String>)) {
    let mut problems = Vec::new();
    for entry in all() {
        let mut own = Vec::new();
        judge(entry, &mut own);
        problems.extend(
            own.into_iter()
                .map(|problem| format!("{}: {problem}", entry.meta.name)),
        );
    }
    check(&problems);
}

#[test]
fn names_are_unique_and_say_which_service() {
    let mut seen = BTreeSet::new();
    problems_of_all(|entry, problems| {
        let meta = entry.meta;
        let words: &[&str] = match meta.service {
            Service::Accounts => &["google"],
            Service::Gmail => &["gmail"],
            Service::Drive => &["drive"],
            Service::Calendar => &["calendar", "event", "freebusy"],
        };
        if !words.iter().any(|word| meta.name.contains(word)) {
            problems.push(format!("the name says none of {words:?}"));
        }
        for name in std::iter::once(meta.name).chain(meta.aliases.iter().map(|alias| alias.name)) {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !name.chars().all(good) || !(1..=64).contains(&name.len()) {
                problems.push(format!("{name} is no good name"));
            }
        }
    });
    for entry in all() {
        let names = entry.meta.aliases.iter().map(|alias| alias.name);
        for name in names.chain([entry.meta.name]) {
            assert!(seen.insert(name), "{name} is there twice");
        }
    }
}

#[test]
fn descriptions_are_one_short_sentence() {
    problems_of_all(|entry, problems| {
        let meta = entry.meta;
        let first = meta.description.lines().next().unwrap_or_default();
        if first.chars().count() > 80 {
            problems.push(format!(
                "the description has {} characters",
                first.chars().count()
            ));
        }
        if !meta.description.ends_with('.') || meta.title.is_empty() || meta.title.ends_with('.') {
            problems.push("a description ends with a full stop, a title is there without".into());
        }
    });
}

#[test]
fn aliases_fit_the_arguments_they_stand_for() {
    problems_of_all(|entry, problems| {
        let schema = (entry.input_schema)();
        for alias in entry.meta.aliases {
            for (_, here) in alias.renamed {
                if schema["properties"].get(*here).is_none() {
                    problems.push(format!(
                        "{} renames to {here}, which is not there",
                        alias.name
                    ));
                }
            }
            for (here, value) in alias.assumed {
                if schema["properties"].get(*here).is_none() {
                    problems.push(format!("{} assumes {here}, which is not there", alias.name));
                }
                if serde_json::from_str::<Value>(value).is_err() {
                    problems.push(format!("{} assumes {value}, which is not JSON", alias.name));
                }
            }
        }
    });
}

#[test]
fn methods_exist_and_do_no_more_than_the_tool_says() {
    problems_of_all(|entry, problems| {
        let meta = entry.meta;
        for id in meta.methods {
            let Ok(method) = catalogue().method(id) else {
                problems.push(format!("{id} is not a method"));
                continue;
            };
            if meta.access == Access::Read && method.access != MethodAccess::Read {
                problems.push(format!("it only reads, but {id} does not"));
            }
            if meta.access != Access::Destructive && method.access == MethodAccess::Destructive {
                problems.push(format!("it is not destructive, but {id} is"));
            }
        }
        if meta.methods.is_empty() && meta.service != Service::Accounts {
            problems.push("it uses no method".into());
        }
    });
}

#[test]
fn files_from_drive_are_asked_for_where_drive_is_offered() {
    let drive = |services: &[Service], most: &[(Service, Access)]| -> Vec<String> {
        let selection = Selection {
            services: services.to_vec(),
            most_per_service: most.iter().copied().collect(),
            ..Selection::default()
        };
        let mut scopes = Toolbox::new(&selection).scopes();
        scopes.retain(|scope| scope.contains("/drive"));
        scopes
    };
    for tool in ["send_gmail_message", "draft_gmail_message"] {
        let entry = all().find(|entry| entry.meta.name == tool).unwrap();
        for method in ["drive.files.get", "drive.files.export"] {
            assert!(entry.meta.methods.contains(&method), "{tool} {method}");
        }
    }
    assert!(drive(&[Service::Gmail], &[]).is_empty());
    assert_eq!(
        drive(
            &[Service::Gmail, Service::Drive],
            &[(Service::Drive, Access::Read)]
        ),
        ["https://www.googleapis.com/auth/drive.readonly"]
    );
}

#[test]
fn every_tool_has_an_example_that_parses() {
    problems_of_all(|entry, problems| {
        if entry.meta.examples.is_empty() {
            problems.push("it has no example".into());
        }
        for example in entry.meta.examples {
            if serde_json::from_str::<Value>(example.arguments).is_err() {
                problems.push(format!(
                    "\"{}\" has arguments that are not JSON",
                    example.say
                ));
            }
        }
    });
}
