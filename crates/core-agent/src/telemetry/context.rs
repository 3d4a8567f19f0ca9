//! The W3C trace context, as MCP carries it in `_meta` and HTTP in its headers.
//!
//! Invariant: what does not follow the standard is no context, and starts a trace of its own.

use serde_json::{Map, Value};

use crate::hex::hex;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
const LONGEST_STATE: usize = 512;

/// The place in a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceContext {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) flags: u8,
    pub(super) state: Option<String>,
}

impl TraceContext {
    /// The context in a `_meta`.
    pub fn of_meta(meta: &Map<String, Value>) -> Option<Self> {
        let parent = meta.get(PARENT)?.as_str()?;
        let state = meta.get(STATE).and_then(Value::as_str);
        Self::parse(parent, state)
    }

    /// Reads the two values of the standard.
    pub fn parse(parent: &str, state: Option<&str>) -> Option<Self> {
        let mut parts = parent.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes::<1>(version)?;
        // Later versions may say more; version 0 may not, and 255 is no version.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace, span) = (bytes::<16>(trace)?, bytes::<8>(span)?);
        let [flags] = bytes::<1>(flags)?;
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(Self {
            trace,
            span,
            flags,
            state: state
                .filter(|state| state.len() <= LONGEST_STATE)
                .map(ToOwned::to_owned),
        })
    }

    /// The value of `traceparent`.
    pub fn parent(&self) -> String {
        format!(
            "00-{}-{}-{:02x}",
            hex(&self.trace),
            hex(&self.span),
            self.flags
        )
    }

    /// The trace's id, in hex.
    pub fn trace_id(&self) -> String {
        hex(&self.trace)
    }

    /// Puts it into a `_meta`.
    pub fn put(&self, meta: &mut Map<String, Value>) {
        meta.insert(PARENT.into(), self.parent().into());
        match &self.state {
            Some(state) => {
                meta.insert(STATE.into(), state.clone().into());
            }
            None => {
                meta.remove(STATE);
            }
        }
    }

    /// Whether whoever began the trace keeps it.
    pub(super) fn sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(lower) {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_standard_is_read_and_written() {
        let context = TraceContext::parse(GOOD, Some("a=1")).unwrap();
        assert_eq!(context.parent(), GOOD);
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        let mut meta = Map::new();
        context.put(&mut meta);
        assert_eq!(TraceContext::of_meta(&meta), Some(context));
        assert!(
            TraceContext::parse(
                &GOOD.replacen("00", "cc", 1).replace("-01", "-01-more"),
                None
            )
            .is_some()
        );
    }

    #[test]
    fn anything_else_is_no_context() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-0af7651916cd43dd8448eb211c80319ü-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad}");
        }
    }
}
