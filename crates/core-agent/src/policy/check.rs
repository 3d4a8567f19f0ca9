//! Compares the names in a policy with the names there are.
//!
//! A policy about a tool that does not exist forbids nothing, silently.
//! Invariant: a name that could come later (a tool of a server not yet listed) is no fault.

use cedar_policy::Policy;
use foundation::nearest;
use serde_json::Value;

use super::{PolicyFault, facts::access};
use crate::{
    catalogue::{Access, Category, View},
    config::Config,
};

/// Every name in `policy` that stands for nothing.
pub(super) fn check(policy: &Policy, file: &str, view: &View, config: &Config) -> Vec<PolicyFault> {
    let names = Names::new(view, config);
    let mut messages = Vec::new();
    for uid in policy.entity_literals() {
        let id: &str = uid.id().as_ref();
        let known = match uid.type_name().to_string().as_str() {
            "Tool" => {
                if names.may_come(id) {
                    continue;
                }
                &names.tools
            }
            "Server" => &names.servers,
            "Caller" => &names.callers,
            "Category" => &names.categories,
            _ => continue,
        };
        messages.extend(unknown(&format!("{}", uid.type_name()), id, known));
    }
    if let Ok(json) = policy.to_json() {
        compared(&json, &mut |attribute, text| {
            let known = match attribute {
                "access" => &names.accesses,
                "server" => &names.servers,
                _ => return,
            };
            messages.extend(unknown(attribute, text, known));
        });
    }
    messages.sort_unstable();
    messages.dedup();
    messages
        .into_iter()
        .map(|message| PolicyFault {
            file: file.to_owned(),
            policy: Some(policy.id().to_string()),
            message,
        })
        .collect()
}

struct Names<'a> {
    tools: Vec<&'a str>,
    servers: Vec<&'a str>,
    callers: Vec<&'a str>,
    categories: Vec<&'a str>,
    accesses: Vec<&'a str>,
    /// Servers whose tools are not known yet.
    unlisted: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn new(view: &'a View, config: &'a Config) -> Self {
        let servers: Vec<&str> = config
            .servers
            .keys()
            .map(crate::ServerName::as_str)
            .collect();
        let listed = |server: &str| view.tools.iter().any(|tool| tool.server.as_str() == server);
        Self {
            tools: view.tools.iter().map(|tool| tool.name()).collect(),
            unlisted: servers
                .iter()
                .copied()
                .filter(|server| !listed(server))
                .collect(),
            servers,
            callers: config
                .callers
                .keys()
                .map(String::as_str)
                .chain(["local"])
                .collect(),
            categories: Category::ALL.iter().map(|one| one.name()).collect(),
            accesses: [Access::Read, Access::Write, Access::Destructive]
                .map(access)
                .to_vec(),
        }
    }

    /// Whether a tool's name could be one of a server that has not listed its tools.
    fn may_come(&self, tool: &str) -> bool {
        !self.unlisted.is_empty()
            && (self.unlisted.iter().any(|server| tool.starts_with(server))
                || self.unlisted.len() == self.servers.len())
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) {
        return None;
    }
    Some(match nearest(name, known.iter().copied()) {
        Some(meant) => format!("there is no {what} {name:?}; did you mean {meant:?}?"),
        None if known.len() <= 20 => {
            format!(
                "there is no {what} {name:?}; there are {}",
                known.join(", ")
            )
        }
        None => format!("there is no {what} {name:?}"),
    })
}

/// Calls `met` for each comparison of one of the resource's attributes with a text.
fn compared(json: &Value, met: &mut impl FnMut(&str, &str)) {
    match json {
        Value::Object(map) => {
            for operator in ["==", "!="] {
                let Some(sides) = map.get(operator) else {
                    continue;
                };
                let pairs = [("left", "right"), ("right", "left")];
                for (attribute, text) in pairs {
                    let attribute = sides
                        .pointer(&format!("/{attribute}/."))
                        .filter(|access| access.pointer("/left/Var") == Some(&"resource".into()))
                        .and_then(|access| access.get("attr")?.as_str());
                    let text = sides
                        .pointer(&format!("/{text}/Value"))
                        .and_then(Value::as_str);
                    if let (Some(attribute), Some(text)) = (attribute, text) {
                        met(attribute, text);
                    }
                }
            }
            for value in map.values() {
                compared(value, met);
            }
        }
        Value::Array(list) => {
            for value in list {
                compared(value, met);
            }
        }
        _ => {}
    }
}
