//! The keys of the program itself.
//!
//! Invariant: every number has bounds within which the program works.

use super::{
    super::shape::{
        Key, Naming,
        Shape::{Address, Choice, Flag, Map, Number, Path, Table, Template, Text, Whole},
    },
    DAY, PATHS, TEXTS, key,
};

/// `hub`.
pub(crate) const HUB: &[Key] = &[key(
    "listing",
    Choice(&["meta", "merged"]),
    "meta",
    "A handful of tools to find and call all others, or every tool of every server.",
)];

/// `http`.
pub(crate) const HTTP: &[Key] = &[
    key(
        "listen",
        Address,
        "127.0.0.1:8100",
        "Where it listens; beyond loopback, callers are required.",
    ),
    key(
        "hosts",
        TEXTS,
        "loopback names",
        "Host names it answers to; * for any, behind a load balancer.",
    ),
    key(
        "origins",
        TEXTS,
        "none",
        "Web origins that may call it, such as https://app.example.com.",
    ),
    key(
        "prefixes",
        TEXTS,
        "none",
        "Path prefixes stripped from requests, such as /core-agent.",
    ),
    key(
        "sessions",
        Flag,
        "true",
        "Whether clients of the handshake era get sessions.",
    ),
];

/// `callers.NAME`.
pub(crate) const CALLER: &[Key] = &[
    key(
        "token",
        Template,
        "required",
        "The bearer, by reference: at least 16 characters.",
    ),
    key(
        "names_users",
        Flag,
        "false",
        "Whether it may name the end user it calls for.",
    ),
    key(
        "speaks_for_person",
        Flag,
        "false",
        "Whether its answers to questions count as a person's.",
    ),
    key("budget", Table(BUDGET), "budgets", "Its own budget."),
];

/// `calls`.
pub(crate) const CALLS: &[Key] = &[
    key(
        "timeout_seconds",
        Whole(1, DAY),
        "30",
        "Seconds without an answer or progress before a call is given up.",
    ),
    key(
        "cap_seconds",
        Whole(1, DAY),
        "600",
        "Seconds after which a call is given up whatever it says.",
    ),
    key(
        "start_seconds",
        Whole(1, 3600),
        "30",
        "Seconds a server may take to come up.",
    ),
    key(
        "attempts",
        Whole(1, 10),
        "3",
        "Attempts of a call that may be repeated, the first included.",
    ),
    key(
        "concurrency",
        Whole(1, 4096),
        "16",
        "Calls at work at one server.",
    ),
    key(
        "breaker_failures",
        Whole(1, 1000),
        "5",
        "Consecutive failures after which a server is left alone.",
    ),
    key(
        "breaker_seconds",
        Whole(1, 3600),
        "30",
        "Seconds it is left alone.",
    ),
    key(
        "hedge_millis",
        Whole(1, 60_000),
        "off",
        "Milliseconds after which a read is sent a second time to be quicker.",
    ),
    key(
        "inline_bytes",
        Whole(1024, 32 << 20),
        "65536",
        "Bytes of a result beyond which it is kept aside and only a preview is given.",
    ),
    key(
        "answer_bytes",
        Whole(1024, 1 << 30),
        "16777216",
        "Bytes of an answer beyond which it is refused; each of its values counts for 128 at least.",
    ),
];

/// `budgets`, and `callers.NAME.budget`.
pub(crate) const BUDGET: &[Key] = &[
    key(
        "calls_per_minute",
        Whole(1, 1_000_000),
        "unlimited",
        "Calls a minute.",
    ),
    key(
        "calls_per_run",
        Whole(1, 1_000_000_000),
        "unlimited",
        "Calls of one run: a session, or a program on stdio. Calls without a session belong to no run.",
    ),
    key(
        "seconds_per_run",
        Whole(1, 365 * DAY),
        "unlimited",
        "Seconds of server time of one run.",
    ),
    key(
        "bytes_per_run",
        Whole(1, 1 << 50),
        "unlimited",
        "Bytes of results of one run.",
    ),
    key(
        "tools",
        Map(Naming::Any, &Whole(0, 1_000_000)),
        "unlimited",
        "Calls a minute of one tool: the tool's name in the hub to a number.",
    ),
];

/// `policy`.
pub(crate) const POLICY: &[Key] = &[
    key(
        "files",
        PATHS,
        "none",
        "Cedar files, in addition to the built-in rules.",
    ),
    key(
        "approval_minutes",
        Whole(1, 60 * 24 * 30),
        "60",
        "Minutes an approval can be answered, and used once given.",
    ),
];

/// `trust`.
pub(crate) const TRUST: &[Key] = &[
    key(
        "pins",
        Flag,
        "true",
        "Whether changed tools are blocked until approved.",
    ),
    key(
        "approve_commands",
        Flag,
        "true",
        "Whether a command must be approved before its first start.",
    ),
];

/// `search`.
pub(crate) const SEARCH: &[Key] = &[key(
    "encoder",
    Path,
    "none",
    "The folder of a sentence encoder, fused with the search by words.",
)];

/// `telemetry`.
pub(crate) const TELEMETRY: &[Key] = &[
    key(
        "log_format",
        Choice(&["json", "text"]),
        "text on a terminal, else json; json in production",
        "How log lines look.",
    ),
    key("log_level", Text, "info", "Which lines, as in RUST_LOG."),
    key(
        "otlp_endpoint",
        Text,
        "none",
        "Where traces are sent by OTLP over HTTP, such as http://collector:4318.",
    ),
];

/// One of `alerts`.
pub(crate) const ALERT: &[Key] = &[
    key(
        "metric",
        Choice(&[
            "error_rate",
            "response_seconds",
            "memory_mb",
            "breaker_open",
            "approvals_waiting",
            "server_down",
        ]),
        "required",
        "The figure: the part of the calls that failed, the seconds 19 of 20 took at most, the hub's memory, 1 while a circuit is open, waiting approvals, 1 while a server does not come up.",
    ),
    key(
        "above",
        Number,
        "0",
        "The alert fires while the figure is above this.",
    ),
    key(
        "severity",
        Choice(&["low", "medium", "high", "critical"]),
        "medium",
        "How bad it is; from high on, the log line is an error.",
    ),
    key(
        "cool_down_seconds",
        Whole(1, DAY),
        "600",
        "Seconds before it is said again.",
    ),
    key(
        "server",
        Text,
        "each by itself",
        "The server it is about, where the figure is a server's.",
    ),
    key(
        "tool",
        Text,
        "whole servers",
        "The tool's name in the hub, for error_rate and response_seconds.",
    ),
];
