//! The phrases, places and markup a scan looks for.
//!
//! Not the search itself. Invariant: lower-case, in plain words, so that anybody can judge them.

use super::{FindingKind, Severity};

/// Words that follow one another, each at most `gap` words after the one before.
pub(super) struct Phrase {
    pub(super) kind: FindingKind,
    pub(super) severity: Severity,
    pub(super) gap: usize,
    pub(super) steps: &'static [&'static [&'static str]],
}

const NOT: &[&str] = &["not", "never", "dont", "without", "avoid", "refrain"];
const TELL: &[&str] = &[
    "tell",
    "telling",
    "mention",
    "mentioning",
    "inform",
    "informing",
    "reveal",
    "revealing",
    "disclose",
    "disclosing",
    "notify",
    "notifying",
    "alert",
    "alerting",
    "warn",
];
const PERSON: &[&str] = &[
    "user", "users", "human", "humans", "person", "people", "anyone", "anybody", "owner",
];
pub(super) const HAND_OVER: &[&str] = &[
    "pass",
    "send",
    "include",
    "put",
    "provide",
    "append",
    "attach",
    "insert",
    "forward",
    "upload",
    "post",
    "transmit",
    "submit",
    "copy",
    "supply",
    "embed",
    "leak",
    "exfiltrate",
];

pub(super) const PHRASES: &[Phrase] = &[
    Phrase {
        kind: FindingKind::OverridesInstructions,
        severity: Severity::High,
        gap: 4,
        steps: &[
            &[
                "ignore",
                "disregard",
                "forget",
                "override",
                "bypass",
                "ignoring",
                "disregarding",
            ],
            &[
                "previous",
                "prior",
                "above",
                "earlier",
                "preceding",
                "system",
                "other",
                "existing",
                "your",
                "safety",
            ],
            &[
                "instructions",
                "instruction",
                "prompt",
                "prompts",
                "rules",
                "guidelines",
                "directives",
                "guardrails",
                "restrictions",
            ],
        ],
    },
    Phrase {
        kind: FindingKind::OverridesInstructions,
        severity: Severity::High,
        gap: 3,
        steps: &[
            &["you"],
            &["are", "must", "will"],
            &["now"],
            &["act", "obey", "jailbroken", "unrestricted", "dan", "follow"],
        ],
    },
    Phrase {
        kind: FindingKind::OverridesInstructions,
        severity: Severity::High,
        gap: 3,
        steps: &[
            &["new", "real", "actual", "updated"],
            &["system"],
            &["instructions", "prompt", "directive"],
        ],
    },
    Phrase {
        kind: FindingKind::Secrecy,
        severity: Severity::High,
        gap: 3,
        steps: &[NOT, TELL, PERSON],
    },
    Phrase {
        kind: FindingKind::Secrecy,
        severity: Severity::High,
        gap: 4,
        steps: &[
            &["hide", "conceal", "keep", "hidden", "secret", "invisible"],
            &[
                "this", "it", "that", "secret", "hidden", "from", "these", "action", "step",
            ],
            &["from", "to"],
            PERSON,
        ],
    },
    Phrase {
        kind: FindingKind::Secrecy,
        severity: Severity::High,
        gap: 5,
        steps: &[
            &["user", "human", "person"],
            &["must", "should", "may", "can", "need"],
            &["not", "never"],
            &["know", "see", "notice", "learn", "aware"],
            &["this", "about", "it", "that", "of"],
        ],
    },
    Phrase {
        kind: FindingKind::SteersOtherTools,
        severity: Severity::High,
        gap: 8,
        steps: &[
            &["when", "whenever", "every", "each", "before", "after", "if"],
            &["tool", "tools"],
            &["must", "always", "also", "first"],
            &[
                "send",
                "bcc",
                "forward",
                "redirect",
                "recipient",
                "proxy",
                "exfiltrate",
            ],
        ],
    },
    Phrase {
        kind: FindingKind::SteersOtherTools,
        severity: Severity::Medium,
        gap: 3,
        steps: &[
            &["instead", "before", "never", "not", "stop"],
            &["of", "using", "use", "calling", "call"],
            &["any", "other", "all", "every", "another"],
            &["tool", "tools"],
        ],
    },
    Phrase {
        kind: FindingKind::Exfiltration,
        severity: Severity::High,
        gap: 6,
        steps: &[
            HAND_OVER,
            &[
                "full", "entire", "complete", "whole", "all", "previous", "your", "users",
            ],
            &[
                "conversation",
                "chat",
                "system",
                "history",
                "context",
                "environment",
                "passwords",
                "secrets",
                "credentials",
            ],
            &[
                "history",
                "prompt",
                "messages",
                "transcript",
                "so",
                "variables",
                "as",
                "into",
                "in",
                "here",
                "to",
            ],
        ],
    },
    Phrase {
        kind: FindingKind::Exfiltration,
        severity: Severity::High,
        gap: 5,
        steps: &[
            HAND_OVER,
            &[
                "contents",
                "content",
                "file",
                "files",
                "key",
                "keys",
                "password",
                "passwords",
                "token",
                "tokens",
                "secrets",
                "credentials",
                "result",
            ],
            &["sidenote", "attacker", "https", "http", "webhook"],
        ],
    },
];

/// Markup that models take for the system's own.
pub(super) const POSES: &[&str] = &[
    "<important>",
    "</important>",
    "<system>",
    "</system>",
    "<|im_start|>",
    "<|im_end|>",
    "<|system|>",
    "[inst]",
    "<<sys>>",
    "<|endoftext|>",
    "<secret>",
    "<instructions>",
    "</tool_description>",
    "<system-reminder>",
    "[system]",
    "<admin>",
    "<hidden>",
    "<s>[",
];

/// Places where secrets are kept.
pub(super) const PLACES: &[&str] = &[
    "~/.ssh",
    "/.ssh/",
    "id_rsa",
    "id_ed25519",
    ".aws/credentials",
    ".cursor/mcp.json",
    "claude_desktop_config",
    ".git-credentials",
    "/etc/shadow",
    "/etc/passwd",
    ".netrc",
    ".npmrc",
    ".docker/config.json",
    ".kube/config",
    "/proc/self/environ",
    "wallet.dat",
    ".bash_history",
];

/// Words that order a file's content to be fetched and handed over.
pub(super) const ORDER_READ: &[&str] = &[
    "read", "cat", "open", "load", "retrieve", "access", "fetch", "contents", "content",
];

/// Styles that make text unseen.
pub(super) const UNSEEN_STYLES: &[&str] = &[
    "display:none",
    "display: none",
    "visibility:hidden",
    "visibility: hidden",
    "font-size:0",
    "font-size: 0",
    "opacity:0",
    "opacity: 0;",
];
