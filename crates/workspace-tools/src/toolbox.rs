//! The registry, and the tools a server offers out of it.
//!
//! Invariant: the order of tools is the order of the registry, the same in every process.

use std::collections::HashMap;

use foundation::{Kind, nearest};
use serde_json::{Map, Value, json};

use crate::{
    Alias, Entry, Outcome, Selection, Service, ToolCx, ToolError, accounts, arguments, calendar,
    drive, gmail, scopes,
};

/// Every tool there is, in the order of listings.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    [accounts::TOOLS, gmail::TOOLS, drive::TOOLS, calendar::TOOLS]
        .into_iter()
        .flatten()
}

/// An offered tool with its schemas made.
pub struct Offered {
    /// The tool.
    pub entry: &'static Entry,
    /// The schema of its arguments, `user_google_email` included where it has a meaning.
    pub input_schema: Value,
    /// The schema of its data.
    pub output_schema: Value,
}

/// The tools a server offers.
pub struct Toolbox {
    offered: Vec<Offered>,
    by_name: HashMap<&'static str, (usize, Option<&'static Alias>)>,
}

/// A call that is ready to run: the tool is known and its arguments fit.
pub struct Prepared {
    /// The tool.
    pub entry: &'static Entry,
    /// The account the caller named, if any.
    pub email: Option<String>,
    /// The credential key the caller named, if any (older clients).
    pub user_id: Option<String>,
    arguments: Value,
}

impl Toolbox {
    /// The tools that `selection` offers.
    pub fn new(selection: &Selection) -> Self {
        let offered: Vec<Offered> = all()
            .filter(|entry| selection.offers(entry.meta))
            .map(|entry| Offered {
                input_schema: with_account(entry),
                output_schema: (entry.output_schema)(),
                entry,
            })
            .collect();
        let mut by_name = HashMap::new();
        for (index, tool) in offered.iter().enumerate() {
            by_name.insert(tool.entry.meta.name, (index, None));
            for alias in tool.entry.meta.aliases {
                by_name.insert(alias.name, (index, Some(alias)));
            }
        }
        Self { offered, by_name }
    }

    /// The tools, in the order of listings.
    pub fn tools(&self) -> &[Offered] {
        &self.offered
    }

    /// The services that have a tool on offer.
    pub fn services(&self) -> Vec<Service> {
        let mut services: Vec<Service> = self
            .offered
            .iter()
            .map(|tool| tool.entry.meta.service)
            .collect();
        services.dedup();
        services
    }

    /// The tool that answers to `name`.
    pub fn find(&self, name: &str) -> Option<&Offered> {
        self.by_name
            .get(name)
            .map(|(index, _)| &self.offered[*index])
    }

    /// The name that was probably meant by `name`.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.by_name.keys().copied())
    }

    /// The scopes to ask for at sign-in, so that every offered tool can work.
    pub fn scopes(&self) -> Vec<String> {
        let offered = self.offered.iter().map(|tool| tool.entry.meta);
        scopes::needed(offered, &self.services())
    }

    /// An error that says that `name` is unknown and what may have been meant.
    pub fn unknown(&self, name: &str) -> ToolError {
        let hint = self.nearest(name).map_or_else(
            || "list the tools to see which there are".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        ToolError::new(Kind::NotFound, format!("there is no tool \"{name}\"")).hint(hint)
    }

    /// Finds the tool and fits the arguments; nothing has run yet.
    pub fn prepare(
        &self,
        name: &str,
        mut arguments: Map<String, Value>,
    ) -> Result<Prepared, ToolError> {
        let Some((index, alias)) = self.by_name.get(name) else {
            return Err(self.unknown(name));
        };
        let tool = &self.offered[*index];
        let user_id = text(&mut arguments, "user_id")?;
        let mut fitted = arguments::fit(arguments, &tool.input_schema, *alias)?;
        let object = fitted.as_object_mut().expect("fit returns an object");
        // The sign-in tools take the address as an argument of their own.
        let email = match tool.entry.meta.service {
            Service::Accounts => None,
            _ => text(object, "user_google_email")?,
        };
        Ok(Prepared {
            entry: tool.entry,
            email,
            user_id,
            arguments: fitted,
        })
    }
}

impl Prepared {
    /// The arguments, without the account.
    pub fn arguments(&self) -> &Value {
        &self.arguments
    }

    /// Runs the tool.
    pub async fn run(self, cx: &ToolCx) -> Result<Outcome, ToolError> {
        (self.entry.run)(cx, self.arguments).await
    }
}

fn text(arguments: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ToolError> {
    match arguments.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ToolError::input(format!("{name} must be a text"))),
    }
}

fn with_account(entry: &Entry) -> Value {
    let mut schema = (entry.input_schema)();
    if entry.meta.service != Service::Accounts {
        schema["properties"]["user_google_email"] =
            json!({"type": "string", "description": "Your account, if several."});
    }
    schema
}
