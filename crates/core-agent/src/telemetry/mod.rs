//! Traces of calls, sent by OTLP, and the context by which programs join them.
//!
//! Not logs and not figures. Invariant: without an endpoint nothing is built, sent or kept, and
//! the context of a caller is passed on as it came.

mod context;
mod sender;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use foundation::{Clock, Random, SystemClock, SystemRandom};
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::time::timeout;

pub use context::TraceContext;
pub use sender::SpansError;

use sender::Sender;

const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Makes spans of calls. Clones share the way out.
#[derive(Clone, Default)]
pub struct Spans(Option<Arc<Inner>>);

struct Inner {
    sender: Sender,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    scope: InstrumentationScope,
}

/// Something that takes time. Ends when dropped.
pub struct Span {
    open: Option<(Arc<Inner>, Box<SpanData>)>,
    context: Option<TraceContext>,
}

/// Which side of a conversation a span is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The one that answers.
    Server,
    /// The one that asks.
    Client,
}

impl Spans {
    /// Sends to `endpoint`, such as `http://collector:4318`; to nobody without one.
    pub fn start(endpoint: Option<&str>) -> Result<Self, SpansError> {
        Self::start_with(endpoint, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// The same with a clock and chance of one's own.
    pub fn start_with(
        endpoint: Option<&str>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, SpansError> {
        let Some(endpoint) = endpoint else {
            return Ok(Self::default());
        };
        Ok(Self(Some(Arc::new(Inner {
            sender: Sender::start(endpoint)?,
            clock,
            random,
            scope: InstrumentationScope::builder("core-agent")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }))))
    }

    /// Begins something, within `parent` if there is one.
    pub fn span(&self, name: String, side: Side, parent: Option<&TraceContext>) -> Span {
        let wanted = parent.is_none_or(TraceContext::sampled);
        let Some(inner) = self.0.as_ref().filter(|_| wanted) else {
            return Span {
                open: None,
                context: parent.cloned(),
            };
        };
        let context = TraceContext {
            trace: parent.map_or_else(|| number(&*inner.random), |parent| parent.trace),
            span: number::<8>(&*inner.random),
            flags: 1,
            state: parent.and_then(|parent| parent.state.clone()),
        };
        let now = now(&*inner.clock);
        let data = SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(context.trace),
                SpanId::from_bytes(context.span),
                TraceFlags::SAMPLED,
                false,
                context
                    .state
                    .as_deref()
                    .and_then(|state| state.parse().ok())
                    .unwrap_or(TraceState::NONE),
            ),
            parent_span_id: parent
                .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span)),
            parent_span_is_remote: parent.is_some() && side == Side::Server,
            span_kind: match side {
                Side::Server => SpanKind::Server,
                Side::Client => SpanKind::Client,
            },
            name: name.into(),
            start_time: now,
            end_time: now,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: inner.scope.clone(),
        };
        Span {
            open: Some((inner.clone(), Box::new(data))),
            context: Some(context),
        }
    }

    /// Sends what is left, unless that takes long: nobody waits for a collector to end.
    pub async fn stop(&self) {
        if let Some(inner) = &self.0 {
            let _ = timeout(STOP_WITHIN, inner.sender.flush()).await;
        }
    }
}

impl Span {
    /// The context for what happens within it.
    pub fn context(&self) -> Option<&TraceContext> {
        self.context.as_ref()
    }

    /// Says something of it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some((_, data)) = &mut self.open {
            data.attributes.push(KeyValue::new(key, value));
        }
    }

    /// Says that it failed.
    pub fn fail(&mut self, why: &str) {
        if let Some((_, data)) = &mut self.open {
            data.status = Status::error(why.to_owned());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some((inner, mut data)) = self.open.take() {
            data.end_time = now(&*inner.clock);
            inner.sender.send(*data);
        }
    }
}

/// Chance that is not zero, which would be no id.
fn number<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    if bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

fn now(clock: &dyn Clock) -> SystemTime {
    clock.now().into()
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spans").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests;
