//! Every key of the configuration: its shape, its default, its meaning. One table for the
//! examination of files and for the reference page.
//!
//! Invariant: the keys here are the fields of [`Config`](super::Config), which a test holds.

mod program;
mod server;

use super::{
    AlertMetric,
    shape::{Key, Naming, Shape},
};
use crate::alerts;

use Shape::{Address, Choice, Flag, List, Map, Number, Path, Table, Template, Text, Whole};

use program::{ALERT, BUDGET, CALLER, CALLS, HTTP, HUB, POLICY, SEARCH, TELEMETRY, TRUST};
pub(crate) use server::SERVER;
use server::{CONTAINMENT, IDENTITY, OAUTH};

const DAY: i64 = 86_400;
const TEXTS: Shape = List(&Text);
const PATHS: Shape = List(&Path);

/// The whole.
pub(crate) const CONFIG: Shape = Table(ROOT);

/// The keys of the file itself.
pub(crate) const ROOT: &[Key] = &[
    key(
        "environment",
        Choice(&["development", "staging", "production"]),
        "development",
        "What this is for; core-agent.ENVIRONMENT.toml is laid over the file.",
    ),
    key(
        "state",
        Path,
        "$XDG_STATE_HOME/core-agent or ~/.local/state/core-agent",
        "The folder of everything kept: the database, tokens, results kept aside.",
    ),
    key(
        "servers",
        Map(Naming::Server, &Table(SERVER)),
        "none",
        "The servers, by name.",
    ),
    key("hub", Table(HUB), "", "What the hub shows its own clients."),
    key("http", Table(HTTP), "", "The hub's HTTP side."),
    key(
        "callers",
        Map(Naming::Any, &Table(CALLER)),
        "none",
        "Who may call the hub over HTTP, by name.",
    ),
    key("calls", Table(CALLS), "", "How calls are made."),
    key(
        "budgets",
        Table(BUDGET),
        "",
        "Rates and budgets of every caller; absent is unlimited.",
    ),
    key(
        "policy",
        Table(POLICY),
        "",
        "What is allowed, and what a person decides.",
    ),
    key("trust", Table(TRUST), "", "How servers are distrusted."),
    key("search", Table(SEARCH), "", "How tools are found."),
    key(
        "telemetry",
        Table(TELEMETRY),
        "",
        "What is told to operators.",
    ),
    key(
        "alerts",
        List(&Table(ALERT)),
        "a few rules, see below",
        "When operators are alerted; an empty list for never.",
    ),
];

/// The sections of the reference page: heading, introduction, keys.
pub(crate) const SECTIONS: &[(&str, &str, &[Key])] = &[
    ("The file", "Keys at the top.", ROOT),
    (
        "servers.NAME",
        "A name is 1 to 32 of a-z, 0-9, - and _, beginning with a letter or a digit. A server has either `command` or `url`.",
        SERVER,
    ),
    (
        "servers.NAME.oauth",
        "For servers over HTTP that want a sign-in.",
        OAUTH,
    ),
    (
        "servers.NAME.identity",
        "Only what a caller with `names_users` said is passed on.",
        IDENTITY,
    ),
    (
        "servers.NAME.containment",
        "What the kernel cannot do is reported by `core-agent servers show`.",
        CONTAINMENT,
    ),
    ("hub", "", HUB),
    ("http", "", HTTP),
    ("callers.NAME", "", CALLER),
    ("calls", "", CALLS),
    (
        "budgets",
        "The same keys stand in `callers.NAME.budget`.",
        BUDGET,
    ),
    ("policy", "", POLICY),
    ("trust", "", TRUST),
    ("search", "", SEARCH),
    ("telemetry", "", TELEMETRY),
    (
        "alerts",
        "A list of tables, `[[alerts]]`. Calls are judged by those of the last 5 minutes, when there were 5. Servers of others fail now and then and take seconds, so a rule such as `error_rate` above 0.1 or `response_seconds` above 1.0 is for servers of one's own, named by `server`.",
        ALERT,
    ),
];

/// The reference page of the file, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# core-agent.toml\n\n\
         The keys of the file. The same keys are read from JSON, and the `mcpServers` form of \
         desktop clients is read too. A key that is not listed is refused. Where a value is a \
         *template*, `${env:NAME}`, `${file:/path}`, `${command:program argument}` and \
         `${keyring:service/account}` are looked up when they are needed; `${NAME}` and \
         `${NAME:-default}` are read as `env`, and `$${` is the two characters themselves. \
         Relative paths are taken from the folder of the file they are written in.\n",
    );
    for (heading, introduction, keys) in SECTIONS {
        page.push_str(&format!("\n## {heading}\n\n"));
        if !introduction.is_empty() {
            page.push_str(&format!("{introduction}\n\n"));
        }
        if *heading == "alerts" {
            page.push_str(&format!("Without the key: {}.\n\n", default_alerts()));
        }
        page.push_str("| key | meaning | value | default |\n| --- | --- | --- | --- |\n");
        for key in *keys {
            page.push_str(&format!(
                "| `{}` | {} | {} | {} |\n",
                key.name,
                key.meaning.replace('|', "\\|"),
                short(key.shape),
                key.default
            ));
        }
    }
    page
}

fn default_alerts() -> String {
    let rules = alerts::defaults().into_iter().map(|rule| {
        let metric = rule.metric.map_or("", AlertMetric::name);
        format!("`{metric}` above {} ({})", rule.above, rule.severity.name())
    });
    rules.collect::<Vec<_>>().join(", ")
}

const fn key(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        shape,
        default,
        meaning,
    }
}

fn short(shape: Shape) -> String {
    match shape {
        Template => "template".to_owned(),
        List(Table(_)) => "list of tables".to_owned(),
        List(inner) => format!("list of {}", short(*inner)),
        Map(_, Table(_)) => "tables by name".to_owned(),
        Map(_, inner) => format!("table of {}", short(*inner)),
        Address => "address:port".to_owned(),
        Whole(least, most) => format!("{least}…{most}"),
        Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Number => "number".to_owned(),
        Text => "text".to_owned(),
        Path => "path".to_owned(),
        Flag => "true, false".to_owned(),
        Table(_) => "table".to_owned(),
    }
}
