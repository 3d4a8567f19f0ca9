//! Everything all servers offer, under names that never collide.
//!
//! Invariant: a [`View`] never changes; a change makes a new one.

mod access;
mod book;
mod category;
pub(crate) mod clean;
mod kept;
mod names;
mod schema;
mod shelf;

use std::sync::Arc;

use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use serde::Serialize;

use crate::ServerName;

pub use book::{Catalogue, KnownServer};
pub use category::BadCategory;

/// One tool of one server.
#[derive(Clone, Debug)]
pub struct HubTool {
    /// Its server.
    pub server: ServerName,
    /// As the server lists it.
    pub original: Tool,
    /// As the hub lists it: the hub's name, a schema every client reads.
    pub listed: Tool,
    /// What calling it does, as far as it can be believed.
    pub access: Access,
    /// Whether a second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// What it is about.
    pub categories: Vec<Category>,
    /// The SHA-256 of its canonical definition and its server's identity, in hex.
    pub fingerprint: String,
    /// Whether it is as it was approved.
    pub standing: Standing,
    /// What a scan of its words found.
    pub findings: Vec<String>,
}

impl HubTool {
    /// The hub's name of it.
    pub fn name(&self) -> &str {
        &self.listed.name
    }
}

/// What calling a tool does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Looks only.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// May destroy, send or spend.
    Destructive,
}

/// What a tool is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Files and folders.
    FileSystem,
    /// Pages, browsing, crawling.
    WebInteraction,
    /// Services behind an API.
    ApiIntegration,
    /// Notes, graphs, search in knowledge.
    MemoryKnowledge,
    /// Code, repositories, builds.
    CodeDevelopment,
    /// Tables, numbers, conversion.
    DataProcessing,
    /// Mail, chat, calendars.
    Communication,
    /// Tasks and projects.
    TaskManagement,
    /// Pictures, sound, video, charts.
    Media,
    /// Machines, containers, clouds.
    Infrastructure,
}

/// Whether a tool is as it was approved.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// As pinned.
    Pinned,
    /// Changed since it was pinned: blocked until somebody approves the difference.
    Changed {
        /// The difference, for people.
        diff: String,
    },
    /// Blocked by a finding or a person.
    Blocked {
        /// Why.
        why: String,
    },
}

/// The whole catalogue at one moment.
#[derive(Debug, Default)]
pub struct View {
    /// All tools, in the order of their hub names.
    pub tools: Vec<Arc<HubTool>>,
    /// All resources, with the server that has them.
    pub resources: Vec<(ServerName, Resource)>,
    /// All shapes of resources.
    pub templates: Vec<(ServerName, ResourceTemplate)>,
    /// All prompts, under the hub's names; the server's own name beside.
    pub prompts: Vec<HubPrompt>,
    /// Counts changes.
    pub revision: u64,
    /// What could not be named as it is configured, and why.
    pub notes: Vec<String>,
    /// Places of tools, in the order of their servers and the servers' names of them.
    by_server: Vec<usize>,
}

/// One prompt of one server.
#[derive(Clone, Debug)]
pub struct HubPrompt {
    /// Its server.
    pub server: ServerName,
    /// The server's name of it.
    pub original: String,
    /// As the hub lists it.
    pub listed: Prompt,
}

impl View {
    /// Puts tools in order and makes them findable by name.
    pub fn new(
        mut tools: Vec<Arc<HubTool>>,
        resources: Vec<(ServerName, Resource)>,
        templates: Vec<(ServerName, ResourceTemplate)>,
        prompts: Vec<HubPrompt>,
        revision: u64,
    ) -> Self {
        tools.sort_by(|one, other| one.name().cmp(other.name()));
        let mut by_server: Vec<usize> = (0..tools.len()).collect();
        by_server.sort_by(|one, other| own_name(&tools[*one]).cmp(&own_name(&tools[*other])));
        Self {
            tools,
            resources,
            templates,
            prompts,
            revision,
            notes: Vec::new(),
            by_server,
        }
    }

    /// The tool with this hub name.
    pub fn tool(&self, name: &str) -> Option<&Arc<HubTool>> {
        let found = self.tools.binary_search_by(|tool| tool.name().cmp(name));
        found.ok().and_then(|at| self.tools.get(at))
    }

    /// The prompt with this hub name.
    pub fn prompt(&self, name: &str) -> Option<&HubPrompt> {
        self.prompts
            .iter()
            .find(|prompt| prompt.listed.name == name)
    }

    /// The server a resource is read from, and the server's own address of it: by a listed
    /// address, by `hub://<server>/<address>`, or by the one shape it fits.
    pub fn resource<'a>(&'a self, address: &'a str) -> Option<(&'a ServerName, &'a str)> {
        let servers = || {
            let resources = self.resources.iter().map(|(server, _)| server);
            resources.chain(self.templates.iter().map(|(server, _)| server))
        };
        if let Some((name, own)) = address
            .strip_prefix(HUB_SCHEME)
            .and_then(|rest| rest.split_once('/'))
        {
            let server = servers().find(|server| server.as_str() == name)?;
            return Some((server, own));
        }
        if let Some((server, _)) = self
            .resources
            .iter()
            .find(|(_, known)| known.uri == address)
        {
            return Some((server, address));
        }
        let mut fitting: Vec<&ServerName> = self
            .templates
            .iter()
            .filter(|(_, shape)| fits(&shape.uri_template, address))
            .map(|(server, _)| server)
            .collect();
        fitting.dedup();
        match fitting.as_slice() {
            [server] => Some((server, address)),
            _ => None,
        }
    }

    /// The tool a server calls so.
    pub fn tool_of(&self, server: &ServerName, original: &str) -> Option<&Arc<HubTool>> {
        let wanted = (server, original);
        let found = self
            .by_server
            .binary_search_by(|at| own_name(&self.tools[*at]).cmp(&wanted));
        found.ok().and_then(|at| self.tools.get(self.by_server[at]))
    }
}

fn own_name(tool: &HubTool) -> (&ServerName, &str) {
    (&tool.server, &tool.original.name)
}

const HUB_SCHEME: &str = "hub://";

/// The address under which a server's resource can always be read through the hub.
pub fn hub_address(server: &ServerName, own: &str) -> String {
    format!("{HUB_SCHEME}{server}/{own}")
}

/// Whether an address has the fixed parts of a shape, in order.
fn fits(shape: &str, address: &str) -> bool {
    let mut rest = address;
    let mut shape = shape;
    let mut first = true;
    loop {
        let (fixed, more) = match shape.split_once('{') {
            Some((fixed, more)) => (fixed, Some(more)),
            None => (shape, None),
        };
        rest = match (first, more) {
            (true, _) => match rest.strip_prefix(fixed) {
                Some(rest) => rest,
                None => return false,
            },
            (false, None) => return rest.ends_with(fixed),
            (false, Some(_)) => match rest.split_once(fixed) {
                Some((_, rest)) => rest,
                None => return false,
            },
        };
        first = false;
        shape = match more.and_then(|more| more.split_once('}')) {
            Some((_, after)) => after,
            None => return rest.is_empty(),
        };
    }
}
