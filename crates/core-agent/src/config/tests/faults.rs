//! Every kind of fault once: where it is, what it says.

use super::*;

/// What is said of a `core-agent.toml` with these lines.
fn said(text: &str) -> String {
    World::new().file("a.toml", text).said("a.toml")
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let text = "\
servers.a.comand = 'server'
servers.b.command = 7

[servers.'C D']
url = 'https://example.com/mcp'

[calls]
attempts = 99
[hub]
listing = 'metal'
";
    assert_eq!(
        said(text),
        "\
a.toml:1:11: error: servers.a.comand: this key is not known; did you mean command?
a.toml:2:21: error: servers.b.command: a whole number cannot stand here; use a text
a.toml:4:10: error: servers.C D: \"C D\" cannot name a server: use 1 to 32 of a-z, 0-9, - and _, beginning with a letter or a digit; such as c-d
a.toml:8:12: error: calls.attempts: 99 is out of range; use a whole number from 1 to 10
a.toml:10:11: error: hub.listing: this word is not known; use one of meta, merged; did you mean meta?"
    );
}

#[test]
fn places_are_known_in_json_too() {
    let world = World::new().file("a.json", "{\n  \"servers\": {\"a\": {\"url\": \"ftp://example.com\",\n   \"urls\": 1, \"url\": 2}}\n}");
    assert_eq!(
        world.said("a.json"),
        "\
a.json:3:4: error: servers.a.urls: this key is not known; did you mean url?
a.json:3:15: error: url: this key is given twice; keep one of the two
a.json:3:22: error: servers.a.url: a whole number cannot stand here; use a text, with ${env:NAME} and the like"
    );
    assert!(
        World::new()
            .file("a.json", "{")
            .said("a.json")
            .starts_with("a.json:1:1: error: a.json: this is not JSON")
    );
    assert!(said("a = ").starts_with("a.toml:1:5: error: a.toml: this is not TOML"));
    assert_eq!(
        World::new().said("none.toml"),
        "error: none.toml: there is no such file; name another with --config, or make it with core-agent import --write"
    );
}

/// One fault each: the lines of a server `s`, and what is said of it.
#[test]
fn faults_of_servers() {
    let cases = [
        (
            "command = 'server'\nurl = 'https://a.example'",
            "error: servers.s.url: it has both a command and a url",
        ),
        (
            "eager = true",
            "error: servers.s: it has neither a command nor a url",
        ),
        (
            "command = ''",
            "error: servers.s.command: the command is empty",
        ),
        (
            "command = 'server --flag'",
            "error: servers.s.command: this is a line of several words",
        ),
        (
            "command = 'absent'",
            "unavailable: servers.s.command: this program was not found",
        ),
        (
            "command = 'absent'\nenabled = false",
            "warning: servers.s.command: this program was not found",
        ),
        (
            "command = 'server'\ncwd = 'nowhere'",
            "unavailable: servers.s.cwd: there is no folder nowhere",
        ),
        (
            "command = 'sh'\nargs = ['-c', 'x']",
            "warning: servers.s.command: sh runs a line of shell code",
        ),
        (
            "command = 'npx'\nargs = ['-c', 'x']",
            "warning: servers.s.command: npx is given code to run",
        ),
        (
            "command = 'uvx'\nargs = ['--from', 'git+https://a/b', 'x']",
            "warning: servers.s.command: uvx runs code from git+https://a/b, which",
        ),
        (
            "command = 'server'\nargs = ['${env:A']",
            "error: servers.s.args.0: a reference is not closed",
        ),
        (
            "command = 'server'\nargs = ['${env:ABSENT}']",
            "unavailable: servers.s.args.0: the variable ABSENT is not set",
        ),
        (
            "command = 'server'\nargs = ['${input:key}']",
            "error: servers.s.args.0: ${input:key} is asked for by an editor",
        ),
        (
            "command = 'server'\nargs = ['--token=abcdefgh']",
            "warning: servers.s.args.0: this looks like a secret written out",
        ),
        (
            "command = 'server'\nenv = { A = '${file:/nowhere}' }",
            "unavailable: servers.s.env.A: the file /nowhere cannot be read",
        ),
        (
            "command = 'server'\nenv = { A = '${command:absent}' }",
            "unavailable: servers.s.env.A: the program absent was not found",
        ),
        (
            "command = 'server'\nenv = { A = '${keyring:a/b}' }",
            "unavailable: servers.s.env.A: this machine has no keyring program",
        ),
        (
            "command = 'server'\nenv = { 'A B' = 'x' }",
            "error: servers.s.env.A B: this cannot name a variable",
        ),
        (
            "command = 'server'\nenv = { API_KEY = 'abcdefgh' }",
            "warning: servers.s.env.API_KEY: this looks like a secret",
        ),
        (
            "command = 'server'\ninherit = ['A=b']",
            "error: servers.s.inherit.0: this cannot name a variable",
        ),
        (
            "command = 'server'\nheaders = { A = 'b' }",
            "warning: servers.s.headers: this is for a server with a url",
        ),
        (
            "command = 'server'\nprefix = 'a.b'",
            "error: servers.s.prefix: a tool's name cannot begin so",
        ),
        (
            "command = 'server'\ntools = ['a*b']",
            "error: servers.s.tools.0: this names no tool",
        ),
        (
            "command = 'server'\ntools = ['a']\nexclude = ['a']",
            "warning: servers.s.tools.0: it is in exclude too",
        ),
        (
            "command = 'server'\nfallback = { a = ['b'] }",
            "error: servers.s.fallback.a.0: this names no tool of a server",
        ),
        (
            "command = 'server'\nfallback = { a = ['s/a'] }",
            "error: servers.s.fallback.a.0: a tool cannot stand in for itself",
        ),
        (
            "command = 'server'\nfallback = { a = ['t/b'] }",
            "error: servers.s.fallback.a.0: no server is called t",
        ),
        (
            "command = 'server'\ntimeout_seconds = 900",
            "warning: servers.s.timeout_seconds: calls are given up after",
        ),
        (
            "url = 'ws://a.example'",
            "error: servers.s.url: this scheme is not spoken",
        ),
        (
            "url = 'ftp://${env:HOME}'",
            "error: servers.s.url: this scheme is not spoken",
        ),
        (
            "url = 'nonsense'",
            "error: servers.s.url: this is no web address",
        ),
        (
            "url = 'http://example.com/mcp'",
            "error: servers.s.url: http beyond a private network",
        ),
        (
            "url = 'http://10.1.2.3/mcp'",
            "warning: servers.s.url: whoever is on this network",
        ),
        (
            "url = 'https://me:secret-word@example.com/mcp'",
            "error: servers.s.url: an address does not carry a user's name",
        ),
        (
            "url = 'https://example.com/mcp#a'",
            "error: servers.s.url: an address of a server has no #",
        ),
        (
            "url = 'https://a.example'\nargs = ['x']",
            "warning: servers.s.args: this is for a server with a command",
        ),
        (
            "url = 'https://a.example'\nheaders = { 'A B' = 'x' }",
            "error: servers.s.headers.A B: this cannot name a header",
        ),
        (
            "url = 'https://a.example'\nheaders = { Host = 'x' }",
            "error: servers.s.headers.Host: this header belongs to the protocol",
        ),
        (
            "url = 'https://a.example'\nheaders = { A = \"x\\ny\" }",
            "error: servers.s.headers.A: this cannot be a header's value",
        ),
        (
            "url = 'https://a.example'\nheaders = { Authorization = 'Bearer abcdefgh' }",
            "warning: servers.s.headers.Authorization: this looks like a secret",
        ),
        (
            "url = 'https://a.example'\noauth = { client_secret = '${env:HOME}' }",
            "error: servers.s.oauth.client_secret: this belongs to a client id",
        ),
        (
            "url = 'https://a.example'\noauth = { client_metadata_url = 'http://a.example/c' }",
            "error: servers.s.oauth.client_metadata_url: this cannot identify a client",
        ),
    ];
    for (lines, expected) in cases {
        let said = said(&format!("[servers.s]\n{lines}\n"));
        assert!(
            said.lines().any(|line| line.contains(expected)),
            "{lines}\n{expected}\n{said}"
        );
        assert!(
            !said.contains("secret-word") && !said.contains("abcdefgh"),
            "{said}"
        );
    }
    for good in [
        "command = 'server'\nargs = ['a', '${HOME}']\nenv = { A = 'b' }",
        "command = './bin/server'",
        "url = 'https://example.com/mcp'\nheaders = { Authorization = 'Bearer ${env:HOME}' }",
        "url = 'http://127.0.0.1:8000/mcp'",
        "url = '${env:HOME}'",
    ] {
        assert_eq!(said(&format!("[servers.s]\n{good}\n")), "", "{good}");
    }
}

#[test]
fn faults_of_the_program() {
    let cases = [
        (
            "callers.a.names_users = true",
            "error: callers.a: it has no token",
        ),
        (
            "callers.local.token = '${env:TOKEN}'",
            "error: callers.local: local is the person",
        ),
        (
            "callers.a.token = '${env:SHORT}'",
            "error: callers.a.token: the token is shorter than 16",
        ),
        (
            "callers.a.token = '${env:ABSENT}'",
            "error: callers.a.token: the variable ABSENT is not set",
        ),
        (
            "callers.a.token = 'written-out-token-canary'",
            "warning: callers.a.token: this looks like a secret",
        ),
        (
            "callers.a.token = '${env:TOKEN}'\ncallers.b.token = '${env:SAME}'",
            "error: callers.b.token: a has the same token",
        ),
        (
            "http.listen = '0.0.0.0:8100'",
            "error: http.listen: 0.0.0.0:8100 is open to other machines",
        ),
        (
            "http.listen = 'localhost'",
            "error: http.listen: this is no address with a port",
        ),
        (
            "http.listen = '0.0.0.0:1'\ncallers.a.token = '${env:TOKEN}'",
            "warning: http.hosts: requests that name this machine otherwise",
        ),
        (
            "http.hosts = ['https://a']",
            "error: http.hosts.0: this is no host name",
        ),
        (
            "http.origins = ['a.example']",
            "error: http.origins.0: this is no web origin",
        ),
        (
            "http.prefixes = ['a']",
            "error: http.prefixes.0: this is no path",
        ),
        (
            "policy.files = ['none.cedar']",
            "error: policy.files.0: there is no file none.cedar",
        ),
        (
            "search.encoder = 'none'",
            "warning: search.encoder: there is no folder none",
        ),
        (
            "telemetry.log_level = 'a=b=c'",
            "error: telemetry.log_level: this is no filter",
        ),
        (
            "telemetry.otlp_endpoint = 'collector'",
            "error: telemetry.otlp_endpoint: this is no web address",
        ),
        (
            "telemetry.log_format = 'xml'",
            "error: telemetry.log_format: this word is not known",
        ),
        (
            "environment = 'prodution'",
            "error: environment: this environment is not known",
        ),
        (
            "servers.a = { command = 'server', prefix = 'x' }\nservers.b = { command = 'server', prefix = 'x' }",
            "error: servers.b.prefix: the tools of a begin with the same",
        ),
        (
            "servers.a = { command = 'server', prefix = '' }\nservers.b = { command = 'server', prefix = '' }",
            "warning: servers.b.prefix: the tools of a have bare names too",
        ),
        (
            "servers.a = { command = 'server', args = [1] }",
            "error: servers.a.args.0: a whole number cannot stand here",
        ),
        (
            "servers = 1979-05-27",
            "error: servers: a date or time cannot stand here",
        ),
    ];
    for (lines, expected) in cases {
        let world = World::new()
            .var("TOKEN", "0123456789abcdef-canary")
            .var("SAME", "0123456789abcdef-canary")
            .var("SHORT", "short-canary")
            .file("a.toml", lines);
        let said = world.said("a.toml");
        assert!(
            said.lines().any(|line| line.contains(expected)),
            "{lines}\n{expected}\n{said}"
        );
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn production_asks_for_more() {
    let text = "\
environment = 'production'
[telemetry]
log_format = 'text'
[trust]
pins = false
[servers.a]
command = 'npx'
args = ['-y', 'some-server']
env = { API_KEY = 'canary-canary' }
";
    let said = said(text);
    for expected in [
        "a.toml:3:1: error: telemetry.log_format: logs of production are read by programs",
        "a.toml:9:9: error: servers.a.env.API_KEY: this looks like a secret written out",
        "a.toml:5:1: warning: trust.pins: changed tools are not noticed",
        "a.toml:8:1: warning: servers.a.args: whatever version of some-server is newest is run",
    ] {
        assert!(
            said.lines().any(|line| line.starts_with(expected)),
            "{expected}\n{said}"
        );
    }
    assert!(!said.contains("canary"), "{said}");
    let world = World::new().file("a.toml", "environment = 'production'");
    let loaded = world.load_named("a.toml").unwrap();
    assert_eq!(loaded.config.telemetry.log_format.as_deref(), Some("json"));
}

#[test]
fn a_file_merely_found_may_not_loosen_anything() {
    for (lines, expected) in [
        ("state = 'here'", "state: a file that is only found"),
        (
            "trust.approve_commands = false",
            "trust.approve_commands: a file that is only found",
        ),
        (
            "trust.pins = false",
            "trust.pins: a file that is only found",
        ),
        (
            "policy.files = ['a.cedar']",
            "policy.files: a file that is only found",
        ),
        (
            "servers.a = { url = 'https://a.example', headers = { A = '${command:id}' } }",
            "servers.a.headers.A: a file that is only found",
        ),
        (
            "servers.a = { command = 'server', args = ['${command:id}'] }",
            "servers.a.args: a file that is only found",
        ),
        (
            "servers.a = { url = 'https://a.example', headers = { A = '${env:HOME}' } }",
            "servers.a.headers.A: a file that is only found in the working folder may not send",
        ),
        (
            "servers.a.url = 'https://a.example/${HOME}'",
            "servers.a.url: a file that is only found in the working folder may not send",
        ),
        (
            "http.listen = '127.0.0.1:1'",
            "http: a file that is only found",
        ),
        (
            "callers.a.token = '${HOME:-0123456789abcdef}'",
            "callers: a file that is only found",
        ),
        ("alerts = []", "alerts: a file that is only found"),
        (
            "telemetry.otlp_endpoint = 'http://a.example'",
            "telemetry.otlp_endpoint: a file that is only found",
        ),
        (
            "servers.a = { command = 'server', trust = 'trusted' }",
            "servers.a.trust: a file that is only found",
        ),
        (
            "servers.a = { url = 'https://a.example', identity.pass_user = true }",
            "servers.a.identity.pass_user: a file that is only found",
        ),
        (
            "servers.a = { url = 'https://a.example', identity = { pass_bearer = true } }",
            "servers.a.identity.pass_bearer: a file that is only found",
        ),
        (
            "servers.a = { url = 'https://a.example', oauth.allow_private_addresses = true }",
            "servers.a.oauth.allow_private_addresses: a file that is only found",
        ),
    ] {
        let world = World::new()
            .file("core-agent.toml", lines)
            .file("a.cedar", "")
            .program("id");
        let faults = world.load().unwrap_err().to_string();
        assert!(faults.contains(expected), "{lines}\n{faults}");
        assert!(world.load_named("core-agent.toml").is_ok(), "{lines}");
    }
    let split = World::new()
        .file("core-agent.toml", "servers.a.url = 'https://a.example'")
        .file(
            "core-agent.development.toml",
            "servers.a.identity.pass_user = true",
        );
    let faults = split.load().unwrap_err().to_string();
    assert!(faults.contains("servers.a.identity.pass_user"), "{faults}");
    let user = World::new().file(
        "home/.config/core-agent/core-agent.toml",
        "trust.pins = false",
    );
    assert!(!user.load().unwrap().config.trust.pins);
}

#[cfg(unix)]
#[test]
fn a_file_anybody_may_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().file("a.toml", "");
    let path = world.folder.path().join("a.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(
        world
            .said("a.toml")
            .contains("every user of this machine may change it")
    );
}

#[test]
fn nothing_shown_has_a_secret() {
    let text = "\
[servers.a]
command = 'server'
args = ['--token', 'canary-one', '--api-key=canary-two', '${env:KEPT}']
env = { API_KEY = 'canary-three', MODE = 'plain' }
[servers.b]
url = 'https://example.com/mcp?token=canary-four'
headers = { Authorization = 'Bearer canary-five' }
oauth = { client_id = 'id', client_secret = 'canary-six' }
[callers.c]
token = 'canary-seven-long-enough'
";
    let world = World::new()
        .var("KEPT", "canary-eight")
        .file("a.toml", text);
    let loaded = world.load_named("a.toml").unwrap();
    let shown = format!(
        "{}{}{loaded:?}{}",
        loaded.shown(),
        loaded.shown_json(),
        world.said("a.toml")
    );
    assert!(!shown.contains("canary"), "{shown}");
    for kept in [
        "${env:KEPT}",
        "MODE = \"plain\"",
        "--api-key=(written out, not shown)",
        "# /",
        "https://example.com/mcp?not-shown",
    ] {
        assert!(shown.contains(kept), "{kept}\n{shown}");
    }
    // What is shown is read again.
    let again = World::new()
        .var("KEPT", "x")
        .file("b.toml", &loaded.shown());
    assert!(
        again.load_named("b.toml").is_ok(),
        "{}",
        again.said("b.toml")
    );
}
