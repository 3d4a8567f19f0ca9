//! Reading: which files and variables count, in which order.
//!
//! Invariant: what is loaded depends on the [`LoadOptions`] and the files, never on the process.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use foundation::settings::Env;

use super::{
    Config, Environment, Fault, Faults, Place, Severity, check, desktop, dotenv, keys,
    shape::Examination,
    tree::{self, Node, Value},
    variables,
};

/// Files that are looked for in the working folder, in this order.
const IN_FOLDER: [&str; 4] = [
    "core-agent.toml",
    "core-agent.json",
    "mcp.json",
    ".mcp.json",
];
/// Files that are looked for in the user's configuration folder.
const OF_USER: [&str; 2] = ["core-agent.toml", "core-agent.json"];
/// The largest configuration file.
const LARGEST: u64 = 4 << 20;

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
#[derive(Clone)]
pub struct Loaded {
    /// What counts.
    pub config: Arc<Config>,
    /// Which files and variables said something, in order: later ones win.
    pub sources: Vec<Source>,
    /// What is worth saying, and which servers cannot be used.
    pub warnings: Vec<Fault>,
    /// Where each server is said: the file or variable that did so last.
    pub origins: BTreeMap<String, String>,
    /// The environment variables, with those of the `.env` beside the file.
    pub variables: Variables,
    /// As it is written, all layers together.
    pub(super) tree: Node,
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

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
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

    /// The same with what the command line says.
    #[must_use]
    pub fn with(mut self, common: &crate::commands::Common) -> Self {
        self.config.clone_from(&common.config);
        self.environment.clone_from(&common.environment);
        self.state.clone_from(&common.state);
        self
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.env
            .get("HOME")
            .or_else(|| self.env.get("USERPROFILE"))
            .map(PathBuf::from)
    }

    /// The user's configuration folder of this program.
    pub fn user_folder(&self) -> Option<PathBuf> {
        self.user_place("XDG_CONFIG_HOME", ".config")
    }

    fn user_place(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.env
            .get(variable)
            .map(PathBuf::from)
            // The specification says to ignore relative ones.
            .filter(|folder| folder.is_absolute())
            .or_else(|| Some(self.home()?.join(below_home)))
            .map(|folder| folder.join("core-agent"))
    }

    fn default_state(&self) -> PathBuf {
        self.user_place("XDG_STATE_HOME", ".local/state")
            .unwrap_or_else(|| self.folder.join(".core-agent"))
    }
}

impl Loaded {
    /// The folder of everything kept, made for this user alone when it is not there.
    pub fn state_folder(&self) -> io::Result<PathBuf> {
        let mut maker = fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            maker.mode(0o700);
        }
        maker.create(&self.state)?;
        Ok(self.state.clone())
    }

    /// The same folder, which may not be there yet.
    pub fn state_path(&self) -> &Path {
        &self.state
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration may have secrets written out.
        f.debug_struct("Loaded")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

/// The variables of this process; those that are not UTF-8 are none of ours.
pub fn process_variables() -> Variables {
    let all: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Arc::new(all)
}

/// Loads the configuration: defaults, the file, the file of the environment laid over it, then
/// variables and options. All faults are found, not only the first.
pub fn load(options: &LoadOptions) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let mut layers = Layers::default();
    let base = base_file(options, &mut faults);
    let options = &LoadOptions {
        // A `.env` beside a file that was merely found would be a way around what it may not say.
        env: dotenv::beside(
            base.as_ref()
                .filter(|file| !file.found)
                .map(|file| file.path.as_path()),
            &options.env,
            &mut faults,
        ),
        ..options.clone()
    };
    if let Some(file) = &base {
        layers.file(&file.path, &mut faults);
    }
    let environment = environment(options, &layers.tree, &mut faults);
    if let Some(over) = base
        .as_ref()
        .and_then(|base| beside(&base.path, environment))
    {
        layers.file(&over, &mut faults);
    }
    if base.as_ref().is_some_and(|base| base.found) {
        // All files together: what one says may be harmless but for what the other says.
        check::found(&layers.tree, options.env.as_ref(), &mut faults);
    }
    layers
        .tree
        .set(&["environment"], Node::text(word(environment)));
    layers.variables(options, &mut faults);

    let home = options.home();
    let mut examination = Examination {
        folder: &options.folder,
        home: home.as_deref(),
        faults: &mut faults,
    };
    examination.examine(&mut layers.tree, keys::CONFIG, &mut Vec::new());
    if faults.fatal() {
        faults.sort();
        return Err(faults);
    }
    let mut config: Config = match serde_json::from_value(layers.tree.to_json()) {
        Ok(config) => config,
        Err(error) => {
            // The shapes are stricter than the types, so this is not expected to be seen.
            faults.0.push(Fault {
                severity: Severity::Error,
                place: None,
                key: "the configuration".to_owned(),
                problem: error.to_string(),
                advice: String::new(),
            });
            return Err(faults);
        }
    };
    if config.environment == Environment::Production {
        let format = &mut config.telemetry.log_format;
        format.get_or_insert_with(|| "json".to_owned());
    }
    check::check(&config, &layers.tree, options, &mut faults);
    faults.sort();
    if faults.fatal() {
        return Err(faults);
    }
    let state = config
        .state
        .clone()
        .unwrap_or_else(|| options.default_state());
    Ok(Loaded {
        config: Arc::new(config),
        sources: layers.sources,
        warnings: faults.0,
        origins: layers.origins,
        variables: Arc::clone(&options.env),
        tree: layers.tree,
        state,
    })
}

/// The layers read so far.
#[derive(Default)]
struct Layers {
    tree: Node,
    sources: Vec<Source>,
    origins: BTreeMap<String, String>,
}

/// A file, and whether it was merely found in the working folder.
struct Found {
    path: PathBuf,
    found: bool,
}

impl Layers {
    fn file(&mut self, path: &Path, faults: &mut Faults) {
        let Some(node) = read(path, faults) else {
            return;
        };
        for name in node
            .get("servers")
            .and_then(Node::table)
            .into_iter()
            .flatten()
        {
            self.origins
                .insert(name.0.clone(), path.display().to_string());
        }
        self.tree.lay_over(node);
        self.sources.push(Source::File(path.to_owned()));
    }

    fn unless_said(&mut self, path: &[&str], value: Value) {
        if self.tree.at(path).is_none() {
            self.tree.set(path, Node::of(value));
        }
    }

    fn variables(&mut self, options: &LoadOptions, faults: &mut Faults) {
        let (over, said) = variables::layer(options.env.as_ref(), faults);
        self.tree.lay_over(over);
        for (variable, server) in said {
            if !server.is_empty() {
                // Who sets this variable runs both ends.
                let passes = ["servers", server.as_str(), "identity", "pass_user"];
                self.unless_said(&passes, Value::Flag(true));
                let trust = ["servers", server.as_str(), "trust"];
                self.unless_said(&trust, Value::Text("trusted".to_owned()));
                self.origins.insert(server, variable.clone());
            }
            self.sources.push(Source::Variable(variable));
        }
        let state = options
            .state
            .as_ref()
            .map(|state| state.to_string_lossy().into_owned())
            .or_else(|| variables::state(options.env.as_ref()));
        if let Some(state) = state {
            self.tree.set(&["state"], Node::text(state));
        }
    }
}

fn base_file(options: &LoadOptions, faults: &mut Faults) -> Option<Found> {
    let named = options
        .config
        .clone()
        .or_else(|| variables::config(options.env.as_ref()).map(PathBuf::from));
    if let Some(named) = named {
        let path = options.folder.join(named);
        if !path.is_file() {
            faults.0.push(Fault {
                severity: Severity::Error,
                place: None,
                key: path.display().to_string(),
                problem: "there is no such file".to_owned(),
                advice: "name another with --config, or make it with core-agent import --write"
                    .to_owned(),
            });
            return None;
        }
        return Some(Found { path, found: false });
    }
    let in_folder = IN_FOLDER.iter().map(|name| Found {
        path: options.folder.join(name),
        found: true,
    });
    let user = options.user_folder();
    let of_user = OF_USER.iter().filter_map(|name| {
        Some(Found {
            path: user.as_ref()?.join(name),
            found: false,
        })
    });
    in_folder
        .chain(of_user)
        .find(|file| file.path.is_file())
        .map(|file| Found {
            // The user's own folder is the user's own, also when one works in it.
            found: file.found && user.as_deref() != Some(options.folder.as_path()),
            ..file
        })
}

/// The file of the environment beside a file: `core-agent.production.toml`.
fn beside(base: &Path, environment: Environment) -> Option<PathBuf> {
    let stem = base.file_stem()?.to_str()?;
    ["toml", "json"]
        .map(|ending| base.with_file_name(format!("{stem}.{}.{ending}", word(environment))))
        .into_iter()
        .find(|path| path.is_file())
}

fn environment(options: &LoadOptions, tree: &Node, faults: &mut Faults) -> Environment {
    let said = options
        .environment
        .clone()
        .filter(|said| !said.is_empty())
        .map(|said| (said, "--environment".to_owned()))
        .or_else(|| {
            variables::environment(options.env.as_ref()).map(|(said, name)| (said, name.to_owned()))
        });
    let Some((said, by)) = said else {
        let said = tree.get("environment");
        let Some(node) = said.filter(|node| !matches!(node.value, Value::Null)) else {
            return Environment::default();
        };
        let word = node.as_text().and_then(known);
        if word.is_none() {
            let place = tree.place_of(&["environment"]);
            faults
                .0
                .push(unknown_environment("environment".to_owned(), place));
        }
        return word.unwrap_or_default();
    };
    known(said.trim()).unwrap_or_else(|| {
        faults.0.push(unknown_environment(by, None));
        Environment::default()
    })
}

fn unknown_environment(key: String, place: Option<Place>) -> Fault {
    Fault {
        severity: Severity::Error,
        place,
        key,
        problem: "this environment is not known".to_owned(),
        advice: "use development, staging or production".to_owned(),
    }
}

fn known(word: &str) -> Option<Environment> {
    match word {
        "development" | "dev" => Some(Environment::Development),
        "staging" => Some(Environment::Staging),
        "production" | "prod" => Some(Environment::Production),
        _ => None,
    }
}

fn word(environment: Environment) -> &'static str {
    match environment {
        Environment::Development => "development",
        Environment::Staging => "staging",
        Environment::Production => "production",
    }
}

fn read(path: &Path, faults: &mut Faults) -> Option<Node> {
    let refused = |problem: String, advice: &str| Fault {
        severity: Severity::Error,
        place: None,
        key: path.display().to_string(),
        problem,
        advice: advice.to_owned(),
    };
    match fs::metadata(path) {
        Ok(about) if about.len() > LARGEST => {
            faults
                .0
                .push(refused("it is larger than 4 MiB".to_owned(), ""));
            return None;
        }
        Ok(about) => {
            if let Some(problem) = foreign(&about) {
                faults.0.push(refused(
                    problem.to_owned(),
                    "a program would be started at another's word: chown it, or chmod go-w it",
                ));
                return None;
            }
        }
        Err(error) => {
            faults.0.push(refused(error.to_string(), ""));
            return None;
        }
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            faults
                .0
                .push(refused(error.to_string(), "check its permissions"));
            return None;
        }
    };
    parse(path, &text, faults)
}

/// Reads the text of a file; JSON by its ending, TOML otherwise.
pub(crate) fn parse(path: &Path, text: &str, faults: &mut Faults) -> Option<Node> {
    let text = text.trim_start_matches('\u{feff}');
    let source = tree::Source::new(path, text);
    let json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let mut node = if json {
        source.json(faults)?
    } else {
        source.toml(faults)?
    };
    desktop::normalise(&mut node, faults);
    Some(node)
}

/// Why somebody else decides what is in the file.
pub(super) fn foreign(about: &fs::Metadata) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let owner = about.uid();
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return Some("it belongs to another user");
        }
        // Anybody may write; a shared group is the team's own business.
        if about.mode() & 0o002 != 0 {
            return Some("every user of this machine may change it");
        }
    }
    let _ = about;
    None
}
