//! The `.env` beside the configuration: a place for variables that no shell sets.
//!
//! Invariant: what the process was given wins, and no line of the file is ever shown.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use foundation::settings::Env;

use super::{Fault, Faults, Severity, Variables, load::foreign};

/// The process's variables over those of a file.
struct Over {
    process: Variables,
    file: BTreeMap<String, String>,
}

impl Env for Over {
    fn get(&self, name: &str) -> Option<String> {
        self.process
            .get(name)
            .or_else(|| Env::get(&self.file, name))
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.process.names();
        names.extend(self.file.keys().cloned());
        names.sort();
        names.dedup();
        names
    }
}

/// The variables with those of the `.env` beside this file.
pub(super) fn beside(config: Option<&Path>, env: &Variables, faults: &mut Faults) -> Variables {
    let Some(path) = config.map(|config| config.with_file_name(".env")) else {
        return Arc::clone(env);
    };
    let mut refuse = |problem: String| {
        faults.0.push(Fault {
            severity: Severity::Warning,
            place: None,
            key: path.display().to_string(),
            problem,
            advice: "correct it".to_owned(),
        });
    };
    match fs::metadata(&path) {
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                refuse(error.to_string());
            }
            return Arc::clone(env);
        }
        Ok(about) => {
            if let Some(problem) = foreign(&about) {
                refuse(problem.to_owned());
                return Arc::clone(env);
            }
        }
    }
    let Ok(entries) = dotenvy::from_path_iter(&path) else {
        refuse("it cannot be read".to_owned());
        return Arc::clone(env);
    };
    let mut file = BTreeMap::new();
    for entry in entries {
        let Ok((name, value)) = entry else {
            // What stands before it is as the person meant it.
            refuse("a line of it is not NAME=value, and those after it are not read".to_owned());
            break;
        };
        file.insert(name, value);
    }
    Arc::new(Over {
        process: Arc::clone(env),
        file,
    })
}
