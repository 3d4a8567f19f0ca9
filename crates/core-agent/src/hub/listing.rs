//! What `tools/list` shows: a handful of tools that reach all others, or all of them.
//!
//! Invariant: a blocked tool's words are in no list.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_service::ToolList;
use rmcp::model::Tool;

use super::own;
use crate::{
    catalogue::{HubTool, Standing, View},
    config::Listing,
};

/// The list as it was last built.
pub(super) struct Lists {
    listing: Listing,
    shared: bool,
    /// In the words every client reads, and in the servers' own.
    built: [Mutex<Option<Built>>; 2],
}

/// A list and the revision it is of.
type Built = (u64, Arc<ToolList>);

/// Which schemas a client reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Schemas {
    /// The plain ones that all clients read.
    Plain,
    /// The servers' own: from 2025-11-25 on a client knows JSON Schema 2020-12.
    Own,
}

impl Schemas {
    /// What a client of this revision reads.
    pub(super) fn of(protocol: &str) -> Self {
        if protocol >= "2025-11-25" {
            Self::Own
        } else {
            Self::Plain
        }
    }
}

impl Lists {
    /// `shared` when every caller may see the same.
    pub(super) fn new(listing: Listing, shared: bool) -> Self {
        Self {
            listing,
            shared,
            built: Default::default(),
        }
    }

    /// Whether the list follows the catalogue.
    pub(super) fn follows(&self) -> bool {
        self.listing == Listing::Merged
    }

    /// The list for a view.
    pub(super) fn of(&self, view: &View, schemas: Schemas) -> Arc<ToolList> {
        // The short list is the same whatever there is.
        let revision = if self.follows() { view.revision } else { 0 };
        let slot = match schemas {
            Schemas::Plain => &self.built[0],
            Schemas::Own => &self.built[1],
        };
        let mut built = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, list)) = &*built
            && *of == revision
        {
            return Arc::clone(list);
        }
        let tools = self.tools(view, schemas);
        let list = Arc::new(if self.shared {
            ToolList::shared(tools)
        } else {
            ToolList::private(tools)
        });
        *built = Some((revision, Arc::clone(&list)));
        list
    }

    fn tools(&self, view: &View, schemas: Schemas) -> Vec<Tool> {
        match self.listing {
            Listing::Meta => own::all().map(own::Own::listed).collect(),
            Listing::Merged => {
                let own = own::beside_all_others()
                    .filter(|own| view.tool(own.name).is_none())
                    .map(own::Own::listed);
                view.tools
                    .iter()
                    .filter(|tool| tool.standing == Standing::Pinned)
                    .map(|tool| shown(tool, schemas))
                    .chain(own)
                    .collect()
            }
        }
    }
}

/// A tool as a client sees it. Words that were found suspicious are shown in the cleaned form only.
fn shown(tool: &HubTool, schemas: Schemas) -> Tool {
    let mut listed = tool.listed.clone();
    let own = &tool.original.input_schema;
    if schemas == Schemas::Own
        && tool.findings.is_empty()
        && own.get("type").is_some_and(|kind| kind == "object")
    {
        listed.input_schema = Arc::clone(own);
    }
    listed
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::catalogue::Access;

    fn tool(server: usize, number: usize, standing: Standing) -> Arc<HubTool> {
        let name = format!("server-{server}__tool_{number}");
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let listed = Tool::new(
            name,
            "Does something that takes a few words to say.",
            Arc::new(crate::hub::bridge::object(schema)),
        );
        Arc::new(HubTool {
            server: format!("server-{server}").parse().unwrap(),
            original: Tool::new(format!("tool_{number}"), "", Map::new()),
            listed,
            access: Access::Read,
            idempotent: false,
            categories: Vec::new(),
            fingerprint: String::new(),
            standing,
            findings: Vec::new(),
        })
    }

    fn view() -> View {
        let tools = (0..100)
            .flat_map(|server| (0..50).map(move |number| tool(server, number, Standing::Pinned)))
            .chain([tool(
                100,
                0,
                Standing::Blocked {
                    why: "poison".into(),
                },
            )])
            .collect();
        View::new(tools, Vec::new(), Vec::new(), Vec::new(), 7)
    }

    #[test]
    fn the_short_list_stays_short_whatever_there_is() {
        let list = Lists::new(Listing::Meta, true).of(&view(), Schemas::Plain);
        let tokens = list.json().len() / 4;
        assert!(list.get("find_tools").is_some());
        assert!(list.get("monitor_agent_performance").is_some());
        assert!(tokens <= 2_000, "{tokens} tokens");
    }

    #[test]
    fn the_long_list_has_all_that_is_not_blocked() {
        let list = Lists::new(Listing::Merged, true).of(&view(), Schemas::Plain);
        assert_eq!(list.tools().len(), 100 * 50 + 1);
        assert!(list.get("server-100__tool_0").is_none());
        assert!(list.get("read_result").is_some());
        assert!(list.get("find_tools").is_none());
    }
}
