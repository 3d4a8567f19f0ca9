//! Which files and variables count, and which win.

use super::*;

#[test]
fn nothing_at_all_is_a_configuration() {
    let world = World::new();
    let loaded = world.load().unwrap();
    assert!(loaded.config.servers.is_empty() && loaded.sources.is_empty());
    let state = loaded.state_path().display().to_string();
    assert_eq!(state, world.path("home/.local/state/core-agent"));
    assert_eq!(loaded.state_folder().unwrap(), loaded.state_path());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let about = fs::metadata(loaded.state_path()).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn the_first_file_found_counts() {
    let files = [
        "home/.config/core-agent/core-agent.toml",
        ".mcp.json",
        "mcp.json",
        "core-agent.json",
        "core-agent.toml",
    ];
    let mut world = World::new();
    for name in files {
        let text = if name.ends_with("toml") { "" } else { "{}" };
        world = world.file(name, text);
        let loaded = world.load().unwrap();
        assert_eq!(loaded.sources, [Source::File(world.path(name).into())]);
    }
    let elsewhere = world.path("elsewhere");
    let world = world
        .file("elsewhere/core-agent/core-agent.json", "{}")
        .file("named.json", "{}")
        .var("XDG_CONFIG_HOME", &elsewhere);
    assert_eq!(
        world.options().user_folder().unwrap().display().to_string(),
        world.path("elsewhere/core-agent")
    );
    let named = world.load_named("named.json").unwrap();
    assert_eq!(
        named.sources,
        [Source::File(world.path("named.json").into())]
    );
    let by_variable = world.var("CORE_AGENT_CONFIG", "named.json").load().unwrap();
    assert_eq!(by_variable.sources, named.sources);
}

#[test]
fn the_environment_s_file_is_laid_over() {
    let world = World::new()
        .file(
            "core-agent.toml",
            "[servers.a]\ncommand = 'server'\nargs = ['one', 'two']\nenv = { A = '1', B = '2' }\n[calls]\nattempts = 2\ncap_seconds = 60",
        )
        .file(
            "core-agent.staging.toml",
            "[servers.a]\nargs = ['three']\nenv = { B = '3' }\n[servers.b]\nurl = 'https://b.example/mcp'\n[calls]\nattempts = 5",
        )
        .file("core-agent.production.json", "{\"calls\": {\"attempts\": 7}}");
    let plain = world.load().unwrap();
    assert_eq!(plain.config.environment, Environment::Development);
    assert_eq!(plain.config.calls.attempts, 2);

    let staging = load(&LoadOptions {
        environment: Some("staging".into()),
        ..world.options()
    })
    .unwrap();
    assert_eq!(staging.config.environment, Environment::Staging);
    let a = server(&staging, "a");
    assert_eq!(a.args, [Template("three".into())]);
    assert_eq!((a.env["A"].0.as_str(), a.env["B"].0.as_str()), ("1", "3"));
    assert_eq!(
        (
            staging.config.calls.attempts,
            staging.config.calls.cap_seconds
        ),
        (5, 60)
    );
    assert!(staging.origins["b"].ends_with("core-agent.staging.toml"));
    assert_eq!(staging.sources.len(), 2);

    let production = world.var("CORE_AGENT_ENV", "production").load().unwrap();
    assert_eq!(production.config.calls.attempts, 7);
    let said = World::new()
        .var("CORE_AGENT_ENV", "live")
        .load()
        .unwrap_err();
    assert!(
        said.to_string()
            .contains("CORE_AGENT_ENV: this environment is not known")
    );
}

#[test]
fn the_file_can_choose_its_environment() {
    let world = World::new()
        .file("core-agent.toml", "environment = 'staging'")
        .file("core-agent.staging.toml", "calls.attempts = 9");
    assert_eq!(world.load().unwrap().config.calls.attempts, 9);
}

#[test]
fn servers_by_their_url() {
    let world = World::new()
        .var(
            "MCP_GOOGLE_WORKSPACE_URL",
            "http://google-workspace.busyb.local:8000/mcp",
        )
        .var("MCP_QUICKBOOKS_URL", "https://quickbooks.example/mcp")
        .var("MCP_JOBBER_URL", " ")
        .var("MCP_OAUTH_TOKEN_URL", "https://auth.example/token")
        .var("MCP_SERVER_BASE_URL", "https://auth.example")
        .var("MCP_URL", "https://auth.example")
        .var("mcp_small_url", "https://auth.example");
    let loaded = world.load().unwrap();
    let names: Vec<&str> = loaded
        .config
        .servers
        .keys()
        .map(crate::ServerName::as_str)
        .collect();
    assert_eq!(names, ["google-workspace", "quickbooks"]);
    let google = server(&loaded, "google-workspace");
    assert_eq!(
        google.url,
        Some(Template(
            "http://google-workspace.busyb.local:8000/mcp".into()
        ))
    );
    assert!(google.identity.pass_user && !google.identity.pass_bearer && google.enabled);
    assert_eq!(google.trust, TrustLevel::Trusted);
    assert_eq!(
        loaded.origins["google-workspace"],
        "MCP_GOOGLE_WORKSPACE_URL"
    );

    // A file says the rest of such a server, and the variable wins over its address.
    let world = world.file(
        "core-agent.toml",
        "[servers.google-workspace]\nurl = 'https://old.example/mcp'\ntrust = 'untrusted'\nidentity = { pass_user = false, pass_bearer = true }",
    );
    let loaded = world.load().unwrap();
    let google = server(&loaded, "google-workspace");
    assert!(google.url.as_ref().unwrap().0.contains("busyb.local"));
    assert!(!google.identity.pass_user && google.identity.pass_bearer);
    assert_eq!(google.trust, TrustLevel::Untrusted);

    let wrong = World::new()
        .var("MCP_A_URL", "nonsense")
        .load()
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "error: MCP_A_URL: this is no web address; write it in full, such as http://google-workspace.local:8000/mcp"
    );
}

#[test]
fn settings_of_containers_win_over_files() {
    let world = World::new()
        .file(
            "home/.config/core-agent/core-agent.toml",
            "[http]\nlisten = '127.0.0.1:1'\n[telemetry]\nlog_level = 'warn'",
        )
        .var("CORE_AGENT_LISTEN", "0.0.0.0:9000")
        .var("CORE_AGENT_HOSTS", "hub.example, *")
        .var("CORE_AGENT_TOKEN", "0123456789abcdef")
        .var("CORE_AGENT_NAMES_USERS", "yes")
        .var("LOG_LEVEL", "debug")
        .var("CORE_AGENT_LOG_FORMAT", "json")
        .var("CORE_AGENT_STATE", "kept")
        .var("CORE_AGENT_URL", "http://not-ours")
        .var("CORE_AGENT_LISTNE", "1");
    let loaded = world.load().unwrap();
    assert_eq!(loaded.config.http.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(loaded.config.http.hosts, ["hub.example", "*"]);
    assert_eq!(
        loaded.config.callers["default"].token.0,
        "${env:CORE_AGENT_TOKEN}"
    );
    assert!(loaded.config.callers["default"].names_users);
    assert_eq!(loaded.config.telemetry.log_level.as_deref(), Some("debug"));
    assert_eq!(
        loaded.state_path().display().to_string(),
        world.path("kept")
    );
    let said: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["warning: CORE_AGENT_LISTNE: no setting has this name; did you mean CORE_AGENT_LISTEN?"]
    );

    for (name, value, expected) in [
        (
            "CORE_AGENT_LISTEN",
            "nowhere",
            "CORE_AGENT_LISTEN: this is no address with a port",
        ),
        (
            "CORE_AGENT_LISTING",
            "all",
            "CORE_AGENT_LISTING: this word is not known",
        ),
        (
            "CORE_AGENT_TOKEN_FILE",
            "/x",
            "CORE_AGENT_TOKEN: CORE_AGENT_TOKEN_FILE is set too",
        ),
        (
            "CORE_AGENT_NAMES_USERS",
            "perhaps",
            "CORE_AGENT_NAMES_USERS: \"perhaps\" is neither yes nor no",
        ),
    ] {
        let world = World::new()
            .var("CORE_AGENT_TOKEN", "0123456789abcdef")
            .var(name, value);
        let said = world.load().unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_env_file_beside_it_is_read_and_loses_to_the_process() {
    let world = World::new()
        .file(
            "home/.config/core-agent/core-agent.toml",
            "[servers.a]\ncommand = 'server'\nargs = ['${A}', '${B}']",
        )
        .file("home/.config/core-agent/.env", "A=file\nB=file\n")
        .var("B", "process");
    let loaded = world.load().unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.variables.get("A").as_deref(), Some("file"));
    assert_eq!(loaded.variables.get("B").as_deref(), Some("process"));

    // Beside a file that was merely found it is not read.
    let found = World::new()
        .file("core-agent.toml", "")
        .file(".env", "CORE_AGENT_STATE=elsewhere\nA=file\n");
    let loaded = found.load().unwrap();
    assert_eq!(loaded.variables.get("A"), None);
    assert_eq!(
        loaded.state_path().display().to_string(),
        found.path("home/.local/state/core-agent")
    );

    let world = world.file("home/.config/core-agent/.env", "A=canary canary'\n");
    let said = world
        .load()
        .unwrap()
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect::<String>();
    assert!(
        said.contains("a line of it is not NAME=value") && !said.contains("canary"),
        "{said}"
    );
}

#[test]
fn paths_are_taken_from_the_folder_of_their_file() {
    let world = World::new().file(
        "deep/a.toml",
        "state = 'kept'\n[servers.a]\ncommand = 'server'\ncwd = '.'\ncontainment = { read = ['/usr', '~/x', 'data'] }",
    );
    let loaded = world.load_named("deep/a.toml").unwrap();
    assert_eq!(
        loaded.state_path().display().to_string(),
        world.path("deep/kept")
    );
    let read: Vec<String> = server(&loaded, "a")
        .containment
        .read
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        read,
        [
            "/usr".to_owned(),
            world.path("home/x"),
            world.path("deep/data")
        ]
    );
}
