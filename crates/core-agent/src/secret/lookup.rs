//! Looking a reference up: environment, file, program, keyring.
//!
//! Not the remembering. Invariant: a program is started without a shell, given nothing on its
//! standard input, and neither its answer nor its complaints reach an error.

use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use foundation::settings::Env;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::Reference;
use crate::upstream::stdio;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest secret.
const LARGEST: u64 = 64 << 10;

/// What a reference refers to is not there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotThere {
    /// No such variable.
    #[error("the variable {0} is not set")]
    Variable(String),
    /// A file that cannot be read.
    #[error("the file {path} cannot be read: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Not text, or too much of it.
    #[error("{0} does not hold a text of at most 64 KiB")]
    NotText(String),
    /// A program that cannot be found.
    #[error("the program {0} was not found on PATH")]
    Program(String),
    /// A program that failed.
    #[error("the program {program} {why}")]
    Failed {
        /// The program.
        program: String,
        /// How.
        why: String,
    },
    /// No keyring on this machine.
    #[error(
        "this machine has no keyring program (secret-tool on Linux, security on macOS): install it, or use ${{env:NAME}} or ${{file:/path}}"
    )]
    NoKeyring,
    /// An empty secret.
    #[error("{0} is empty")]
    Empty(String),
}

/// The secret.
pub(super) async fn look_up(
    reference: &Reference,
    env: &(dyn Env + Send + Sync),
) -> Result<SecretString, NotThere> {
    match reference {
        Reference::Env { name, default } => env
            .get(name)
            .or_else(|| default.clone())
            .map(SecretString::from)
            .ok_or_else(|| NotThere::Variable(name.clone())),
        Reference::File(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read(&path))
                .await
                .map_err(|_| NotThere::NotText(reference.to_string()))?
        }
        Reference::Command(words) => {
            run(words.iter().map(OsString::from).collect(), env, reference).await
        }
        Reference::Keyring { service, account } => {
            let words = keyring(service, account, env).ok_or(NotThere::NoKeyring)?;
            run(words, env, reference).await
        }
    }
}

/// Whether the reference can be looked up, without doing it: no program is started.
///
/// What is worth a warning is returned.
pub fn check(reference: &Reference, env: &dyn Env) -> Result<Option<String>, NotThere> {
    match reference {
        Reference::Env { name, default } => {
            if default.is_none() && env.get(name).is_none() {
                return Err(NotThere::Variable(name.clone()));
            }
            Ok(None)
        }
        Reference::File(path) => {
            read(path)?;
            Ok(open_to_others(path).then(|| {
                format!(
                    "the file {} can be read by other users of this machine: chmod 600 it",
                    path.display()
                )
            }))
        }
        Reference::Command(words) => {
            let program = words.first().map_or("", String::as_str);
            find_program(program, env)
                .map(|_| None)
                .ok_or_else(|| NotThere::Program(program.to_owned()))
        }
        Reference::Keyring { service, account } => keyring(service, account, env)
            .map(|_| None)
            .ok_or(NotThere::NoKeyring),
    }
}

/// The file a command name stands for: itself when it has a slash, else the first of its name in
/// `PATH`.
fn find_program(name: &str, env: &dyn Env) -> Option<PathBuf> {
    stdio::find_program(name, env.get("PATH").as_deref(), None).ok()
}

fn open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

fn read(path: &Path) -> Result<SecretString, NotThere> {
    let failed = |error: std::io::Error| NotThere::File {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let about = std::fs::metadata(path).map_err(failed)?;
    let place = format!("the file {}", path.display());
    // A pipe or a device would be waited for.
    if !about.is_file() || about.len() > LARGEST {
        return Err(NotThere::NotText(place));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path)
        .map_err(failed)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    text(&bytes, &place)
}

fn text(bytes: &[u8], place: &str) -> Result<SecretString, NotThere> {
    let text = str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() as u64 <= LARGEST)
        .ok_or_else(|| NotThere::NotText(place.to_owned()))?
        .trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(NotThere::Empty(place.to_owned()));
    }
    Ok(SecretString::from(text))
}

async fn run(
    words: Vec<OsString>,
    env: &(dyn Env + Send + Sync),
    reference: &Reference,
) -> Result<SecretString, NotThere> {
    let name = words
        .first()
        .map(|word| word.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let program = find_program(&name, env).ok_or_else(|| NotThere::Program(name.clone()))?;
    let failed = |why: String| NotThere::Failed {
        program: name.clone(),
        why,
    };
    let mut child = tokio::process::Command::new(program)
        .args(words.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Programs say in their complaints what they were given.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("could not be started: {error}")))?;
    let answer = async {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(output) = child.stdout.take() {
            output.take(LARGEST + 1).read_to_end(&mut bytes).await?;
        }
        let status = child.wait().await?;
        Ok::<_, std::io::Error>((bytes, status))
    };
    let (bytes, status) = tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|_| failed(format!("gave no answer within {} s", PATIENCE.as_secs())))?
        .map_err(|error| failed(format!("could not be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(NotThere::NotText(reference.to_string()));
    }
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    text(&bytes, &reference.to_string())
}

fn keyring(service: &str, account: &str, env: &dyn Env) -> Option<Vec<OsString>> {
    let words: &[&str] = if cfg!(target_os = "macos") {
        &[
            "security",
            "find-generic-password",
            "-w",
            "-s",
            service,
            "-a",
            account,
        ]
    } else {
        &[
            "secret-tool",
            "lookup",
            "service",
            service,
            "account",
            account,
        ]
    };
    find_program(words[0], env)?;
    Some(words.iter().map(OsString::from).collect())
}
