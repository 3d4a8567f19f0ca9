//! Who may know whom: our crates among each other, services beside each other, lints inherited.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;

use super::Source;

/// Which of our crates a crate may depend on. Arrows point down only.
const ALLOWED: &[(&str, &[&str])] = &[
    ("foundation", &[]),
    ("google-discovery", &["foundation"]),
    ("google-api", &["foundation", "google-discovery"]),
    ("google-sandbox", &["foundation", "google-discovery"]),
    (
        "workspace-tools",
        &["foundation", "google-api", "google-discovery"],
    ),
    (
        "workspace-auth",
        &["foundation", "google-api", "google-discovery"],
    ),
    ("mcp-service", &["foundation"]),
    (
        "workspace-mcp",
        &[
            "foundation",
            "google-api",
            "google-discovery",
            "google-sandbox",
            "mcp-service",
            "workspace-auth",
            "workspace-tools",
        ],
    ),
    ("core-agent", &["foundation", "mcp-service"]),
    ("testkit", &[]),
    ("xtask", &["testkit"]),
];

/// What tests may use beyond that.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    ("google-api", &["google-sandbox"]),
    ("workspace-tools", &["google-sandbox"]),
    ("workspace-auth", &["google-sandbox"]),
    ("workspace-mcp", &["testkit"]),
    ("core-agent", &["testkit"]),
];

/// Folders whose subfolders are services, which must not use each other.
const SERVICES: &[(&str, &[&str])] = &[
    (
        "crates/workspace-tools/src",
        &["accounts", "gmail", "drive", "calendar"],
    ),
    ("crates/google-sandbox/src", &["gmail", "drive", "calendar"]),
];

/// Crates of others that only some of ours may use, tests apart.
const AT_THE_EDGE: &[(&str, &[&str])] = &[
    ("rmcp", &["mcp-service", "workspace-mcp", "core-agent"]),
    ("axum", &["mcp-service", "workspace-mcp", "core-agent"]),
    ("object_store", &["workspace-auth"]),
    ("rusqlite", &["core-agent"]),
    ("cedar-policy", &["core-agent"]),
];

/// Crates that must not be in the build at all, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
    ("aws-lc-sys", "ring is the one crypto provider"),
    ("html2md", "GPL-3.0"),
];

pub(super) fn check(root: &Path, sources: &[Source]) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    let ours: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ALLOWED {
        let folder = if *name == "xtask" {
            "xtask".to_owned()
        } else {
            format!("crates/{name}")
        };
        let manifest = std::fs::read_to_string(root.join(&folder).join("Cargo.toml"))
            .with_context(|| format!("{folder} has no manifest"))?;
        let manifest: toml::Table = manifest.parse().with_context(|| folder.clone())?;
        if manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .is_none()
        {
            complaints.push(format!(
                "{folder}/Cargo.toml: inherit the lints of the workspace"
            ));
        }
        for (edge, users) in AT_THE_EDGE
            .iter()
            .filter(|(_, users)| !users.contains(name))
        {
            let used = manifest
                .get("dependencies")
                .and_then(|used| used.get(*edge))
                .is_some();
            if used {
                let users = users.join(", ");
                complaints.push(format!("{folder}/Cargo.toml: {edge} is for {users} only"));
            }
        }
        let in_tests = ALLOWED_IN_TESTS
            .iter()
            .find(|(tested, _)| tested == name)
            .map_or(&[] as &[&str], |(_, allowed)| allowed);
        for (section, extra) in [
            ("dependencies", &[] as &[&str]),
            ("dev-dependencies", in_tests),
        ] {
            let Some(toml::Value::Table(dependencies)) = manifest.get(section) else {
                continue;
            };
            for dependency in dependencies.keys().map(String::as_str) {
                let known = ours.contains(&dependency);
                if known && !allowed.contains(&dependency) && !extra.contains(&dependency) {
                    complaints.push(format!("{folder}/Cargo.toml: must not know {dependency}"));
                }
            }
        }
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    for (banned, why) in BANNED {
        if lock.contains(&format!("name = \"{banned}\"\n")) {
            complaints.push(format!("Cargo.lock: {banned} must not be there: {why}"));
        }
    }
    complaints.extend(services(sources));
    Ok(complaints)
}

fn services(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (folder, services) in SERVICES {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for source in sources {
            let Some(rest) = source.path.strip_prefix(&format!("{folder}/")) else {
                continue;
            };
            let Some((own, _)) = rest.split_once('/') else {
                continue;
            };
            let Some(own) = services.iter().find(|service| **service == own) else {
                continue;
            };
            *seen.entry(own).or_default() += 1;
            for other in services.iter().filter(|other| *other != own) {
                if source.text.contains(&format!("crate::{other}::")) {
                    complaints.push(format!("{}: must not use the service {other}", source.path));
                }
            }
        }
        for service in services
            .iter()
            .filter(|service| !seen.contains_key(**service))
        {
            complaints.push(format!(
                "{folder}/{service}: gone? take it off the list in tidy/borders.rs"
            ));
        }
    }
    complaints
}
