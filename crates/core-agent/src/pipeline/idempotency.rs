//! Keys by which a server knows a repetition.
//!
//! Invariant: all attempts of one call carry the same key, and two calls never do unless the
//! caller said that they are one.

use foundation::Random;
use serde_json::{Map, Value};

use crate::{catalogue::HubTool, config::Config};

/// The argument that carries a tool's key, as configured.
pub(super) fn argument<'a>(config: &'a Config, tool: &HubTool) -> Option<&'a str> {
    let configured = &config.servers.get(&tool.server)?.idempotency;
    if let Some(argument) = configured.get(&*tool.original.name) {
        return Some(argument);
    }
    let argument = configured.get("*")?;
    // For all tools means: for those that know the argument.
    tool.original
        .input_schema
        .get("properties")?
        .get(argument.as_str())
        .map(|_| argument.as_str())
}

/// Puts a key into the arguments where there is none, and says whether it did.
pub(super) fn fill(
    arguments: &mut Map<String, Value>,
    argument: &str,
    given: Option<&str>,
    random: &dyn Random,
) -> bool {
    let empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    if arguments.get(argument).is_some_and(|value| !empty(value)) {
        return false;
    }
    let key = given.map_or_else(|| uuid(random), ToOwned::to_owned);
    arguments.insert(argument.to_owned(), key.into());
    true
}

/// A random UUID: the form every server accepts.
fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use foundation::SystemRandom;

    use super::*;

    #[test]
    fn a_key_is_put_in_only_where_there_is_none() {
        let mut arguments = Map::new();
        assert!(fill(&mut arguments, "key", None, &SystemRandom));
        let first = arguments["key"].as_str().unwrap().to_owned();
        assert_eq!(first.len(), 36);
        assert_eq!(first.as_bytes()[14], b'4');
        assert!(!fill(&mut arguments, "key", Some("other"), &SystemRandom));
        assert_eq!(arguments["key"], first);
        arguments.clear();
        assert!(fill(&mut arguments, "key", Some("mine"), &SystemRandom));
        assert_eq!(arguments["key"], "mine");
    }
}
