//! Resources and prompts of all servers: which server has one, and asking it.
//!
//! Two servers may have a resource of the same address; the second is listed as
//! `core-agent://SERVER/ADDRESS`, which is understood for every resource.
//! Invariant: a resource is asked of one server, never tried at several.

use std::{collections::HashSet, sync::Arc};

use rmcp::{
    ErrorData,
    model::{
        ClientRequest, CompleteRequest, CompleteRequestParams, CompleteResult, GetPromptRequest,
        GetPromptRequestParams, ReadResourceRequest, ReadResourceRequestParams, Reference,
        Resource, ServerResult,
    },
};
use serde_json::json;

use super::{
    Hub,
    bridge::{Ended, Start, rounds},
    results,
    visit::Visit,
};
use crate::{ClientSide, ServerName, catalogue::View, upstream::Scope};

/// Before the name of a server and the server's own address.
const OWN_SCHEME: &str = "core-agent://";

/// A resource's server and its address there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Place {
    pub(super) server: ServerName,
    pub(super) uri: String,
}

/// All resources, each under an address of its own.
pub(super) fn listed(view: &View) -> Vec<Resource> {
    let mut taken = HashSet::new();
    view.resources
        .iter()
        .map(|(server, resource)| {
            let mut resource = resource.clone();
            if !taken.insert(resource.uri.clone()) {
                resource.uri = own_address(server, &resource.uri);
                taken.insert(resource.uri.clone());
            }
            resource
        })
        .collect()
}

/// The address that names the server too.
pub(super) fn own_address(server: &ServerName, uri: &str) -> String {
    format!("{OWN_SCHEME}{server}/{uri}")
}

/// Where a resource is.
pub(super) fn place(view: &View, uri: &str) -> Option<Place> {
    let at = |server: &ServerName, uri: &str| Place {
        server: server.clone(),
        uri: uri.to_owned(),
    };
    if let Some((server, rest)) = uri
        .strip_prefix(OWN_SCHEME)
        .and_then(|rest| rest.split_once('/'))
    {
        return server.parse().ok().map(|server| at(&server, rest));
    }
    if let Some((server, _)) = view
        .resources
        .iter()
        .find(|(_, resource)| resource.uri == uri)
    {
        return Some(at(server, uri));
    }
    view.templates
        .iter()
        .filter_map(|(server, template)| {
            matches(&template.uri_template, uri).map(|plain| (plain, server))
        })
        .max_by_key(|(plain, _)| *plain)
        .map(|(_, server)| at(server, uri))
}

/// Whether an address is of a template's shape; then how many characters are plain.
fn matches(template: &str, uri: &str) -> Option<usize> {
    let (first, mut rest) = template.split_once('{').unwrap_or((template, ""));
    let mut left = uri.strip_prefix(first)?;
    let mut plain = first.chars().count();
    while let Some((expression, after)) = rest.split_once('}') {
        let (literal, more) = after.split_once('{').unwrap_or((after, ""));
        let ends = more.is_empty() && !after.contains('{');
        let taken = match (literal.is_empty(), ends) {
            (true, true) => left.len(),
            (true, false) => 0,
            (false, true) => left.strip_suffix(literal)?.len(),
            (false, false) => left.find(literal)?,
        };
        let (value, remaining) = left.split_at_checked(taken)?;
        // Only expressions with an operator reach over a slash.
        let simple = expression
            .chars()
            .next()
            .is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        if simple && (value.contains('/') || value.is_empty() && ends) {
            return None;
        }
        left = remaining.strip_prefix(literal)?;
        plain += literal.chars().count();
        rest = more;
    }
    left.is_empty().then_some(plain)
}

impl Hub {
    /// Where a resource is, or the error that says that it is nowhere.
    pub(super) async fn place(&self, uri: &str) -> Result<Place, ErrorData> {
        if let Some(place) = place(&self.options.catalogue.view(), uri) {
            return Ok(place);
        }
        self.acquaint().await;
        place(&self.options.catalogue.view(), uri)
            .or_else(|| self.only_place(uri))
            .ok_or_else(|| {
                ErrorData::resource_not_found(
                    "no server has such a resource",
                    Some(json!({ "uri": uri })),
                )
            })
    }

    /// The one server that has resources at all, which may have some it does not list.
    fn only_place(&self, uri: &str) -> Option<Place> {
        let catalogue = &self.options.catalogue;
        let mut having = self.options.servers.names().into_iter().filter(|name| {
            catalogue
                .known(name)
                .is_some_and(|known| known.info.capabilities.resources.is_some())
        });
        match (having.next(), having.next()) {
            (Some(server), None) => Some(Place {
                server,
                uri: uri.to_owned(),
            }),
            _ => None,
        }
    }

    /// Reads a resource.
    pub(super) async fn read_through(
        self: Arc<Self>,
        visit: Visit,
        place: Place,
        start: Start,
    ) -> Ended {
        let attempt = move |round: Option<crate::pipeline::Round>| {
            let mut params = ReadResourceRequestParams::new(place.uri.clone());
            if let Some(round) = round {
                params.input_responses = Some(round.responses);
                params.request_state = round.state;
            }
            ClientRequest::ReadResourceRequest(ReadResourceRequest::new(params))
        };
        self.through(visit, place.server, start, attempt).await
    }

    /// Fills a prompt.
    pub(super) async fn prompt_through(
        self: Arc<Self>,
        visit: Visit,
        server: ServerName,
        name: String,
        arguments: Option<serde_json::Map<String, serde_json::Value>>,
        start: Start,
    ) -> Ended {
        let attempt = move |round: Option<crate::pipeline::Round>| {
            let mut params = GetPromptRequestParams::new(name.clone());
            params.arguments.clone_from(&arguments);
            if let Some(round) = round {
                params.input_responses = Some(round.responses);
                params.request_state = round.state;
            }
            ClientRequest::GetPromptRequest(GetPromptRequest::new(params))
        };
        self.through(visit, server, start, attempt).await
    }

    async fn through(
        self: Arc<Self>,
        visit: Visit,
        server: ServerName,
        start: Start,
        request: impl Fn(Option<crate::pipeline::Round>) -> ClientRequest + Send + 'static,
    ) -> Ended {
        let side: Arc<dyn ClientSide> = start.client;
        let scope = Scope {
            actor: Arc::clone(&visit.actor),
            client: Some(Arc::clone(&side)),
            cancelled: start.cancelled,
            patience: self.patience_with(&server),
            meta: visit.meta.clone(),
        };
        rounds(visit.era, &*side, start.round, |round| {
            let (hub, server) = (Arc::clone(&self), server.clone());
            let (request, scope) = (request(round), scope.clone());
            Box::pin(async move {
                hub.options
                    .servers
                    .request(&server, request, &scope)
                    .await
                    .map_err(|fault| results::error(&fault))
            })
        })
        .await
    }

    /// Completes an argument of a prompt or of a resource's shape.
    pub(super) async fn complete_through(
        &self,
        visit: &Visit,
        mut params: CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        let view = self.options.catalogue.view();
        let server = match &mut params.r#ref {
            Reference::Prompt(prompt) => {
                let known = view
                    .prompts
                    .iter()
                    .find(|known| known.listed.name == prompt.name)
                    .ok_or_else(|| unknown_prompt(&prompt.name))?;
                prompt.name.clone_from(&known.original);
                known.server.clone()
            }
            Reference::Resource(resource) => {
                let shape = view
                    .templates
                    .iter()
                    .find(|(_, template)| template.uri_template == resource.uri)
                    .map(|(server, _)| server.clone());
                match shape {
                    Some(server) => server,
                    None => {
                        let place = self.place(&resource.uri).await?;
                        resource.uri = place.uri;
                        place.server
                    }
                }
            }
            _ => return Err(ErrorData::invalid_params("unknown kind of reference", None)),
        };
        params.meta = None;
        let request = ClientRequest::CompleteRequest(CompleteRequest::new(params));
        match self.ask_server(visit, &server, request).await {
            Ok(ServerResult::CompleteResult(result)) => Ok(result),
            Ok(_) => Err(ErrorData::internal_error(
                format!("server {server}: its answer is no completion"),
                None,
            )),
            Err(fault) => Err(results::error(&fault)),
        }
    }
}

/// There is no prompt of this name.
pub(super) fn unknown_prompt(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("there is no prompt named {name}"), None)
}

#[cfg(test)]
mod tests {
    use rmcp::model::ResourceTemplate;

    use super::*;

    fn view() -> View {
        let server = |name: &str| name.parse::<ServerName>().unwrap();
        View::new(
            Vec::new(),
            vec![
                (server("a"), Resource::new("test://same", "one")),
                (server("b"), Resource::new("test://same", "two")),
                (server("b"), Resource::new("test://other", "three")),
            ],
            vec![
                (
                    server("a"),
                    ResourceTemplate::new("test://{kind}/data", "shape"),
                ),
                (
                    server("b"),
                    ResourceTemplate::new("test://special/{+path}", "shape"),
                ),
            ],
            Vec::new(),
            1,
        )
    }

    #[test]
    fn every_resource_has_an_address_of_its_own() {
        let view = view();
        let addresses: Vec<String> = listed(&view).into_iter().map(|one| one.uri).collect();
        assert_eq!(
            addresses,
            ["test://same", "core-agent://b/test://same", "test://other"]
        );
        let place_of =
            |uri: &str| place(&view, uri).map(|place| (place.server.to_string(), place.uri));
        assert_eq!(
            place_of("test://same"),
            Some(("a".into(), "test://same".into()))
        );
        assert_eq!(
            place_of("core-agent://b/test://same"),
            Some(("b".into(), "test://same".into()))
        );
        assert_eq!(
            place_of("test://x/data"),
            Some(("a".into(), "test://x/data".into()))
        );
        assert_eq!(
            place_of("test://special/x/y/data"),
            Some(("b".into(), "test://special/x/y/data".into()))
        );
        assert_eq!(place_of("test://x/y/data"), None);
        assert_eq!(place_of("core-agent://"), None);
    }

    #[test]
    fn shapes_match() {
        for (template, uri, fits) in [
            ("test://template/{id}/data", "test://template/1/data", true),
            (
                "test://template/{id}/data",
                "test://template/1/2/data",
                false,
            ),
            ("test://template/{id}/data", "test://template/1/date", false),
            ("file:///{path}", "file:///a", true),
            ("file:///{path}", "file:///a/b", false),
            ("file:///{+path}", "file:///a/b", true),
            ("x://{a}/{b}", "x://1/2", true),
            ("x://{a}{?q}", "x://1", true),
            ("plain://one", "plain://one", true),
            ("plain://one", "plain://one/two", false),
            ("x://{a}", "x://", false),
        ] {
            assert_eq!(matches(template, uri).is_some(), fits, "{template} {uri}");
        }
    }
}
