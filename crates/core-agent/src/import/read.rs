//! Reading another program's file: which servers it has, in our form.
//!
//! Invariant: whatever is left out or changed is said.

use std::collections::BTreeMap;

use super::ForeignFile;
use crate::{
    config::{
        Fault, Faults, Place, Severity, Template, desktop, keys,
        shape::{Examination, Shape},
        tree::{Node, Source, Value},
    },
    secret::BadTemplate,
};

/// A server of another program, in our form.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) file: ForeignFile,
}

/// What the file has.
pub(super) fn servers(file: &ForeignFile, text: &str, faults: &mut Faults) -> Vec<Foreign> {
    let text = text.trim_start_matches('\u{feff}');
    let source = Source::new(&file.path, text);
    let toml = file.path.extension().is_some_and(|ending| ending == "toml");
    let root = if toml {
        source.toml(faults)
    } else {
        source.json(faults)
    };
    let Some(root) = root else {
        return Vec::new();
    };
    let inputs = inputs(&root);
    let mut found = Vec::new();
    for (key, table) in tables(&root) {
        let Some(servers) = table.table() else {
            continue;
        };
        for (name, entry) in desktop::named(servers, &key, faults) {
            let path = format!("{key}.{name}");
            let mut node = desktop::server_of(&entry.node, &path, faults);
            let mut said = Vec::new();
            editors_words(&mut node, file, &inputs, &mut said);
            for problem in said {
                faults.0.push(note(entry.key.as_ref(), &path, problem));
            }
            if let Some(problem) = unusable(&mut node, file, faults) {
                faults.0.push(note(entry.key.as_ref(), &path, problem));
                continue;
            }
            found.push(Foreign {
                name,
                node,
                file: file.clone(),
            });
        }
    }
    found
}

/// The tables of servers, wherever programs keep them.
fn tables(root: &Node) -> Vec<(String, &Node)> {
    let mut tables = Vec::new();
    for key in desktop::SERVERS.iter().chain(&["servers"]) {
        if let Some(table) = root.get(key) {
            tables.push(((*key).to_owned(), table));
        }
    }
    // Settings of VS Code.
    for path in [&["mcp", "servers"][..], &["mcp.servers"][..]] {
        if let Some(table) = root.at(path) {
            tables.push((path.join("."), table));
        }
    }
    // Claude Code keeps servers of each project beside the general ones.
    for (project, entry) in root
        .get("projects")
        .and_then(Node::table)
        .into_iter()
        .flatten()
    {
        if let Some(table) = entry.node.get("mcpServers") {
            tables.push((format!("projects.{project}.mcpServers"), table));
        }
    }
    tables
}

/// What VS Code asks a person for, by id: the variable that takes its place.
fn inputs(root: &Node) -> BTreeMap<String, String> {
    let lists = [root.at(&["inputs"]), root.at(&["mcp", "inputs"])];
    let mut inputs = BTreeMap::new();
    for list in lists.into_iter().flatten() {
        let Value::List(items) = &list.value else {
            continue;
        };
        for item in items {
            if let Some(id) = item.get("id").and_then(Node::as_text) {
                inputs.insert(id.to_owned(), super::plan::variable(&[id]));
            }
        }
    }
    inputs
}

/// Replaces what only an editor knows.
fn editors_words(
    node: &mut Node,
    file: &ForeignFile,
    inputs: &BTreeMap<String, String>,
    said: &mut Vec<String>,
) {
    match &mut node.value {
        Value::Text(text) if text.contains("${") => {
            *text = text
                .replace("${userHome}", "${env:HOME}")
                .replace("${pathSeparator}", "/")
                .replace("${/}", "/");
            for word in ["${workspaceFolder}", "${workspaceRoot}"] {
                if !text.contains(word) {
                    continue;
                }
                match file.project() {
                    Some(project) => *text = text.replace(word, &project.to_string_lossy()),
                    None => said.push(format!(
                        "{word} is an editor's folder: write a path in its place"
                    )),
                }
            }
            for (id, variable) in inputs {
                *text = text.replace(&format!("${{input:{id}}}"), &format!("${{env:{variable}}}"));
            }
            if let Err(error) = Template(text.clone()).parts() {
                if let BadTemplate::Input(id) = &error {
                    let variable = super::plan::variable(&[id]);
                    *text =
                        text.replace(&format!("${{input:{id}}}"), &format!("${{env:{variable}}}"));
                } else {
                    said.push(format!("{error}: it is taken as it is written"));
                    *text = text.replace("${", "$${");
                }
            }
        }
        Value::List(items) => {
            for item in items {
                editors_words(item, file, inputs, said);
            }
        }
        Value::Table(table) => {
            for entry in table.values_mut() {
                editors_words(&mut entry.node, file, inputs, said);
            }
        }
        _ => {}
    }
}

/// Why a server cannot be taken over.
fn unusable(node: &mut Node, file: &ForeignFile, faults: &mut Faults) -> Option<String> {
    let command = node.get("command").and_then(Node::as_text);
    let url = node.get("url").and_then(Node::as_text);
    match (command, url) {
        (None, None) => {
            return Some("it has no command and no address of its own: it is left out".to_owned());
        }
        (Some(command), _) => {
            let program = command.rsplit(['/', '\\']).next().unwrap_or_default();
            if matches!(program, "core-agent" | "core-agent.exe") {
                return Some("it is this program: it is left out".to_owned());
            }
        }
        _ => {}
    }
    let mut found = Faults::default();
    let folder = file.path.parent().unwrap_or(&file.path);
    let mut examined = node.clone();
    Examination {
        folder,
        home: None,
        faults: &mut found,
    }
    .examine(&mut examined, Shape::Table(keys::SERVER), &mut Vec::new());
    if found.fatal() {
        faults.0.append(&mut found.0);
        return Some("it is left out".to_owned());
    }
    // A relative path means another thing in our file; the rest stays as it is written.
    if let Some(cwd) = examined.get("cwd") {
        node.set(&["cwd"], cwd.clone());
    }
    None
}

fn note(place: Option<&Place>, key: &str, problem: String) -> Fault {
    Fault {
        severity: Severity::Warning,
        place: place.cloned(),
        key: key.to_owned(),
        problem,
        advice: String::new(),
    }
}
