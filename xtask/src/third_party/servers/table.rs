//! Which servers there are: where they come from, how they are started, what is known of them.
//!
//! Invariant: every version is pinned.

/// How a server is had and started.
#[derive(Clone, Copy)]
pub(super) struct Real {
    pub(super) name: &'static str,
    pub(super) from: From,
    /// After `{folder}` and `{port}` are filled in.
    pub(super) arguments: &'static [&'static str],
    pub(super) env: &'static [(&'static str, &'static str)],
    pub(super) over: Over,
    /// Whether tools that only look are called; not where they would leave this machine.
    pub(super) calls: bool,
    /// Whether it ends without a credential.
    pub(super) needs_credential: bool,
}

#[derive(Clone, Copy)]
pub(super) enum From {
    /// A package of npm, with the script that starts it.
    Npm(&'static str, &'static str),
    /// A program of one of the virtual environments, with the module it loads.
    Python(&'static str, &'static str, &'static str),
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Over {
    Stdio,
    /// The path of its endpoint.
    Http(&'static str),
}

/// Virtual environments: a name, and packages that get along.
pub(super) const ENVIRONMENTS: &[(&str, &[&str])] = &[
    (
        "reference",
        &[
            "mcp-server-git==2026.10.19",
            "mcp-server-time==2026.10.19",
            "mcp-server-fetch==2026.10.24",
        ],
    ),
    ("excel", &["excel-mcp-server==2.2.2"]),
    ("word", &["office-word-mcp-server==1.1.11"]),
    (
        "old",
        &[
            "mcp<2",
            "mcp-server-sqlite==2025.4.25",
            "mcp-server-calculator==0.2.1",
            "mcp-text-editor==1.0.2",
        ],
    ),
];

const fn node(
    name: &'static str,
    package: &'static str,
    script: &'static str,
    arguments: &'static [&'static str],
) -> Real {
    Real {
        name,
        from: From::Npm(package, script),
        arguments,
        env: &[],
        over: Over::Stdio,
        calls: true,
        needs_credential: false,
    }
}

const fn python(
    name: &'static str,
    environment: &'static str,
    program: &'static str,
    module: &'static str,
    arguments: &'static [&'static str],
) -> Real {
    Real {
        name,
        from: From::Python(environment, program, module),
        arguments,
        env: &[],
        over: Over::Stdio,
        calls: true,
        needs_credential: false,
    }
}

const fn without_calls(real: Real) -> Real {
    Real {
        calls: false,
        ..real
    }
}

const fn over_http(real: Real, path: &'static str) -> Real {
    Real {
        over: Over::Http(path),
        ..real
    }
}

const fn with_env(real: Real, env: &'static [(&'static str, &'static str)]) -> Real {
    Real { env, ..real }
}

const fn needs_credential(real: Real) -> Real {
    Real {
        needs_credential: true,
        ..real
    }
}

const EVERYTHING: &str = "@modelcontextprotocol/server-everything@2026.8.31";
const EVERYTHING_SCRIPT: &str = "@modelcontextprotocol/server-everything/dist/index.js";
const CONTEXT7: &str = "@upstash/context7-mcp@4.1.1";
const CONTEXT7_SCRIPT: &str = "@upstash/context7-mcp/dist/index.js";

pub(super) const SERVERS: &[Real] = &[
    node(
        "filesystem",
        "@modelcontextprotocol/server-filesystem@2026.8.31",
        "@modelcontextprotocol/server-filesystem/dist/index.js",
        &["{folder}"],
    ),
    with_env(
        node(
            "memory",
            "@modelcontextprotocol/server-memory@2026.8.31",
            "@modelcontextprotocol/server-memory/dist/index.js",
            &[],
        ),
        &[("MEMORY_FILE_PATH", "{folder}/memory.jsonl")],
    ),
    node("everything", EVERYTHING, EVERYTHING_SCRIPT, &["stdio"]),
    over_http(
        with_env(
            node(
                "everything-http",
                EVERYTHING,
                EVERYTHING_SCRIPT,
                &["streamableHttp"],
            ),
            &[("PORT", "{port}")],
        ),
        "/mcp",
    ),
    node(
        "sequential-thinking",
        "@modelcontextprotocol/server-sequential-thinking@2026.8.31",
        "@modelcontextprotocol/server-sequential-thinking/dist/index.js",
        &[],
    ),
    without_calls(node(
        "playwright",
        "@playwright/mcp@0.0.83",
        "@playwright/mcp/cli.js",
        &["--headless", "--isolated"],
    )),
    node(
        "git-npm",
        "@cyanheads/git-mcp-server@2.15.3",
        "@cyanheads/git-mcp-server/dist/index.js",
        &[],
    ),
    without_calls(node(
        "chart",
        "@antv/mcp-server-chart@0.9.10",
        "@antv/mcp-server-chart/build/index.js",
        &[],
    )),
    without_calls(node(
        "github",
        "@modelcontextprotocol/server-github@2025.4.8",
        "@modelcontextprotocol/server-github/dist/index.js",
        &[],
    )),
    without_calls(node(
        "notion",
        "@notionhq/notion-mcp-server@2.5.2",
        "@notionhq/notion-mcp-server/bin/cli.mjs",
        &[],
    )),
    without_calls(node(
        "tavily",
        "tavily-mcp@0.2.22",
        "tavily-mcp/build/index.js",
        &[],
    )),
    without_calls(node("context7", CONTEXT7, CONTEXT7_SCRIPT, &[])),
    over_http(
        without_calls(node(
            "context7-http",
            CONTEXT7,
            CONTEXT7_SCRIPT,
            &["--transport", "http", "--port", "{port}"],
        )),
        "/mcp",
    ),
    needs_credential(node(
        "trello",
        "@delorenj/mcp-server-trello@1.8.1",
        "@delorenj/mcp-server-trello/build/index.js",
        &[],
    )),
    needs_credential(node(
        "postman",
        "@postman/postman-mcp-server@2.13.0",
        "@postman/postman-mcp-server/dist/src/index.js",
        &[],
    )),
    needs_credential(node(
        "brave",
        "@brave/brave-search-mcp-server@2.1.4",
        "@brave/brave-search-mcp-server/dist/index.js",
        &[],
    )),
    python(
        "git",
        "reference",
        "mcp-server-git",
        "mcp_server_git",
        &["--repository", "{repository}"],
    ),
    python(
        "time",
        "reference",
        "mcp-server-time",
        "mcp_server_time",
        &["--local-timezone", "UTC"],
    ),
    python(
        "fetch",
        "reference",
        "mcp-server-fetch",
        "mcp_server_fetch",
        &[],
    ),
    python(
        "excel",
        "excel",
        "excel-mcp-server",
        "excel_mcp.server",
        &["stdio"],
    ),
    python(
        "word",
        "word",
        "word_mcp_server",
        "word_document_server.main",
        &[],
    ),
    python(
        "calculator",
        "old",
        "mcp-server-calculator",
        "mcp_server_calculator",
        &[],
    ),
    python(
        "sqlite",
        "old",
        "mcp-server-sqlite",
        "mcp_server_sqlite",
        &["--db-path", "{folder}/test.db"],
    ),
    python(
        "text-editor",
        "old",
        "mcp-text-editor",
        "mcp_text_editor",
        &[],
    ),
];

/// Errors that these servers really have: server, and the beginning of the finding.
pub(super) const KNOWN_ERRORS: &[(&str, &str)] = &[(
    "sqlite",
    "unknown tool: a tool that does not exist is called with success",
)];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_readme_counts_the_servers_right() {
        let packages: BTreeSet<&str> = SERVERS
            .iter()
            .map(|real| match real.from {
                From::Npm(package, _) => package,
                From::Python(_, program, _) => program,
            })
            .collect();
        let readme = include_str!("../../../../README.md");
        let said = format!("{} servers from npm and PyPI", packages.len());
        assert!(readme.contains(&said), "the README should say: {said}");
    }
}
