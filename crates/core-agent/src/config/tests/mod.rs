//! The configuration from end to end: files and variables in, a configuration or faults out.

mod faults;
mod forms;
mod layers;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use super::*;

/// A folder with files, and an environment.
struct World {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        let mut world = Self {
            env: BTreeMap::new(),
            folder,
        };
        for program in ["server", "npx", "uvx", "sh", "node", "python"] {
            world = world.program(program);
        }
        let path = world.path("bin");
        world
            .var("PATH", &path)
            .var("HOME", &home.display().to_string())
    }

    /// With a file in the working folder.
    fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn program(self, name: &str) -> Self {
        let world = self.file(&format!("bin/{name}"), "#!/bin/sh\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = world.folder.path().join("bin").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        world
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn options(&self) -> LoadOptions {
        LoadOptions {
            config: None,
            environment: None,
            state: None,
            folder: self.folder.path().to_owned(),
            env: Arc::new(self.env.clone()),
        }
    }

    fn load(&self) -> Result<Loaded, Faults> {
        load(&self.options())
    }

    /// Loads a file named by the person.
    fn load_named(&self, name: &str) -> Result<Loaded, Faults> {
        load(&LoadOptions {
            config: Some(Path::new(name).to_owned()),
            ..self.options()
        })
    }

    /// All that is said of a file named by the person, one a line, without the folder.
    fn said(&self, name: &str) -> String {
        let faults = match self.load_named(name) {
            Ok(loaded) => Faults(loaded.warnings),
            Err(faults) => faults,
        };
        let folder = format!("{}/", self.folder.path().display());
        faults.to_string().replace(&folder, "")
    }
}

fn server<'a>(loaded: &'a Loaded, name: &str) -> &'a ServerConfig {
    &loaded.config.servers[&name.parse().unwrap()]
}

/// The table of keys and the fields of the model are the same.
#[test]
fn every_field_is_a_key_and_every_key_is_a_field() {
    use super::shape::Shape;
    fn compare(keys: &[super::shape::Key], json: &serde_json::Value, path: &str) {
        let fields: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        names.sort_unstable();
        let mut sorted = fields.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted, "{path}");
        for key in keys {
            let inner = &json[key.name];
            match key.shape {
                Shape::Table(keys) => compare(keys, inner, &format!("{path}.{}", key.name)),
                Shape::List(Shape::Table(keys)) => compare(keys, &inner[0], key.name),
                Shape::Map(_, Shape::Table(keys)) => {
                    let one = inner.as_object().unwrap().values().next().unwrap();
                    compare(keys, one, &format!("{path}.{}.NAME", key.name));
                }
                _ => {}
            }
        }
    }
    let mut config = Config::default();
    config
        .servers
        .insert("a".parse().unwrap(), ServerConfig::default());
    let caller = CallerConfig {
        budget: Some(BudgetConfig::default()),
        ..CallerConfig::default()
    };
    config.callers.insert("a".to_owned(), caller);
    config.alerts = Some(vec![AlertConfig::default()]);
    compare(keys::ROOT, &serde_json::to_value(config).unwrap(), "");
}

#[test]
fn the_reference_pages_name_every_key_and_variable() {
    let page = keys::reference();
    for key in [
        "`pass_bearer`",
        "`hedge_millis`",
        "`cpu_seconds`",
        "`approve_commands`",
    ] {
        assert!(page.contains(key), "{key}");
    }
    assert!(variables::reference().contains("`CORE_AGENT_LOG_LEVEL` (also `LOG_LEVEL`)"));
}

/// Words that make trees worth examining.
fn words() -> impl proptest::strategy::Strategy<Value = String> {
    proptest::sample::select(vec![
        "servers",
        "command",
        "url",
        "env",
        "args",
        "headers",
        "mcpServers",
        "a",
        "server",
        "https://example.com/mcp",
        "${env:A}",
        "${",
        "callers",
        "token",
        "http",
        "listen",
        "calls",
        "attempts",
        "environment",
        "production",
        "prefix",
        "tools",
        "*",
        "fallback",
        "a/b",
        "telemetry",
        "log_level",
        "é",
        "",
    ])
    .prop_map(str::to_owned)
}

use proptest::prelude::*;

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        words().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(words(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever a file says, it is either loaded or has faults with places, never a panic and
    /// never a fault that only the types found.
    #[test]
    fn any_json_is_loaded_or_refused(value in any_json()) {
        let world = World::new().file("a.json", &value.to_string());
        if let Err(faults) = world.load_named("a.json") {
            prop_assert!(faults.fatal());
            for fault in &faults.0 {
                prop_assert!(
                    fault.severity != Severity::Error || fault.place.is_some(),
                    "{fault}: {value}"
                );
            }
        }
    }

    #[test]
    fn any_text_is_loaded_or_refused(text in "(\\[|\\]|=|\"|\\{|\\}|\n|,|servers|\\.|url|é|1|'| ){0,60}") {
        let world = World::new().file("a.toml", &text).file("a.json", &text);
        let _ = world.load_named("a.toml");
        let _ = world.load_named("a.json");
    }
}

#[test]
fn alerts_are_read_and_examined() {
    let text = r#"
[[alerts]]
metric = "error_rate"
above = 0.1
severity = "high"
server = "mail"
[servers.mail]
command = "server"
"#;
    let loaded = World::new()
        .file("a.toml", text)
        .load_named("a.toml")
        .unwrap();
    let alerts = loaded.config.alerts.as_ref().unwrap();
    assert_eq!(alerts[0].metric, Some(AlertMetric::ErrorRate));
    assert!((alerts[0].above - 0.1).abs() < 1e-9 && alerts[0].cool_down_seconds == 600);
    for (line, expected) in [
        ("above = 1", "an alert needs a metric"),
        (
            "metric = \"error_rate\"\nabove = -0.5",
            "this number is out of range",
        ),
        (
            "metric = \"memory_mb\"\nserver = \"a\"",
            "memory_mb is no figure of a server",
        ),
        (
            "metric = \"server_down\"\nserver = \"mial\"",
            "there is no server \"mial\"",
        ),
    ] {
        let text = format!("[[alerts]]\n{line}\n[servers.mail]\ncommand = \"server\"\n");
        let said = World::new().file("a.toml", &text).said("a.toml");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}
