//! From events to lines: collects the fields of the spans around an event and writes its line.
//!
//! Invariant: a line reaches the output in one write, so lines of several threads never mix.

use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex},
};

use foundation::Clock;
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    LogFormat,
    line::{self, Fields},
};

/// Writes each event as one line.
pub struct LineLayer {
    format: LogFormat,
    clock: Arc<dyn Clock>,
    output: Mutex<Box<dyn Write + Send>>,
}

impl LineLayer {
    /// Lines of `format` to `output`.
    pub fn new(format: LogFormat, clock: Arc<dyn Clock>, output: Box<dyn Write + Send>) -> Self {
        Self {
            format,
            clock,
            output: Mutex::new(output),
        }
    }
}

impl<S> Layer<S> for LineLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(around) = span.extensions().get::<Fields>() {
                    for (name, value) in &around.context {
                        fields.set(name, value.clone());
                    }
                }
            }
        }
        event.record(&mut fields);
        let line = line::write(
            self.format,
            self.clock.now(),
            *event.metadata().level(),
            &fields,
        );
        // A log that cannot be written has nobody to complain to; a panic elsewhere must not
        // silence it.
        let mut output = self
            .output
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = output.write_all(line.as_bytes());
    }
}

impl fmt::Debug for LineLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineLayer")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use foundation::ManualClock;
    use jiff::Timestamp;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn events_carry_the_fields_of_their_spans() {
        let memory = Memory::default();
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let layer = LineLayer::new(LogFormat::Json, clock, Box::new(memory.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", request_id = "r-1", tool = "a");
            let _entered = span.enter();
            tracing::info!(tool = "b", duration_ms = 5_u64, "Request answered");
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            line["context"],
            serde_json::json!({"request_id": "r-1", "tool": "b", "duration_ms": 5})
        );
        assert_eq!(line["level"], "INFO");
    }
}
