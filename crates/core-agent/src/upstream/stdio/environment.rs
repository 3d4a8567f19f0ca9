//! What a child sees of the hub's surroundings: a few variables, and the program it is.
//!
//! Pure, but for looking at files. Invariant: a variable reaches a child because its name is in a
//! list here or in the configuration, never because it was there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// Variables every program may see: who and where the user is, how to speak, where things are,
/// which certificates hold. None of them usually carries a secret; proxies may, and are not here.
const USUAL: [&str; 26] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    // Windows.
    "APPDATA",
    "HOMEDRIVE",
    "HOMEPATH",
    "LOCALAPPDATA",
    "PATHEXT",
    "PROCESSOR_ARCHITECTURE",
    "PROGRAMFILES",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERNAME",
    "USERPROFILE",
    "COMSPEC",
];

/// The environment of a child.
pub(super) fn environment(
    surroundings: &BTreeMap<String, String>,
    inherit: &[String],
    own: &BTreeMap<String, SecretString>,
) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = surroundings
        .iter()
        .filter(|(name, _)| usual(name) || inherit.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in own {
        environment.insert(name.clone(), value.expose_secret().to_owned());
    }
    environment
}

/// Where the program `command` is: as written when it is a path, else in the folders of `path`.
///
/// A path that is not absolute is taken from `cwd`. The error says where was looked.
pub fn find_program(
    command: &str,
    path: Option<&str>,
    cwd: Option<&Path>,
) -> Result<PathBuf, String> {
    if command.trim().is_empty() {
        return Err("the command is empty".to_owned());
    }
    if command.contains(std::path::is_separator) {
        let written = match cwd {
            Some(cwd) => cwd.join(command),
            None => std::path::absolute(command).unwrap_or_else(|_| command.into()),
        };
        return runnable(&written)
            .ok_or_else(|| format!("{} is not a program that can be run", written.display()));
    }
    let path = path.unwrap_or_default();
    std::env::split_paths(path)
        // An empty or relative part would mean the working folder, which is anybody's.
        .filter(|folder| folder.is_absolute())
        .find_map(|folder| runnable(&folder.join(command)))
        .ok_or_else(|| format!("no program {command} is in the folders of the PATH ({path})"))
}

fn usual(name: &str) -> bool {
    let same = |usual: &str| {
        if cfg!(windows) {
            usual.eq_ignore_ascii_case(name)
        } else {
            usual == name
        }
    };
    name.starts_with("LC_") || USUAL.into_iter().any(same)
}

#[cfg(unix)]
fn runnable(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = path.metadata().ok()?;
    let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    (executable && is_program(path)).then(|| path.to_owned())
}

/// Whether the kernel runs it: what it does not, the C library would hand to a shell.
#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::io::Read;

    const MAGIC: [&[u8]; 6] = [
        b"\x7fELF",
        b"#!",
        // Mach-O, in either order, of either size, and of several machines.
        b"\xcf\xfa\xed\xfe",
        b"\xce\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\xfe\xed\xfa\xcf",
    ];
    let Ok(file) = std::fs::File::open(path) else {
        // It may be run without being readable.
        return true;
    };
    let mut begin = Vec::new();
    let read = file.take(4).read_to_end(&mut begin);
    read.is_ok() && MAGIC.iter().any(|magic| begin.starts_with(magic))
}

#[cfg(not(unix))]
fn runnable(path: &Path) -> Option<PathBuf> {
    ["", "exe", "cmd", "bat"]
        .iter()
        .map(|ending| match *ending {
            "" => path.to_owned(),
            ending => path.with_extension(ending),
        })
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn only_what_is_listed_is_passed_on() {
        let surroundings = map(&[
            ("PATH", "/bin"),
            ("LC_TIME", "C"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("LD_PRELOAD", "/evil.so"),
            ("HTTPS_PROXY", "http://user:password@proxy"),
            ("CHOSEN", "yes"),
        ]);
        let own = BTreeMap::from([
            ("TOKEN".to_owned(), SecretString::from("t")),
            ("PATH".to_owned(), SecretString::from("/own")),
        ]);
        let seen = environment(&surroundings, &["CHOSEN".into(), "ABSENT".into()], &own);
        let expected = map(&[
            ("CHOSEN", "yes"),
            ("LC_TIME", "C"),
            ("PATH", "/own"),
            ("TOKEN", "t"),
        ]);
        assert_eq!(seen, expected);
    }

    #[cfg(unix)]
    #[test]
    fn programs_are_found_on_the_path_alone() {
        let found = find_program("sh", Some("relative:/nowhere:/usr/bin:/bin"), None).unwrap();
        assert!(found.ends_with("bin/sh"));
        for (command, path) in [
            ("no-such-program", "/bin"),
            ("", "/bin"),
            ("/etc/hostname-that-is-not", "/bin"),
            ("/etc", "/bin"),
            ("sh -c ls", "/bin"),
            ("sh", ""),
        ] {
            assert!(
                find_program(command, Some(path), None).is_err(),
                "{command}"
            );
        }
        let here = find_program("./sh", None, Some(Path::new("/bin"))).unwrap();
        assert!(here.starts_with("/bin"));
    }
}
