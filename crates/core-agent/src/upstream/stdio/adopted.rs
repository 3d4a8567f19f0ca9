//! Processes that come to the hub when a supervisor dies by force.
//!
//! The hub asks the kernel (Linux) to become the parent of what a dying supervisor leaves behind.
//! That makes it the parent of what its other helpers leave behind too, such as an agent that a
//! secret's command started or a browser. Two marks tell them apart: whatever is below a
//! supervisor is in another session than the hub and can never gain privileges again, and neither
//! can be undone. Invariant: what has both marks is ended and reaped; of the rest only the dead are
//! reaped.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

static SUPERVISORS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The supervisors alive or not yet reaped. While it is held, none is started.
pub(super) fn supervisors() -> MutexGuard<'static, BTreeSet<u32>> {
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of what its children's children leave behind.
#[cfg(target_os = "linux")]
pub(super) fn adopt() {
    // Any process says yes, whatever its value.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

#[cfg(not(target_os = "linux"))]
pub(super) fn adopt() {}

/// Ends and reaps what was left behind. Blocks for as long as that takes, two seconds at most.
#[cfg(target_os = "linux")]
pub(super) fn sweep() {
    use std::{thread, time::Duration};

    use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1_000 {
        let left = left_behind();
        if left.is_empty() {
            return;
        }
        let mut reaped = false;
        for &pid in &left {
            // Not yet reaped by anybody, so its number is still its own.
            let _ = kill_process(pid, Signal::KILL);
            reaped |= matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_)));
        }
        if !reaped {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sweep() {}

#[cfg(target_os = "linux")]
fn left_behind() -> Vec<rustix::process::Pid> {
    use rustix::process::{Pid, getpid};

    let me = getpid().as_raw_pid();
    // Held while looking, so that a supervisor is either not yet there or already in it.
    let supervisors = supervisors();
    let processes = super::supervisor::processes();
    // Zero where the session's leader is outside of this container. It is a session like any other
    // here, and the reason why it is not asked for by `getsid`, whose answer must be a process.
    let Some(own) = processes.iter().find(|process| process.pid == me) else {
        return Vec::new();
    };
    processes
        .iter()
        .filter(|process| process.parent == me && process.session != own.session)
        .filter(|process| !u32::try_from(process.pid).is_ok_and(|pid| supervisors.contains(&pid)))
        .filter(|process| process.dead || cannot_gain_privileges(process.pid))
        .filter_map(|process| Pid::from_raw(process.pid))
        .collect()
}

#[cfg(target_os = "linux")]
fn cannot_gain_privileges(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
        status
            .lines()
            .filter_map(|line| line.strip_prefix("NoNewPrivs:"))
            .any(|value| value.trim() == "1")
    })
}
