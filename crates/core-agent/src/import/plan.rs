//! What an import would change: which servers under which names, which secrets become
//! references, and what the file looks like afterwards.
//!
//! Not the writing. Invariant: what is planned holds no secret but in [`Wanted::value`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use toml_edit::{DocumentMut, Item, TableLike};

use super::{
    ForeignFile,
    read::{self, Foreign},
};
use crate::{
    ServerName,
    config::{
        Fault, Faults, Template, keys, show,
        tree::{Node, Source, Value},
    },
    secret::{Redactor, looks_secret, secret_arguments},
};

/// What an import would do.
#[derive(Debug)]
pub struct Import {
    /// The file that would be written.
    pub target: PathBuf,
    /// What it says now; nothing when there is no such file.
    pub before: Option<String>,
    /// What it would say.
    pub after: String,
    /// What becomes of each server.
    pub servers: Vec<Taken>,
    /// Variables that have to be set, because a secret was written out.
    pub wanted: Vec<Wanted>,
    /// What was left out or changed on the way.
    pub notes: Vec<Fault>,
    redactor: Redactor,
}

/// What becomes of a server.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// Its name here.
    pub name: String,
    /// The program it is from.
    pub program: String,
    /// The file it is from.
    pub file: PathBuf,
    /// What is done.
    pub action: Action,
}

/// What is done with a server.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Added under its name.
    Added,
    /// Added under another name, since another server has this one.
    Renamed {
        /// The name it had.
        was: String,
    },
    /// There already, the same.
    Unchanged,
}

/// A variable that has to be set.
#[derive(Clone, Debug, Serialize)]
pub struct Wanted {
    /// The variable.
    pub variable: String,
    /// The servers that use it.
    pub servers: Vec<String>,
    /// What it was written as, for a person who looks for it.
    pub written: String,
    /// The secret.
    #[serde(skip)]
    pub value: SecretString,
    /// Whether a server that is added needs it; those that are there had it set before.
    #[serde(skip)]
    new: bool,
}

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Our own file is wrong already.
    #[error("{0}\ncorrect the file first, then import")]
    Target(Faults),
    /// Our own file is not TOML.
    #[error("{0} is not TOML: name a .toml file with --config")]
    NotToml(PathBuf),
    /// The file is written in a way that cannot be added to.
    #[error("{0} is written in a way that cannot be added to: write [servers.NAME] headings")]
    NotAddable(PathBuf),
    /// The file cannot be written.
    #[error("{path} cannot be written: {why}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// Plans an import of these files, in this order, into a file.
pub fn plan(files: &[ForeignFile], target: &Path) -> Result<Import, ImportError> {
    if target.extension().is_none_or(|ending| ending != "toml") {
        return Err(ImportError::NotToml(target.to_owned()));
    }
    let before = match std::fs::read_to_string(target) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unreadable(target, &error)),
    };
    let mut faults = Faults::default();
    let mut foreign = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(&file.path).map_err(|error| unreadable(&file.path, &error))?;
        foreign.append(&mut read::servers(file, &text, &mut faults));
    }
    let text = before.clone().unwrap_or_default();
    let mut planning = Planning {
        redactor: Redactor::default(),
        there: there(target, &text)?,
        wanted: Vec::new(),
        servers: Vec::new(),
        new: Vec::new(),
    };
    planning.learn();
    for server in foreign {
        planning.take(server);
    }
    let after = written(target, &text, &planning.new)?;
    Ok(Import {
        target: target.to_owned(),
        before,
        after,
        servers: planning.servers,
        wanted: planning
            .wanted
            .into_iter()
            .filter(|wanted| wanted.new)
            .collect(),
        notes: faults.0,
        redactor: planning.redactor,
    })
}

impl Import {
    /// Whether anything would change.
    pub fn changes(&self) -> bool {
        self.before.as_deref() != Some(self.after.as_str()) && !self.after.is_empty()
    }

    /// The difference, for people; no secret is in it.
    pub fn diff(&self) -> String {
        let before = self.before.as_deref().unwrap_or_default();
        let name = self.target.display().to_string();
        let old = if self.before.is_some() {
            name.as_str()
        } else {
            "/dev/null"
        };
        let diff = similar::TextDiff::from_lines(before, self.after.as_str());
        let text = diff.unified_diff().header(old, &name).to_string();
        self.redactor.scrub(&text).into_owned()
    }
}

struct Planning {
    redactor: Redactor,
    /// The servers that are there, or taken so far.
    there: BTreeMap<String, Node>,
    wanted: Vec<Wanted>,
    servers: Vec<Taken>,
    new: Vec<(String, Foreign)>,
}

impl Planning {
    /// Secrets written out in our own file must not show in the difference either.
    fn learn(&mut self) {
        for node in self.there.values() {
            let mut node = node.clone();
            let redactor = &self.redactor;
            each_secret(&mut node, "", &mut |_, value| redactor.learn(value));
        }
    }

    fn take(&mut self, mut foreign: Foreign) {
        let name = foreign.name.clone();
        let mut found: Vec<(String, String)> = Vec::new();
        each_secret(&mut foreign.node, &name, &mut |variable, value| {
            found.push((variable.to_owned(), value.to_owned()));
        });
        // One variable for one value: another server's value of that name gets a longer name.
        let mut renames = BTreeMap::new();
        for (variable, value) in &found {
            self.redactor.learn(value);
            let name_of = |variable: &str| {
                let other = self
                    .wanted
                    .iter()
                    .find(|wanted| wanted.variable == variable);
                other.is_none_or(|other| other.value.expose_secret() == value)
            };
            let mut chosen = variable.clone();
            let mut number = 1;
            while !name_of(&chosen) {
                chosen = self::variable(&[&name, variable]);
                if number > 1 {
                    chosen.push_str(&format!("_{number}"));
                }
                number += 1;
            }
            if let Some(wanted) = self.wanted.iter_mut().find(|one| one.variable == chosen) {
                if !wanted.servers.contains(&name) {
                    wanted.servers.push(name.clone());
                }
            } else {
                self.wanted.push(Wanted {
                    variable: chosen.clone(),
                    servers: vec![name.clone()],
                    written: foreign.file.path.display().to_string(),
                    value: SecretString::from(value.as_str()),
                    new: false,
                });
            }
            if chosen != *variable {
                renames.insert(format!("${{env:{variable}}}"), format!("${{env:{chosen}}}"));
            }
        }
        rename(&mut foreign.node, &renames);
        let (name, action) = self.name(&foreign);
        self.servers.push(Taken {
            name: name.clone(),
            program: foreign.file.program.clone(),
            file: foreign.file.path.clone(),
            action: action.clone(),
        });
        if action != Action::Unchanged {
            for wanted in &mut self.wanted {
                wanted.new |= wanted.servers.contains(&foreign.name);
            }
            self.there.insert(name.clone(), foreign.node.clone());
            self.new.push((name, foreign));
        }
    }

    /// The name a server gets: its own, or one with a number when another server has it.
    fn name(&self, foreign: &Foreign) -> (String, Action) {
        let content = foreign.node.to_json();
        for number in 1_u32.. {
            let name = if number == 1 {
                foreign.name.clone()
            } else {
                let ending = format!("-{number}");
                let room = ServerName::LONGEST - ending.len();
                let start: String = foreign.name.chars().take(room).collect();
                format!("{start}{ending}")
            };
            match self.there.get(&name) {
                Some(other) if other.to_json() == content => return (name, Action::Unchanged),
                Some(_) => {}
                None if number == 1 => return (name, Action::Added),
                None => {
                    let was = foreign.name.clone();
                    return (name, Action::Renamed { was });
                }
            }
        }
        unreachable!("there are fewer servers than numbers")
    }
}

/// A variable's name made of words.
pub(super) fn variable(words: &[&str]) -> String {
    let mut name = String::new();
    for word in words {
        if !name.is_empty() {
            name.push('_');
        }
        for character in word.trim_start_matches('-').chars() {
            if character.is_ascii_alphanumeric() {
                name.push(character.to_ascii_uppercase());
            } else if !name.ends_with('_') {
                name.push('_');
            }
        }
    }
    let name = name.trim_matches('_').to_owned();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        return format!("_{name}");
    }
    name
}

/// Replaces each secret written out by a reference, and tells its variable and its value.
fn each_secret(node: &mut Node, server: &str, tell: &mut dyn FnMut(&str, &str)) {
    let named = |node: &Node, key: &str| -> Vec<String> {
        let table = node.get(key).and_then(Node::table);
        table.map_or_else(Vec::new, |table| table.keys().cloned().collect())
    };
    for name in named(node, "env") {
        replace(node, &["env", &name], &name, &variable(&[&name]), tell);
    }
    for name in named(node, "headers") {
        let word = if name.eq_ignore_ascii_case("authorization") {
            "token"
        } else {
            name.as_str()
        };
        replace(
            node,
            &["headers", &name],
            &name,
            &variable(&[server, word]),
            tell,
        );
    }
    replace(node, &["url"], "url", &variable(&[server, "url"]), tell);
    for key in ["client_secret", "client_key", "assertion"] {
        replace(
            node,
            &["oauth", key],
            "secret",
            &variable(&[server, key]),
            tell,
        );
    }
    let Some(args) = node.table_mut().get_mut("args") else {
        return;
    };
    let Value::List(args) = &mut args.node.value else {
        return;
    };
    let words: Vec<Template> = args
        .iter()
        .map(|arg| Template(arg.as_text().unwrap_or_default().to_owned()))
        .collect();
    for at in secret_arguments(&words) {
        let before = at.checked_sub(1).map(|before| words[before].0.as_str());
        let before = before.filter(|before| before.starts_with('-'));
        let (name, value) = words[at]
            .0
            .split_once('=')
            .unwrap_or((before.unwrap_or("secret"), words[at].0.as_str()));
        let variable = variable(&[server, name]);
        tell(&variable, value);
        let start = words[at].0.strip_suffix(value).unwrap_or_default();
        args[at].value = Value::Text(format!("{start}${{env:{variable}}}"));
    }
}

fn replace(
    node: &mut Node,
    path: &[&str],
    name: &str,
    variable: &str,
    tell: &mut dyn FnMut(&str, &str),
) {
    let Some(text) = node.at(path).and_then(Node::as_text).map(str::to_owned) else {
        return;
    };
    if !looks_secret(name, &Template(text.clone())) {
        return;
    }
    // The word before a bearer is no secret, and a person wants to see it.
    let scheme = ["Bearer ", "Basic ", "bearer ", "basic ", "token ", "Token "]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))
        .unwrap_or_default();
    let value = text.strip_prefix(scheme).unwrap_or(&text);
    tell(variable, value);
    node.set(path, Node::text(format!("{scheme}${{env:{variable}}}")));
}

fn rename(node: &mut Node, renames: &BTreeMap<String, String>) {
    match &mut node.value {
        Value::Text(text) => {
            for (from, to) in renames {
                *text = text.replace(from, to);
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| rename(item, renames)),
        Value::Table(table) => table
            .values_mut()
            .for_each(|entry| rename(&mut entry.node, renames)),
        _ => {}
    }
}

/// The servers our own file has.
fn there(target: &Path, text: &str) -> Result<BTreeMap<String, Node>, ImportError> {
    let root = root(target, text)?;
    let servers = root.get("servers").and_then(Node::table);
    Ok(servers
        .into_iter()
        .flatten()
        .map(|(name, entry)| (name.clone(), entry.node.clone()))
        .collect())
}

fn root(target: &Path, text: &str) -> Result<Node, ImportError> {
    let mut faults = Faults::default();
    let root = Source::new(target, text).toml(&mut faults);
    root.ok_or(ImportError::Target(faults))
}

/// The text of the file with the new servers, everything else as it was.
fn written(target: &Path, text: &str, new: &[(String, Foreign)]) -> Result<String, ImportError> {
    if new.is_empty() {
        return Ok(text.to_owned());
    }
    let not_addable = || ImportError::NotAddable(target.to_owned());
    let mut document: DocumentMut = text.parse().map_err(|_| not_addable())?;
    let mut expected = root(target, text)?;
    let servers = document.entry("servers").or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let inline = servers.as_table().is_none_or(toml_edit::Table::is_dotted);
    let servers = servers.as_table_like_mut().ok_or_else(not_addable)?;
    for (name, foreign) in new {
        add(servers, name, foreign, inline);
        expected.set(&["servers", name], foreign.node.clone());
    }
    let mut after = document.to_string();
    if text.is_empty() {
        after = after.trim_start().to_owned();
    }
    // The file is a person's: it is not written unless it says what it should.
    if root(target, &after)?.to_json() != expected.to_json() {
        return Err(not_addable());
    }
    Ok(after)
}

fn add(servers: &mut dyn TableLike, name: &str, foreign: &Foreign, inline: bool) {
    let fields = foreign.node.table();
    let written = |key: &str| {
        fields
            .and_then(|fields| fields.get(key))
            .map(|entry| &entry.node)
    };
    let mut table = toml_edit::Table::new();
    for key in keys::SERVER {
        if let Some(node) = written(key.name)
            && !matches!(node.value, Value::Null)
        {
            table.insert(key.name, show::field(node));
        }
    }
    if inline {
        servers.insert(name, Item::Value(table.into_inline_table().into()));
        return;
    }
    let from = format!("{}: {}", foreign.file.program, foreign.file.path.display());
    let from: String = from.chars().filter(|c| !c.is_control()).collect();
    table.decor_mut().set_prefix(format!("\n# from {from}\n"));
    servers.insert(name, Item::Table(table));
}

fn unreadable(path: &Path, error: &std::io::Error) -> ImportError {
    ImportError::Read {
        path: path.to_owned(),
        why: error.to_string(),
    }
}
