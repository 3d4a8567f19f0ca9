//! The command line of the zoo.
//!
//! Invariant: an unknown behaviour or option is refused, so that no test runs against a server
//! that quietly behaves well.

use std::{path::PathBuf, process, time::Duration};

/// All behaviours.
pub(crate) const BEHAVIOURS: &[&str] = &[
    // Correct servers.
    "good",
    "old-era-only",
    "new-era-only",
    "both-eras",
    "elicits",
    "samples",
    "roots",
    "logs",
    "data",
    "tasks",
    "crlf",
    "partial-writes",
    "batch",
    "string-ids",
    "slow-start",
    "list-changes",
    "paged",
    // Bad from the start.
    "hang",
    "deaf",
    "exit-at-start",
    "crash-at-start",
    "exit-on-discover",
    "hang-on-discover",
    "needs-env",
    "line-100mb",
    "endless-line",
    "non-utf8",
    "noise",
    "banner",
    "stderr-flood",
    "closes-stdout",
    "closes-stdin",
    "stops-itself",
    "garbage",
    // Bad at answering.
    "wrong-id",
    "duplicate-id",
    "answers-twice",
    "null-id",
    "bad-jsonrpc",
    "unknown-notification",
    "notification-flood",
    "request-flood",
    "infinite-cursor",
    "huge-list",
    "bad-tools",
    "exit-after-list",
    "bad-schema-result",
    "huge-result",
    // Bad at calls.
    "crash-on-call",
    "exit-on-call",
    "oom-on-call",
    "garbage-on-call",
    "slow-call",
    "progress-call",
    "error-call",
    "hang-on-call",
    "closes-on-call",
    // Bad at ending.
    "ignores-eof",
    "fork-ignore-sigterm",
    "setsid-grandchild",
    "double-fork",
    "zombies",
];

/// What was asked for.
pub(crate) struct Options {
    /// The behaviour.
    pub(crate) behaviour: String,
    /// Where each execution of a tool is noted, a line each.
    pub(crate) journal: Option<PathBuf>,
    /// A time, for behaviours that are slow.
    pub(crate) delay: Duration,
    /// The variable that must be there.
    pub(crate) name: String,
    /// What changes after the first list: name, description, schema, annotation, or added.
    pub(crate) mutate: String,
    /// How long lists may be kept.
    pub(crate) ttl_ms: u64,
    /// The eras that are spoken.
    pub(crate) eras: Eras,
    /// A failure of calls, if any.
    pub(crate) fault: Option<Fault>,
}

/// A failure of calls: `--fault KIND --tool NAME --when before|after --times FILE`.
pub(crate) struct Fault {
    /// What happens: the kinds of the tool `fail`.
    pub(crate) kind: String,
    /// The tool it happens to; any when empty.
    pub(crate) tool: String,
    /// Whether the tool is executed first.
    pub(crate) after: bool,
    /// A file that holds how often it is still to happen, for longer than this process lives;
    /// always when absent.
    pub(crate) times: Option<PathBuf>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Eras {
    Old,
    New,
    Both,
}

impl Options {
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Self {
        let behaviour = args.next().unwrap_or_else(|| refuse("say a behaviour"));
        let hidden = behaviour.starts_with("as-");
        if !hidden && !BEHAVIOURS.contains(&behaviour.as_str()) {
            refuse(&format!(
                "no behaviour {behaviour}: {}",
                BEHAVIOURS.join(", ")
            ));
        }
        let eras = match behaviour.as_str() {
            "old-era-only" | "exit-on-discover" | "hang-on-discover" => Eras::Old,
            "new-era-only" => Eras::New,
            _ => Eras::Both,
        };
        let mut options = Self {
            behaviour,
            journal: None,
            delay: Duration::from_secs(3),
            name: "ZOO_KEY".into(),
            mutate: "description".into(),
            ttl_ms: 0,
            eras,
            fault: None,
        };
        while let Some(option) = args.next() {
            let value = args
                .next()
                .unwrap_or_else(|| refuse(&format!("{option} needs a value")));
            let number = || value.parse().unwrap_or_else(|_| refuse("not a number"));
            let fault = options.fault.get_or_insert_with(|| Fault {
                kind: String::new(),
                tool: String::new(),
                after: false,
                times: None,
            });
            match option.as_str() {
                "--journal" => options.journal = Some(value.into()),
                "--delay-ms" => options.delay = Duration::from_millis(number()),
                "--name" => options.name = value,
                "--mutate" => options.mutate = value,
                "--ttl-ms" => options.ttl_ms = number(),
                "--era" => {
                    options.eras = match value.as_str() {
                        "old" => Eras::Old,
                        "new" => Eras::New,
                        "both" => Eras::Both,
                        _ => refuse("--era old, new or both"),
                    };
                }
                "--fault" => fault.kind = value,
                "--tool" => fault.tool = value,
                "--when" => fault.after = value == "after",
                "--times" => fault.times = Some(value.into()),
                _ => refuse(&format!("no option {option}")),
            }
        }
        options.fault = options.fault.filter(|fault| !fault.kind.is_empty());
        options
    }

    pub(crate) fn is(&self, behaviour: &str) -> bool {
        self.behaviour == behaviour
    }
}

pub(crate) fn refuse(why: &str) -> ! {
    crate::wire::complain(why);
    process::exit(2)
}
