//! What a tool is about, by the words of its name, its description and its server.
//!
//! Not a judgment of quality: a tool whose words say nothing is an [`Category::ApiIntegration`].
//! Invariant: the same words give the same categories.

use std::{collections::HashMap, sync::LazyLock};

use rmcp::model::Tool;

use super::Category;
use crate::{
    ServerName,
    search::words::{of_text, plain, split},
};

/// How much a word counts by where it stands.
const IN_NAME: u32 = 4;
const IN_SERVER: u32 = 3;
const IN_FIRST_SENTENCE: u32 = 1;
/// A second category has at least this share of the first one's points.
const SECOND: f64 = 0.7;

const WORDS: &[(Category, &[&str])] = &[
    (
        Category::FileSystem,
        &[
            "file",
            "files",
            "filesystem",
            "folder",
            "directory",
            "path",
            "drive",
            "onedrive",
            "sharepoint",
            "tree",
            "disk",
            "dropbox",
            "zip",
            "upload",
            "download",
        ],
    ),
    (
        Category::WebInteraction,
        &[
            "browser",
            "page",
            "navigate",
            "click",
            "url",
            "web",
            "website",
            "crawl",
            "scrape",
            "tab",
            "hover",
            "snapshot",
            "fetch",
            "html",
            "screenshot",
            "dom",
            "devtools",
            "playwright",
            "firecrawl",
            "tavily",
            "brave",
            "internet",
            "viewport",
        ],
    ),
    (
        Category::ApiIntegration,
        &[
            "api",
            "postman",
            "webhook",
            "endpoint",
            "request",
            "openapi",
            "invoice",
            "payment",
            "customer",
            "billing",
            "subscription",
            "weather",
            "forecast",
            "map",
            "geocode",
            "xero",
            "quickbooks",
            "airbnb",
            "bill",
            "vendor",
            "payroll",
            "bank",
            "catalog",
            "strava",
            "athlete",
            "activity",
            "segment",
            "place",
            "direction",
            "reddit",
            "subreddit",
            "ecommerce",
            "order",
            "account",
            "employee",
            "estimate",
            "timesheet",
            "credit",
            "tax",
            "profit",
        ],
    ),
    (
        Category::MemoryKnowledge,
        &[
            "memory",
            "knowledge",
            "graph",
            "entity",
            "relation",
            "observation",
            "note",
            "wiki",
            "docs",
            "documentation",
            "library",
            "thinking",
            "thought",
            "notion",
            "onenote",
            "confluence",
            "context7",
            "notebook",
            "obsidian",
            "learn",
            "research",
            "recall",
        ],
    ),
    (
        Category::CodeDevelopment,
        &[
            "git",
            "github",
            "gitlab",
            "repo",
            "repository",
            "commit",
            "branch",
            "merge",
            "pull",
            "code",
            "build",
            "pipeline",
            "diff",
            "tag",
            "fork",
            "stash",
            "rebase",
            "release",
            "debug",
            "lint",
            "component",
            "npm",
            "job",
            "ci",
            "variable",
            "discussion",
            "emoji",
            "checkout",
            "worktree",
            "blame",
            "snippet",
            "debugger",
            "console",
            "javascript",
        ],
    ),
    (
        Category::DataProcessing,
        &[
            "excel",
            "sheet",
            "worksheet",
            "workbook",
            "row",
            "column",
            "cell",
            "table",
            "pivot",
            "database",
            "sql",
            "query",
            "mongodb",
            "collection",
            "aggregate",
            "csv",
            "formula",
            "range",
            "airtable",
            "record",
            "schema",
            "index",
            "data",
            "convert",
            "calculate",
            "field",
            "document",
            "docx",
            "word",
            "paragraph",
            "footnote",
            "pdf",
            "base",
            "time",
            "timezone",
            "date",
        ],
    ),
    (
        Category::Communication,
        &[
            "mail",
            "email",
            "message",
            "chat",
            "channel",
            "slack",
            "discord",
            "teams",
            "inbox",
            "calendar",
            "event",
            "meeting",
            "attendee",
            "contact",
            "reply",
            "forward",
            "reaction",
            "thread",
            "gmail",
            "outlook",
            "guild",
            "draft",
            "conversation",
            "smtp",
            "imap",
            "online",
            "newsletter",
            "mailbox",
            "attachment",
            "signature",
            "dm",
            "webhook",
            "forum",
        ],
    ),
    (
        Category::TaskManagement,
        &[
            "task",
            "todo",
            "todoist",
            "trello",
            "asana",
            "board",
            "card",
            "checklist",
            "issue",
            "project",
            "sprint",
            "milestone",
            "epic",
            "story",
            "jira",
            "backlog",
            "shortcut",
            "iteration",
            "planner",
            "workflow",
            "assignee",
            "watcher",
            "worklog",
            "label",
            "section",
            "priority",
            "reminder",
            "bucket",
            "objective",
            "ticket",
            "list",
        ],
    ),
    (
        Category::Media,
        &[
            "image",
            "picture",
            "photo",
            "video",
            "audio",
            "chart",
            "figma",
            "font",
            "style",
            "color",
            "design",
            "youtube",
            "playlist",
            "transcript",
            "slide",
            "presentation",
            "icon",
            "diagram",
            "map",
            "visualization",
            "mermaid",
            "plot",
            "gif",
            "media",
            "shape",
            "node",
            "variable",
            "figjam",
            "sticky",
            "channel",
            "imagery",
            "mind",
            "fishbone",
            "token",
        ],
    ),
    (
        Category::Infrastructure,
        &[
            "server",
            "vps",
            "virtual",
            "machine",
            "vm",
            "docker",
            "container",
            "kubernetes",
            "kubectl",
            "pod",
            "deployment",
            "cluster",
            "dns",
            "domain",
            "firewall",
            "ssh",
            "backup",
            "datadog",
            "monitor",
            "host",
            "hosting",
            "hostinger",
            "deploy",
            "instance",
            "ip",
            "log",
            "metric",
            "incident",
            "downtime",
            "helm",
            "nameserver",
            "node",
            "port",
            "process",
            "certificate",
            "nodejs",
            "wordpress",
            "environment",
            "runner",
            "ssl",
            "rum",
            "trace",
            "atlas",
        ],
    ),
];

/// In which of the lists a word is, a bit each.
static PLACES: LazyLock<HashMap<&str, u16>> = LazyLock::new(|| {
    let mut places = HashMap::new();
    for (at, (_, words)) in WORDS.iter().enumerate() {
        for word in *words {
            *places.entry(*word).or_default() |= 1 << at;
        }
    }
    places
});

impl Category {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::FileSystem,
        Self::WebInteraction,
        Self::ApiIntegration,
        Self::MemoryKnowledge,
        Self::CodeDevelopment,
        Self::DataProcessing,
        Self::Communication,
        Self::TaskManagement,
        Self::Media,
        Self::Infrastructure,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::FileSystem => "file_system",
            Self::WebInteraction => "web_interaction",
            Self::ApiIntegration => "api_integration",
            Self::MemoryKnowledge => "memory_knowledge",
            Self::CodeDevelopment => "code_development",
            Self::DataProcessing => "data_processing",
            Self::Communication => "communication",
            Self::TaskManagement => "task_management",
            Self::Media => "media",
            Self::Infrastructure => "infrastructure",
        }
    }
}

impl std::str::FromStr for Category {
    type Err = BadCategory;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_lowercase().replace('-', "_");
        Self::ALL
            .into_iter()
            .find(|category| category.name() == text)
            .ok_or(BadCategory(text))
    }
}

/// A name that is no category's.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{0:?} is no category: use file_system, web_interaction, api_integration, memory_knowledge, code_development, data_processing, communication, task_management, media or infrastructure"
)]
pub struct BadCategory(pub String);

/// What the tool is about, the best first; one or two.
pub(super) fn of(tool: &Tool, server: &ServerName) -> Vec<Category> {
    let mut points = [0_u32; WORDS.len()];
    let mut count = |word: &str, weight: u32| {
        let lists = |word: &str| PLACES.get(word).copied().unwrap_or_default();
        let lists = lists(word) | lists(&plain(word));
        for (at, points) in points.iter_mut().enumerate() {
            if lists & (1 << at) != 0 {
                *points += weight;
            }
        }
    };
    for word in split(&tool.name) {
        count(&word, IN_NAME);
    }
    for word in split(server.as_str()) {
        count(&word, IN_SERVER);
    }
    let description = tool.description.as_deref().unwrap_or_default();
    let first = description.split(['.', '\n']).next().unwrap_or_default();
    for word in of_text(first).take(30) {
        count(&word, IN_FIRST_SENTENCE);
    }
    let mut order: Vec<usize> = (0..WORDS.len()).filter(|at| points[*at] > 0).collect();
    // Equal points keep the order of the list.
    order.sort_by_key(|at| std::cmp::Reverse(points[*at]));
    let best = order.first().map_or(0, |at| points[*at]);
    let near: Vec<Category> = order
        .into_iter()
        .filter(|at| f64::from(points[*at]) >= SECOND * f64::from(best))
        .take(2)
        .map(|at| WORDS[at].0)
        .collect();
    if near.is_empty() {
        vec![Category::ApiIntegration]
    } else {
        near
    }
}
