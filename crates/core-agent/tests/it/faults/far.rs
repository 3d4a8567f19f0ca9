//! A server over HTTP that fails below the protocol: on the connection itself.
//!
//! It reads and writes HTTP by hand, because a web framework would not let it reset, garble or
//! refuse.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The server.
pub(super) struct Far {
    address: SocketAddr,
    executed: AtomicUsize,
    armed: Mutex<Option<(&'static str, bool)>>,
    accepting: Mutex<Option<AbortHandle>>,
}

impl Far {
    pub(super) async fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let far = Arc::new(Self {
            address,
            executed: AtomicUsize::new(0),
            armed: Mutex::default(),
            accepting: Mutex::default(),
        });
        far.clone().accept(listener);
        (far, format!("http://{address}/mcp"))
    }

    pub(super) fn executed(&self) -> usize {
        self.executed.load(Ordering::SeqCst)
    }

    /// The next call fails so.
    pub(super) async fn arm(self: &Arc<Self>, fault: &'static str, after: bool) {
        if fault == "refuse" {
            self.refuse_for(Duration::from_millis(60)).await;
        } else {
            *self.armed.lock().unwrap() = Some((fault, after));
        }
    }

    fn accept(self: Arc<Self>, listener: TcpListener) {
        let far = self.clone();
        let task = tokio::spawn(async move {
            // Dropped with the task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let far = far.clone();
                connections.spawn(async move { far.serve(stream).await });
                while connections.try_join_next().is_some() {}
            }
        });
        *self.accepting.lock().unwrap() = Some(task.abort_handle());
    }

    /// Nobody listens for a while, and nobody is connected any more.
    async fn refuse_for(self: &Arc<Self>, time: Duration) {
        let accepting = self.accepting.lock().unwrap().take().unwrap();
        accepting.abort();
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let far = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let listener = loop {
                match TcpListener::bind(far.address).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            far.accept(listener);
        });
    }

    async fn serve(&self, mut stream: TcpStream) {
        while let Some((method, body)) = read(&mut stream).await {
            let message: Value = serde_json::from_slice(&body).unwrap_or_default();
            let id = message["id"].clone();
            let result = match message["method"].as_str() {
                _ if method != "POST" => {
                    if write(&mut stream, "405 Method Not Allowed", "").await {
                        continue;
                    }
                    return;
                }
                Some("initialize") => json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "far", "version": "1"},
                }),
                Some("tools/call") => match self.call(&mut stream).await {
                    Some(result) => result,
                    None => return,
                },
                Some("tools/list") => json!({"tools": []}),
                _ if id.is_null() => {
                    if write(&mut stream, "202 Accepted", "").await {
                        continue;
                    }
                    return;
                }
                _ => json!({}),
            };
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
            if !write(&mut stream, "200 OK", &answer).await {
                return;
            }
        }
    }

    /// Does the work, or fails as told; nothing when the connection is done for.
    async fn call(&self, stream: &mut TcpStream) -> Option<Value> {
        let armed = self.armed.lock().unwrap().take();
        if !matches!(armed, Some((_, false))) {
            self.executed.fetch_add(1, Ordering::SeqCst);
        }
        match armed.map(|(fault, _)| fault) {
            None => {
                return Some(json!({
                    "content": [{"type": "text", "text": "3"}],
                    "structuredContent": {"sum": 3.0},
                }));
            }
            Some("reset") => {
                let _ = stream.set_zero_linger();
            }
            Some("hang") => std::future::pending().await,
            Some("garbage") => {
                write(stream, "200 OK", "{\"jsonrpc\": oops").await;
            }
            Some("5xx") => {
                write(stream, "500 Internal Server Error", "it broke").await;
            }
            Some(other) => panic!("no fault {other}"),
        }
        None
    }
}

/// Reads a request: its method and its body.
async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let method = head.split(' ').next()?.to_ascii_uppercase();
    Some((method, bytes[end..end + length].to_vec()))
}

async fn write(stream: &mut TcpStream, status: &str, body: &str) -> bool {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.is_ok()
}
