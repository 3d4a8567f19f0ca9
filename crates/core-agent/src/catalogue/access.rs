//! What calling a tool does, as far as it can be believed.
//!
//! A trusted server's annotations are believed, with the protocol's defaults. Of any other server
//! a claim is believed only where the tool's own words do not contradict it, and what claims
//! nothing is never taken for read-only.
//! Invariant: words only raise what an untrusted server claims, they never lower it.

use rmcp::model::Tool;

use super::Access;
use crate::{config::TrustLevel, search::words};

/// Verbs after which something is gone, sent, paid or run.
const DESTROYS: &[&str] = &[
    "abort",
    "apply",
    "archive",
    "ban",
    "bulk",
    "buy",
    "cancel",
    "charge",
    "clear",
    "click",
    "close",
    "cleanup",
    "commit",
    "delete",
    "deploy",
    "destroy",
    "disable",
    "disconnect",
    "dispatch",
    "drop",
    "email",
    "empty",
    "erase",
    "eval",
    "evaluate",
    "exec",
    "execute",
    "exit",
    "expire",
    "fire",
    "flush",
    "force",
    "format",
    "forward",
    "install",
    "invoke",
    "kick",
    "kill",
    "leave",
    "merge",
    "notify",
    "order",
    "overwrite",
    "pay",
    "post",
    "press",
    "prune",
    "publish",
    "purchase",
    "purge",
    "push",
    "rebase",
    "refund",
    "reject",
    "remove",
    "reply",
    "replace",
    "reset",
    "restart",
    "restore",
    "revert",
    "revoke",
    "rollback",
    "run",
    "send",
    "shutdown",
    "stop",
    "submit",
    "terminate",
    "transfer",
    "trash",
    "trigger",
    "truncate",
    "tweet",
    "uninstall",
    "unpublish",
    "upgrade",
    "wipe",
    "withdraw",
    "write",
];
/// Verbs that change something and leave a way back.
const WRITES: &[&str] = &[
    "accept",
    "activate",
    "add",
    "annotate",
    "append",
    "approve",
    "assign",
    "attach",
    "block",
    "book",
    "change",
    "checkout",
    "cherry",
    "clone",
    "complete",
    "configure",
    "connect",
    "copy",
    "create",
    "customize",
    "drag",
    "decline",
    "draft",
    "duplicate",
    "edit",
    "enable",
    "favorite",
    "fill",
    "flag",
    "fork",
    "generate",
    "hide",
    "hover",
    "import",
    "init",
    "insert",
    "invite",
    "join",
    "label",
    "like",
    "link",
    "lock",
    "log",
    "make",
    "mark",
    "modify",
    "move",
    "mute",
    "navigate",
    "new",
    "open",
    "patch",
    "pause",
    "pin",
    "play",
    "promote",
    "protect",
    "put",
    "record",
    "register",
    "rename",
    "reopen",
    "reorder",
    "request",
    "resize",
    "resolve",
    "resume",
    "save",
    "schedule",
    "select",
    "set",
    "share",
    "snooze",
    "star",
    "start",
    "stash",
    "store",
    "subscribe",
    "switch",
    "sync",
    "tag",
    "toggle",
    "type",
    "unarchive",
    "unassign",
    "undo",
    "unlink",
    "unlock",
    "unpin",
    "unstar",
    "unsubscribe",
    "update",
    "upload",
    "upsert",
    "vote",
    "watch",
    "wrap",
];
/// Verbs that look.
const READS: &[&str] = &[
    "analyze",
    "analyse",
    "browse",
    "calculate",
    "check",
    "compare",
    "compute",
    "convert",
    "count",
    "describe",
    "diff",
    "discover",
    "download",
    "echo",
    "estimate",
    "explain",
    "export",
    "extract",
    "fetch",
    "filter",
    "find",
    "get",
    "grep",
    "head",
    "inspect",
    "list",
    "lookup",
    "measure",
    "parse",
    "ping",
    "preview",
    "query",
    "read",
    "resolve",
    "retrieve",
    "scan",
    "search",
    "show",
    "snapshot",
    "status",
    "summarize",
    "tail",
    "trace",
    "translate",
    "validate",
    "verify",
    "view",
];

/// What calling the tool does, and whether calling it twice does nothing more.
pub(super) fn of(tool: &Tool, trust: TrustLevel) -> (Access, bool) {
    let claims = tool.annotations.clone().unwrap_or_default();
    let claimed = match (claims.read_only_hint, claims.destructive_hint) {
        (Some(true), _) => Some(Access::Read),
        (_, Some(true)) => Some(Access::Destructive),
        (_, Some(false)) => Some(Access::Write),
        // The protocol's default, for those who said at least that they do not only read.
        (Some(false), None) => Some(Access::Destructive),
        (None, None) => None,
    };
    let spoken = spoken(tool);
    let access = match (trust, claimed) {
        (TrustLevel::Trusted, Some(claimed)) => claimed,
        (TrustLevel::Trusted, None) => spoken.unwrap_or(Access::Destructive),
        // A verb that looks is no contradiction to a claim of more.
        (TrustLevel::Untrusted, Some(claimed)) => {
            spoken.map_or(claimed, |spoken| spoken.max(claimed))
        }
        (TrustLevel::Untrusted, None) => {
            spoken.map_or(Access::Destructive, |spoken| spoken.max(Access::Write))
        }
    };
    let idempotent = access == Access::Read
        || (trust == TrustLevel::Trusted && claims.idempotent_hint == Some(true));
    (access, idempotent)
}

/// What the tool's words say it does.
fn spoken(tool: &Tool) -> Option<Access> {
    let description = tool.description.as_deref().unwrap_or_default();
    let named = words::split(&tool.name).iter().find_map(|word| verb(word));
    // The first word of each sentence is where descriptions say what is done.
    let told = sentences(description)
        .filter_map(|sentence| {
            let mut words = sentence
                .split(|character: char| !character.is_alphabetic())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .skip_while(|word| {
                    matches!(
                        word.as_str(),
                        "also"
                            | "and"
                            | "then"
                            | "this"
                            | "tool"
                            | "it"
                            | "will"
                            | "finally"
                            | "afterwards"
                            | "permanently"
                            | "irreversibly"
                            | "immediately"
                    )
                });
            words.next().and_then(|word| verb(&word))
        })
        .max();
    match (named, told) {
        (Some(named), Some(told)) => Some(named.max(told)),
        (named, told) => named.or(told),
    }
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '\n', ';', '!'])
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .take(40)
}

/// What a verb does, in its plain form or with an `s`.
fn verb(word: &str) -> Option<Access> {
    let plain = [Some(word), word.strip_suffix('s'), word.strip_suffix("es")];
    plain.into_iter().flatten().find_map(|word| {
        if DESTROYS.contains(&word) {
            Some(Access::Destructive)
        } else if READS.contains(&word) {
            Some(Access::Read)
        } else if WRITES.contains(&word) {
            Some(Access::Write)
        } else {
            None
        }
    })
}
