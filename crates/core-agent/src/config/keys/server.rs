//! The keys of one server.
//!
//! Invariant: a key that is only for one kind of server is refused on the other by the check.

use super::{
    super::shape::{
        Key, Naming,
        Shape::{Choice, Flag, List, Map, Path, Table, Template, Text, Whole},
    },
    DAY, PATHS, TEXTS, key,
};

/// The keys of a server.
pub(crate) const SERVER: &[Key] = &[
    key(
        "command",
        Text,
        "none",
        "The program to start, for a server on stdio. One program, never a shell line.",
    ),
    key("args", List(&Template), "none", "The program's arguments."),
    key(
        "env",
        Map(Naming::Any, &Template),
        "none",
        "Variables the program gets, beyond a short list of harmless ones.",
    ),
    key(
        "inherit",
        TEXTS,
        "none",
        "Names of the hub's own variables the program may see too.",
    ),
    key(
        "cwd",
        Path,
        "the hub's working folder",
        "The program's working folder.",
    ),
    key(
        "url",
        Template,
        "none",
        "The address of a server over HTTP, such as https://example.com/mcp.",
    ),
    key(
        "headers",
        Map(Naming::Any, &Template),
        "none",
        "Headers of every request to a server over HTTP.",
    ),
    key(
        "oauth",
        Table(OAUTH),
        "",
        "How to sign in to a server over HTTP.",
    ),
    key(
        "identity",
        Table(IDENTITY),
        "",
        "Whose identity is passed on to it.",
    ),
    key("enabled", Flag, "true", "Whether it is used at all."),
    key(
        "eager",
        Flag,
        "false",
        "Whether it is started with the hub instead of when it is first needed.",
    ),
    key(
        "trust",
        Choice(&["untrusted", "trusted"]),
        "untrusted; trusted for servers of MCP_*_URL",
        "Whether what it says of its tools is believed. An untrusted server's destructive tools need a person.",
    ),
    key(
        "era",
        Choice(&["auto", "handshake", "stateless"]),
        "auto",
        "The protocol era to speak: found out and remembered, 2024-11-05 to 2025-11-25, or 2026-07-28.",
    ),
    key(
        "prefix",
        Text,
        "the server's name",
        "What its tools' names begin with; empty for the bare names.",
    ),
    key(
        "tools",
        TEXTS,
        "all",
        "The tools to use; * at the end matches any rest.",
    ),
    key(
        "exclude",
        TEXTS,
        "none",
        "The tools never to use; * at the end matches any rest.",
    ),
    key(
        "containment",
        Table(CONTAINMENT),
        "",
        "Limits of a program on stdio.",
    ),
    key(
        "timeout_seconds",
        Whole(1, DAY),
        "calls.timeout_seconds",
        "Seconds without an answer or progress before a call is given up.",
    ),
    key(
        "concurrency",
        Whole(1, 4096),
        "calls.concurrency",
        "Calls it may have at work at once.",
    ),
    key(
        "fallback",
        Map(Naming::Any, &TEXTS),
        "none",
        "Tools to use instead when one of its tools fails: tool to a list of server/tool.",
    ),
    key(
        "cache_seconds",
        Map(Naming::Any, &Whole(0, 30 * DAY)),
        "none",
        "Seconds a result of a read-only tool may be kept: tool, or *, to seconds.",
    ),
    key(
        "idempotency",
        Map(Naming::Any, &Text),
        "none",
        "The argument that carries an idempotency key: tool, or *, to the argument's name.",
    ),
];

/// `servers.NAME.oauth`.
pub(crate) const OAUTH: &[Key] = &[
    key(
        "client_id",
        Text,
        "none",
        "A client id registered beforehand.",
    ),
    key(
        "client_secret",
        Template,
        "none",
        "Its secret, by reference.",
    ),
    key(
        "client_key",
        Template,
        "none",
        "Its private key, PKCS#8 in PEM, by reference, for servers that want signed assertions instead.",
    ),
    key(
        "issuer",
        Text,
        "the one met first",
        "The authorization server at which the client id is registered.",
    ),
    key(
        "client_metadata_url",
        Text,
        "none",
        "The URL of our client metadata document.",
    ),
    key(
        "grant",
        Choice(&[
            "auto",
            "authorization_code",
            "client_credentials",
            "jwt_bearer",
        ]),
        "auto",
        "How a token is obtained: found out, a person consents, in the program's own name, or by the assertion.",
    ),
    key(
        "assertion",
        Template,
        "none",
        "An assertion that another authority signed for this program, by reference.",
    ),
    key(
        "callback_port",
        Whole(0, 65_535),
        "any free one",
        "The port of the address a browser is sent back to, for servers that want it unchanged.",
    ),
    key(
        "scopes",
        TEXTS,
        "what the server asks for",
        "Scopes to ask for at first.",
    ),
    key(
        "allow_private_addresses",
        Flag,
        "false",
        "Whether authorization servers on private addresses are allowed.",
    ),
];

/// `servers.NAME.identity`.
pub(crate) const IDENTITY: &[Key] = &[
    key(
        "pass_user",
        Flag,
        "false; true for servers of MCP_*_URL",
        "Whether the end user's e-mail and id are passed on.",
    ),
    key(
        "pass_bearer",
        Flag,
        "false",
        "Whether the end user's own bearer is passed on.",
    ),
];

/// `servers.NAME.containment`.
pub(crate) const CONTAINMENT: &[Key] = &[
    key(
        "read",
        PATHS,
        "everything when neither list is given",
        "Folders the program may read.",
    ),
    key(
        "write",
        PATHS,
        "none when read is given",
        "Folders the program may write.",
    ),
    key(
        "network",
        Flag,
        "true",
        "Whether it may open connections; TCP only, where the kernel can tell.",
    ),
    key(
        "memory_mb",
        Whole(16, 1 << 20),
        "unlimited",
        "Megabytes of address space.",
    ),
    key(
        "processes",
        Whole(1, 1 << 20),
        "unlimited",
        "Processes of this user while it runs.",
    ),
    key("files", Whole(8, 1 << 20), "unlimited", "Open files."),
    key(
        "cpu_seconds",
        Whole(1, 365 * DAY),
        "unlimited",
        "Seconds of processor time.",
    ),
    key(
        "other_processes",
        Flag,
        "false",
        "Whether it may signal and inspect processes that are not its own.",
    ),
];
