//! What a child may not do: no new privileges, Landlock, limits of the kernel.
//!
//! What the kernel can do is asked beforehand, so that what is missing can be shown; what it can
//! do is then done, or the child does not start. Not the process tree: that is the supervisor's.
//! Invariant: a line shown as enforced is enforced.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::ContainmentConfig;

/// What a program always may read and run when its folders are limited: the system's programs,
/// libraries and settings.
#[cfg(target_os = "linux")]
const SYSTEM: [&str; 11] = [
    "/bin",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/proc",
    "/run/current-system",
    "/sbin",
    "/sys/devices/system/cpu",
    "/usr",
];
/// What it may write too.
#[cfg(target_os = "linux")]
const DEVICES: [&str; 7] = [
    "/dev/full",
    "/dev/null",
    "/dev/ptmx",
    "/dev/random",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];

/// The limits a child gives itself before it becomes the program.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Bounds {
    /// Folders to read and to write; not limited when absent.
    files: Option<Files>,
    /// Whether TCP is refused.
    no_tcp: bool,
    /// Whether processes of others are out of reach.
    alone: bool,
    memory: Option<u64>,
    processes: Option<u64>,
    open_files: Option<u64>,
    cpu_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Files {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

/// Makes the hub's own memory and environment unreadable to other programs of the same user, its
/// children above all. For the beginning of a program that holds secrets.
pub fn hide_from_children() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        // Where it is refused, children are as they were before.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// The limits of `config` as far as this kernel knows them, and how things are, line by line.
pub(super) fn plan(config: &ContainmentConfig, program: &Path) -> (Bounds, Vec<String>) {
    let mut lines = Vec::new();
    let mut bounds = Bounds {
        memory: config.memory_mb.map(|megabytes| megabytes << 20),
        processes: config.processes,
        open_files: config.files,
        cpu_seconds: config.cpu_seconds,
        ..Bounds::default()
    };
    plan_process(&mut lines);
    plan_landlock(config, program, &mut bounds, &mut lines);
    let limits = [
        (config.memory_mb, "MiB of address space"),
        (config.processes, "processes of this user"),
        (config.files, "open files"),
        (config.cpu_seconds, "seconds of processor time"),
    ];
    for (limit, what) in limits {
        let Some(limit) = limit else { continue };
        let doubt = if cfg!(not(unix)) {
            ": not enforced: this system has no such limit"
        } else if what.starts_with("processes") && superuser() {
            ": not enforced: the kernel spares the superuser"
        } else {
            ""
        };
        lines.push(format!("limit: {limit} {what}{doubt}"));
    }
    (bounds, lines)
}

#[cfg(target_os = "linux")]
fn plan_process(lines: &mut Vec<String>) {
    lines.push("process: no new privileges; own session; its whole tree ends with the hub".into());
}

#[cfg(all(unix, not(target_os = "linux")))]
fn plan_process(lines: &mut Vec<String>) {
    lines.push(
        "process: own session; its process group ends with the hub; what leaves the group is not \
         followed, and new privileges are not refused: this system cannot"
            .into(),
    );
}

#[cfg(not(unix))]
fn plan_process(lines: &mut Vec<String>) {
    lines.push("process: ended with the hub when the hub ends in order; not contained".into());
}

#[cfg(unix)]
fn superuser() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn superuser() -> bool {
    false
}

#[cfg(target_os = "linux")]
fn plan_landlock(
    config: &ContainmentConfig,
    program: &Path,
    bounds: &mut Bounds,
    lines: &mut Vec<String>,
) {
    const MISSING: &str = "not enforced: this kernel's Landlock cannot";
    if config.read.is_empty() && config.write.is_empty() {
        lines.push("files: not limited".to_owned());
    } else {
        let folders = |folders: &[PathBuf]| {
            let names: Vec<_> = folders
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            names.join(", ")
        };
        let wanted = format!(
            "files: reads the system's and [{}], writes [{}]",
            folders(&config.read),
            folders(&config.write)
        );
        if kernel_can(Feature::Files) {
            let mut read = config.read.clone();
            read.push(program.to_owned());
            // Behind a link is the file itself.
            read.extend(program.canonicalize());
            bounds.files = Some(Files {
                read,
                write: config.write.clone(),
            });
            lines.push(wanted);
        } else {
            lines.push(format!("{wanted}: {MISSING}"));
        }
    }
    match config.network {
        Some(false) if kernel_can(Feature::Network) => {
            bounds.no_tcp = true;
            lines.push("network: no TCP; other sockets are not limited".to_owned());
        }
        Some(false) => lines.push(format!("network: no TCP: {MISSING}")),
        _ => lines.push("network: not limited".to_owned()),
    }
    if config.other_processes {
        lines.push("other processes: may be signalled and inspected".to_owned());
    } else if kernel_can(Feature::Signals) {
        bounds.alone = true;
        lines.push("other processes: neither signalled nor inspected".to_owned());
    } else {
        lines.push(format!("other processes: {MISSING}"));
    }
}

/// What is asked of Landlock.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
enum Feature {
    Files,
    Network,
    Signals,
}

/// Whether this kernel has it: a set of rules that is made and not used.
#[cfg(target_os = "linux")]
fn kernel_can(feature: Feature) -> bool {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
    };

    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let ruleset = match feature {
        Feature::Files => ruleset.handle_access(AccessFs::from_all(ABI::V1)),
        Feature::Network => ruleset.handle_access(AccessNet::from_all(ABI::V4)),
        Feature::Signals => ruleset.scope(Scope::Signal),
    };
    ruleset.and_then(Ruleset::create).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn plan_landlock(
    config: &ContainmentConfig,
    _program: &Path,
    _bounds: &mut Bounds,
    lines: &mut Vec<String>,
) {
    if !config.read.is_empty() || !config.write.is_empty() {
        lines.push("files: not limited: only Linux can".to_owned());
    }
    if config.network == Some(false) {
        lines.push("network: not limited: only Linux can".to_owned());
    }
}

/// Takes the limits upon this process, for good; its supervisor has given up new privileges for
/// both.
#[cfg(unix)]
pub(super) fn enter(bounds: &Bounds) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    #[cfg(target_os = "linux")]
    enter_landlock(bounds)?;
    let limits = [
        (Resource::Cpu, bounds.cpu_seconds),
        (Resource::Nofile, bounds.open_files),
        (Resource::Nproc, bounds.processes),
        // Last: from here on this process itself has to make do with it.
        (Resource::As, bounds.memory),
    ];
    for (resource, limit) in limits {
        let Some(limit) = limit else { continue };
        let both = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, both)
            .map_err(|error| format!("limit {resource:?} {limit}: {error}"))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn enter_landlock(bounds: &Bounds) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
    };

    // What newer kernels add is taken where it is there.
    const NEWEST: ABI = ABI::V6;
    if bounds.files.is_none() && !bounds.no_tcp && !bounds.alone {
        return Ok(());
    }
    let rules = || {
        let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        if bounds.files.is_some() {
            ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
        }
        // These were found in the kernel beforehand: without them the child does not start.
        ruleset = ruleset.set_compatibility(CompatLevel::HardRequirement);
        if bounds.no_tcp {
            ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V4))?;
        }
        if bounds.alone {
            ruleset = ruleset.scope(Scope::Signal)?;
        }
        let mut created = ruleset.create()?.set_compatibility(CompatLevel::BestEffort);
        if let Some(files) = &bounds.files {
            let read = AccessFs::from_read(NEWEST);
            let all = AccessFs::from_all(NEWEST);
            let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
            // Folders that are not there are left out: nothing can be done in them.
            created = created
                .add_rules(path_beneath_rules(SYSTEM, read))?
                .add_rules(path_beneath_rules(&files.read, read))?
                .add_rules(path_beneath_rules(DEVICES, device))?
                .add_rules(path_beneath_rules(&files.write, all))?;
        }
        created.restrict_self()
    };
    match rules() {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            Err("Landlock is not enforced".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("Landlock: {error}")),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_wish_has_a_line_and_every_bound_a_wish() {
        let program = Path::new("/bin/sh");
        let (bounds, lines) = plan(&ContainmentConfig::default(), program);
        assert!(bounds.files.is_none() && !bounds.no_tcp && bounds.memory.is_none());
        assert!(
            lines.contains(&"files: not limited".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"network: not limited".to_owned()),
            "{lines:?}"
        );
        let all = ContainmentConfig {
            read: vec!["/a".into()],
            write: vec!["/b".into()],
            network: Some(false),
            memory_mb: Some(1),
            processes: Some(2),
            files: Some(3),
            cpu_seconds: Some(4),
            other_processes: true,
        };
        let (bounds, lines) = plan(&all, program);
        assert_eq!(bounds.memory, Some(1 << 20));
        assert!(!bounds.alone);
        for wish in [
            "[/a]",
            "[/b]",
            "no TCP",
            "1 MiB",
            "2 processes",
            "3 open",
            "4 seconds",
        ] {
            assert!(
                lines.iter().any(|line| line.contains(wish)),
                "{wish}: {lines:?}"
            );
        }
        // Either it is done, or it is said that it is not.
        let files = lines.iter().find(|line| line.starts_with("files:"));
        assert_eq!(
            bounds.files.is_none(),
            files.is_some_and(|line| line.contains("not enforced"))
        );
    }

    #[test]
    fn what_the_hub_knows_is_hidden() {
        use rustix::process::{DumpableBehavior, dumpable_behavior};

        hide_from_children();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
