//! A child process and what it uses, read from the kernel.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Child;

/// A child that is ended when this goes away.
pub(super) struct Process {
    child: Child,
    pid: u32,
}

impl Process {
    pub(super) fn new(child: Child) -> anyhow::Result<Self> {
        let pid = child.id().context("the child has ended already")?;
        Ok(Self { child, pid })
    }

    /// User and system time so far.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name in brackets may contain blanks; what follows it does not.
        let (_, fields) = stat.rsplit_once(')').context("an unknown form of stat")?;
        let ticks: f64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<f64>())
            .sum::<Result<f64, _>>()?;
        // Linux counts these in hundredths of a second on every platform.
        Ok(ticks / 100.0)
    }

    /// Memory in use.
    pub(super) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Asks the process to end and waits for it.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let status = std::process::Command::new("kill")
            .arg(self.pid.to_string())
            .status()?;
        if !status.success() {
            bail!("the process {} could not be asked to end", self.pid);
        }
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.context("a process did not end")??;
        Ok(())
    }
}
