//! One server's part of the catalogue, worked out once per listing, and the view of all of them.
//!
//! Invariant: everything here is decided by the listings, the configuration and the pins.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use rmcp::model::{Tool, ToolAnnotations};

use super::{
    Access, HubPrompt, HubTool, KnownServer, Standing, View, access, category,
    clean::{clean, cut},
    names::{Claim, Wish, names},
    schema,
};
use crate::{
    ServerName,
    config::{Config, ServerConfig},
    trust::{Finding, Pins, Print, identity, scan_tool},
};

/// The longest description that is listed.
const DESCRIPTION: usize = 6_000;
/// The largest output schema that is listed, in bytes.
const OUTPUT: usize = 32 << 10;

/// One server's part.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) known: Arc<KnownServer>,
    /// Its tools that are used, each once.
    tools: Vec<Ready>,
    /// Its prompts, each once: at which place of the listing, and how they would be called.
    prompts: Vec<(usize, Wish)>,
    /// The prints of all its tools, used or not, by the server's names.
    pub(super) prints: BTreeMap<String, Print>,
}

#[derive(Debug)]
struct Ready {
    wish: Wish,
    /// As it is in nearly every view: under its usual name, and pinned.
    tool: Arc<HubTool>,
    findings: Vec<Finding>,
}

impl Shelf {
    /// Works out everything that depends on this server alone.
    pub(super) fn new(server: &ServerName, known: Arc<KnownServer>, config: &ServerConfig) -> Self {
        let identity = identity(&known.info, config);
        let wish = |own: &str| Wish::new(server, config.prefix.as_deref(), own);
        let mut tools = Vec::new();
        let mut prints = BTreeMap::new();
        for tool in &known.listing.tools {
            if prints.contains_key(&*tool.name) {
                tracing::warn!(%server, tool = %tool.name, "the server lists this tool twice; the first is used");
                continue;
            }
            let print = Print::of(tool, &identity);
            if used(&tool.name, config) {
                let fingerprint = print.fingerprint.clone();
                tools.push(Ready::new(
                    server,
                    tool,
                    wish(&tool.name),
                    fingerprint,
                    config,
                ));
            }
            prints.insert(tool.name.to_string(), print);
        }
        let mut seen = HashSet::new();
        let prompts = known.listing.prompts.iter().enumerate();
        let prompts = prompts
            .filter(|(_, prompt)| seen.insert(&prompt.name))
            .map(|(at, prompt)| (at, wish(&prompt.name)))
            .collect();
        Self {
            known,
            tools,
            prompts,
            prints,
        }
    }
}

impl Ready {
    fn new(
        server: &ServerName,
        tool: &Tool,
        wish: Wish,
        fingerprint: String,
        config: &ServerConfig,
    ) -> Self {
        let (access, idempotent) = access::of(tool, config.trust);
        let findings = scan_tool(tool);
        let mut listed = listed(tool, access, idempotent);
        listed.name = wish.usual().to_owned().into();
        let tool = Arc::new(HubTool {
            server: server.clone(),
            original: tool.clone(),
            listed,
            access,
            idempotent,
            categories: category::of(tool, server),
            fingerprint,
            standing: Standing::Pinned,
            findings: findings.iter().map(ToString::to_string).collect(),
        });
        Self {
            wish,
            tool,
            findings,
        }
    }

    /// The tool under this name, as it stands; shared by all views in which it is the same.
    fn as_it_stands(&self, name: &str, standing: Standing) -> Arc<HubTool> {
        if self.tool.name() == name && self.tool.standing == standing {
            return Arc::clone(&self.tool);
        }
        let mut tool = HubTool::clone(&self.tool);
        tool.listed.name = name.to_owned().into();
        tool.standing = standing;
        Arc::new(tool)
    }
}

/// The view of all shelves, and what could not be named as configured.
pub(super) fn view(
    shelves: &BTreeMap<ServerName, Arc<Shelf>>,
    config: &Config,
    pins: &Pins,
    revision: u64,
) -> View {
    let all = || {
        shelves.iter().flat_map(|(server, shelf)| {
            let tools = shelf.tools.iter();
            tools.map(move |ready| (server, shelf, ready))
        })
    };
    let claims: Vec<Claim<'_>> = all()
        .map(|(server, _, ready)| Claim {
            server,
            own: &ready.tool.original.name,
            wish: &ready.wish,
        })
        .collect();
    let (tool_names, mut notes) = names(&claims);
    let tools = all()
        .zip(tool_names)
        .filter_map(|((server, shelf, ready), name)| {
            let own = &*ready.tool.original.name;
            let print = shelf.prints.get(own)?;
            let listed = |name: &str| shelf.prints.contains_key(name);
            let standing = pins.standing(server, own, print, listed, &ready.findings, config.trust);
            Some(ready.as_it_stands(&name, standing))
        })
        .collect();
    let all = || {
        shelves.iter().flat_map(|(server, shelf)| {
            let prompts = &shelf.known.listing.prompts;
            let named = shelf.prompts.iter();
            named.filter_map(move |(at, wish)| Some((server, prompts.get(*at)?, wish)))
        })
    };
    let claims: Vec<Claim<'_>> = all()
        .map(|(server, prompt, wish)| Claim {
            server,
            own: &prompt.name,
            wish,
        })
        .collect();
    let (prompt_names, prompt_notes) = names(&claims);
    notes.extend(prompt_notes);
    let prompts = all()
        .zip(prompt_names)
        .map(|((server, prompt, _), name)| {
            let mut listed = prompt.clone();
            listed.name = name.into_owned();
            HubPrompt {
                server: server.clone(),
                original: prompt.name.clone(),
                listed,
            }
        })
        .collect();
    let (resources, templates) = resources(shelves);
    let mut view = View::new(tools, resources, templates, prompts, revision);
    view.notes = notes;
    view
}

type Resources = Vec<(ServerName, rmcp::model::Resource)>;
type Templates = Vec<(ServerName, rmcp::model::ResourceTemplate)>;

/// Resources keep their addresses. An address two servers claim is nobody's: both are listed under
/// `hub://<server>/<address>`, so that no server can answer in another's place.
fn resources(shelves: &BTreeMap<ServerName, Arc<Shelf>>) -> (Resources, Templates) {
    let mut owners: HashMap<&str, BTreeSet<&ServerName>> = HashMap::new();
    for (server, shelf) in shelves {
        let listing = &shelf.known.listing;
        let addresses = listing
            .resources
            .iter()
            .map(|resource| resource.uri.as_str());
        let shapes = listing
            .templates
            .iter()
            .map(|shape| shape.uri_template.as_str());
        for address in addresses.chain(shapes) {
            owners.entry(address).or_default().insert(server);
        }
    }
    let address = |server: &ServerName, own: &str| {
        if owners.get(own).is_some_and(|owners| owners.len() > 1) {
            super::hub_address(server, own)
        } else {
            own.to_owned()
        }
    };
    let mut resources = Vec::new();
    let mut templates = Vec::new();
    for (server, shelf) in shelves {
        for resource in &shelf.known.listing.resources {
            let mut resource = resource.clone();
            resource.uri = address(server, &resource.uri);
            resources.push((server.clone(), resource));
        }
        for shape in &shelf.known.listing.templates {
            let mut shape = shape.clone();
            shape.uri_template = address(server, &shape.uri_template);
            templates.push((server.clone(), shape));
        }
    }
    (resources, templates)
}

/// Whether the configuration wants this tool.
fn used(tool: &str, config: &ServerConfig) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(begin) => tool.starts_with(begin),
        None => tool == pattern,
    };
    (config.tools.is_empty() || config.tools.iter().any(fits)) && !config.exclude.iter().any(fits)
}

/// The tool as clients see it, but for its name. Its annotations say what the hub believes.
fn listed(tool: &Tool, access: Access, idempotent: bool) -> Tool {
    let mut listed = tool.clone();
    listed.title = tool.title.as_deref().map(|title| cut(&clean(title), 200));
    listed.description = tool
        .description
        .as_deref()
        .map(|text| cut(&clean(text), DESCRIPTION).into());
    let plain = schema::for_clients(&tool.input_schema);
    // Most schemas are plain already, and one of each is enough.
    if plain != *tool.input_schema {
        listed.input_schema = Arc::new(plain);
    }
    listed.output_schema = tool.output_schema.clone().filter(|schema| {
        schema.get("type").is_some_and(|kind| kind == "object")
            && serde_json::to_string(schema).is_ok_and(|text| text.len() <= OUTPUT)
    });
    let said = tool.annotations.clone().unwrap_or_default();
    let mut annotations = ToolAnnotations::default();
    annotations.title = said.title.as_deref().map(|title| cut(&clean(title), 200));
    annotations.read_only_hint = Some(access == Access::Read);
    annotations.destructive_hint = Some(access == Access::Destructive);
    annotations.idempotent_hint = Some(idempotent);
    annotations.open_world_hint = said.open_world_hint;
    listed.annotations = Some(annotations);
    listed.icons = None;
    listed.meta = None;
    listed
}
