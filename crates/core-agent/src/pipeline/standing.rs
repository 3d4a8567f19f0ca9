//! Whether a tool is as somebody approved it.
//!
//! Not who approves: that is trust's. Invariant: a tool that changed is not called, whoever asks.

use serde_json::json;

use super::{Refusal, RefusalKind};
use crate::catalogue::{HubTool, Standing};

/// Lets through what is as it was pinned.
pub(super) fn check(tool: &HubTool) -> Result<(), Box<Refusal>> {
    let (what, diff) = match &tool.standing {
        Standing::Pinned => return Ok(()),
        Standing::Changed { diff } => ("its definition changed since it was approved", diff),
        Standing::Blocked { why } => ("it is blocked", why),
    };
    Err(Box::new(Refusal {
        kind: RefusalKind::Blocked,
        message: format!(
            "{} of the server {} is not called: {what}; a person looks at it with: core-agent trust diff {}",
            tool.name(),
            tool.server,
            tool.name(),
        ),
        details: json!({"tool": tool.name(), "server": tool.server, "why": diff}),
    }))
}
