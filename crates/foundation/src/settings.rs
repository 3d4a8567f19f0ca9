//! Settings: declared once, read once, explained all at once.
//!
//! A [`Setting`] names an environment variable and says what it means; the same declaration feeds
//! the reader, the generated reference page and the check for misspelt names. Reading never stops
//! at the first problem: every [`Fault`] is collected.
//! Invariant: the environment is reached only through [`Env`], so tests need no process variables.

use std::{collections::BTreeMap, fmt};

/// Where values of settings come from.
pub trait Env {
    /// The value of the variable `name`, if it is set and not blank.
    fn get(&self, name: &str) -> Option<String>;
    /// The names of all variables that are set.
    fn names(&self) -> Vec<String>;
}

impl Env for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name)
            .filter(|value| !value.trim().is_empty())
            .cloned()
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// One setting of a program.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Other spellings, in order of precedence; those before [`Setting::name`] win over it.
    pub overrides: &'static [&'static str],
    /// Older spellings that count when nothing else is set.
    pub aliases: &'static [&'static str],
    /// What holds when it is not set, in words.
    pub default: &'static str,
    /// One sentence: what it means.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl Setting {
    /// A setting that may be shown.
    pub const fn new(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            overrides: &[],
            aliases: &[],
            default,
            meaning,
            secret: false,
        }
    }

    /// The same setting, never shown.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The same setting with spellings that win over its name.
    #[must_use]
    pub const fn overridden_by(mut self, names: &'static [&'static str]) -> Self {
        self.overrides = names;
        self
    }

    /// The same setting with older spellings.
    #[must_use]
    pub const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    /// All spellings, strongest first.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        self.overrides
            .iter()
            .copied()
            .chain([self.name])
            .chain(self.aliases.iter().copied())
    }

    /// The value in `env` and the spelling it was found under.
    pub fn read(&self, env: &dyn Env) -> Option<(String, &'static str)> {
        self.spellings()
            .find_map(|name| env.get(name).map(|value| (value, name)))
    }

    /// The value in `env`.
    pub fn text(&self, env: &dyn Env) -> Option<String> {
        self.read(env).map(|(value, _)| value)
    }

    /// Whether the value in `env` says yes; absent counts as `default`.
    pub fn flag(&self, env: &dyn Env, default: bool, faults: &mut Faults) -> bool {
        let Some((value, name)) = self.read(env) else {
            return default;
        };
        match value.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => true,
            "0" | "false" | "no" | "off" => false,
            other => {
                faults.error(
                    name,
                    format!("\"{other}\" is neither yes nor no"),
                    "use true or false",
                );
                default
            }
        }
    }

    /// The value in `env` parsed; absent or unreadable counts as `default`.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        env: &dyn Env,
        default: T,
        allowed: &str,
        faults: &mut Faults,
    ) -> T {
        let Some((value, name)) = self.read(env) else {
            return default;
        };
        value.trim().parse().unwrap_or_else(|_| {
            let shown = if self.secret { "its value" } else { &value };
            faults.error(
                name,
                format!("\"{shown}\" cannot be used"),
                format!("use {allowed}"),
            );
            default
        })
    }
}

/// One problem with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The setting concerned.
    pub setting: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
    /// Whether the program cannot start like this.
    pub fatal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.problem, self.advice)
    }
}

/// All problems found while reading a configuration.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a problem that prevents a start.
    pub fn error(
        &mut self,
        setting: impl Into<String>,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(setting, problem, advice, true);
    }

    /// Notes a problem worth saying that does not prevent a start.
    pub fn warning(
        &mut self,
        setting: impl Into<String>,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(setting, problem, advice, false);
    }

    /// All faults, in the order they were found.
    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    /// Whether a start is impossible.
    pub fn fatal(&self) -> bool {
        self.0.iter().any(|fault| fault.fatal)
    }

    fn push(
        &mut self,
        setting: impl Into<String>,
        problem: impl Into<String>,
        advice: impl Into<String>,
        fatal: bool,
    ) {
        self.0.push(Fault {
            setting: setting.into(),
            problem: problem.into(),
            advice: advice.into(),
            fatal,
        });
    }
}

/// Reports variables that start with one of our prefixes but are no setting.
pub fn unknown_names(env: &dyn Env, prefixes: &[&str], known: &[Setting], faults: &mut Faults) {
    let spellings: Vec<&str> = known.iter().flat_map(Setting::spellings).collect();
    for name in env.names() {
        let ours = prefixes.iter().any(|prefix| name.starts_with(prefix));
        if ours && !spellings.contains(&name.as_str()) {
            let advice = crate::nearest(&name, spellings.iter().copied()).map_or_else(
                || "remove it".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            faults.warning(name, "no setting has this name", advice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Setting = Setting::new("WORKSPACE_MCP_PORT", "8000", "The HTTP port.")
        .overridden_by(&["PORT"])
        .also(&["OLD_PORT"]);

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_strongest_spelling_wins_and_blank_counts_as_unset() {
        let all = env(&[
            ("OLD_PORT", "1"),
            ("WORKSPACE_MCP_PORT", "2"),
            ("PORT", " "),
        ]);
        assert_eq!(
            PORT.read(&all),
            Some(("2".to_owned(), "WORKSPACE_MCP_PORT"))
        );
    }

    #[test]
    fn unreadable_values_are_faults_and_do_not_stop_the_reading() {
        let mut faults = Faults::default();
        let value: u16 = PORT.parsed(&env(&[("PORT", "many")]), 8000, "a port", &mut faults);
        assert_eq!(value, 8000);
        assert_eq!(
            faults.all()[0].to_string(),
            "PORT: \"many\" cannot be used; use a port"
        );
        assert!(faults.fatal());
    }

    #[test]
    fn misspelt_names_are_reported_with_the_nearest_one() {
        let mut faults = Faults::default();
        unknown_names(
            &env(&[("WORKSPACE_MCP_PROT", "1")]),
            &["WORKSPACE_MCP_"],
            &[PORT],
            &mut faults,
        );
        assert_eq!(faults.all()[0].advice, "did you mean WORKSPACE_MCP_PORT?");
        assert!(!faults.fatal());
    }
}
