//! One server's part of the catalogue, worked out once per listing, and the view of all of them.
//!
//! Invariant: everything here is decided by the listings, the configuration and the pins.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use rmcp::model::{Tool, ToolAnnotations};

use super::{
    Access, Category, HubPrompt, HubTool, KnownServer, View, access, category,
    clean::{clean, cut},
    names::{Claim, names},
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
    /// The prints of all its tools, used or not.
    pub(super) prints: Vec<(String, Print)>,
}

#[derive(Debug)]
struct Ready {
    /// At which place of `prints`.
    at: usize,
    original: Tool,
    listed: Tool,
    access: Access,
    idempotent: bool,
    categories: Vec<Category>,
    findings: Vec<Finding>,
}

impl Shelf {
    /// Works out everything that depends on this server alone.
    pub(super) fn new(server: &ServerName, known: Arc<KnownServer>, config: &ServerConfig) -> Self {
        let identity = identity(&known.info, config);
        let mut seen = HashSet::new();
        let mut tools = Vec::new();
        let mut prints = Vec::new();
        for tool in &known.listing.tools {
            if !seen.insert(tool.name.as_ref()) {
                tracing::warn!(%server, tool = %tool.name, "the server lists this tool twice; the first is used");
                continue;
            }
            prints.push((tool.name.to_string(), Print::of(tool, &identity)));
            if !used(&tool.name, config) {
                continue;
            }
            let (access, idempotent) = access::of(tool, config.trust);
            tools.push(Ready {
                at: prints.len() - 1,
                original: tool.clone(),
                listed: listed(tool, access, idempotent),
                access,
                idempotent,
                categories: category::of(tool, server),
                findings: scan_tool(tool),
            });
        }
        Self {
            known,
            tools,
            prints,
        }
    }
}

/// The view of all shelves, and what could not be named as configured.
pub(super) fn view(
    shelves: &BTreeMap<ServerName, Arc<Shelf>>,
    config: &Config,
    pins: &Pins,
    revision: u64,
) -> View {
    let prefix = |server: &ServerName| {
        config
            .servers
            .get(server)
            .and_then(|config| config.prefix.as_deref())
    };
    let mut claims = Vec::new();
    let mut prompt_claims = Vec::new();
    for (server, shelf) in shelves {
        let claim = |own| Claim {
            server,
            prefix: prefix(server),
            own,
        };
        claims.extend(shelf.tools.iter().map(|tool| claim(&*tool.original.name)));
        let mut seen = HashSet::new();
        let prompts = shelf.known.listing.prompts.iter();
        prompt_claims.extend(
            prompts
                .filter(|prompt| seen.insert(&prompt.name))
                .map(|prompt| (claim(prompt.name.as_str()), prompt)),
        );
    }
    let (tool_names, mut notes) = names(&claims);
    let mut tool_names = tool_names.into_iter();
    let mut tools = Vec::with_capacity(claims.len());
    for (server, shelf) in shelves {
        let present: BTreeSet<&str> = shelf.prints.iter().map(|(name, _)| name.as_str()).collect();
        for ready in &shelf.tools {
            let Some(((own, print), name)) = shelf.prints.get(ready.at).zip(tool_names.next())
            else {
                continue;
            };
            let standing =
                pins.standing(server, own, print, &present, &ready.findings, config.trust);
            let mut listed = ready.listed.clone();
            listed.name = name.into();
            tools.push(Arc::new(HubTool {
                server: server.clone(),
                original: ready.original.clone(),
                listed,
                access: ready.access,
                idempotent: ready.idempotent,
                categories: ready.categories.clone(),
                fingerprint: print.fingerprint.clone(),
                standing,
                findings: ready.findings.iter().map(ToString::to_string).collect(),
            }));
        }
    }
    let plain: Vec<Claim<'_>> = prompt_claims.iter().map(|(claim, _)| *claim).collect();
    let (prompt_names, prompt_notes) = names(&plain);
    notes.extend(prompt_notes);
    let prompts = prompt_claims
        .iter()
        .zip(prompt_names)
        .map(|((claim, prompt), name)| {
            let mut listed = (*prompt).clone();
            listed.name = name;
            HubPrompt {
                server: claim.server.clone(),
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
    listed.input_schema = Arc::new(schema::for_clients(&tool.input_schema));
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
