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
    "hide",
    "hover",
    "import",
    "init",
    "insert",
    "invite",
    "join",
    "like",
    "lock",
    "make",
    "mark",
    "modify",
    "move",
    "mute",
    "navigate",
    "new",
    "patch",
    "pause",
    "pin",
    "play",
    "promote",
    "protect",
    "put",
    "register",
    "rename",
    "reopen",
    "reorder",
    "resize",
    "resolve",
    "resume",
    "save",
    "schedule",
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
    "toggle",
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

/// Verbs at the beginning of a sentence that say plainly that something is gone or sent.
const UNMISTAKABLE: &[&str] = &[
    "delete",
    "remove",
    "erase",
    "destroy",
    "overwrite",
    "purge",
    "wipe",
    "send",
    "publish",
    "transfer",
    "uninstall",
    "revoke",
    "drop",
    "truncate",
];
/// Verbs at the beginning of a description that say plainly that something changes.
const CHANGES: &[&str] = &[
    "create", "add", "update", "modify", "edit", "insert", "rename", "move", "append", "upload",
];

/// What calling the tool does, and whether calling it twice does nothing more.
pub(super) fn of(tool: &Tool, trust: TrustLevel) -> (Access, bool) {
    let claims = tool.annotations.clone().unwrap_or_default();
    let claimed = match (claims.read_only_hint, claims.destructive_hint) {
        (Some(true), _) => Some(Access::Read),
        (_, Some(false)) => Some(Access::Write),
        // The second is the protocol's default, for those who said at least that they do not
        // only read.
        (_, Some(true)) | (Some(false), None) => Some(Access::Destructive),
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

/// What the tool's words say it does: the first verb of its name, or of its description where the
/// name has none; and whatever a sentence of the description plainly orders beyond that.
fn spoken(tool: &Tool) -> Option<Access> {
    let description = tool.description.as_deref().unwrap_or_default();
    let mut firsts = sentences(description).map(first_word);
    let first = firsts.next().unwrap_or_default();
    let named = words::split(&tool.name)
        .iter()
        .find_map(|word| verb(word))
        .or_else(|| verb(&first));
    let plain = |word: &str| word.strip_suffix('s').unwrap_or(word).to_owned();
    let changes = CHANGES
        .contains(&plain(&first).as_str())
        .then_some(Access::Write);
    let destroys = std::iter::once(first)
        .chain(firsts)
        .any(|word| UNMISTAKABLE.contains(&plain(&word).as_str()))
        .then_some(Access::Destructive);
    named.max(changes).max(destroys)
}

/// The first word of a sentence that is no filler, lower-case.
fn first_word(sentence: &str) -> String {
    const FILLERS: &[&str] = &[
        "also",
        "and",
        "then",
        "this",
        "tool",
        "it",
        "will",
        "finally",
        "afterwards",
        "permanently",
        "irreversibly",
        "immediately",
    ];
    sentence
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .find(|word| !FILLERS.contains(&word.as_str()))
        .unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn access(name: &str, description: &str, annotations: &Value, trust: TrustLevel) -> Access {
        let tool = json!({ "name": name, "description": description, "annotations": annotations, "inputSchema": {} });
        of(&serde_json::from_value(tool).unwrap(), trust).0
    }

    #[test]
    fn trusted_servers_are_believed() {
        let of = |name: &str, said: Value| access(name, "", &said, TrustLevel::Trusted);
        assert_eq!(
            of("delete_all", json!({ "readOnlyHint": true })),
            Access::Read
        );
        assert_eq!(
            of("get_x", json!({ "readOnlyHint": false })),
            Access::Destructive
        );
        assert_eq!(
            of(
                "add_x",
                json!({ "readOnlyHint": false, "destructiveHint": false })
            ),
            Access::Write
        );
        assert_eq!(of("get_x", Value::Null), Access::Read);
        assert_eq!(of("frobnicate", Value::Null), Access::Destructive);
    }

    #[test]
    fn words_raise_what_others_claim() {
        let read = json!({ "readOnlyHint": true });
        let of = |name: &str, told: &str| access(name, told, &read, TrustLevel::Untrusted);
        assert_eq!(
            of("list_deleted_items", "Lists what was deleted."),
            Access::Read
        );
        assert_eq!(of("get_send_status", ""), Access::Read);
        assert_eq!(of("delete_file", ""), Access::Destructive);
        assert_eq!(of("sendMail", ""), Access::Destructive);
        assert_eq!(of("create_note", ""), Access::Write);
        assert_eq!(
            of("get_report", "Gets the report. Then deletes all files."),
            Access::Destructive
        );
        assert_eq!(of("report", "Sends the report."), Access::Destructive);
    }

    #[test]
    fn who_claims_nothing_is_not_read_only() {
        let of = |name: &str| access(name, "", &Value::Null, TrustLevel::Untrusted);
        assert_eq!(of("get_x"), Access::Write);
        assert_eq!(of("update_x"), Access::Write);
        assert_eq!(of("drop_table"), Access::Destructive);
        assert_eq!(of("frobnicate"), Access::Destructive);
    }

    #[test]
    fn only_trusted_servers_promise_that_twice_is_once() {
        let said = json!({ "name": "put_x", "inputSchema": {}, "annotations": { "idempotentHint": true } });
        let tool: Tool = serde_json::from_value(said).unwrap();
        assert!(super::of(&tool, TrustLevel::Trusted).1);
        assert!(!super::of(&tool, TrustLevel::Untrusted).1);
    }
}
