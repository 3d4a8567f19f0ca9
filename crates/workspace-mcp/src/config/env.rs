//! Where values come from: flags, then the environment, then `.env`, then the TOML file.
//!
//! Invariant: this is the only place that reads the process's environment.

use std::{collections::BTreeMap, io, path::Path};

use foundation::settings::{Env, Faults, Setting};

use super::settings;

/// Layers of values; the first layer that knows a name wins.
///
/// Cannot be printed for debugging, since it holds whatever secrets the environment has.
#[derive(Default)]
pub struct Layers(Vec<BTreeMap<String, String>>);

impl Layers {
    /// The process's environment above `.env` and the TOML file, which is `file` if named.
    pub fn of_process(file: Option<&str>, faults: &mut Faults) -> Self {
        // A variable that is not UTF-8 is none of ours; it must not end the program.
        let process: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut layers = Self(vec![BTreeMap::new(), process]);
        if let Some(file) = file {
            layers.set(settings::CONFIG_FILE, file.to_owned());
        }
        layers.0.push(dotenv(Path::new(".env"), faults));
        let named = settings::CONFIG_FILE.text(&layers);
        let path = named.as_deref().unwrap_or("workspace-mcp.toml");
        layers
            .0
            .push(toml_file(Path::new(path), named.is_some(), faults));
        layers
    }

    /// A single layer, cut off from the process.
    pub fn only(values: BTreeMap<String, String>) -> Self {
        Self(vec![values])
    }

    /// Sets a value above all others.
    pub fn set(&mut self, setting: Setting, value: String) {
        let name = setting.spellings().next().unwrap_or(setting.name);
        if self.0.is_empty() {
            self.0.push(BTreeMap::new());
        }
        self.0[0].insert(name.to_owned(), value);
    }
}

impl Env for Layers {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find_map(|layer| Env::get(layer, name))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.iter().flat_map(BTreeMap::keys).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

fn dotenv(path: &Path, faults: &mut Faults) -> BTreeMap<String, String> {
    let entries = match dotenvy::from_path_iter(path) {
        Ok(entries) => entries,
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return BTreeMap::new();
        }
        Err(_) => {
            faults.warning(".env", "it cannot be read", "check its permissions");
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for entry in entries {
        let Ok((name, value)) = entry else {
            // The line may hold a secret, so it is not shown.
            faults.error(
                ".env",
                "a line is not NAME=value",
                "quote values with blanks or #",
            );
            break;
        };
        values.insert(name, value);
    }
    values
}

fn toml_file(path: &Path, named: bool, faults: &mut Faults) -> BTreeMap<String, String> {
    let shown = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return BTreeMap::new(),
        Err(error) => {
            faults.error(
                shown,
                format!("it cannot be read ({})", error.kind()),
                "check the path",
            );
            return BTreeMap::new();
        }
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(0, |span| {
                text.bytes()
                    .take(span.start)
                    .filter(|byte| *byte == b'\n')
                    .count()
                    + 1
            });
            faults.error(
                shown,
                format!("line {line} is not TOML"),
                "write NAME = \"value\"",
            );
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in table {
        match flat(&value) {
            Some(value) => {
                values.insert(name.to_ascii_uppercase(), value);
            }
            None => faults.error(
                shown.clone(),
                format!("{name} is a table"),
                "write settings flat, under the names of the variables",
            ),
        }
    }
    values
}

fn flat(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(items) => items
            .iter()
            .map(flat)
            .collect::<Option<Vec<_>>>()
            .map(|items| items.join(",")),
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_that_knows_a_name_wins() {
        let layer = |value: &str| BTreeMap::from([("A".to_owned(), value.to_owned())]);
        let layers = Layers(vec![BTreeMap::new(), layer(""), layer("2"), layer("3")]);
        assert_eq!(layers.get("A").as_deref(), Some("2"));
    }

    #[test]
    fn a_toml_file_is_read_flat_and_its_faults_carry_no_values() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(
            &path,
            "port = 9\nworkspace_mcp_tools = [\"gmail\", \"drive\"]\n",
        )
        .unwrap();
        let mut faults = Faults::default();
        let values = toml_file(&path, true, &mut faults);
        assert_eq!(values["PORT"], "9");
        assert_eq!(values["WORKSPACE_MCP_TOOLS"], "gmail,drive");
        std::fs::write(&path, "a = 1\nsecret = 'x").unwrap();
        toml_file(&path, true, &mut faults);
        assert_eq!(faults.all().len(), 1);
        assert!(faults.all()[0].problem.contains("line 2"));
    }
}
