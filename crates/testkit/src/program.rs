//! A program as a child process: started, listened to, measured, ended.
//!
//! Invariants: its output is always read, so that it never waits for a reader; a program with
//! canaries that said one of them fails the test that ends it.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::Notify,
    task::JoinHandle,
};

use crate::canaries::{Canaries, Watch};

/// How long a program may take to say something or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a program did not do.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started, asked or read.
    #[error("the program cannot be used: {0}")]
    System(#[from] io::Error),
    /// It ended, or waited too long, before it said what was expected.
    #[error("the program did not say {wanted}; it said:\n{said}")]
    Silent {
        /// What was expected.
        wanted: String,
        /// What it said instead.
        said: String,
    },
    /// It did not end when asked.
    #[error("the program did not end within {} s", PATIENCE.as_secs())]
    Endless,
    /// The kernel does not tell about it in a form known here.
    #[error("the kernel tells nothing about the program")]
    Unknown,
}

/// A running program. Dropping it kills it.
pub struct Program {
    child: Child,
    pid: u32,
    said: Arc<Said>,
    listeners: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    text: Mutex<String>,
    more: Notify,
    watch: Mutex<Option<Watch>>,
}

impl Program {
    /// Starts `binary` with `arguments` and the variables `env`, apart from ours to find programs
    /// nothing is inherited.
    pub fn start(
        binary: &Path,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> Result<Self, ProgramError> {
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self::spawn(command)
    }

    /// Starts a prepared command; its output should be piped.
    pub fn spawn(mut command: Command) -> Result<Self, ProgramError> {
        let mut child = command.spawn()?;
        let pid = child.id().ok_or(ProgramError::Unknown)?;
        let said = Arc::new(Said::default());
        let mut listeners = Vec::new();
        if let Some(output) = child.stdout.take() {
            listeners.push(tokio::spawn(listen(output, said.clone())));
        }
        if let Some(output) = child.stderr.take() {
            listeners.push(tokio::spawn(listen(output, said.clone())));
        }
        Ok(Self {
            child,
            pid,
            said,
            listeners,
        })
    }

    /// Watches for words it must not say, in what it said already and from now on. A hit is a
    /// panic when the program is ended or dropped.
    #[track_caller]
    pub fn watch(&self, canaries: Canaries) {
        let mut watch = Watch::new(canaries);
        let mut place = self
            .said
            .watch
            .lock()
            .expect("no code panics while holding it");
        self.said().lines().for_each(|line| watch.see(line));
        *place = Some(watch);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything it said so far, on both outputs.
    pub fn said(&self) -> String {
        self.said
            .text
            .lock()
            .expect("no code panics while holding the text")
            .clone()
    }

    /// Waits until `found` finds something in what it said.
    pub async fn wait_for<T>(
        &mut self,
        wanted: &str,
        found: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ProgramError> {
        let said = self.said.clone();
        let waiting = async {
            loop {
                let more = said.more.notified();
                let text = said
                    .text
                    .lock()
                    .expect("no code panics while holding it")
                    .clone();
                if let Some(found) = found(&text) {
                    return Some(found);
                }
                tokio::select! {
                    () = more => {}
                    // The last words may arrive after the end was seen.
                    _ = self.child.wait() => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        return found(&said.text.lock().expect("no code panics while holding it"));
                    }
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await.ok().flatten();
        found.ok_or_else(|| ProgramError::Silent {
            wanted: wanted.to_owned(),
            said: self.said(),
        })
    }

    /// Waits for the first `127.0.0.1:PORT` it names.
    pub async fn address(&mut self) -> Result<String, ProgramError> {
        self.wait_for("where it listens", address_in).await
    }

    /// User and system time it used so far.
    pub fn cpu_seconds(&self) -> Result<f64, ProgramError> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in brackets may contain blanks; what follows it does not.
        let (_, fields) = stat.rsplit_once(')').ok_or(ProgramError::Unknown)?;
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<f64>);
        let ticks: f64 = ticks
            .sum::<Result<f64, _>>()
            .map_err(|_| ProgramError::Unknown)?;
        // Linux counts these in hundredths of a second on every platform.
        Ok(ticks / 100.0)
    }

    /// Memory it holds.
    pub fn resident_mib(&self) -> Result<f64, ProgramError> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or(ProgramError::Unknown)
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<(), ProgramError> {
        let pid = self.pid.to_string();
        std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status()?;
        Ok(())
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> Result<ExitStatus, ProgramError> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.map_err(|_| ProgramError::Endless)??;
        // A grandchild may hold the outputs open, so the last words are not waited for without end.
        for listener in self.listeners.drain(..) {
            let _ = tokio::time::timeout(Duration::from_secs(5), listener).await;
        }
        self.judge();
        Ok(ended)
    }

    fn judge(&self) {
        let watch = self.said.watch.lock();
        let watch = watch.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(found) = watch.and_then(|watch| watch.found()) {
            panic!("{found}");
        }
    }

    /// Asks it to end and waits for that.
    pub async fn stop(mut self) -> Result<ExitStatus, ProgramError> {
        self.signal("TERM")?;
        self.ended().await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.judge();
        }
    }
}

async fn listen(output: impl AsyncRead + Unpin, said: Arc<Said>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // Held until the line is kept too, so that a watch that begins now misses nothing.
        let mut watch = said.watch.lock().expect("no code panics while holding it");
        if let Some(watch) = watch.as_mut() {
            watch.see(&line);
        }
        let mut text = said
            .text
            .lock()
            .expect("no code panics while holding the text");
        // A load writes a line a request; what is kept stays small.
        if text.len() < 4 << 20 {
            text.push_str(&line);
            text.push('\n');
        }
        drop((text, watch));
        said.more.notify_waiters();
    }
}

fn address_in(text: &str) -> Option<String> {
    text.split("127.0.0.1:").skip(1).find_map(|rest| {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        // A port cut off at the end of what was read may have more digits.
        let whole = rest.len() > port.len();
        (whole && !port.is_empty() && port != "0").then(|| format!("127.0.0.1:{port}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_once_it_is_whole() {
        assert_eq!(
            address_in("http://127.0.0.1:0 then http://127.0.0.1:4711/mcp").as_deref(),
            Some("127.0.0.1:4711")
        );
        assert_eq!(address_in("http://127.0.0.1:47"), None);
    }

    #[tokio::test]
    async fn a_program_that_says_a_canary_fails_its_test() {
        for (said, caught) in [("the word is very-secret-1", true), ("nothing", false)] {
            let ended = tokio::spawn(async move {
                let program = Program::start(
                    Path::new("/bin/sh"),
                    &["-c", "echo $0; exec sleep 60", said],
                    &[],
                );
                let mut program = program.unwrap();
                let mut canaries = Canaries::default();
                canaries.add("a secret", "very-secret-1");
                program.watch(canaries);
                program
                    .wait_for("something", |text| text.contains('\n').then_some(()))
                    .await
                    .unwrap();
                program.stop().await.unwrap();
            });
            assert_eq!(ended.await.is_err(), caught, "{said}");
        }
    }
}
