//! The form of desktop clients.

use super::*;

#[test]
fn the_form_of_desktop_clients_is_read() {
    let text = r#"{
  // as Claude Desktop writes it
  "mcpServers": {
    "My Files": {"command": "npx", "args": ["-y", "files", 7], "env": {"PORT": 3000, "FLAG": true}, "alwaysAllow": ["x"]},
    "web": {"type": "http", "serverUrl": "https://web.example/mcp", "headers": {"X-A": "b"}, "disabled": true},
    "old": {"type": "sse", "url": "https://old.example/sse", "oauth": {"clientId": "abc"}},
    "gemini": {"httpUrl": "https://g.example/mcp", "trust": true, "includeTools": ["a"], "excludeTools": ["b"]},
    "ours": {"command": "server", "prefix": "", "cwd": null, "timeout_seconds": 5},
  },
  "globalShortcut": "Ctrl+Space"
}"#;
    let world = World::new().file("a.json", text);
    let loaded = world.load_named("a.json").unwrap();
    let files = server(&loaded, "my-files");
    assert_eq!(files.command.as_deref(), Some("npx"));
    assert_eq!(
        files.args,
        ["-y", "files", "7"].map(|arg| Template(arg.into()))
    );
    assert_eq!(
        (files.env["PORT"].0.as_str(), files.env["FLAG"].0.as_str()),
        ("3000", "true")
    );
    let web = server(&loaded, "web");
    assert_eq!(web.url, Some(Template("https://web.example/mcp".into())));
    assert!(!web.enabled && web.headers["X-A"].0 == "b");
    assert_eq!(
        server(&loaded, "old").oauth.client_id.as_deref(),
        Some("abc")
    );
    let gemini = server(&loaded, "gemini");
    assert_eq!(
        (gemini.tools[0].as_str(), gemini.exclude[0].as_str()),
        ("a", "b")
    );
    assert_eq!(gemini.trust, TrustLevel::Untrusted);
    assert_eq!(server(&loaded, "ours").prefix.as_deref(), Some(""));
    let said = world.said("a.json");
    for expected in [
        "a.json:4:5: warning: mcpServers.My Files: it is called my-files here",
        "mcpServers.my-files.alwaysAllow: this is not understood here and left out",
        "mcpServers.old.type: the transport with two addresses of 2024 is not spoken",
        "mcpServers.gemini.trust: it stays untrusted",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn names_that_cannot_be_told_apart_are_faults() {
    let text = r#"{"mcpServers": {"A B": {"command": "server"}, "a-b": {"command": "server"}, "***": {}}}"#;
    let said = World::new().file("a.json", text).said("a.json");
    assert!(
        said.contains("error: mcpServers.a-b: another server is called a-b here too"),
        "{said}"
    );
    assert!(
        said.contains("error: mcpServers.***: this name has no letter or digit"),
        "{said}"
    );
    let said = World::new()
        .file("a.json", r#"{"mcpServers": 7}"#)
        .said("a.json");
    assert!(
        said.contains("a.json:1:16: error: mcpServers: a whole number cannot stand here"),
        "{said}"
    );
}
