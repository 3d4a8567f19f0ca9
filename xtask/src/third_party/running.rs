//! A program that prints where it listens, as its first line.
//!
//! Invariant: it ends with the value that holds it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};

/// A running program.
pub(super) struct Running {
    child: Child,
    pub(super) url: String,
}

impl Running {
    /// Starts it, and waits until it listens.
    pub(super) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} did not start", command.get_program().display()))?;
        let output = child.stdout.take().context("it has an output")?;
        let mut running = Self {
            child,
            url: String::new(),
        };
        BufReader::new(output).read_line(&mut running.url)?;
        running.url.truncate(running.url.trim_end().len());
        ensure!(
            running.url.starts_with("http"),
            "{} did not say where it listens",
            command.get_program().display()
        );
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
