//! Resources and prompts of all servers: which server has one, and asking it.
//!
//! Invariant: a resource is asked of one server, never tried at several.

use std::sync::Arc;

use rmcp::{
    ErrorData,
    model::{
        ClientRequest, CompleteRequest, CompleteRequestParams, CompleteResult, GetPromptRequest,
        GetPromptRequestParams, ReadResourceRequest, ReadResourceRequestParams, Reference,
        ServerResult,
    },
};
use serde_json::json;

use super::{
    Hub,
    bridge::{Ended, Start, rounds},
    results,
    visit::Visit,
};
use crate::{
    ClientSide, ServerName,
    catalogue::{View, hub_address},
    upstream::Scope,
};

/// A resource's server and its address there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Place {
    pub(super) server: ServerName,
    pub(super) uri: String,
}

/// Where a resource is.
pub(super) fn place(view: &View, uri: &str) -> Option<Place> {
    view.resource(uri).map(|(server, own)| Place {
        server: server.clone(),
        uri: own.to_owned(),
    })
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
                if let Some(server) = shape {
                    let own = resource.uri.strip_prefix(&hub_address(&server, ""));
                    if let Some(own) = own.map(str::to_owned) {
                        resource.uri = own;
                    }
                    server
                } else {
                    let place = self.place(&resource.uri).await?;
                    resource.uri = place.uri;
                    place.server
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
