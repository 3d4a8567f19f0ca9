//! An import from end to end: files of other programs in, our file and what is said out.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use super::*;
use crate::config::{LoadOptions, Loaded, load};

/// No output may have any of these; each begins with the same.
const CANARY: &str = "canary";

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("project")).unwrap();
        Self { folder }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn places(&self) -> Places {
        Places {
            home: Some(self.path("home")),
            config: None,
            appdata: Some(self.path("appdata")),
            folder: self.path("project"),
        }
    }

    fn plan(&self, clients: &[Client]) -> Import {
        let places = self.places();
        let files: Vec<ForeignFile> = clients
            .iter()
            .flat_map(|client| client.files(&places))
            .collect();
        plan(&files, &self.path("core-agent.toml")).unwrap()
    }

    fn load(&self) -> Loaded {
        load(&LoadOptions {
            config: Some(self.path("core-agent.toml")),
            environment: None,
            state: None,
            folder: self.path("project"),
            env: Arc::new(BTreeMap::new()),
        })
        .unwrap()
    }
}

/// What a client's file becomes.
fn becomes(client: Client, name: &str, text: &str, servers: &str) {
    let world = World::new().file(name, text);
    let import = world.plan(&[client]);
    let lines = import.after.lines().filter(|line| !line.starts_with('#'));
    let after = lines.collect::<Vec<_>>().join("\n");
    let folder = world.folder.path().display().to_string();
    assert_eq!(
        after.replace(&folder, "FOLDER").trim(),
        servers.trim(),
        "{client:?}"
    );
    assert!(!import.diff().contains(CANARY));
    // What is written is a configuration.
    write(&import, false).unwrap();
    world.load();
}

#[test]
fn every_client_s_form_is_read() {
    becomes(
        Client::ClaudeDesktop,
        "home/Library/Application Support/Claude/claude_desktop_config.json",
        r#"{"globalShortcut": "", "mcpServers": {"filesystem": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"], "env": {"API_KEY": "canary-1", "MODE": "x"}}}}"#,
        r#"
[servers.filesystem]
command = "npx"
args = ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"]
env = { API_KEY = "${env:API_KEY}", MODE = "x" }
"#,
    );
    becomes(
        Client::ClaudeCode,
        "home/.claude.json",
        r#"{"numStartups": 3,
            "mcpServers": {"github": {"type": "http", "url": "https://api.example/mcp", "headers": {"Authorization": "Bearer canary-22"}}},
            "projects": {"/p": {"allowedTools": [], "mcpServers": {"db": {"type": "stdio", "command": "db", "args": ["postgres://me:canary-3@host/x"]}}}}}"#,
        r#"
[servers.github]
url = "https://api.example/mcp"
headers = { Authorization = "Bearer ${env:GITHUB_TOKEN}" }

[servers.db]
command = "db"
args = ["${env:DB_SECRET}"]
"#,
    );
    becomes(
        Client::Vscode,
        "home/.config/Code/User/mcp.json",
        r#"{
  // asked once
  "inputs": [{"id": "perplexity-key", "type": "promptString", "password": true},],
  "servers": {"perplexity": {"type": "stdio", "command": "npx", "args": ["-y", "p"], "env": {"KEY": "${input:perplexity-key}", "DIR": "${userHome}/x", "A": "${env:A}"}, "envFile": ".env"},}
}"#,
        r#"
[servers.perplexity]
command = "npx"
args = ["-y", "p"]
env = { A = "${env:A}", DIR = "${env:HOME}/x", KEY = "${env:PERPLEXITY_KEY}" }
"#,
    );
    becomes(
        Client::Vscode,
        "appdata/Code/User/settings.json",
        r#"{"editor.fontSize": 12, "mcp": {"servers": {"a": {"command": "a"}}}, "mcp.servers": {"b": {"url": "https://b.example/mcp"}}}"#,
        "[servers.a]\ncommand = \"a\"\n\n[servers.b]\nurl = \"https://b.example/mcp\"",
    );
    becomes(
        Client::Vscode,
        "project/.vscode/mcp.json",
        r#"{"servers": {"a": {"command": "${workspaceFolder}/server"}}}"#,
        "[servers.a]\ncommand = \"FOLDER/project/server\"",
    );
    becomes(
        Client::Cursor,
        "home/.cursor/mcp.json",
        r#"{"mcpServers": {"My Server": {"url": "https://c.example/mcp?api_key=canary-4"}}}"#,
        "[servers.my-server]\nurl = \"${env:MY_SERVER_URL}\"",
    );
    becomes(
        Client::Windsurf,
        "home/.codeium/windsurf/mcp_config.json",
        r#"{"mcpServers": {"w": {"serverUrl": "https://w.example/mcp", "disabled": true, "disabledTools": ["a"]}}}"#,
        "[servers.w]\nurl = \"https://w.example/mcp\"\nenabled = false\nexclude = [\"a\"]",
    );
    becomes(
        Client::Zed,
        "home/.config/zed/settings.json",
        r#"{
  "theme": "One", // a comment
  "context_servers": {
    "old": {"command": {"path": "old", "args": ["--api-key", "canary-5"], "env": {}}, "settings": {}},
    "new": {"source": "custom", "command": "new", "args": []},
    "extension": {"source": "extension", "settings": {}},
  },
}"#,
        r#"
[servers.new]
command = "new"
args = []

[servers.old]
command = "old"
args = ["--api-key", "${env:OLD_API_KEY}"]
env = {}
"#,
    );
    becomes(
        Client::Codex,
        "home/.codex/config.toml",
        r#"model = "x"
[mcp_servers.docs]
command = "docs"
args = ["serve"]
env_vars = ["DOCS_HOME"]
enabled_tools = ["search"]
tool_timeout_sec = 20
[mcp_servers.docs.env]
DOCS_TOKEN = "canary-6"
[mcp_servers.figma]
url = "https://figma.example/mcp"
bearer_token_env_var = "FIGMA_TOKEN"
http_headers = { "X-Region" = "eu" }
env_http_headers = { "X-Team" = "FIGMA_TEAM" }
"#,
        r#"
[servers.docs]
command = "docs"
args = ["serve"]
env = { DOCS_TOKEN = "${env:DOCS_TOKEN}" }
inherit = ["DOCS_HOME"]
tools = ["search"]
timeout_seconds = 20

[servers.figma]
url = "https://figma.example/mcp"

[servers.figma.headers]
Authorization = "Bearer ${env:FIGMA_TOKEN}"
X-Region = "eu"
X-Team = "${env:FIGMA_TEAM}"
"#,
    );
}

#[test]
fn an_existing_file_keeps_its_comments_its_order_and_its_secrets() {
    let before = "\
# mine
[telemetry]
log_level = 'warn' # quiet

[servers.zoo] # the first
command = 'zoo'
env = { API_KEY = 'canary-own' }

[calls]
attempts = 2
";
    let world = World::new().file("core-agent.toml", before).file(
        "home/.cursor/mcp.json",
        r#"{"mcpServers": {"new": {"command": "new"}}}"#,
    );
    let import = world.plan(&Client::ALL);
    assert_eq!(
        fs::read_to_string(world.path("core-agent.toml")).unwrap(),
        before
    );
    let diff = import.diff();
    assert!(
        diff.contains("+[servers.new]\n+command = \"new\"") && !diff.contains(CANARY),
        "{diff}"
    );
    assert!(
        diff.lines()
            .all(|line| !line.starts_with('-') || line.starts_with("---")),
        "{diff}"
    );
    let kept = write(&import, false).unwrap().unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), before);
    let after = fs::read_to_string(world.path("core-agent.toml")).unwrap();
    assert_eq!(after, import.after);
    assert!(after.starts_with(
        "# mine\n[telemetry]\nlog_level = 'warn' # quiet\n\n[servers.zoo] # the first"
    ));
    // A second import finds nothing new.
    let again = world.plan(&Client::ALL);
    assert!(!again.changes() && again.wanted.is_empty());
    assert_eq!(again.servers[0].action, Action::Unchanged);
}

#[test]
fn other_ways_of_writing_servers_are_added_to_as_well() {
    for before in [
        "servers.a.command = 'a'\n",
        "servers = { a = { command = 'a' } }\n",
        "[servers]\na = { command = 'a' }\n",
        "",
    ] {
        let world = World::new().file("core-agent.toml", before).file(
            "home/.cursor/mcp.json",
            r#"{"mcpServers": {"b": {"command": "b", "env": {"X": "1"}}}}"#,
        );
        write(&world.plan(&Client::ALL), false).unwrap();
        let loaded = world.load();
        assert_eq!(
            loaded.config.servers[&"b".parse().unwrap()].env["X"].0,
            "1",
            "{before}"
        );
        assert_eq!(
            loaded.config.servers.len(),
            1 + usize::from(!before.is_empty())
        );
    }
}

#[test]
fn servers_with_one_name_and_variables_with_one_name_are_told_apart() {
    let world = World::new()
        .file(
            "home/.cursor/mcp.json",
            r#"{"mcpServers": {"gh": {"command": "gh", "env": {"TOKEN": "canary-one"}}}}"#,
        )
        .file(
            "home/.codeium/windsurf/mcp_config.json",
            r#"{"mcpServers": {"gh": {"command": "gh", "env": {"TOKEN": "canary-two"}}}}"#,
        )
        .file(
            "project/.cursor/mcp.json",
            r#"{"mcpServers": {"gh": {"command": "gh", "env": {"TOKEN": "canary-one"}}}}"#,
        );
    let import = world.plan(&[Client::Cursor, Client::Windsurf]);
    let names: Vec<(&str, &Action)> = import
        .servers
        .iter()
        .map(|taken| (taken.name.as_str(), &taken.action))
        .collect();
    let renamed = Action::Renamed {
        was: "gh".to_owned(),
    };
    assert_eq!(
        names,
        [
            ("gh", &Action::Added),
            ("gh", &Action::Unchanged),
            ("gh-2", &renamed)
        ]
    );
    let wanted: Vec<&str> = import
        .wanted
        .iter()
        .map(|wanted| wanted.variable.as_str())
        .collect();
    assert_eq!(wanted, ["TOKEN", "GH_TOKEN"]);
    assert!(import.after.contains("${env:GH_TOKEN}"));
}

#[test]
fn secrets_reach_the_env_file_and_nothing_else() {
    let world = World::new()
        .file("home/.cursor/mcp.json", r#"{"mcpServers": {"a": {"command": "a", "env": {"API_KEY": "canary'quoted $x \\ y"}}, "b": {"command": "b", "args": ["--token=canary-b"]}}}"#)
        .file(".env", "OTHER=1");
    let import = world.plan(&[Client::Cursor]);
    let said = format!(
        "{}{import:?}{:?}{}",
        import.diff(),
        import.notes,
        serde_json::to_string(&import.wanted).unwrap()
    );
    assert!(!said.contains(CANARY), "{said}");
    write(&import, true).unwrap();
    let toml = fs::read_to_string(world.path("core-agent.toml")).unwrap();
    assert!(!toml.contains(CANARY), "{toml}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let about = fs::metadata(world.path(".env")).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }
    let loaded = world.load();
    assert_eq!(
        loaded.variables.get("API_KEY").as_deref(),
        Some("canary'quoted $x \\ y")
    );
    assert_eq!(loaded.variables.get("B_TOKEN").as_deref(), Some("canary-b"));
    assert_eq!(loaded.variables.get("OTHER").as_deref(), Some("1"));
}

#[test]
fn what_cannot_be_taken_is_said() {
    let world = World::new()
        .file(
            "home/.cursor/mcp.json",
            r#"{"mcpServers": {
            "hub": {"command": "/usr/bin/core-agent", "args": ["stdio"]},
            "odd": {"command": "odd", "args": {"a": 1}},
            "word": {"command": "word", "args": ["${config:x}", "${input:My Key}"]},
            "none": {"settings": {}}
        }}"#,
        )
        .file("home/.codeium/windsurf/mcp_config.json", "{");
    let import = world.plan(&Client::ALL);
    let names: Vec<&str> = import
        .servers
        .iter()
        .map(|taken| taken.name.as_str())
        .collect();
    assert_eq!(names, ["word"]);
    assert!(
        import
            .after
            .contains("args = [\"$${config:x}\", \"${env:MY_KEY}\"]"),
        "{}",
        import.after
    );
    let said: Vec<String> = import.notes.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    for expected in [
        "mcpServers.hub: it is this program: it is left out",
        "args: a table cannot stand here",
        "mcpServers.odd: it is left out",
        "mcpServers.word: \"config\" is no kind of reference",
        "mcpServers.none: it has no command and no address of its own",
        "mcp_config.json:1:1: error",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let target = world.path("core-agent.json");
    assert!(matches!(plan(&[], &target), Err(ImportError::NotToml(_))));
    let broken = World::new().file("core-agent.toml", "a = ");
    assert!(matches!(
        plan(&[], &broken.path("core-agent.toml")),
        Err(ImportError::Target(_))
    ));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_file_is_read_without_panic(text in "(\\{|\\}|\\[|\\]|\"mcpServers\"|\"a\"|\"command\"|:|,|1|\"\\$\\{x\\}\"| ){0,40}") {
        let world = World::new().file("home/.cursor/mcp.json", &text);
        let import = world.plan(&[Client::Cursor]);
        write(&import, false).unwrap();
    }
}
