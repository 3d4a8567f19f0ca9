//! What the tools do.
//!
//! Invariant: an execution is noted in the journal once, when it happens, whatever becomes of
//! its answer.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    net::TcpStream,
    path::PathBuf,
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Zoo, modern,
    options::{Fault, Options},
    wire,
};

/// What the tools keep.
pub(crate) struct Tools {
    journal: Option<PathBuf>,
    values: Mutex<BTreeMap<String, String>>,
    count: AtomicU64,
    looked: AtomicU64,
    /// What the task that asks was answered.
    answered: Mutex<Option<String>>,
}

/// What becomes of a call.
enum End {
    /// This result.
    Done(Value),
    /// A JSON-RPC error.
    Error(i64, String),
    /// No answer.
    Silence,
}

impl Tools {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            journal: options.journal.clone(),
            values: Mutex::default(),
            count: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            answered: Mutex::default(),
        }
    }

    /// How a task is doing: the plain one is at work when it is first looked at, and done
    /// afterwards; one asks for a name until it has it; one fails.
    pub(crate) fn task(&self, params: &Value) -> Result<Value, (i64, String)> {
        let id = params["taskId"].as_str().unwrap_or_default();
        let completed = |text: String| {
            let mut done = task(id, "completed");
            done["result"] = json!({
                "resultType": "complete",
                "content": [{"type": "text", "text": text}],
            });
            done
        };
        match id {
            TASK if self.looked.fetch_add(1, Ordering::Relaxed) == 0 => Ok(task(id, "working")),
            TASK => Ok(completed("the work is done".into())),
            ASKING => {
                let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(name) = &*answered {
                    return Ok(completed(format!("hello {name}")));
                }
                let mut asking = task(id, "input_required");
                asking["inputRequests"] = json!({"who": {
                    "method": "elicitation/create", "params": {
                        "mode": "form", "message": "What is your name?",
                        "requestedSchema": {
                            "type": "object", "properties": {"name": {"type": "string"}},
                        },
                    },
                }});
                Ok(asking)
            }
            FAILING => {
                let mut failed = task(id, "failed");
                failed["error"] = json!({"code": -32050, "message": "the work failed"});
                Ok(failed)
            }
            _ => Err((-32602, "no such task".into())),
        }
    }

    /// Takes the answer to the question of the task that asks.
    pub(crate) fn answer(&self, params: &Value) -> Result<Value, (i64, String)> {
        let name = &params["inputResponses"]["who"]["content"]["name"];
        let (ASKING, Some(name)) = (params["taskId"].as_str().unwrap_or_default(), name.as_str())
        else {
            return Err((-32602, format!("nobody asked for that: {params}")));
        };
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        Ok(json!({}))
    }

    pub(crate) fn note(&self, what: &str) {
        if let Some(journal) = &self.journal {
            let file = OpenOptions::new().append(true).create(true).open(journal);
            let noted = file.and_then(|mut file| file.write_all(format!("{what}\n").as_bytes()));
            if noted.is_err() {
                wire::complain("the journal cannot be written");
            }
        }
    }
}

/// The tasks' names.
const TASK: &str = "task-1";
const ASKING: &str = "task-that-asks";
const FAILING: &str = "task-that-fails";

fn task(id: &str, status: &str) -> Value {
    json!({
        "taskId": id,
        "status": status,
        "createdAt": "2026-01-01T00:00:00Z",
        "lastUpdatedAt": "2026-01-01T00:00:00Z",
        "ttlMs": null,
        "pollIntervalMs": 100,
    })
}

/// Answers a call, or does not.
pub(crate) fn call(zoo: &Zoo, id: &Value, params: &Value) {
    let name = params["name"].as_str().unwrap_or_default();
    let fault = zoo.options.fault.as_ref().filter(|fault| due(fault, name));
    let end = match fault {
        Some(fault) if !fault.after => fail(zoo, id, &fault.kind),
        _ => {
            let end = execute(zoo, id, name, params);
            match fault {
                Some(fault) => fail(zoo, id, &fault.kind),
                None => end,
            }
        }
    };
    match end {
        End::Done(mut result) => {
            if modern(params)
                && let Some(result) = result.as_object_mut()
                && !result.contains_key("resultType")
            {
                result.insert("resultType".into(), "complete".into());
            }
            zoo.wire.result(id, &result);
        }
        End::Error(code, text) => zoo.wire.error(id, code, &text, None),
        End::Silence => {}
    }
}

/// Whether the fault happens to this call, which uses it up once.
fn due(fault: &Fault, tool: &str) -> bool {
    if !fault.tool.is_empty() && fault.tool != tool {
        return false;
    }
    let Some(file) = &fault.times else {
        return true;
    };
    let left: u64 = fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    left > 0 && fs::write(file, (left - 1).to_string()).is_ok()
}

fn text(text: impl Into<String>) -> End {
    End::Done(json!({"content": [{"type": "text", "text": text.into()}]}))
}

fn execute(zoo: &Zoo, id: &Value, name: &str, params: &Value) -> End {
    let arguments = &params["arguments"];
    let word = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str, usual: u64| arguments[key].as_u64().unwrap_or(usual);
    match zoo.options.behaviour.as_str() {
        "crash-on-call" => return fail(zoo, id, "crash"),
        "exit-on-call" => return fail(zoo, id, "exit"),
        "oom-on-call" => return fail(zoo, id, "oom"),
        "garbage-on-call" => return fail(zoo, id, "garbage"),
        "error-call" => return fail(zoo, id, "error"),
        "hang-on-call" => return fail(zoo, id, "hang"),
        "closes-on-call" => return fail(zoo, id, "close"),
        "bad-schema-result" => return fail(zoo, id, "schema"),
        "huge-result" => return text("x".repeat(40 << 20)),
        "slow-call" if !zoo.wire.pass(id, zoo.options.delay) => return End::Silence,
        "progress-call" => progress(zoo, params, 5),
        _ => {}
    }
    if !matches!(name, "sleep" | "fail") {
        zoo.tools.note(&format!("{name} {arguments}"));
    }
    match name {
        "echo" => text(word("text")),
        "add" => {
            let sum =
                arguments["a"].as_f64().unwrap_or(0.0) + arguments["b"].as_f64().unwrap_or(0.0);
            End::Done(json!({
                "content": [{"type": "text", "text": sum.to_string()}],
                "structuredContent": {"sum": sum},
            }))
        }
        "sleep" => sleep(zoo, id, params, number("ms", 100), number("steps", 0)),
        "count" => text((zoo.tools.count.fetch_add(1, Ordering::Relaxed) + 1).to_string()),
        "put" | "get" | "delete" => {
            let mut values = zoo
                .tools
                .values
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let key = word("key");
            text(match name {
                "put" => {
                    values.insert(key, word("value"));
                    for uri in zoo.lists.watched() {
                        zoo.wire
                            .notify("notifications/resources/updated", json!({"uri": uri}));
                    }
                    "kept".to_owned()
                }
                "delete" => values
                    .remove(&key)
                    .map_or("was not there", |_| "forgotten")
                    .to_owned(),
                _ => values.get(&key).cloned().unwrap_or_default(),
            })
        }
        "big" => text("x".repeat(usize::try_from(number("bytes", 1_000)).unwrap_or(0))),
        "fail" => fail(zoo, id, &word("kind")),
        "env_seen" => {
            let names: Vec<_> = std::env::vars_os()
                .map(|(name, _)| name.to_string_lossy().into_owned())
                .collect();
            End::Done(json!({
                "content": [{"type": "text", "text": names.join("\n")}],
                "structuredContent": {"names": names},
            }))
        }
        "look" => look(arguments),
        "table" => {
            let rows: Vec<_> = (0..number("rows", 2))
                .map(|row| format!("the words of row {row}"))
                .collect();
            End::Done(json!({
                "content": [{"type": "text", "text": rows.join("\n")}],
                "structuredContent": {"rows": rows},
            }))
        }
        "work" => {
            let id = match word("how").as_str() {
                "asks" => ASKING,
                "fails" => FAILING,
                _ => TASK,
            };
            let mut begun = task(id, "working");
            begun["resultType"] = "task".into();
            End::Done(begun)
        }
        "ask" => ask(
            zoo,
            params,
            "elicitation/create",
            &json!({
                "mode": "form",
                "message": "What is your name?",
                "requestedSchema": {
                    "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
                },
            }),
        ),
        "sample" => ask(
            zoo,
            params,
            "sampling/createMessage",
            &json!({
                "messages": [{"role": "user", "content": {"type": "text", "text": "Say a word."}}],
                "maxTokens": 10,
            }),
        ),
        "roots" => ask(zoo, params, "roots/list", &json!({})),
        "log" => {
            zoo.wire.notify(
                "notifications/message",
                json!({"level": "info", "logger": "zoo", "data": word("text")}),
            );
            text("said")
        }
        other => End::Error(-32602, format!("no tool {other}")),
    }
}

fn progress(zoo: &Zoo, params: &Value, steps: u64) {
    for step in 1..=steps {
        tell_progress(zoo, params, step, steps);
    }
}

fn tell_progress(zoo: &Zoo, params: &Value, step: u64, steps: u64) {
    let token = &params["_meta"]["progressToken"];
    if !token.is_null() {
        zoo.wire.notify(
            "notifications/progress",
            json!({"progressToken": token, "progress": step, "total": steps, "message": format!("step {step}")}),
        );
    }
}

fn sleep(zoo: &Zoo, id: &Value, params: &Value, ms: u64, steps: u64) -> End {
    let parts = steps.max(1);
    for step in 1..=parts {
        if !zoo.wire.pass(id, Duration::from_millis(ms / parts)) {
            zoo.tools.note("cancelled sleep");
            return End::Silence;
        }
        if steps > 0 {
            tell_progress(zoo, params, step, steps);
        }
    }
    zoo.tools.note("sleep");
    text(format!("slept {ms} ms"))
}

/// Asks the client: by a request of the server's in the handshake's era, by a result that asks for
/// input in the stateless one.
fn ask(zoo: &Zoo, params: &Value, method: &str, question: &Value) -> End {
    if !modern(params) {
        return match zoo.wire.ask(method, question) {
            Some(answer) => text(format!(
                "answered {}",
                answer.get("result").unwrap_or(&answer["error"])
            )),
            None => End::Error(-32603, "nobody answered".into()),
        };
    }
    match params["inputResponses"].get("question") {
        Some(answer) if params["requestState"] == "asked" => text(format!("answered {answer}")),
        Some(_) => End::Error(-32602, "the request's state was lost".into()),
        None => End::Done(json!({
            "resultType": "input_required",
            "inputRequests": {"question": {"method": method, "params": question}},
            "requestState": "asked",
        })),
    }
}

/// Fails in a way, for good or for this call.
fn fail(zoo: &Zoo, id: &Value, kind: &str) -> End {
    match kind {
        "tool" => End::Done(json!({
            "content": [{"type": "text", "text": "it did not work"}], "isError": true,
        })),
        "error" => End::Error(-32000, "it did not work".into()),
        "crash" => process::abort(),
        "exit" => process::exit(3),
        "hang" => End::Silence,
        "slow" => {
            if zoo.wire.pass(id, zoo.options.delay) {
                text("late")
            } else {
                End::Silence
            }
        }
        "garbage" => {
            wire::raw(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":oops}}\n").as_bytes());
            End::Silence
        }
        "not-mcp" => {
            wire::raw(
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":\"text\"}}\n").as_bytes(),
            );
            End::Silence
        }
        // Right, with more in it than the protocol knows.
        "odd" => End::Done(json!({
            "content": [{"type": "text", "text": "odd", "zooText": [null, {"a": 1}]}],
            "zooResult": {"deep": [1, 2.5, "three", u64::MAX]},
            "_meta": {"zoo/mark": {"kept": true}},
        })),
        "odd-error" => {
            zoo.wire.say(&json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": {"code": -31999, "message": "odd", "data": {"why": ["a"]}, "zooError": 1},
                "zooEnvelope": true,
            }));
            End::Silence
        }
        "schema" => End::Done(json!({
            "content": [{"type": "text", "text": "many"}], "structuredContent": {"sum": "many"},
        })),
        "wrong-id" => {
            zoo.wire.result(&json!("nobody"), &json!({"content": []}));
            End::Silence
        }
        "close" => {
            crate::odd::close_output();
            thread::park();
            End::Silence
        }
        "oom" => {
            let mut kept = Vec::new();
            // The kernel's limit comes first; without one this is where it ends.
            while kept.len() < 64 {
                kept.push(vec![1_u8; 32 << 20]);
            }
            process::abort()
        }
        other => End::Error(-32602, format!("no kind of failure {other}")),
    }
}

/// Tries what a contained program may not do.
fn look(arguments: &Value) -> End {
    let said = |result: std::io::Result<()>| match result {
        Ok(()) => "yes".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    let path = |key: &str| arguments[key].as_str().filter(|path| !path.is_empty());
    let mut seen = json!({});
    if let Some(path) = path("read") {
        seen["read"] = said(fs::read(path).map(drop)).into();
    }
    if let Some(path) = path("write") {
        seen["write"] = said(fs::write(path, "x")).into();
    }
    if let Some(address) = path("connect") {
        seen["connect"] = said(TcpStream::connect(address).map(drop)).into();
    }
    #[cfg(unix)]
    {
        let signal = arguments["signal"].as_i64().unwrap_or(0);
        let pid = i32::try_from(signal)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let tried = rustix::process::test_kill_process(pid).map_err(Into::into);
            seen["signal"] = said(tried).into();
        }
    }
    for line in fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
    {
        if let Some((name @ ("NoNewPrivs" | "PPid"), value)) = line.split_once(':') {
            seen[name] = value.trim().into();
        }
    }
    for line in fs::read_to_string("/proc/self/limits")
        .unwrap_or_default()
        .lines()
    {
        for limit in [
            "Max address space",
            "Max open files",
            "Max cpu time",
            "Max processes",
        ] {
            if let Some(rest) = line.strip_prefix(limit) {
                seen[limit] = rest.split_whitespace().next().unwrap_or_default().into();
            }
        }
    }
    End::Done(json!({
        "content": [{"type": "text", "text": seen.to_string()}], "structuredContent": seen,
    }))
}
