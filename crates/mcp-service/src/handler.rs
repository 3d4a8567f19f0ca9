//! The long way: a program's tools as a handler of the protocol library, for every era and
//! transport.
//!
//! Invariant: a question is asked in the way the client's revision knows, and where there is no
//! such way the call ends at once with words that say how to go on.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest,
        CustomResult, ElicitRequest, ElicitRequestParams, ElicitationAction, ErrorCode,
        GetPromptRequestParams, GetPromptResponse, Implementation, InputRequest, InputRequests,
        InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};

use crate::{
    Answer, Caller, ClientProgram, Era, Principal, Progress, Question, Reply, ReplyAction,
    ToolCall, ToolResult, Transport,
    ask::{self, Subject},
    shell::{Peer, RequestId, Shell},
};

/// How long a person may take to answer within one call.
const PATIENCE: Duration = Duration::from_mins(10);
/// How many questions one call may ask.
const QUESTIONS: usize = 8;

/// A program's tools as a handler.
#[derive(Clone)]
pub(crate) struct ToolsHandler {
    shell: Arc<Shell>,
    transport: Transport,
}

impl ToolsHandler {
    pub(crate) fn new(shell: Arc<Shell>, transport: Transport) -> Self {
        Self { shell, transport }
    }

    fn caller(&self, context: &RequestContext<RoleServer>) -> Caller {
        let parts = context.extensions.get::<Parts>();
        let extension = parts.map(|parts| &parts.extensions);
        let protocol = context.protocol_version().map_or_else(
            || Arc::from("2025-03-26"),
            |version| Arc::from(version.as_str()),
        );
        let era = if &*protocol >= "2026-07-28" {
            Era::Stateless
        } else {
            Era::Handshake
        };
        Caller {
            transport: self.transport,
            era,
            protocol,
            principal: extension
                .and_then(|extension| extension.get::<Principal>().cloned())
                .unwrap_or_else(|| match self.transport {
                    Transport::Stdio => Principal::local(),
                    // Every HTTP request is admitted first; one that was not owns nothing.
                    Transport::Http => Principal::nobody(),
                }),
            request: parts.map(|parts| Arc::new(parts.clone())),
            peer: extension.and_then(|extension| extension.get::<Peer>().map(|peer| peer.0)),
            client: context
                .client_info()
                .filter(|client| !client.name.is_empty())
                .map(|client| ClientProgram {
                    name: client.name,
                    version: client.version,
                }),
            session: parts
                .filter(|_| era == Era::Handshake)
                .and_then(|parts| parts.headers.get("mcp-session-id"))
                .and_then(|id| id.to_str().ok())
                .map(Arc::from),
        }
    }

    fn request_id(&self, context: &RequestContext<RoleServer>) -> Arc<str> {
        context
            .extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<RequestId>())
            .map_or_else(|| self.shell.ids.next(), |id| Arc::clone(&id.0))
    }

    /// The first round of a call, with the reply that came along, if one came.
    async fn first(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ToolCall, ErrorData> {
        let caller = self.caller(context);
        let arguments = request.arguments.unwrap_or_default();
        let responses: Option<Map<String, Value>> = request
            .input_responses
            .map(|responses| responses.into_iter().collect());
        let subject = Subject {
            principal: &caller.principal,
            tool: &request.name,
            arguments: &arguments,
        };
        let reply = self
            .shell
            .asker
            .reply(
                subject,
                request.request_state.as_deref(),
                responses.as_ref(),
            )
            .await
            .map_err(|why| ErrorData::invalid_params(why, None))?;
        let progress = context
            .meta
            .get_progress_token()
            .map_or_else(Progress::silent, |token| {
                Progress::to(context.peer.clone(), token)
            });
        Ok(ToolCall {
            name: request.name.into_owned(),
            arguments,
            request_id: self.request_id(context),
            can_ask: context
                .client_capabilities()
                .is_some_and(|capabilities| ask::can_ask(&capabilities)),
            reply,
            progress,
            cancelled: context.ct.clone(),
            caller,
        })
    }

    /// Puts a question to the person at a client with a session.
    async fn ask(
        &self,
        question: &Question,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, ErrorData> {
        let params = form(question)?;
        let answer = tokio::select! {
            answer = context.peer.create_elicitation_with_timeout(params, Some(PATIENCE)) => answer,
            () = context.ct.cancelled() => return Ok(reply(question, ReplyAction::Cancelled)),
        };
        let action = match answer {
            Ok(result) => match result.action {
                ElicitationAction::Accept => ReplyAction::Accepted(match result.content {
                    Some(Value::Object(filled)) => filled,
                    _ => Map::new(),
                }),
                ElicitationAction::Decline => ReplyAction::Declined,
                _ => ReplyAction::Cancelled,
            },
            Err(error) => {
                tracing::info!(%error, "the question found nobody");
                ReplyAction::Cancelled
            }
        };
        Ok(reply(question, action))
    }
}

impl ServerHandler for ToolsHandler {
    fn get_info(&self) -> ServerConfig {
        let about = self.shell.tools.about();
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        capabilities.resources = about.resources.then(Default::default);
        capabilities.prompts = about.prompts.then(Default::default);
        let mut program = Implementation::new(about.name.clone(), about.version.clone())
            .with_title(about.title.clone());
        program.website_url.clone_from(&about.website);
        ServerConfig::new(capabilities)
            .with_server_info(program)
            .with_instructions(about.instructions.clone())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request)?;
        let list = self.shell.tools.list(&self.caller(&context));
        let mut result = ListToolsResult::with_all_items(list.tools().to_vec());
        result.ttl_ms = Some(300_000);
        result.cache_scope = Some(if list.is_shared() {
            CacheScope::Public
        } else {
            CacheScope::Private
        });
        Ok(strip_cache_hints(result, &self.caller(&context)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut call = self.first(request, &context).await?;
        for _ in 0..QUESTIONS {
            let answer = self.shell.run(call.clone()).await.map_err(|_| {
                ErrorData::internal_error("the tool failed; the server's log says more", None)
            })?;
            let question = match answer {
                Answer::Result(result) => return complete(result),
                Answer::UnknownTool { nearest } => {
                    return Err(ErrorData::invalid_params(
                        unknown_tool(&call.name, nearest.as_deref()),
                        None,
                    ));
                }
                Answer::InvalidParams(why) => return Err(ErrorData::invalid_params(why, None)),
                Answer::Error(error) => return Err(error),
                Answer::Http(reply) => {
                    return complete(ToolResult::error(String::from_utf8_lossy(&reply.body)));
                }
                Answer::Ask(question) => question,
            };
            if !call.can_ask {
                return complete(cannot_ask(&question));
            }
            if call.caller.era == Era::Stateless {
                return self.input_required(&call, &question);
            }
            call.reply = Some(self.ask(&question, &context).await?);
        }
        complete(ToolResult::error(
            "the tool asked too many questions in one call",
        ))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("there is no method {}", request.method),
            None,
        ))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        // Only consulted for headers annotated in a schema, which lists made here do not have.
        let _ = name;
        None
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Self::offered(self.shell.tools.about().resources, "resources/list")?;
        one_page(request)?;
        let resources = self.shell.tools.resources(&self.caller(&context)).await;
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Self::offered(
            self.shell.tools.about().resources,
            "resources/templates/list",
        )?;
        one_page(request)?;
        Ok(ListResourceTemplatesResult::with_all_items(
            self.shell.tools.resource_templates(),
        ))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Self::offered(self.shell.tools.about().resources, "resources/read")?;
        let caller = self.caller(&context);
        match self.shell.tools.read_resource(&request.uri, caller).await {
            Some(contents) => Ok(ReadResourceResult::new(contents).into()),
            None => Err(ErrorData::resource_not_found(
                "there is no such resource for you",
                Some(json!({ "uri": request.uri })),
            )),
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Self::offered(self.shell.tools.about().prompts, "prompts/list")?;
        one_page(request)?;
        Ok(ListPromptsResult::with_all_items(
            self.shell.tools.prompts(),
        ))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Self::offered(self.shell.tools.about().prompts, "prompts/get")?;
        let caller = self.caller(&context);
        let arguments = request.arguments.unwrap_or_default();
        match self
            .shell
            .tools
            .prompt(&request.name, arguments, caller)
            .await
        {
            Some(Ok(prompt)) => Ok(prompt.into()),
            Some(Err(why)) => Err(ErrorData::invalid_params(why, None)),
            None => Err(ErrorData::invalid_params(
                format!("there is no prompt named {}", request.name),
                None,
            )),
        }
    }
}

impl ToolsHandler {
    /// What was not declared does not exist.
    fn offered(declared: bool, method: &str) -> Result<(), ErrorData> {
        if declared {
            return Ok(());
        }
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("there is no method {method}"),
            None,
        ))
    }

    fn input_required(
        &self,
        call: &ToolCall,
        question: &Question,
    ) -> Result<CallToolResponse, ErrorData> {
        let subject = Subject {
            principal: &call.caller.principal,
            tool: &call.name,
            arguments: &call.arguments,
        };
        let state = self.shell.asker.seal(subject, question).map_err(|error| {
            tracing::error!(%error, "the state of a question could not be sealed");
            ErrorData::internal_error("the question could not be asked", None)
        })?;
        let mut requests = InputRequests::new();
        requests.insert(
            question.key.clone(),
            InputRequest::Elicitation(ElicitRequest::new(form(question)?)),
        );
        Ok(InputRequiredResult::new(Some(requests), Some(state)).into())
    }
}

/// The words for a tool that is not there.
pub(crate) fn unknown_tool(name: &str, nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("unknown tool: {name}; did you mean {nearest}?"),
        None => format!("unknown tool: {name}; tools/list names those there are"),
    }
}

/// What a caller reads when nobody can be asked.
pub(crate) fn cannot_ask(question: &Question) -> ToolResult {
    ToolResult::error(format!(
        "{}\nThis client cannot put the question to a person. {}",
        question.message, question.otherwise
    ))
}

fn strip_cache_hints(mut result: ListToolsResult, caller: &Caller) -> ListToolsResult {
    if caller.era == Era::Handshake {
        result.ttl_ms = None;
        result.cache_scope = None;
    }
    result
}

fn one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params(
            "the cursor is unknown: the list has one page",
            None,
        )),
    }
}

fn complete(result: ToolResult) -> Result<CallToolResponse, ErrorData> {
    let structured = result
        .structured
        .map(|raw| serde_json::from_str::<Value>(raw.get()))
        .transpose()
        .map_err(|error| {
            tracing::error!(%error, "a tool's data could not be read back");
            ErrorData::internal_error("the tool's data is too deep to be sent", None)
        })?;
    let mut complete = CallToolResult::success(result.content);
    complete.structured_content = structured;
    complete.is_error = Some(result.is_error);
    complete.meta = (!result.meta.is_empty()).then_some(rmcp::model::MetaObject(result.meta));
    Ok(complete.into())
}

fn form(question: &Question) -> Result<ElicitRequestParams, ErrorData> {
    serde_json::from_value(json!({
        "mode": "form",
        "message": question.message,
        "requestedSchema": question.schema,
    }))
    .map_err(|error| {
        tracing::error!(%error, key = question.key, "the form of a question is not one the protocol knows");
        ErrorData::internal_error("the question could not be asked", None)
    })
}

fn reply(question: &Question, action: ReplyAction) -> Reply {
    Reply {
        key: question.key.clone(),
        action,
    }
}
