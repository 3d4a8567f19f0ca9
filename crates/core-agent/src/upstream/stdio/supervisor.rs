//! The small process between the hub and a child.
//!
//! It lives as long as the child does, adopts whatever the child's descendants leave behind, and
//! ends all of them when the child ends or when the hub does, in whatever way: the hub's end of
//! the control socket closes with it. It starts the child by way of this same program once more,
//! which takes the limits upon itself and then becomes the child.
//! Not async and without a runtime, so that it stays small. Invariant: when it ends in order,
//! nothing that came of the child is left.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::{Exit, containment::Bounds};

/// The first argument of a supervisor.
pub(super) const SUPERVISE: &str = "supervise-child";
/// The first argument of what becomes the child.
const ENTER: &str = "enter-child";
/// The status when the limits or the program were refused, as shells use it.
const CANNOT_RUN: u8 = 126;

/// What a supervisor is told to start.
#[derive(Deserialize, Serialize)]
pub(super) struct Order {
    pub(super) program: std::path::PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: std::collections::BTreeMap<String, String>,
    pub(super) cwd: Option<std::path::PathBuf>,
    pub(super) bounds: Bounds,
}

/// What a supervisor says.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The child is started.
    Started(u32),
    /// It cannot be started.
    Failed(String),
    /// It ended.
    Ended(Exit),
}

/// The byte that asks for the child to end.
pub(super) const TERMINATE: u8 = b't';

/// Becomes a supervisor when this program was started as one: the first thing `main` does.
#[cfg(unix)]
pub fn take_over() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    match args.next()?.to_str()? {
        SUPERVISE => Some(match unix::supervise() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refused(&format!("cannot supervise: {error}")),
        }),
        ENTER => Some(refused(&unix::enter(args))),
        _ => None,
    }
}

/// Only Unix has supervisors.
#[cfg(not(unix))]
pub fn take_over() -> Option<ExitCode> {
    None
}

#[cfg(unix)]
fn refused(why: &str) -> ExitCode {
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("core-agent: {why}\n").as_bytes(),
    );
    ExitCode::from(CANNOT_RUN)
}

/// A process of this machine.
#[cfg(target_os = "linux")]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// Ended and not reaped.
    pub(super) dead: bool,
}

/// All processes there are at this moment.
#[cfg(target_os = "linux")]
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read(entry.path().join("stat")).ok()?;
            // The name in brackets may hold anything, brackets and blanks included.
            let stat = String::from_utf8_lossy(&stat);
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            Some(Process {
                pid,
                dead: fields.next()? == "Z",
                parent: fields.next()?.parse().ok()?,
                session: fields.nth(1)?.parse().ok()?,
            })
        })
        .collect()
}

#[cfg(unix)]
mod unix {
    use std::{
        ffi::OsString,
        fs::File,
        io::{self, IoSliceMut, Read, Write},
        mem::MaybeUninit,
        os::{
            fd::OwnedFd,
            unix::{net::UnixStream, process::CommandExt},
        },
        process::{Command, Stdio},
        sync::{Arc, Mutex, PoisonError},
        thread,
    };

    use rustix::{
        cmsg_space,
        fd::AsFd,
        net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
        process::{
            Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, kill_process,
            kill_process_group, setsid, wait as wait_any, waitid,
        },
    };

    use super::{Bounds, ENTER, Exit, Order, Report, TERMINATE};

    pub(super) fn supervise() -> io::Result<()> {
        // A session of its own: no terminal's signals. That and no new privileges are the marks by
        // which the hub knows what a supervisor left behind; whatever is started here bears them
        // from its first moment.
        setsid()?;
        #[cfg(target_os = "linux")]
        {
            rustix::thread::set_no_new_privs(true)?;
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        }
        let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        let (order, input, output) = receive(&mut control)?;
        let child = match start(&order, input, output) {
            Ok(child) => child,
            Err(error) => {
                let program = order.program.display();
                report(
                    &mut control,
                    &Report::Failed(format!("cannot start {program}: {error}")),
                );
                return Ok(());
            }
        };
        drop(order);
        #[expect(clippy::cast_sign_loss, reason = "a process number is positive")]
        report(&mut control, &Report::Started(child.as_raw_pid() as u32));
        // The child's life and its number: the number is nobody else's while it is not reaped.
        let alive = Arc::new(Mutex::new(true));
        let (listening, reader) = (alive.clone(), control.try_clone()?);
        thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || listen(reader, child, &listening))?;
        let exit = wait(child, &alive)?;
        report(&mut control, &Report::Ended(exit));
        end_all(child);
        Ok(())
    }

    /// Becomes the child; comes back with the reason when it cannot.
    pub(super) fn enter(mut args: impl Iterator<Item = OsString>) -> String {
        let mut next = || args.next().and_then(|arg| arg.into_string().ok());
        let (Some(parent), Some(bounds)) = (next(), next()) else {
            return "started with the wrong arguments".to_owned();
        };
        let Some(program) = args.next() else {
            return "started without a program".to_owned();
        };
        let Ok(bounds) = serde_json::from_str::<Bounds>(&bounds) else {
            return "started with limits that cannot be read".to_owned();
        };
        #[cfg(target_os = "linux")]
        {
            if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            {
                return format!("cannot be tied to its supervisor: {error}");
            }
        }
        // The supervisor may have died before the line above.
        let now = rustix::process::getppid().map(|pid| pid.as_raw_pid().to_string());
        if now != Some(parent) {
            return "its supervisor has ended".to_owned();
        }
        if let Err(why) = super::super::containment::enter(&bounds) {
            return format!("cannot be contained: {why}");
        }
        super::super::pages::hand_on_usual_pages();
        let error = Command::new(&program).args(args).exec();
        format!("cannot run {}: {error}", program.display())
    }

    /// The order and the pipes, as the hub sends them.
    fn receive(control: &mut UnixStream) -> io::Result<(Order, OwnedFd, OwnedFd)> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut length = [0; 4];
        let read = recvmsg(
            &*control,
            &mut [IoSliceMut::new(&mut length)],
            &mut ancillary,
            // Linux closes them on exec by itself; elsewhere the child is started by a standard
            // library that closes what it does not pass on only when it is marked.
            received_flags(),
        )?;
        let mut pipes = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                pipes.extend(received);
            }
        }
        let mut pipes = pipes.into_iter();
        let (Some(input), Some(output), 4) = (pipes.next(), pipes.next(), read.bytes) else {
            return Err(io::Error::other("no order came"));
        };
        let mut order = vec![0; u32::from_le_bytes(length) as usize];
        control.read_exact(&mut order)?;
        Ok((serde_json::from_slice(&order)?, input, output))
    }

    #[cfg(target_os = "linux")]
    fn received_flags() -> RecvFlags {
        RecvFlags::CMSG_CLOEXEC
    }

    #[cfg(not(target_os = "linux"))]
    fn received_flags() -> RecvFlags {
        RecvFlags::empty()
    }

    fn start(order: &Order, input: OwnedFd, output: OwnedFd) -> io::Result<Pid> {
        let mut command = Command::new(super::super::child::this_executable()?);
        command
            .arg0("core-agent")
            .arg(ENTER)
            .arg(std::process::id().to_string())
            .arg(serde_json::to_string(&order.bounds)?)
            .arg(&order.program)
            .args(&order.args)
            .env_clear()
            .envs(&order.environment)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output))
            .stderr(Stdio::inherit())
            // A group of its own, so that a signal to it spares the supervisor.
            .process_group(0);
        if let Some(cwd) = &order.cwd {
            command.current_dir(cwd);
        }
        // The command holds the pipes; with its end only the child does.
        let child = command.spawn()?;
        Ok(Pid::from_child(&child))
    }

    /// Does what the hub says until it says nothing any more; then the child ends.
    fn listen(mut control: UnixStream, child: Pid, alive: &Mutex<bool>) {
        loop {
            let mut byte = [0];
            let asked = control.read(&mut byte).is_ok_and(|read| read == 1);
            let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            match (asked, byte) {
                (true, [TERMINATE]) if *alive => {
                    // The group, for a wrapper often does not pass the signal on.
                    let _ = kill_process_group(child, Signal::TERM);
                }
                (true, _) => {}
                (false, _) => {
                    // With the child's end, the other thread ends all the rest.
                    if *alive {
                        let _ = kill_process(child, Signal::KILL);
                    }
                    return;
                }
            }
        }
    }

    /// Waits for the child, reaping whatever else was left to this process meanwhile.
    fn wait(child: Pid, alive: &Mutex<bool>) -> io::Result<Exit> {
        loop {
            // Somebody has ended; who, is found out only under the lock.
            match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(Some((pid, status))) = wait_any(WaitOptions::NOHANG) {
                if pid == child {
                    *alive = false;
                    return Ok(exit(status));
                }
            }
        }
    }

    /// Ends everything below this process.
    #[cfg(target_os = "linux")]
    fn end_all(_child: Pid) {
        loop {
            // Without children there is nobody: whoever loses its parent becomes one.
            match wait_any(WaitOptions::NOHANG) {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(_) => return,
            }
            let below = below();
            for &pid in &below {
                let _ = kill_process(pid, Signal::KILL);
            }
            if !below.is_empty() {
                // At least one direct child is about to end.
                let _ = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn end_all(child: Pid) {
        // Who left the group cannot be found here.
        let _ = kill_process_group(child, Signal::KILL);
        while let Ok(Some(_)) = wait_any(WaitOptions::NOHANG) {}
    }

    /// The descendants of this process.
    #[cfg(target_os = "linux")]
    fn below() -> Vec<Pid> {
        let all = super::processes();
        let mut below = std::collections::BTreeSet::from([rustix::process::getpid().as_raw_pid()]);
        loop {
            let known = below.len();
            for process in &all {
                if below.contains(&process.parent) {
                    below.insert(process.pid);
                }
            }
            if below.len() == known {
                break;
            }
        }
        below.remove(&rustix::process::getpid().as_raw_pid());
        below.into_iter().filter_map(Pid::from_raw).collect()
    }

    fn exit(status: WaitStatus) -> Exit {
        Exit {
            code: status.exit_status(),
            signal: status.terminating_signal(),
        }
    }

    fn report(control: &mut UnixStream, report: &Report) {
        // The hub may be gone; what is to be done then is done by the other thread.
        if let Ok(mut line) = serde_json::to_vec(report) {
            line.push(b'\n');
            let _ = control.write_all(&line);
        }
    }
}
