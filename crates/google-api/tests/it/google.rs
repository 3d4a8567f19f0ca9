//! A stand-in for Google that answers as each test tells it to.
//!
//! Not a simulator: it knows no API. Invariant: everything that arrives is written down, so tests
//! can count what was really sent.

use std::{
    convert::Infallible,
    fmt::Display,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use foundation::{Clock, Random, SystemClock};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use google_api::{Client, Google, GoogleConfig, Hosts, StaticToken};
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{body::Frame, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use url::Url;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query below the stand-in's address, so it begins with Google's host.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What is done with a request.
pub(crate) enum Step {
    /// An answer.
    Say(u16, Vec<(&'static str, String)>, Bytes),
    /// The connection closes without an answer.
    Drop,
    /// The head and a part of the content arrive, then the connection closes.
    Break(u16, Vec<(&'static str, String)>, Bytes),
    /// No answer for this long.
    Wait(Duration, Box<Step>),
}

pub(crate) fn say(status: u16, body: impl Display) -> Step {
    let json = ("content-type", "application/json".to_owned());
    Step::Say(status, vec![json], Bytes::from(body.to_string()))
}

/// A refusal in Google's classic shape.
pub(crate) fn refuse(status: u16, reason: &str) -> Step {
    let body = serde_json::json!({"error": {"code": status, "message": "said so",
        "errors": [{"domain": "global", "reason": reason, "message": "said so"}]}});
    say(status, body)
}

impl Step {
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        if let Self::Say(_, headers, _) | Self::Break(_, headers, _) = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

/// The stand-in, running.
pub(crate) struct Stand {
    pub(crate) base: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = Arc<dyn Fn(&Seen, usize) -> Step + Send + Sync>;

impl Stand {
    /// Answers the n-th request (from 0) as `script` says.
    pub(crate) async fn start(
        script: impl Fn(&Seen, usize) -> Step + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(script);
        let all = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&all));
                let service = service_fn(move |request| {
                    let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                    async move { answer(request, &script, &seen).await }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        Self { base, seen }
    }

    /// Answers with the steps in order; more requests than steps fail the test by a 599.
    pub(crate) async fn steps(steps: Vec<Step>) -> Self {
        let steps: Vec<Mutex<Option<Step>>> = steps
            .into_iter()
            .map(|step| Mutex::new(Some(step)))
            .collect();
        Self::start(move |_, number| {
            steps
                .get(number)
                .and_then(|step| step.lock().unwrap().take())
                .unwrap_or_else(|| say(599, "more requests than expected"))
        })
        .await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn config(&self) -> GoogleConfig {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        GoogleConfig::new(Hosts::behind(self.base.clone()), clock, Arc::new(NoJitter))
    }

    pub(crate) fn google(&self) -> Google {
        Google::new(self.config())
    }

    pub(crate) fn client(&self) -> Client {
        client_of(&self.google())
    }
}

pub(crate) fn client_of(google: &Google) -> Client {
    google.client("alice", Arc::new(StaticToken("token-1".to_owned().into())))
}

/// Chance that always says zero, so that jitter never waits.
pub(crate) struct NoJitter;

impl Random for NoJitter {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

type Body = BoxBody<Bytes, std::io::Error>;

fn answer<'a>(
    request: http::Request<hyper::body::Incoming>,
    script: &'a Script,
    seen: &'a Mutex<Vec<Seen>>,
) -> BoxFuture<'a, Result<Response<Body>, std::io::Error>> {
    async move {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let one = Seen {
            method: head.method,
            target: head.uri.to_string(),
            headers: head.headers,
            body,
        };
        let number = {
            let mut all = seen.lock().unwrap();
            all.push(one.clone());
            all.len() - 1
        };
        perform(script(&one, number)).await
    }
    .boxed()
}

fn perform(step: Step) -> BoxFuture<'static, Result<Response<Body>, std::io::Error>> {
    async move {
        let (status, headers, body) = match step {
            Step::Wait(time, step) => {
                tokio::time::sleep(time).await;
                return perform(*step).await;
            }
            Step::Drop => return Err(std::io::Error::other("told to drop")),
            Step::Say(status, headers, bytes) => {
                let body = Full::new(bytes)
                    .map_err(|never: Infallible| match never {})
                    .boxed();
                (status, headers, body)
            }
            Step::Break(status, headers, bytes) => {
                let first = stream::once(async move { Ok(Frame::data(bytes)) });
                // Long enough for the first part to leave before the connection is cut.
                let cut = stream::once(async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Err(std::io::Error::other("told to break"))
                });
                (
                    status,
                    headers,
                    BodyExt::boxed(StreamBody::new(first.chain(cut))),
                )
            }
        };
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(body).map_err(std::io::Error::other)
    }
    .boxed()
}
