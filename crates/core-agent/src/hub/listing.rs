//! What `tools/list` shows: a handful of tools that reach all others, or all of them.
//!
//! Invariant: a blocked tool's words are in no list.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_service::ToolList;
use rmcp::model::Tool;

use super::own;
use crate::{
    catalogue::{Standing, View},
    config::Listing,
};

/// The list as it was last built.
pub(super) struct Lists {
    listing: Listing,
    shared: bool,
    built: Mutex<Option<(u64, Arc<ToolList>)>>,
}

impl Lists {
    /// `shared` when every caller may see the same.
    pub(super) fn new(listing: Listing, shared: bool) -> Self {
        Self {
            listing,
            shared,
            built: Mutex::new(None),
        }
    }

    /// Whether the list follows the catalogue.
    pub(super) fn follows(&self) -> bool {
        self.listing == Listing::Merged
    }

    /// The list for a view.
    pub(super) fn of(&self, view: &View) -> Arc<ToolList> {
        // The short list is the same whatever there is.
        let revision = if self.follows() { view.revision } else { 0 };
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, list)) = &*built
            && *of == revision
        {
            return Arc::clone(list);
        }
        let tools = self.tools(view);
        let list = Arc::new(if self.shared {
            ToolList::shared(tools)
        } else {
            ToolList::private(tools)
        });
        *built = Some((revision, Arc::clone(&list)));
        list
    }

    fn tools(&self, view: &View) -> Vec<Tool> {
        match self.listing {
            Listing::Meta => own::all().map(own::Own::listed).collect(),
            Listing::Merged => {
                let own = own::beside_all_others()
                    .filter(|own| view.tool(own.name).is_none())
                    .map(own::Own::listed);
                view.tools
                    .iter()
                    .filter(|tool| tool.standing == Standing::Pinned)
                    .map(|tool| tool.listed.clone())
                    .chain(own)
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::catalogue::{Access, HubTool};

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
        let list = Lists::new(Listing::Meta, true).of(&view());
        let tokens = list.json().len() / 4;
        assert!(list.get("find_tools").is_some());
        assert!(list.get("monitor_agent_performance").is_some());
        assert!(tokens <= 2_000, "{tokens} tokens");
    }

    #[test]
    fn the_long_list_has_all_that_is_not_blocked() {
        let list = Lists::new(Listing::Merged, true).of(&view());
        assert_eq!(list.tools().len(), 100 * 50 + 1);
        assert!(list.get("server-100__tool_0").is_none());
        assert!(list.get("read_result").is_some());
        assert!(list.get("find_tools").is_none());
    }
}
