//! A sandbox and a client for it.

use std::sync::Arc;

use foundation::{ManualClock, SystemClock};
use google_sandbox::{Running, Sandbox, SandboxHandle};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

pub(crate) const MAIL: &str = "https://mail.google.com/";
pub(crate) const ALEX: &str = "alex@sandbox.example";
pub(crate) const SAM: &str = "sam@sandbox.example";

pub(crate) struct Box {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn http() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a plain client")
}

pub(crate) async fn start() -> Box {
    let builder = Sandbox::builder(Arc::new(SystemClock));
    let running = builder
        .start(([127, 0, 0, 1], 0).into())
        .await
        .expect("a free port");
    Box {
        running,
        http: http(),
    }
}

pub(crate) async fn start_at(clock: Arc<ManualClock>) -> Box {
    let running = Sandbox::builder(clock)
        .start(([127, 0, 0, 1], 0).into())
        .await
        .expect("a free port");
    Box {
        running,
        http: http(),
    }
}

impl Box {
    pub(crate) fn knobs(&self) -> SandboxHandle {
        self.running.handle()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url())
    }

    pub(crate) fn token(&self, email: &str, scopes: &[&str]) -> String {
        self.knobs()
            .mint(email, scopes)
            .expect("a demo user")
            .access_token
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        token: &str,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("the sandbox answers")
    }

    /// One call that must succeed.
    pub(crate) async fn ok(
        &self,
        method: Method,
        token: &str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        let answer = self.send(method, token, path, body).await;
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).expect("JSON")
        }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Value {
        self.ok(Method::GET, token, path, None).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Value {
        self.ok(Method::POST, token, path, Some(body)).await
    }

    /// One call that must be refused.
    pub(crate) async fn refused(
        &self,
        method: Method,
        token: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let answer = self.send(method, token, path, body).await;
        let status = answer.status();
        assert!(
            status.is_client_error() || status.is_server_error(),
            "{path}: {status}"
        );
        (status, answer.json().await.expect("an error body"))
    }
}
