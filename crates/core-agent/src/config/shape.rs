//! What a value may be, and what is wrong with one that is not.
//!
//! Not what values mean together. Invariant: a tree without a fault here is read as a
//! [`Config`](super::Config) without another.

use std::{net::SocketAddr, path::Path};

use super::{
    Fault, Faults, Place, Severity,
    tree::{Node, Value},
};
use crate::ServerName;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// A text with references.
    Template,
    /// A path; relative ones are taken from the folder of the file they are written in.
    Path,
    /// An IP address with a port.
    Address,
    /// True or false.
    Flag,
    /// A whole number in a range.
    Whole(i64, i64),
    /// A number that is not negative, with a fraction or without.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any number of these.
    List(&'static Shape),
    /// Names of the user's own, each with one of these.
    Map(Naming, &'static Shape),
    /// These keys and no others.
    Table(&'static [Key]),
}

/// What names of the user's own look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Naming {
    /// Names of servers.
    Server,
    /// Anything but nothing.
    Any,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What holds when it is absent, in words.
    pub(crate) default: &'static str,
    /// One sentence: what it means.
    pub(crate) meaning: &'static str,
}

impl Shape {
    /// What is allowed, in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Template => "a text, with ${env:NAME} and the like".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Address => "an address and a port, such as 127.0.0.1:8100".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number => "a number, 0 or more".to_owned(),
            Self::Choice(words) => words.join(", "),
            Self::List(shape) => format!("a list of: {}", shape.words()),
            Self::Map(_, shape) => format!("a table of: {}", shape.words()),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Finds whatever is wrong in a tree, and makes its paths absolute.
pub(crate) struct Examination<'a> {
    /// The working folder.
    pub(crate) folder: &'a Path,
    /// The person's home folder.
    pub(crate) home: Option<&'a Path>,
    pub(crate) faults: &'a mut Faults,
}

impl Examination<'_> {
    /// Examines a value that should be of this shape.
    pub(crate) fn examine(&mut self, node: &mut Node, shape: Shape, path: &mut Vec<String>) {
        match (shape, &mut node.value) {
            // Null is how JSON says that nothing is said.
            (_, Value::Null)
            | (Shape::Text | Shape::Template, Value::Text(_))
            | (Shape::Flag, Value::Flag(_)) => {}
            (Shape::Path, Value::Text(text)) => {
                if text.is_empty() {
                    self.wrong(
                        path,
                        node.place.as_ref(),
                        "the path is empty",
                        shape.words(),
                    );
                } else {
                    *text = self.absolute(text, node.place.as_ref());
                }
            }
            (Shape::Address, Value::Text(text)) => {
                if text.parse::<SocketAddr>().is_err() {
                    self.wrong(
                        path,
                        node.place.as_ref(),
                        "this is no address with a port",
                        use_(shape),
                    );
                }
            }
            (Shape::Whole(least, most), Value::Whole(number)) => {
                if *number < least || *number > most {
                    let problem = format!("{number} is out of range");
                    self.wrong(path, node.place.as_ref(), problem, use_(shape));
                }
            }
            (Shape::Number, Value::Whole(number)) if *number >= 0 => {}
            (Shape::Number, Value::Fraction(number)) if *number >= 0.0 && number.is_finite() => {}
            (Shape::Number, Value::Whole(_) | Value::Fraction(_)) => {
                let problem = "this number is out of range";
                self.wrong(path, node.place.as_ref(), problem, use_(shape));
            }
            (Shape::Choice(words), Value::Text(text)) => {
                if !words.contains(&text.as_str()) {
                    let near = foundation::nearest(text, words.iter().copied());
                    let advice = format!("use one of {}{}", words.join(", "), did_you_mean(near));
                    self.wrong(path, node.place.as_ref(), "this word is not known", advice);
                }
            }
            (Shape::List(shape), Value::List(items)) => {
                for (at, item) in items.iter_mut().enumerate() {
                    path.push(at.to_string());
                    if let Value::Null = item.value {
                        self.wrong(
                            path,
                            item.place.as_ref(),
                            "null cannot stand in a list",
                            use_(*shape),
                        );
                    }
                    self.examine(item, *shape, path);
                    path.pop();
                }
            }
            (Shape::Map(naming, shape), Value::Table(table)) => {
                for (name, entry) in table {
                    path.push(name.clone());
                    self.name(name, naming, path, entry.key.as_ref());
                    if let Value::Null = entry.node.value {
                        entry.node.value = absent(*shape);
                    }
                    self.examine(&mut entry.node, *shape, path);
                    path.pop();
                }
            }
            (Shape::Table(keys), Value::Table(table)) => {
                for (name, entry) in table.iter_mut() {
                    path.push(name.clone());
                    match keys.iter().find(|key| key.name == name) {
                        Some(key) => self.examine(&mut entry.node, key.shape, path),
                        None => self.unknown(name, keys, path, entry.key.as_ref()),
                    }
                    path.pop();
                }
            }
            _ => {
                let problem = format!("{} cannot stand here", node.kind());
                self.wrong(path, node.place.as_ref(), problem, use_(shape));
            }
        }
    }

    fn name(&mut self, name: &str, naming: Naming, path: &[String], place: Option<&Place>) {
        match naming {
            Naming::Server => {
                if let Err(error) = name.parse::<ServerName>() {
                    let advice = ServerName::nearest(name)
                        .map_or_else(String::new, |near| format!("such as {near}"));
                    self.wrong(path, place, error.to_string(), advice);
                }
            }
            Naming::Any => {
                if name.is_empty() || name.chars().any(char::is_control) {
                    self.wrong(path, place, "this cannot be a name", "use a plain word");
                }
            }
        }
    }

    fn unknown(&mut self, name: &str, keys: &[Key], path: &[String], place: Option<&Place>) {
        let known = keys.iter().map(|key| key.name);
        let advice = match foundation::nearest(name, known.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.wrong(path, place, "this key is not known", advice);
    }

    fn wrong(
        &mut self,
        path: &[String],
        place: Option<&Place>,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.faults.0.push(Fault {
            severity: Severity::Error,
            place: place.cloned(),
            key: if path.is_empty() {
                "the configuration".to_owned()
            } else {
                path.join(".")
            },
            problem: problem.into(),
            advice: advice.into(),
        });
    }

    fn absolute(&self, text: &str, place: Option<&Place>) -> String {
        if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), self.home) {
            return home.join(rest).to_string_lossy().into_owned();
        }
        let folder = place
            .and_then(|place| place.file.parent())
            .unwrap_or(self.folder);
        self.folder
            .join(folder)
            .join(text)
            .to_string_lossy()
            .into_owned()
    }
}

fn use_(shape: Shape) -> String {
    format!("use {}", shape.words())
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// What `null` stands for among names of the user's own.
fn absent(shape: Shape) -> Value {
    match shape {
        Shape::Table(_) | Shape::Map(..) => Value::Table(std::collections::BTreeMap::new()),
        Shape::List(_) => Value::List(Vec::new()),
        _ => Value::Null,
    }
}
