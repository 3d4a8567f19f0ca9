//! Values that know where they are written, whether in TOML or in JSON.
//!
//! Not what they mean. Invariant: every value read from a file has a place in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jsonc_parser::{
    ast,
    common::{Range, Ranged},
};

use super::{Fault, Faults, Place, Severity};

/// A value and its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Option<Place>,
}

/// A value.
#[derive(Clone, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Flag(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    /// A date or a time, which nothing here takes.
    Moment,
    List(Vec<Node>),
    Table(BTreeMap<String, Entry>),
}

/// A value of a table, with the place of its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) key: Option<Place>,
    pub(crate) node: Node,
}

impl Node {
    /// A value from nowhere in particular.
    pub(crate) fn of(value: Value) -> Self {
        Self { value, place: None }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::of(Value::Text(text.into()))
    }

    pub(crate) fn table(&self) -> Option<&BTreeMap<String, Entry>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn table_mut(&mut self) -> &mut BTreeMap<String, Entry> {
        if !matches!(self.value, Value::Table(_)) {
            self.value = Value::Table(BTreeMap::new());
        }
        match &mut self.value {
            Value::Table(table) => table,
            _ => unreachable!("it was made a table above"),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_flag(&self) -> Option<bool> {
        match self.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.get(key).map(|entry| &entry.node)
    }

    /// Sets the value at a path, making tables on the way.
    pub(crate) fn set(&mut self, path: &[&str], node: Node) {
        match path {
            [] => *self = node,
            [first, rest @ ..] => self
                .table_mut()
                .entry((*first).to_owned())
                .or_default()
                .node
                .set(rest, node),
        }
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The place of the value at a path, or of the nearest table around it that is written.
    pub(crate) fn place_of(&self, path: &[&str]) -> Option<Place> {
        let mut node = self;
        let mut place = None;
        for step in path {
            let next = match &node.value {
                Value::Table(table) => table.get(*step).map(|entry| {
                    let key = entry.key.clone().or_else(|| entry.node.place.clone());
                    (key, &entry.node)
                }),
                Value::List(list) => step
                    .parse()
                    .ok()
                    .and_then(|at: usize| list.get(at))
                    .map(|item| (item.place.clone(), item)),
                _ => None,
            };
            let Some((here, next)) = next else { break };
            // What no file says, such as a variable's word, has no place in one.
            place = here;
            node = next;
        }
        place
    }

    /// Lays another value over this: tables are merged, anything else is replaced.
    pub(crate) fn lay_over(&mut self, over: Node) {
        match (&mut self.value, over.value) {
            (_, Value::Null) => {}
            (Value::Table(table), Value::Table(new)) => {
                for (key, entry) in new {
                    let old = table.entry(key).or_default();
                    old.key = entry.key.or(old.key.take());
                    old.node.lay_over(entry.node);
                }
            }
            (_, value) => {
                *self = Node {
                    value,
                    place: over.place,
                }
            }
        }
    }

    /// The same without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Moment => Json::Null,
            Value::Flag(flag) => Json::Bool(*flag),
            Value::Whole(number) => Json::from(*number),
            Value::Fraction(number) => Json::from(*number),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(list) => Json::Array(list.iter().map(Node::to_json).collect()),
            Value::Table(table) => Json::Object(
                table
                    .iter()
                    .filter(|(_, entry)| !matches!(entry.node.value, Value::Null))
                    .map(|(key, entry)| (key.clone(), entry.node.to_json()))
                    .collect(),
            ),
        }
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Flag(_) => "true or false",
            Value::Whole(_) => "a whole number",
            Value::Fraction(_) => "a number with a fraction",
            Value::Text(_) => "a text",
            Value::Moment => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// The text of a file, which knows its lines.
pub(crate) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a Path, text: &'a str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            lines: std::iter::once(0).chain(lines).collect(),
        }
    }

    /// Reads TOML.
    pub(crate) fn toml(&self, faults: &mut Faults) -> Option<Node> {
        match toml_edit::Document::parse(self.text) {
            Ok(document) => Some(self.toml_item(document.as_item())),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.unreadable("TOML", error.message(), at, faults);
                None
            }
        }
    }

    /// Reads JSON; comments and commas too many are read over.
    pub(crate) fn json(&self, faults: &mut Faults) -> Option<Node> {
        let text = self.text;
        let parsed = jsonc_parser::parse_to_ast(
            text,
            &jsonc_parser::CollectOptions::default(),
            &jsonc_parser::ParseOptions {
                allow_loose_object_property_names: false,
                allow_missing_commas: false,
                allow_single_quoted_strings: false,
                ..jsonc_parser::ParseOptions::default()
            },
        );
        match parsed {
            Ok(parsed) => match parsed.value {
                Some(value) => Some(self.json_value(&value, faults)),
                None => Some(Node::default()),
            },
            Err(error) => {
                let what = error.kind().to_string();
                self.unreadable("JSON", &what, error.range().start, faults);
                None
            }
        }
    }

    fn unreadable(&self, language: &str, what: &str, at: usize, faults: &mut Faults) {
        faults.0.push(Fault {
            severity: Severity::Error,
            place: Some(self.place(at)),
            key: self.file.display().to_string(),
            // A parser's message may quote the line, and the line may hold a secret.
            problem: format!(
                "this is not {language}: {}",
                what.lines().next().unwrap_or_default()
            ),
            advice: String::new(),
        });
    }

    fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let column = self
            .text
            .get(start..at)
            .map_or(0, |before| before.chars().count());
        Place {
            file: PathBuf::from(self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    fn span(&self, span: Option<std::ops::Range<usize>>) -> Option<Place> {
        span.map(|span| self.place(span.start))
    }

    fn toml_item(&self, item: &toml_edit::Item) -> Node {
        let value = match item {
            toml_edit::Item::None => Value::Null,
            toml_edit::Item::Value(value) => return self.toml_value(value),
            toml_edit::Item::Table(table) => self.toml_table(table),
            toml_edit::Item::ArrayOfTables(tables) => Value::List(
                tables
                    .iter()
                    .map(|table| Node {
                        place: self.span(table.span()),
                        value: self.toml_table(table),
                    })
                    .collect(),
            ),
        };
        Node {
            value,
            place: self.span(item.span()),
        }
    }

    fn toml_table(&self, table: &dyn toml_edit::TableLike) -> Value {
        let entries = table.iter().map(|(key, item)| {
            let entry = Entry {
                key: table.key(key).and_then(|key| self.span(key.span())),
                node: self.toml_item(item),
            };
            (key.to_owned(), entry)
        });
        Value::Table(entries.collect())
    }

    fn toml_value(&self, value: &toml_edit::Value) -> Node {
        let read = match value {
            toml_edit::Value::String(text) => Value::Text(text.value().clone()),
            toml_edit::Value::Integer(number) => Value::Whole(*number.value()),
            toml_edit::Value::Float(number) => Value::Fraction(*number.value()),
            toml_edit::Value::Boolean(flag) => Value::Flag(*flag.value()),
            toml_edit::Value::Datetime(_) => Value::Moment,
            toml_edit::Value::Array(array) => {
                Value::List(array.iter().map(|value| self.toml_value(value)).collect())
            }
            toml_edit::Value::InlineTable(table) => self.toml_table(table),
        };
        Node {
            value: read,
            place: self.span(value.span()),
        }
    }

    fn json_value(&self, value: &ast::Value<'_>, faults: &mut Faults) -> Node {
        let Range { start, .. } = value.range();
        let read = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(flag) => Value::Flag(flag.value),
            ast::Value::StringLit(text) => Value::Text(text.value.clone().into_owned()),
            ast::Value::NumberLit(number) => number.value.parse().map_or_else(
                |_| Value::Fraction(number.value.parse().unwrap_or(f64::NAN)),
                Value::Whole,
            ),
            ast::Value::Array(array) => Value::List(
                array
                    .elements
                    .iter()
                    .map(|value| self.json_value(value, faults))
                    .collect(),
            ),
            ast::Value::Object(object) => {
                let mut table = BTreeMap::new();
                for property in &object.properties {
                    let key = property.name.as_str().to_owned();
                    let place = self.place(property.range.start);
                    let node = self.json_value(&property.value, faults);
                    if table.contains_key(&key) {
                        faults.0.push(Fault {
                            severity: Severity::Error,
                            place: Some(place.clone()),
                            key: key.clone(),
                            problem: "this key is given twice".to_owned(),
                            advice: "keep one of the two".to_owned(),
                        });
                    }
                    let key_place = Some(place);
                    table.insert(
                        key,
                        Entry {
                            key: key_place,
                            node,
                        },
                    );
                }
                Value::Table(table)
            }
        };
        Node {
            value: read,
            place: Some(self.place(start)),
        }
    }
}
