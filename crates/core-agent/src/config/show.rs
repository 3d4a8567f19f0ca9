//! The configuration as it counts, for people: references as written, secrets never.
//!
//! Invariant: what looks like a secret, and every bearer written out, is shown as a mark.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value as Toml};

use super::{
    Loaded, Template, keys,
    tree::{Node, Value},
};
use crate::secret::{looks_secret, without_secrets};

/// What stands where a secret is written out.
const MARK: &str = "(written out, not shown)";

impl Loaded {
    /// All layers together as TOML, with where each server is said.
    pub fn shown(&self) -> String {
        let mut document = DocumentMut::new();
        let hidden = self.hidden();
        for (name, node) in fields(&hidden) {
            let mut written = item(node);
            if matches!(name, "servers" | "callers")
                && let Some(table) = written.as_table_mut()
            {
                // However short: each has a heading of its own.
                for (inner, node) in fields(node) {
                    table.insert(inner, item(node));
                }
                table.set_implicit(true);
            }
            document.insert(name, written);
        }
        if let Some(servers) = document.get_mut("servers").and_then(Item::as_table_mut) {
            for (name, item) in servers.iter_mut() {
                let origin = self
                    .origins
                    .get(name.get())
                    .map_or("defaults", |origin| origin);
                if let Some(table) = item.as_table_mut() {
                    // A line break in a file's name would end the comment.
                    let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
                    table.decor_mut().set_prefix(format!("\n# {origin}\n"));
                }
            }
        }
        document.to_string()
    }

    /// All layers together as JSON.
    pub fn shown_json(&self) -> serde_json::Value {
        self.hidden().to_json()
    }

    fn hidden(&self) -> Node {
        let mut tree = self.tree.clone();
        if let Some(servers) = table(&mut tree, "servers") {
            for entry in servers.values_mut() {
                hide_server(&mut entry.node);
            }
        }
        if let Some(callers) = table(&mut tree, "callers") {
            for entry in callers.values_mut() {
                if let Some(token) =
                    table(&mut entry.node, "").and_then(|caller| caller.get_mut("token"))
                {
                    hide_if(&mut token.node, |value| value.literal().is_some());
                }
            }
        }
        tree
    }
}

/// Takes secrets written out of a server's table.
pub(crate) fn hide_server(server: &mut Node) {
    for key in ["env", "headers"] {
        for (name, entry) in table(server, key).into_iter().flatten() {
            hide_if(&mut entry.node, |value| looks_secret(name, value));
        }
    }
    for key in ["client_secret", "client_key", "assertion"] {
        let oauth = table(server, "oauth");
        if let Some(secret) = oauth.and_then(|oauth| oauth.get_mut(key)) {
            hide_if(&mut secret.node, |value| value.literal().is_some());
        }
    }
    let Some(server) = table(server, "") else {
        return;
    };
    if let Some(url) = server.get_mut("url")
        && let Some(text) = url.node.as_text()
        && looks_secret("url", &Template(text.to_owned()))
    {
        url.node.value = Value::Text(address(text));
    }
    if let Some(args) = server.get_mut("args")
        && let Value::List(args) = &mut args.node.value
    {
        let words: Vec<Template> = args
            .iter()
            .map(|arg| Template(arg.as_text().unwrap_or_default().to_owned()))
            .collect();
        let shown = without_secrets(&words, |_| MARK.to_owned());
        for ((arg, word), shown) in args.iter_mut().zip(&words).zip(shown) {
            if shown != word.0 {
                arg.value = Value::Text(shown);
            }
        }
    }
}

/// An address without a user's name, a password and parameters: still one, so that what is shown
/// can be read again.
fn address(text: &str) -> String {
    let start = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = start.split_once("://").unwrap_or(("https", start));
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}?not-shown")
}

type Fields = std::collections::BTreeMap<String, super::tree::Entry>;

/// The table under a key, or the node itself for an empty key.
fn table<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Fields> {
    let Value::Table(fields) = &mut node.value else {
        return None;
    };
    if key.is_empty() {
        return Some(fields);
    }
    match &mut fields.get_mut(key)?.node.value {
        Value::Table(inner) => Some(inner),
        _ => None,
    }
}

fn hide_if(node: &mut Node, secret: impl Fn(&Template) -> bool) {
    if let Value::Text(text) = &node.value
        && secret(&Template(text.clone()))
    {
        node.value = Value::Text(MARK.to_owned());
    }
}

fn fields(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let fields = node.table().into_iter().flatten();
    fields
        .filter(|(_, entry)| !matches!(entry.node.value, Value::Null))
        .map(|(name, entry)| (name.as_str(), &entry.node))
}

/// A value as an item of a file: tables of tables get headings of their own.
pub(crate) fn item(node: &Node) -> Item {
    if node.table().is_none() {
        return Item::Value(value(node));
    }
    let mut table = Table::new();
    // Values stand before the headings of tables below.
    let mut all: Vec<_> = fields(node).collect();
    all.sort_by_key(|(name, _)| rank(name));
    let (tables, values): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, node)| has_heading(node));
    table.set_implicit(values.is_empty() && !tables.is_empty());
    for (name, node) in values {
        table.insert(name, Item::Value(value(node)));
    }
    for (name, node) in tables {
        table.insert(name, item(node));
    }
    Item::Table(table)
}

/// The order of a server's keys, which people expect: the program before its arguments.
fn rank(name: &str) -> usize {
    keys::SERVER
        .iter()
        .position(|key| key.name == name)
        .unwrap_or(keys::SERVER.len())
}

/// A value as an item of a table: on a line when it is short, under a heading otherwise.
pub(crate) fn field(node: &Node) -> Item {
    if has_heading(node) {
        item(node)
    } else {
        Item::Value(value(node))
    }
}

/// Whether a table is large enough for a heading: one that holds tables, or more than a line.
fn has_heading(node: &Node) -> bool {
    node.table().is_some()
        && (fields(node).any(|(_, inner)| inner.table().is_some())
            || fields(node).count() > 3
            || long(node))
}

fn long(node: &Node) -> bool {
    value(node).to_string().len() > 80
}

fn value(node: &Node) -> Toml {
    match &node.value {
        Value::Null | Value::Moment => Toml::from(""),
        Value::Flag(flag) => Toml::from(*flag),
        Value::Whole(number) => Toml::from(*number),
        Value::Fraction(number) => Toml::from(*number),
        Value::Text(text) => Toml::from(text.as_str()),
        Value::List(list) => Toml::Array(list.iter().map(value).collect::<Array>()),
        Value::Table(_) => {
            let mut table = InlineTable::new();
            for (name, node) in fields(node) {
                table.insert(name, value(node));
            }
            Toml::InlineTable(table)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_place_and_nothing_else() {
        for (written, shown) in [
            ("https://h/mcp?api_key=x", "https://h/mcp?not-shown"),
            (
                "http://a:b@127.0.0.1:1/mcp",
                "http://127.0.0.1:1/mcp?not-shown",
            ),
            ("https://a:b@c@h", "https://h?not-shown"),
            (
                "https://h/@team/mcp?key=x#y",
                "https://h/@team/mcp?not-shown",
            ),
        ] {
            assert_eq!(address(written), shown);
        }
    }
}
