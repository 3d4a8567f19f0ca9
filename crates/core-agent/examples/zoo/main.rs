//! An MCP server on stdio that behaves as it is told to: well, or in one of many bad ways.
//!
//! `zoo BEHAVIOUR [--option VALUE …]`; [`options`] lists both. It is written by hand over JSON
//! values and shares no line with the hub or with its protocol library, so that it can bear
//! witness against both. Both eras: the handshake and the stateless one.
//! Invariant: `zoo good` is a correct server.

mod lists;
mod odd;
mod options;
mod tools;
mod wire;

use std::{io::BufRead, sync::Arc, thread};

use serde_json::{Value, json};

use options::{Eras, Options};
use wire::{Wire, meta};

/// Everything a request needs.
struct Zoo {
    options: Options,
    wire: Wire,
    lists: lists::Lists,
    tools: tools::Tools,
}

fn main() {
    let options = Options::read(std::env::args().skip(1));
    odd::at_start(&options);
    let zoo = Arc::new(Zoo {
        wire: Wire::new(options.behaviour.clone()),
        lists: lists::Lists::default(),
        tools: tools::Tools::new(&options),
        options,
    });
    odd::once_running(&zoo);
    let mut line = Vec::new();
    let mut input = std::io::stdin().lock();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ if zoo.options.is("ignores-eof") => thread::park(),
            _ => break,
        }
        match serde_json::from_slice::<Value>(&line) {
            Ok(Value::Array(batch)) => batch.into_iter().for_each(|each| received(&zoo, each)),
            Ok(message) => received(&zoo, message),
            Err(_) => zoo.wire.error(&Value::Null, -32700, "not JSON", None),
        }
    }
}

fn received(zoo: &Arc<Zoo>, message: Value) {
    let id = message.get("id").cloned().unwrap_or(Value::Null);
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        zoo.wire.answered(&id, message);
        return;
    };
    let method = method.to_owned();
    if id.is_null() {
        notified(zoo, &method, &message);
        return;
    }
    if odd::instead_of_answer(zoo, &method, &id) {
        return;
    }
    // Calls take time and may ask back; the rest is answered in order.
    if method == "tools/call" || method == "subscriptions/listen" {
        let zoo = zoo.clone();
        let _ = thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || answer(&zoo, &method, &id, &message));
    } else {
        answer(zoo, &method, &id, &message);
    }
}

fn notified(zoo: &Zoo, method: &str, message: &Value) {
    match method {
        "notifications/initialized" => zoo.wire.initialized(),
        "notifications/cancelled" => zoo
            .wire
            .cancel(message.pointer("/params/requestId").unwrap_or(&Value::Null)),
        _ => {}
    }
}

fn answer(zoo: &Zoo, method: &str, id: &Value, message: &Value) {
    let empty = json!({});
    let params = message.get("params").unwrap_or(&empty);
    if let Err((code, text, data)) = era(zoo, method, params) {
        zoo.wire.error(id, code, &text, data);
        return;
    }
    let result = match method {
        "initialize" => Ok(lists::initialize(&zoo.options, params)),
        "server/discover" => Ok(lists::discover(&zoo.options)),
        "ping" => Ok(json!({})),
        "logging/setLevel" => {
            zoo.tools.note(&format!("level {}", params["level"]));
            Ok(json!({}))
        }
        "resources/subscribe" | "resources/unsubscribe" => {
            zoo.lists
                .watch(&params["uri"], method == "resources/subscribe");
            Ok(json!({}))
        }
        "tasks/get" if zoo.options.is("tasks") => zoo.tools.task(params),
        "tasks/update" if zoo.options.is("tasks") => zoo.tools.answer(params),
        "tasks/cancel" if zoo.options.is("tasks") => {
            zoo.tools.note(&format!("cancelled {}", params["taskId"]));
            Ok(json!({}))
        }
        "tools/list" => Ok(zoo.lists.tools(&zoo.options, params)),
        "resources/list" => Ok(lists::resources()),
        "resources/templates/list" => Ok(lists::templates()),
        "resources/read" => lists::read(params),
        "prompts/list" => Ok(lists::prompts()),
        "prompts/get" => lists::prompt(params),
        "tools/call" => {
            tools::call(zoo, id, params);
            return;
        }
        "subscriptions/listen" => {
            listen(zoo, id, params);
            return;
        }
        _ => Err((-32601, format!("no method {method}"))),
    };
    match result {
        Ok(mut result) => {
            if modern(params)
                && let Some(result) = result.as_object_mut()
            {
                result.insert("resultType".into(), "complete".into());
                if method.ends_with("/list") || method == "resources/read" {
                    result.insert("ttlMs".into(), zoo.options.ttl_ms.into());
                    result.insert("cacheScope".into(), "private".into());
                }
            }
            odd::before_answer(zoo, method, id);
            zoo.wire.result(id, &result);
            odd::after_answer(zoo, method);
        }
        Err((code, text)) => zoo.wire.error(id, code, &text, None),
    }
}

/// The stateless era says its version in each request.
pub(crate) fn modern(params: &Value) -> bool {
    params.pointer(&meta("protocolVersion")).is_some()
}

fn era(zoo: &Zoo, method: &str, params: &Value) -> Result<(), (i64, String, Option<Value>)> {
    let said = params.pointer(&meta("protocolVersion"));
    match (&zoo.options.eras, method, said) {
        (Eras::Old, "server/discover" | "subscriptions/listen", _) => {
            Err((-32601, format!("no method {method}"), None))
        }
        (Eras::New, "initialize", _) => Err((
            -32022,
            "only 2026-07-28 is spoken here".into(),
            Some(json!({"supported": ["2026-07-28"], "requested": params.get("protocolVersion")})),
        )),
        (Eras::New, _, None) => Err((
            -32602,
            "each request says the protocol's version".into(),
            None,
        )),
        (Eras::New | Eras::Both, _, Some(version)) if version != "2026-07-28" => Err((
            -32022,
            format!("{version} is not spoken here"),
            Some(json!({"supported": ["2026-07-28"], "requested": version})),
        )),
        // Old servers do not look at the extra keys.
        (_, "initialize" | "server/discover" | "ping", _) => Ok(()),
        (Eras::Old | Eras::Both, _, said)
            if !zoo.wire.is_initialized() && (said.is_none() || zoo.options.eras == Eras::Old) =>
        {
            Err((-32600, "not initialized".into(), None))
        }
        _ => Ok(()),
    }
}

fn listen(zoo: &Zoo, id: &Value, params: &Value) {
    let wanted = params.get("notifications").cloned().unwrap_or(json!({}));
    zoo.wire.listen(id);
    for uri in wanted["resourceSubscriptions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        zoo.lists.watch(uri, true);
    }
    zoo.wire.say(&json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "_meta": {"io.modelcontextprotocol/subscriptionId": id},
            "notifications": wanted,
        },
    }));
    // Stays open until it is cancelled or the conversation ends.
    zoo.wire.wait_for_cancel(id);
}
