//! The half of the fixture that talks with the client while it works: logging, progress, sampling,
//! elicitation, subscriptions, and resources, prompts and completion.
#![expect(
    deprecated,
    reason = "the suite covers revisions in which these parts were current"
)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mcp_service::{
    Answer,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
        CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock,
        CreateMessageRequestParams, ElicitRequestParams, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, LoggingLevel, LoggingMessageNotificationParam,
        PaginatedRequestParams, ProgressNotificationParam, Prompt, PromptArgument, PromptMessage,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
        ResourceContents, ResourceTemplate, Role, SamplingMessage, ServerCapabilities,
        ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams,
    },
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    service::{RequestContext, SubscriptionContext, SubscriptionSink},
};
use serde_json::{Value, json};

use crate::{content, rounds, tools};

const TTL_MS: u64 = 60_000;

type Context = RequestContext<RoleServer>;

#[derive(Clone, Default)]
pub(crate) struct Talker {
    listeners: Arc<Mutex<HashMap<u64, SubscriptionSink>>>,
    next: Arc<AtomicU64>,
}

impl Talker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn sinks(&self) -> Vec<SubscriptionSink> {
        self.listeners
            .lock()
            .expect("nobody panics here")
            .values()
            .cloned()
            .collect()
    }

    async fn talk(
        &self,
        request: &CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResult, ErrorData> {
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref()?;
            arguments.get(name)?.as_str().map(str::to_owned)
        };
        match request.name.as_ref() {
            "test_tool_with_logging" => {
                for words in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                    log(context, LoggingLevel::Info, words).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                text("Logging test completed")
            }
            "test_logging_tool" => {
                if let Some(level) = context.meta.log_level() {
                    log(context, level, "a level was asked for").await;
                }
                text("Logging test completed")
            }
            "test_tool_with_progress" => {
                if let Some(token) = context.meta.get_progress_token() {
                    for done in [0.0, 50.0, 100.0] {
                        let told = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
                        let _ = context.peer.notify_progress(told).await;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                text("Progress test completed")
            }
            "test_custom_header" => match argument("value") {
                Some(value) => text(&value),
                None => Err(ErrorData::invalid_params("value must be a string", None)),
            },
            "test_sampling" => {
                let prompt = argument("prompt").unwrap_or_else(|| "Hello".into());
                let wanted = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
                if capabilities(context).sampling.is_none() {
                    return failed("this client has no model to ask");
                }
                match context.peer.create_message(wanted).await {
                    Ok(result) => {
                        let said = result.message.content.first().and_then(|block| block.as_text()).map(|block| block.text.clone());
                        text(&format!("LLM response: {}", said.unwrap_or_default()))
                    }
                    Err(error) => failed(&format!("Sampling error: {error}")),
                }
            }
            "test_elicitation" => {
                let message = argument("message").unwrap_or_default();
                ask(context, &message, json!({
                    "username": { "type": "string", "description": "User's response" },
                    "email": { "type": "string", "description": "User's email address" },
                })).await
            }
            "test_elicitation_sep1034_defaults" => ask(context, "All have defaults", json!({
                "name": { "type": "string", "default": "John Doe" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number", "default": 95.5 },
                "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
                "verified": { "type": "boolean", "default": true },
            })).await,
            "test_elicitation_sep1330_enums" => {
                let titled = |prefix: &str| json!([
                    { "const": "value1", "title": format!("First {prefix}") },
                    { "const": "value2", "title": format!("Second {prefix}") },
                    { "const": "value3", "title": format!("Third {prefix}") },
                ]);
                let plain = json!(["option1", "option2", "option3"]);
                ask(context, "Choose", json!({
                    "untitledSingle": { "type": "string", "enum": plain },
                    "titledSingle": { "type": "string", "oneOf": titled("Option") },
                    "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"] },
                    "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
                    "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
                })).await
            }
            "test_trigger_tool_change" => {
                for sink in self.sinks() {
                    let _ = sink.notify_tool_list_changed().await;
                }
                text("Announced")
            }
            "test_trigger_prompt_change" => {
                for sink in self.sinks() {
                    let _ = sink.notify_prompt_list_changed().await;
                }
                text("Announced")
            }
            "test_missing_capability" => {
                let capabilities = context.meta.client_capabilities().unwrap_or_default();
                if capabilities.sampling.is_some() {
                    text("The capability is there")
                } else {
                    Err(ErrorData::missing_required_client_capability(
                        ClientCapabilities::builder().enable_sampling().build(),
                    ))
                }
            }
            name => {
                let arguments = request.arguments.clone().unwrap_or_default();
                match content::answer(name, &arguments, None) {
                    Answer::Result(result) if result.is_error => Ok(CallToolResult::error(result.content)),
                    Answer::Result(result) => Ok(CallToolResult::success(result.content)),
                    _ => Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None)),
                }
            }
        }
    }
}

impl ServerHandler for Talker {
    fn get_info(&self) -> ServerConfig {
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
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("conformance-fixture", "1.0.0"))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "test_custom_header").then(tools::custom_header)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.listeners
            .lock()
            .expect("nobody panics here")
            .insert(key, context.sink().clone());
        context.cancelled().await;
        self.listeners
            .lock()
            .expect("nobody panics here")
            .remove(&key);
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all())
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let capabilities = context.meta.client_capabilities().unwrap_or_default();
        if let Some(response) = rounds::answer(&request, &capabilities) {
            return Ok(response);
        }
        if let Some(response) = rounds::sealed(&request)? {
            return Ok(response);
        }
        self.talk(&request, &context).await.map(Into::into)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resources = vec![
            Resource::new("test://static-text", "Static text")
                .with_description("A text")
                .with_mime_type("text/plain"),
            Resource::new("test://static-binary", "Static binary")
                .with_description("A picture")
                .with_mime_type("image/png"),
        ];
        Ok(ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template = ResourceTemplate::new("test://template/{id}/data", "Template")
            .with_description("A resource with a parameter")
            .with_mime_type("application/json");
        Ok(ListResourceTemplatesResult::with_all_items(vec![template])
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let id = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri, id) {
            ("test://static-text", _) => content::text_resource(
                uri,
                "text/plain",
                "This is the content of the static text resource.",
            ),
            ("test://static-binary", _) => ResourceContents::BlobResourceContents {
                uri: uri.into(),
                mime_type: Some("image/png".into()),
                blob: content::PIXEL.into(),
                meta: None,
            },
            (_, Some(id)) => {
                let data =
                    json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                content::text_resource(uri, "application/json", &data.to_string())
            }
            _ => {
                return Err(ErrorData::resource_not_found(
                    "there is no such resource",
                    Some(json!({ "uri": uri })),
                ));
            }
        };
        Ok(ReadResourceResult::new(vec![contents])
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public)
            .into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument = |name: &str| {
            PromptArgument::new(name)
                .with_description("An argument")
                .with_required(true)
        };
        let prompts = vec![
            Prompt::new("test_simple_prompt", Some("A prompt"), None),
            Prompt::new(
                "test_prompt_with_arguments",
                Some("A prompt with arguments"),
                Some(vec![argument("arg1"), argument("arg2")]),
            ),
            Prompt::new(
                "test_prompt_with_embedded_resource",
                Some("A prompt with a resource"),
                Some(vec![argument("resourceUri")]),
            ),
            Prompt::new(
                "test_prompt_with_image",
                Some("A prompt with a picture"),
                None,
            ),
            Prompt::new(
                "test_input_required_result_prompt",
                Some("A prompt that asks"),
                None,
            ),
        ];
        Ok(ListPromptsResult::with_all_items(prompts)
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let argument = |name: &str| {
            let arguments = request.arguments.as_ref();
            arguments
                .and_then(|all| all.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let words = |words: String| PromptMessage::new_text(Role::User, words);
        let messages = match request.name.as_str() {
            "test_simple_prompt" => vec![words("This is a simple prompt for testing.".into())],
            "test_prompt_with_arguments" => vec![words(format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                argument("arg1"),
                argument("arg2")
            ))],
            "test_prompt_with_embedded_resource" => {
                let resource = content::text_resource(
                    &argument("resourceUri"),
                    "text/plain",
                    "Embedded resource content for testing.",
                );
                vec![
                    PromptMessage::new(Role::User, ContentBlock::resource(resource)),
                    words("Please process the embedded resource above.".into()),
                ]
            }
            "test_prompt_with_image" => vec![
                PromptMessage::new(Role::User, ContentBlock::image(content::PIXEL, "image/png")),
                words("Please analyze the image above.".into()),
            ],
            "test_input_required_result_prompt" => {
                let response = rounds::object(request.input_responses.as_ref(), "user_context");
                let Some(response) = response else {
                    let wanted = rounds::form(
                        "user_context",
                        "What context should the prompt use?",
                        "context",
                    );
                    return Ok(rounds::input_required([wanted], None).into());
                };
                vec![words(format!("In this context: {response}"))]
            }
            name => {
                return Err(ErrorData::invalid_params(
                    format!("unknown prompt: {name}"),
                    None,
                ));
            }
        };
        Ok(GetPromptResult::new(messages).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let values = ["paris", "park", "party"]
            .into_iter()
            .filter(|value| value.starts_with(&request.argument.value))
            .map(str::to_owned)
            .collect();
        let info =
            CompletionInfo::new(values).map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(info))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }
}

/// What the client can do, as far as this conversation knows: without a session, nothing.
fn capabilities(context: &Context) -> ClientCapabilities {
    context.client_capabilities().unwrap_or_default()
}

async fn log(context: &Context, level: LoggingLevel, words: &str) {
    let message = LoggingMessageNotificationParam::new(level, json!(words)).with_logger("fixture");
    let _ = context.peer.notify_logging_message(message).await;
}

async fn ask(
    context: &Context,
    message: &str,
    properties: Value,
) -> Result<CallToolResult, ErrorData> {
    let params: ElicitRequestParams = serde_json::from_value(json!({
        "mode": "form",
        "message": message,
        "requestedSchema": { "type": "object", "properties": properties, "required": [] },
    }))
    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    if capabilities(context).elicitation.is_none() {
        return failed("this client has nobody to ask");
    }
    match context.peer.create_elicitation(params).await {
        Ok(result) => {
            let answer = json!({ "action": result.action, "content": result.content });
            text(&format!("User response: {answer}"))
        }
        Err(error) => failed(&format!("Elicitation error: {error}")),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a tool ends with a result or an error"
)]
fn text(words: &str) -> Result<CallToolResult, ErrorData> {
    Ok(CallToolResult::success(vec![ContentBlock::text(words)]))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a tool ends with a result or an error"
)]
fn failed(words: &str) -> Result<CallToolResult, ErrorData> {
    Ok(CallToolResult::error(vec![ContentBlock::text(words)]))
}
