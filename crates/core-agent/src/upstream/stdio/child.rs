//! A child: its process tree from the first moment to the last.
//!
//! Not what is said with it: that is the transport's. Invariant: when [`Child::stop`] returns, and
//! soon after a [`Child`] is dropped, nothing of the tree is left.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Fault, FaultKind};

use super::{
    ChildSpec, Problem, StderrRing, StdioTransport, TransportHealth, containment, environment,
};

/// How long a supervisor may take to end a tree before it is ended itself.
const TREE_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A program that was started, with everything it started.
pub struct Child {
    program: PathBuf,
    pid: watch::Receiver<Option<u32>>,
    supervisor: u32,
    containment: Vec<String>,
    exit: watch::Receiver<Option<Exit>>,
    gone: watch::Receiver<bool>,
    closing: CancellationToken,
    health: Arc<TransportHealth>,
    control: Mutex<Option<Control>>,
}

/// How a program ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Exit {
    /// The status it gave.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// The end of the control socket that keeps a tree alive.
type Control = tokio::sync::mpsc::UnboundedSender<Ask>;

/// What the task that watches a child is asked.
enum Ask {
    Terminate,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(0), _) => f.write_str("ended by itself"),
            (Some(code), _) => write!(f, "ended with status {code}"),
            (None, Some(signal)) => match signal {
                6 => f.write_str("aborted (signal 6)"),
                9 => f.write_str("was killed (signal 9)"),
                11 => f.write_str("crashed (signal 11)"),
                15 => f.write_str("was asked to end (signal 15)"),
                signal => write!(f, "was ended by signal {signal}"),
            },
            (None, None) => f.write_str("ended, nobody knows how"),
        }
    }
}

/// This program, by a path that holds when it is replaced on disk meanwhile.
pub(super) fn this_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

impl Child {
    /// Starts a program. Its words on standard error go to `ring`.
    ///
    /// Returns at once: whether it speaks MCP, or can be run at all, is known when it is spoken to.
    pub fn spawn(spec: &ChildSpec, ring: Arc<StderrRing>) -> Result<(Self, StdioTransport), Fault> {
        let environment = environment::environment(&spec.surroundings, &spec.inherit, &spec.env);
        if let Some(cwd) = &spec.cwd
            && !cwd.is_dir()
        {
            let message = format!("its working folder {} is not there", cwd.display());
            return Err(
                Fault::before(&spec.server, FaultKind::NotAvailable, message)
                    .hint("set cwd to a folder, or leave it out"),
            );
        }
        let path = environment.get("PATH").map(String::as_str);
        let program =
            environment::find_program(&spec.command, path, spec.cwd.as_deref()).map_err(|why| {
                Fault::before(&spec.server, FaultKind::NotAvailable, why)
                    .hint("install it, or write its whole path")
            })?;
        let (bounds, mut containment) = containment::plan(&spec.containment, &program);
        let names: Vec<_> = environment.keys().map(String::as_str).collect();
        containment.push(format!("environment: {}", names.join(", ")));
        let (exit, exited) = watch::channel(None);
        let (gone, is_gone) = watch::channel(false);
        let (pid, pids) = watch::channel(None);
        let (drained, is_drained) = watch::channel(false);
        let health = TransportHealth::new(
            spec.server.clone(),
            ring.clone(),
            exited.clone(),
            is_drained,
        );
        let order = Order {
            spec,
            program: &program,
            environment,
            bounds,
        };
        let started = start(order).map_err(|error| {
            let message = format!("{} cannot be started: {error}", program.display());
            Fault::before(&spec.server, FaultKind::StartFailed, message)
        })?;
        tokio::spawn({
            let drain = ring.clone().drain(started.errors);
            async move {
                drain.await;
                drained.send_replace(true);
            }
        });
        let closing = CancellationToken::new();
        let transport = StdioTransport::start(
            started.output,
            started.input,
            spec.answer_bytes,
            health.clone(),
            closing.clone(),
        );
        let (control, asked) = tokio::sync::mpsc::unbounded_channel();
        let supervisor = started.process.id().unwrap_or_default();
        let watched = Watched {
            asked,
            exit,
            gone,
            pid,
            ring,
        };
        tokio::spawn(watched.until_gone(started.process, started.control));
        let child = Self {
            program,
            pid: pids,
            supervisor,
            containment,
            exit: exited,
            gone: is_gone,
            closing,
            health: health.clone(),
            control: Mutex::new(Some(control)),
        };
        Ok((child, transport))
    }

    /// The program's process, once it is known.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// The process between the hub and the program; the program itself where there is none.
    pub fn supervisor_pid(&self) -> u32 {
        self.supervisor
    }

    /// How it is contained, line by line: what is enforced, and what this system cannot.
    pub fn containment(&self) -> &[String] {
        &self.containment
    }

    /// How the conversation with it is doing.
    pub fn health(&self) -> Arc<TransportHealth> {
        self.health.clone()
    }

    /// Waits for the program's end.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| exit.clone()).unwrap_or_default()
    }

    /// How the program ended, if it did.
    pub fn exit(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Ends the program: by the end of its input, after `grace` by asking it to, after another
    /// `grace` by force. Returns when nothing of it is left.
    pub async fn stop(&self, grace: Duration) {
        self.health.end(Problem::Stopped);
        self.closing.cancel();
        if !self.is_gone_within(grace).await {
            if let Some(control) = &*self.control.lock().unwrap_or_else(PoisonError::into_inner) {
                let _ = control.send(Ask::Terminate);
            }
            if !self.is_gone_within(grace).await {
                self.kill();
            }
        }
        // Ends: the watching task ends a supervisor that does not.
        let _ = self.gone.clone().wait_for(|gone| *gone).await;
    }

    /// Ends the program by force, soon.
    pub fn kill(&self) {
        self.health.end(Problem::Stopped);
        self.closing.cancel();
        self.control
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    async fn is_gone_within(&self, time: Duration) -> bool {
        let mut gone = self.gone.clone();
        tokio::time::timeout(time, gone.wait_for(|gone| *gone))
            .await
            .is_ok()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("program", &self.program)
            .field("pid", &self.pid())
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}

struct Order<'s> {
    spec: &'s ChildSpec,
    program: &'s std::path::Path,
    environment: std::collections::BTreeMap<String, String>,
    bounds: containment::Bounds,
}

/// The task that watches a child.
struct Watched {
    asked: tokio::sync::mpsc::UnboundedReceiver<Ask>,
    exit: watch::Sender<Option<Exit>>,
    gone: watch::Sender<bool>,
    pid: watch::Sender<Option<u32>>,
    ring: Arc<StderrRing>,
}

#[cfg(unix)]
struct Started {
    process: tokio::process::Child,
    control: (tokio::net::UnixStream, Vec<u8>),
    input: tokio::net::unix::pipe::Sender,
    output: tokio::net::unix::pipe::Receiver,
    errors: tokio::net::unix::pipe::Receiver,
}

#[cfg(unix)]
fn start(order: Order<'_>) -> io::Result<Started> {
    use std::{
        io::IoSlice,
        mem::MaybeUninit,
        os::{fd::AsFd, unix::net::UnixStream},
        process::Stdio,
    };

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use tokio::net::unix::pipe;

    use super::{adopted, supervisor};

    adopted::adopt();
    let (ours, theirs) = UnixStream::pair()?;
    let (input, to_child) = io::pipe()?;
    let (from_child, output) = io::pipe()?;
    let (errors_read, errors) = io::pipe()?;
    let mut command = tokio::process::Command::new(&order.spec.executable);
    command
        .arg0("core-agent")
        .arg(supervisor::SUPERVISE)
        // For people who look at the list of processes.
        .arg(order.spec.server.as_str())
        .env_clear()
        // The allocator takes memory for a small process, not for a server's.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(errors));
    let process = {
        let mut supervisors = adopted::supervisors();
        let process = command.spawn()?;
        supervisors.extend(process.id());
        process
    };
    // It holds the other ends.
    drop(command);
    let text = serde_json::to_vec(&supervisor::Order {
        program: order.program.to_owned(),
        args: order.spec.args.clone(),
        environment: order.environment,
        cwd: order.spec.cwd.clone(),
        bounds: order.bounds,
    })?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let pipes = [input.as_fd(), output.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&pipes));
    // Four bytes always have room. A supervisor that died already is noticed by its end.
    let _ = sendmsg(
        &ours,
        &[IoSlice::new(&length.to_le_bytes())],
        &mut ancillary,
        SendFlags::empty(),
    );
    ours.set_nonblocking(true)?;
    Ok(Started {
        process,
        control: (tokio::net::UnixStream::from_std(ours)?, text),
        input: pipe::Sender::from_owned_fd(to_child.into())?,
        output: pipe::Receiver::from_owned_fd(from_child.into())?,
        errors: pipe::Receiver::from_owned_fd(errors_read.into())?,
    })
}

#[cfg(unix)]
impl Watched {
    async fn until_gone(
        mut self,
        mut process: tokio::process::Child,
        (control, order): (tokio::net::UnixStream, Vec<u8>),
    ) {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

        use super::{
            adopted,
            supervisor::{Report, TERMINATE},
        };

        let supervisor = process.id();
        let (reports, mut orders) = control.into_split();
        let mut reports = BufReader::new(reports).lines();
        // A dead supervisor does not read; its reports end then.
        let _ = orders.write_all(&order).await;
        drop(order);
        let mut orders = Some(orders);
        loop {
            tokio::select! {
                report = reports.next_line() => {
                    let Ok(Some(line)) = report else { break };
                    match serde_json::from_str(&line) {
                        Ok(Report::Started(pid)) => {
                            self.pid.send_replace(Some(pid));
                        }
                        Ok(Report::Failed(why)) => {
                            self.ring.push(&format!("core-agent: {why}"));
                        }
                        Ok(Report::Ended(exit)) => {
                            self.exit.send_replace(Some(exit));
                        }
                        Err(_) => {}
                    }
                }
                asked = self.asked.recv(), if orders.is_some() => match (asked, &mut orders) {
                    (Some(Ask::Terminate), Some(orders)) => {
                        let _ = orders.write_all(&[TERMINATE]).await;
                    }
                    // The end of the orders is the end of the tree.
                    _ => orders = None,
                },
                () = tokio::time::sleep(TREE_ENDS_WITHIN), if orders.is_none() => break,
            }
        }
        drop(orders);
        let ended = tokio::time::timeout(TREE_ENDS_WITHIN, process.wait()).await;
        if ended.is_err() {
            // Stopped, or waiting for a process that cannot be ended.
            let _ = process.start_kill();
            let _ = process.wait().await;
        }
        if let Some(supervisor) = supervisor {
            adopted::supervisors().remove(&supervisor);
        }
        let _ = tokio::task::spawn_blocking(adopted::sweep).await;
        self.exit.send_if_modified(|exit| {
            let unknown = exit.is_none();
            exit.get_or_insert_default();
            unknown
        });
        self.gone.send_replace(true);
    }
}

/// Where there are no supervisors, the program is a child of the hub's, ended with its [`Child`].
#[cfg(not(unix))]
struct Started {
    process: tokio::process::Child,
    control: (),
    input: tokio::process::ChildStdin,
    output: tokio::process::ChildStdout,
    errors: tokio::process::ChildStderr,
}

#[cfg(not(unix))]
fn start(order: Order<'_>) -> io::Result<Started> {
    use std::process::Stdio;

    let mut command = tokio::process::Command::new(order.program);
    command
        .args(&order.spec.args)
        .env_clear()
        .envs(&order.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(cwd) = &order.spec.cwd {
        command.current_dir(cwd);
    }
    let mut process = command.spawn()?;
    let missing = || io::Error::other("no pipe");
    Ok(Started {
        control: (),
        input: process.stdin.take().ok_or_else(missing)?,
        output: process.stdout.take().ok_or_else(missing)?,
        errors: process.stderr.take().ok_or_else(missing)?,
        process,
    })
}

#[cfg(not(unix))]
impl Watched {
    async fn until_gone(mut self, mut process: tokio::process::Child, (): ()) {
        self.pid.send_replace(process.id());
        let status = tokio::select! {
            status = process.wait() => status,
            // There is no way to ask: to be asked is to be ended.
            _ = self.asked.recv() => {
                let _ = process.start_kill();
                process.wait().await
            }
        };
        self.exit.send_replace(Some(Exit {
            code: status.ok().and_then(|status| status.code()),
            signal: None,
        }));
        self.gone.send_replace(true);
    }
}
