//! Which tools the server offers and what they may do.

use std::path::PathBuf;

use foundation::{
    nearest,
    settings::{Env, Faults, Setting},
};
use workspace_tools::{Access, LocalFiles, Policy, Rule, Selection, Service, Tier};

use super::{settings, words};

/// Which tools the server offers and what they may do.
#[derive(Clone, Debug)]
pub struct OfferSettings {
    /// The tools.
    pub selection: Selection,
    /// The rules.
    pub policy: Policy,
    /// Local files.
    pub files: LocalFiles,
    /// What results carry.
    pub results: Results,
}

/// What results carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Results {
    /// Text and data.
    Both,
    /// Text only.
    Text,
    /// Data, and as text only what is not data.
    Data,
}

pub(super) fn read(env: &dyn Env, faults: &mut Faults) -> OfferSettings {
    let rule = |setting: Setting, default, faults: &mut Faults| {
        choice(setting, env, default, RULES, faults)
    };
    let policy = Policy {
        send: rule(settings::POLICY_SEND, Rule::Allow, faults),
        share_outside: rule(settings::POLICY_SHARE, Rule::Allow, faults),
        delete_forever: rule(settings::POLICY_DELETE, Rule::Ask, faults),
        recipients: words(settings::RECIPIENTS.text(env).as_deref()),
        home_domains: words(settings::HOME_DOMAINS.text(env).as_deref()),
    };
    OfferSettings {
        selection: selection(env, faults),
        policy,
        files: files(env, faults),
        results: choice(settings::RESULTS, env, Results::Both, RESULTS, faults),
    }
}

const RULES: &[(&str, Rule)] = &[
    ("allow", Rule::Allow),
    ("ask", Rule::Ask),
    ("refuse", Rule::Refuse),
];
const RESULTS: &[(&str, Results)] = &[
    ("both", Results::Both),
    ("text", Results::Text),
    ("data", Results::Data),
];
const TIERS: &[(&str, Tier)] = &[
    ("core", Tier::Core),
    ("extended", Tier::Extended),
    ("complete", Tier::Complete),
];
const PERMISSIONS: &[(&str, Access)] = &[
    ("read", Access::Read),
    ("write", Access::Write),
    ("destructive", Access::Destructive),
];

fn choice<T: Copy>(
    setting: Setting,
    env: &dyn Env,
    default: T,
    choices: &[(&str, T)],
    faults: &mut Faults,
) -> T {
    let Some((value, name)) = setting.read(env) else {
        return default;
    };
    let value = value.trim().to_ascii_lowercase();
    if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == value) {
        return *chosen;
    }
    let allowed: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    faults.error(
        name,
        format!("\"{value}\" is unknown"),
        format!("use {}", allowed.join(", ")),
    );
    default
}

fn selection(env: &dyn Env, faults: &mut Faults) -> Selection {
    let mut selection = Selection {
        tier: choice(settings::TOOL_TIER, env, Tier::Complete, TIERS, faults),
        ..Selection::default()
    };
    if settings::READ_ONLY.flag(env, false, faults) {
        selection.most = Access::Read;
    }
    for word in words(settings::TOOLS.text(env).as_deref()) {
        selection
            .services
            .extend(service(settings::TOOLS, &word, faults));
    }
    for entry in words(settings::PERMISSIONS.text(env).as_deref()) {
        let (name, level) = entry.split_once(':').unwrap_or((&entry, ""));
        let permission = PERMISSIONS.iter().find(|(word, _)| *word == level);
        match (service(settings::PERMISSIONS, name, faults), permission) {
            (Some(service), Some((_, permission))) => {
                selection.most_per_service.insert(service, *permission);
            }
            (Some(_), None) => faults.error(
                settings::PERMISSIONS.name,
                format!("\"{entry}\" names no permission"),
                "write SERVICE:read, SERVICE:write or SERVICE:destructive",
            ),
            (None, _) => {}
        }
    }
    selection
}

fn service(setting: Setting, name: &str, faults: &mut Faults) -> Option<Service> {
    let found = Service::named(name);
    if found.is_none() {
        let known: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        let near = nearest(name, known.iter().copied());
        let near = near
            .map(|near| format!("did you mean {near}? "))
            .unwrap_or_default();
        faults.error(
            setting.name,
            format!("there is no service \"{name}\""),
            format!("{near}this version has {}", known.join(", ")),
        );
    }
    found
}

fn files(env: &dyn Env, faults: &mut Faults) -> LocalFiles {
    let roots = words(settings::FILE_ROOTS.text(env).as_deref())
        .into_iter()
        .filter_map(|root| {
            let resolved = PathBuf::from(&root)
                .canonicalize()
                .ok()
                .filter(|path| path.is_dir());
            if resolved.is_none() {
                faults.error(
                    settings::FILE_ROOTS.name,
                    format!("{root} is no directory"),
                    "name directories that exist",
                );
            }
            resolved
        });
    LocalFiles {
        roots: roots.collect(),
    }
}
