//! The canonical form of a tool's definition, its hash, and differences between two of them.
//!
//! Invariant: what means the same hashes the same: the order of keys, of `required`, of `enum` and
//! of types does not count.

use rmcp::model::Tool;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One difference between two definitions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// The part: `name`, `title`, `description`, `inputSchema`, `outputSchema`, `annotations`,
    /// `server`.
    pub field: String,
    /// The JSON pointer in the definition.
    pub pointer: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
    /// The difference of two texts, line by line.
    pub text: Option<String>,
}

/// The canonical text of a definition.
pub(super) fn canonical(tool: &Tool, identity: &Value) -> String {
    let definition = json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations,
        "server": identity,
    });
    serde_json_canonicalizer::to_string(&definition).unwrap_or_else(|_| definition.to_string())
}

/// The SHA-256 of a tool's canonical definition and its server's identity, in hex.
pub fn fingerprint(tool: &Tool, identity: &Value) -> String {
    hex(&Sha256::digest(canonical(tool, identity)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
