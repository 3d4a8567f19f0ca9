//! Sends spans in batches, away from the calls they are of.
//!
//! Invariant: a collector that is slow or gone costs spans, never calls.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use url::Url;

/// Spans on their way; more are counted and dropped.
const WAITING: usize = 8_192;
const TOGETHER: usize = 512;
/// How long spans are collected before they are sent.
const COLLECTED_FOR: Duration = Duration::from_secs(1);
const EXPORT_WITHIN: Duration = Duration::from_secs(10);

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "traces cannot be sent to {endpoint}: {why}; give the address of a collector, such as http://127.0.0.1:4318"
)]
pub struct SpansError {
    endpoint: String,
    why: String,
}

/// The way out.
pub(super) struct Sender {
    queue: mpsc::Sender<Message>,
    dropped: AtomicU64,
}

enum Message {
    Span(Box<SpanData>),
    Flush(oneshot::Sender<()>),
}

impl Sender {
    pub(super) fn start(endpoint: &str) -> Result<Self, SpansError> {
        let refused = |why: String| SpansError {
            endpoint: endpoint.to_owned(),
            why,
        };
        let mut url = Url::parse(endpoint).map_err(|error| refused(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("it is no http or https address".into()));
        }
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(EXPORT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url.as_str())
            .with_timeout(EXPORT_WITHIN)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        exporter.set_resource(
            &Resource::builder_empty()
                .with_attributes([
                    KeyValue::new("service.name", "core-agent"),
                    KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                ])
                .build(),
        );
        let (queue, messages) = mpsc::channel(WAITING);
        tokio::spawn(send_all(exporter, messages));
        Ok(Self {
            queue,
            dropped: AtomicU64::new(0),
        })
    }

    pub(super) fn send(&self, span: SpanData) {
        if self.queue.try_send(Message::Span(Box::new(span))).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                tracing::warn!(dropped, "the collector does not keep up: spans are dropped");
            }
        }
    }

    pub(super) async fn flush(&self) {
        let (tell, told) = oneshot::channel();
        if self.queue.send(Message::Flush(tell)).await.is_ok() {
            let _ = told.await;
        }
    }
}

async fn send_all(exporter: SpanExporter, mut messages: mpsc::Receiver<Message>) {
    let mut failed = false;
    while let Some(first) = messages.recv().await {
        let (mut batch, mut flushed) = (Vec::new(), Vec::new());
        take(first, &mut batch, &mut flushed);
        let _ = timeout(COLLECTED_FOR, async {
            while flushed.is_empty() && batch.len() < TOGETHER {
                match messages.recv().await {
                    Some(next) => take(next, &mut batch, &mut flushed),
                    None => break,
                }
            }
        })
        .await;
        if !batch.is_empty() {
            let sent = exporter.export(batch).await;
            // Said once for each outage, not once for each batch.
            match (&sent, failed) {
                (Err(error), false) => tracing::warn!(%error, "spans were not taken"),
                (Ok(()), true) => tracing::info!("spans are taken again"),
                _ => {}
            }
            failed = sent.is_err();
        }
        for tell in flushed {
            let _ = tell.send(());
        }
    }
}

fn take(message: Message, batch: &mut Vec<SpanData>, flushed: &mut Vec<oneshot::Sender<()>>) {
    match message {
        Message::Span(span) => batch.push(*span),
        Message::Flush(tell) => flushed.push(tell),
    }
}
