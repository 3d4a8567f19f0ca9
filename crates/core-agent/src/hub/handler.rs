//! The hub towards its clients, all of the protocol, both eras.
//!
//! Invariant: what one client does is seen by its own conversation only.

use std::sync::Arc;

use mcp_service::Era;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams,
        CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, ErrorCode,
        GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, ServerConfig, ServerResult, SetLevelRequestParams,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use serde_json::json;

use super::{
    Hub, Resolved,
    bridge::{Answers, Ear, Ended, Start, Subject},
    calls::ToolVisit,
    listing::Schemas,
    news::Conversation,
    resources::unknown_prompt,
    visit::Visit,
};
use crate::catalogue::View;

/// How long a client may keep a list; it is told when one changes.
const LIST_TTL_MS: u64 = 60_000;

type Context = RequestContext<RoleServer>;
/// How long an answer may be kept, and by whom.
type Hints = (Option<u64>, Option<CacheScope>);

/// The hub in one conversation. A clone is the beginning of another conversation.
pub(super) struct HubHandler {
    hub: Arc<Hub>,
    conversation: Arc<Conversation>,
}

impl Clone for HubHandler {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.hub))
    }
}

impl HubHandler {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            conversation: Arc::default(),
        }
    }

    /// Who hears what is said while a request is at work.
    fn ear(&self, visit: &Visit, context: &Context) -> Ear {
        Ear {
            peer: context.peer.clone(),
            progress: visit.progress.clone(),
            logs: match visit.era {
                Era::Handshake => Some(self.conversation.level()),
                Era::Stateless => visit.log_level,
            },
        }
    }

    /// Everything there is, for a list of one page.
    async fn whole_list(
        &self,
        request: Option<PaginatedRequestParams>,
        context: &Context,
    ) -> Result<(Arc<View>, Hints), ErrorData> {
        one_page(request)?;
        self.hub.acquaint().await;
        Ok((self.hub.view(), self.hints(Visit::of(context).era)))
    }

    /// Begins or goes on with a request that a server answers, over as many rounds as it takes.
    async fn through<F>(
        &self,
        visit: &Visit,
        context: &Context,
        subject: &Subject,
        answers: Answers,
        begin: impl FnOnce(Start) -> F,
    ) -> Ended
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let ear = self.ear(visit, context);
        let bridge = &self.hub.bridge;
        bridge
            .run(visit, context, ear, subject, answers, begin)
            .await
    }

    fn hints(&self, era: Era) -> Hints {
        match era {
            Era::Handshake => (None, None),
            Era::Stateless => {
                let scope = if self.hub.everybody_sees_the_same() {
                    CacheScope::Public
                } else {
                    CacheScope::Private
                };
                (Some(LIST_TTL_MS), Some(scope))
            }
        }
    }
}

impl ServerHandler for HubHandler {
    fn get_info(&self) -> ServerConfig {
        let about = self.hub.about();
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new(about.name.clone(), about.version.clone())
                    .with_title(about.title.clone()),
            )
            .with_instructions(about.instructions.clone())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.hub.news.arrived(&self.conversation, context.peer);
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        one_page(request)?;
        if self.hub.lists.follows() {
            self.hub.acquaint().await;
        }
        let visit = Visit::of(&context);
        let protocol = context.protocol_version();
        let protocol = protocol.as_ref().map_or("", |version| version.as_str());
        let list = self.hub.tool_list(Schemas::of(protocol));
        let mut result = ListToolsResult::with_all_items(list.tools().to_vec());
        (result.ttl_ms, result.cache_scope) = self.hints(visit.era);
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        // Consulted for headers that a schema ties to arguments.
        self.hub.tool_list(Schemas::Own).get(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let visit = Visit::of(&context);
        let arguments = request.arguments.unwrap_or_default();
        let subject = Subject::new(
            &visit.actor.principal,
            "tools/call",
            &request.name,
            &arguments,
        );
        let call = match self.hub.resolve(&request.name, arguments).await? {
            Resolved::Own(own) => return Ok(own.run(&self.hub, &visit).await.into()),
            Resolved::Answered(result) => return Ok((*result).into()),
            Resolved::Passed(wrapped) => ToolVisit {
                visit: visit.clone(),
                tool: wrapped.tool,
                arguments: wrapped.arguments,
            },
        };
        let answers = Answers {
            responses: request.input_responses,
            state: request.request_state,
        };
        let hub = Arc::clone(&self.hub);
        let begin = move |start| hub.call_through(call, start);
        match self
            .through(&visit, &context, &subject, answers, begin)
            .await?
        {
            ServerResult::CallToolResult(result) => Ok(result.into()),
            ServerResult::InputRequiredResult(required) => Ok(required.into()),
            ServerResult::CreateTaskResult(task) => Ok(task.into()),
            _ => Err(odd()),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (view, hints) = self.whole_list(request, &context).await?;
        let resources = view.resources.iter().map(|(_, resource)| resource.clone());
        let mut result = ListResourcesResult::with_all_items(resources.collect());
        (result.ttl_ms, result.cache_scope) = hints;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (view, hints) = self.whole_list(request, &context).await?;
        let shapes = view.templates.iter().map(|(_, shape)| shape.clone());
        let mut result = ListResourceTemplatesResult::with_all_items(shapes.collect());
        (result.ttl_ms, result.cache_scope) = hints;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let visit = Visit::of(&context);
        let place = self.hub.place(&request.uri).await?;
        let subject = Subject::new(
            &visit.actor.principal,
            "resources/read",
            &request.uri,
            &json!({}),
        );
        let answers = Answers {
            responses: request.input_responses,
            state: request.request_state,
        };
        let (hub, for_call) = (Arc::clone(&self.hub), visit.clone());
        let begin = move |start| hub.read_through(for_call, place, start);
        match self
            .through(&visit, &context, &subject, answers, begin)
            .await?
        {
            ServerResult::ReadResourceResult(mut result) => {
                if visit.era == Era::Handshake {
                    (result.ttl_ms, result.cache_scope) = (None, None);
                }
                Ok(result.into())
            }
            ServerResult::InputRequiredResult(required) => Ok(required.into()),
            _ => Err(odd()),
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (view, hints) = self.whole_list(request, &context).await?;
        let prompts = view.prompts.iter().map(|prompt| prompt.listed.clone());
        let mut result = ListPromptsResult::with_all_items(prompts.collect());
        (result.ttl_ms, result.cache_scope) = hints;
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let visit = Visit::of(&context);
        let (server, original) = self
            .hub
            .prompt(&request.name)
            .await
            .ok_or_else(|| unknown_prompt(&request.name))?;
        let subject = Subject::new(
            &visit.actor.principal,
            "prompts/get",
            &request.name,
            &request.arguments,
        );
        let answers = Answers {
            responses: request.input_responses,
            state: request.request_state,
        };
        let (hub, for_call) = (Arc::clone(&self.hub), visit.clone());
        let arguments = request.arguments;
        let begin = move |start| hub.prompt_through(for_call, server, original, arguments, start);
        match self
            .through(&visit, &context, &subject, answers, begin)
            .await?
        {
            ServerResult::GetPromptResult(result) => Ok(result.into()),
            ServerResult::InputRequiredResult(required) => Ok(required.into()),
            _ => Err(odd()),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        self.hub.acquaint().await;
        self.hub
            .complete_through(&Visit::of(&context), request)
            .await
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        self.hub.set_level(&self.conversation, request.level).await;
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let visit = Visit::of(&context);
        // Over a pipe some clients subscribe before they say that they are initialized.
        self.hub.news.arrived(&self.conversation, context.peer);
        self.hub
            .watch(&visit, &self.conversation, request.uri)
            .await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        let visit = Visit::of(&context);
        self.hub
            .unwatch(&visit, &self.conversation, &request.uri)
            .await;
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let visit = Visit::of(context.request_context());
        let sink = context.sink().clone();
        let left = async {
            tokio::select! {
                () = context.cancelled() => {}
                () = self.hub.left.cancelled() => {}
            }
        };
        self.hub.listen_with(&visit, sink, left).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: Context,
    ) -> Result<GetTaskResult, ErrorData> {
        self.hub
            .get_task(&Visit::of(&context), &request.task_id)
            .await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        self.hub.update_task(&Visit::of(&context), request).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        self.hub
            .cancel_task(&Visit::of(&context), &request.task_id)
            .await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: Context,
    ) -> Result<CustomResult, ErrorData> {
        Err(ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("there is no method {}", request.method),
            None,
        ))
    }
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

fn odd() -> ErrorData {
    ErrorData::internal_error(
        "the server's answer is not of the kind that was asked for",
        None,
    )
}
