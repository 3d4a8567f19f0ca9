//! What makes one call the same as another.
//!
//! Invariant: calls of two principals, of two tools, of one tool before and after a change, or
//! with different arguments never have the same digest.

use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::{Actor, catalogue::HubTool, hex::hex};

/// The digest of arguments in their canonical form.
pub fn arguments_digest(arguments: &Map<String, Value>) -> String {
    sha256(&canonical(arguments))
}

/// The digest of a whole call.
pub fn call_digest(actor: &Actor, tool: &HubTool, arguments_digest: &str) -> String {
    let whole = json!([
        principal_key(actor),
        tool.server,
        tool.original.name,
        tool.fingerprint,
        arguments_digest,
    ]);
    sha256(whole.to_string().as_bytes())
}

/// A key that two callers, or two end users of one caller, never share. It can be kept: nobody
/// gets a bearer back from it.
pub fn principal_key(actor: &Actor) -> String {
    let user = &actor.user;
    let bearer = user
        .bearer
        .as_ref()
        .map(|bearer| sha256(bearer.expose_secret().as_bytes()));
    sha256(
        json!([actor.principal.key(), user.email, user.id, bearer])
            .to_string()
            .as_bytes(),
    )
}

fn canonical(arguments: &Map<String, Value>) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(arguments)
        // Numbers beyond what the canonical form can write: as they were sent, then.
        .unwrap_or_else(|_| Value::Object(arguments.clone()).to_string().into_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}
