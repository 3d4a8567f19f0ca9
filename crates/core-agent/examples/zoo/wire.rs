//! What goes over the pipes, and who waits for what.
//!
//! Invariant: a message is one write under one lock, whatever thread says it, except where the
//! behaviour is to write badly.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// The pipes.
pub(crate) struct Wire {
    behaviour: String,
    asked: AtomicU64,
    waiting: Mutex<HashMap<String, mpsc::Sender<Value>>>,
    initialized: AtomicBool,
    cancelled: Mutex<HashSet<String>>,
    cancels: Condvar,
    listener: Mutex<Option<Value>>,
}

/// The place of a key of the stateless era in a request's parameters.
pub(crate) fn meta(key: &str) -> String {
    format!("/_meta/io.modelcontextprotocol~1{key}")
}

/// Says something to people.
pub(crate) fn complain(what: &str) {
    let _ = std::io::stderr().write_all(format!("zoo: {what}\n").as_bytes());
}

/// Writes bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> bool {
    let mut output = std::io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .is_ok()
}

impl Wire {
    pub(crate) fn new(behaviour: String) -> Self {
        Self {
            behaviour,
            asked: AtomicU64::new(0),
            waiting: Mutex::default(),
            initialized: AtomicBool::new(false),
            cancelled: Mutex::default(),
            cancels: Condvar::new(),
            listener: Mutex::default(),
        }
    }

    pub(crate) fn say(&self, message: &Value) {
        let mut bytes = match self.behaviour.as_str() {
            "batch" => json!([message]).to_string(),
            _ => message.to_string(),
        }
        .into_bytes();
        bytes.extend_from_slice(match self.behaviour.as_str() {
            "crlf" => b"\r\n",
            _ => b"\n",
        });
        if self.behaviour == "partial-writes" {
            let mut output = std::io::stdout().lock();
            for piece in bytes.chunks(7) {
                if output
                    .write_all(piece)
                    .and_then(|()| output.flush())
                    .is_err()
                {
                    return;
                }
                thread::yield_now();
            }
        } else {
            raw(&bytes);
        }
    }

    pub(crate) fn result(&self, id: &Value, result: &Value) {
        let id = self.id(id);
        let version = if self.behaviour == "bad-jsonrpc" {
            "1.0"
        } else {
            "2.0"
        };
        let message = json!({"jsonrpc": version, "id": id, "result": result});
        self.say(&message);
        if matches!(self.behaviour.as_str(), "answers-twice" | "duplicate-id") {
            self.say(&message);
        }
    }

    pub(crate) fn error(&self, id: &Value, code: i64, text: &str, data: Option<Value>) {
        let mut error = json!({"code": code, "message": text});
        if let (Some(data), Some(error)) = (data, error.as_object_mut()) {
            error.insert("data".into(), data);
        }
        self.say(&json!({"jsonrpc": "2.0", "id": self.id(id), "error": error}));
    }

    fn id(&self, id: &Value) -> Value {
        match (self.behaviour.as_str(), id) {
            ("string-ids", Value::Number(number)) => Value::String(number.to_string()),
            ("wrong-id", Value::Number(number)) => (number.as_i64().unwrap_or(0) + 1_000).into(),
            ("wrong-id", _) => "somebody-else".into(),
            ("null-id", _) => Value::Null,
            (_, id) => id.clone(),
        }
    }

    pub(crate) fn notify(&self, method: &str, mut params: Value) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(id), Some(params), false) = (
            &*listener,
            params.as_object_mut(),
            method.ends_with("progress"),
        ) {
            params.insert(
                "_meta".into(),
                json!({"io.modelcontextprotocol/subscriptionId": id}),
            );
        }
        drop(listener);
        self.say(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks the client and waits for its answer.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Option<Value> {
        let id = format!("zoo-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = mpsc::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), sender);
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        answer.recv_timeout(Duration::from_mins(1)).ok()
    }

    pub(crate) fn answered(&self, id: &Value, message: Value) {
        let waiting = id.as_str().and_then(|id| {
            self.waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(id)
        });
        if let Some(waiting) = waiting {
            let _ = waiting.send(message);
        }
    }

    pub(crate) fn initialized(&self) {
        self.initialized.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Relaxed)
    }

    pub(crate) fn listen(&self, id: &Value) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
    }

    pub(crate) fn cancel(&self, id: &Value) {
        self.cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_string());
        self.cancels.notify_all();
    }

    pub(crate) fn wait_for_cancel(&self, id: &Value) {
        let cancelled = self
            .cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _guard = self
            .cancels
            .wait_while(cancelled, |cancelled| !cancelled.contains(&id.to_string()));
    }

    /// Lets `time` pass; false when the request was cancelled meanwhile.
    pub(crate) fn pass(&self, id: &Value, time: Duration) -> bool {
        let cancelled = self
            .cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.cancels
            .wait_timeout_while(cancelled, time, |cancelled| {
                !cancelled.contains(&id.to_string())
            })
            .is_ok_and(|(_, waited)| waited.timed_out())
    }
}
