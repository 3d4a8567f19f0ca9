//! Tools that ask in rounds for more than a form: a model's words, roots, several things at once.

use mcp_service::{
    Answer, Reply, ReplyAction,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        InputRequest, InputRequests, InputRequiredResult, InputResponses, RequestStateCodec,
        SealOptions,
    },
};
use rmcp::ErrorData;
use serde_json::{Map, Value, json};

use crate::content;

/// Seals states; a fixture keeps no secrets.
const KEY: [u8; 32] = [9; 32];

/// Answers a tool of rounds; `None` when `name` is none of them.
pub(crate) fn answer(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
) -> Option<CallToolResponse> {
    let responses = request.input_responses.as_ref();
    let answered = |key| object(responses, key);
    Some(match request.name.as_ref() {
        "test_input_required_result_elicitation" => match answered("user_name") {
            Some(response) => {
                let name = response.pointer("/content/name").and_then(Value::as_str);
                done(&format!("Hello, {}!", name.unwrap_or("friend")))
            }
            None => required([name()], None),
        },
        "test_input_required_result_sampling" => match answered("capital_question") {
            Some(response) => {
                let text = response.pointer("/content/text").and_then(Value::as_str);
                done(&format!("The model said: {}", text.unwrap_or("nothing")))
            }
            None => required(
                [sampling(
                    "capital_question",
                    "What is the capital of France?",
                )],
                None,
            ),
        },
        "test_input_required_result_list_roots" => match answered("client_roots") {
            Some(response) => done(&format!("The roots are: {response}")),
            None => required([roots()], None),
        },
        "test_input_required_result_multiple_inputs" => {
            let all = ["user_name", "greeting", "client_roots"];
            if request.request_state.is_some() && all.into_iter().all(|key| answered(key).is_some())
            {
                done("All inputs are here")
            } else {
                let wanted = [name(), sampling("greeting", "Generate a greeting"), roots()];
                required(wanted, Some("three-at-once"))
            }
        }
        "test_input_required_result_capabilities" => {
            let wanted: Vec<_> = [
                capabilities.elicitation.is_some().then(name),
                capabilities
                    .sampling
                    .is_some()
                    .then(|| sampling("greeting", "Generate a greeting")),
                capabilities.roots.is_some().then(roots),
            ]
            .into_iter()
            .flatten()
            .collect();
            if responses.is_some() || wanted.is_empty() {
                done("Nothing more is needed")
            } else {
                required(wanted, None)
            }
        }
        "test_streaming_elicitation" => required([name()], None),
        _ => return None,
    })
}

/// The answer of a tool whose questions travel with a sealed state, for a client that comes the
/// long way because it wants to hear of progress; `None` when it is none of them.
pub(crate) fn sealed(
    request: &CallToolRequestParams,
) -> Result<Option<CallToolResponse>, ErrorData> {
    let codec =
        RequestStateCodec::try_new(KEY.as_slice()).expect("the key of the fixture is long enough");
    let tool = SealOptions::new().associated_data(request.name.as_bytes());
    let reply = match request.request_state.as_deref() {
        None => None,
        Some(state) => {
            let key: String = codec
                .open_json_with(state, request.name.as_bytes())
                .map_err(|_| ErrorData::invalid_params("the requestState was altered", None))?;
            object(request.input_responses.as_ref(), &key)
                .is_some()
                .then(|| Reply {
                    key,
                    action: ReplyAction::Accepted(Map::new()),
                })
        }
    };
    let arguments = request.arguments.clone().unwrap_or_default();
    Ok(
        match content::answer(&request.name, &arguments, reply.as_ref()) {
            Answer::Ask(question) => {
                let state = codec
                    .seal_json_with(&question.key, &tool)
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                let property = question.schema["properties"]
                    .as_object()
                    .and_then(|properties| properties.keys().next())
                    .map_or("value", String::as_str);
                let wanted = form(&question.key, &question.message, property);
                Some(required([wanted], Some(&state)))
            }
            Answer::Result(result) if reply.is_some() => {
                Some(CallToolResult::success(result.content).into())
            }
            _ => None,
        },
    )
}

/// A question for `key` about one text.
pub(crate) fn form(key: &str, message: &str, property: &str) -> (String, Value) {
    let request = json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { property: { "type": "string" } },
                "required": [property],
            },
        },
    });
    (key.to_owned(), request)
}

pub(crate) fn input_required(
    wanted: impl IntoIterator<Item = (String, Value)>,
    state: Option<&str>,
) -> InputRequiredResult {
    let requests: InputRequests = wanted
        .into_iter()
        .map(|(key, request)| {
            let request: InputRequest =
                serde_json::from_value(request).expect("the requests here are the protocol's");
            (key, request)
        })
        .collect();
    InputRequiredResult::new(Some(requests), state.map(str::to_owned))
}

/// The object a client answered with; anything else counts as no answer.
pub(crate) fn object<'a>(responses: Option<&'a InputResponses>, key: &str) -> Option<&'a Value> {
    responses?.get(key).filter(|response| response.is_object())
}

fn required(
    wanted: impl IntoIterator<Item = (String, Value)>,
    state: Option<&str>,
) -> CallToolResponse {
    input_required(wanted, state).into()
}

fn done(text: &str) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn name() -> (String, Value) {
    form("user_name", "What is your name?", "name")
}

fn sampling(key: &str, prompt: &str) -> (String, Value) {
    let request = json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": 100,
        },
    });
    (key.to_owned(), request)
}

fn roots() -> (String, Value) {
    ("client_roots".to_owned(), json!({ "method": "roots/list" }))
}
