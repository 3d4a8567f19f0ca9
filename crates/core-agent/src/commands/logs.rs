//! `core-agent logs`: what a server wrote to its standard error.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use super::{Common, Printer, known::configured};
use crate::{ServerName, overview::Overview, upstream::stdio::log_file};

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Show what a server wrote to its standard error.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// The server.
    server: ServerName,
    /// Go on with what it writes from now on.
    #[arg(long, short)]
    follow: bool,
    /// How many lines to begin with.
    #[arg(long, short = 'n', default_value_t = 100)]
    lines: usize,
}

impl Logs {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let overview = Overview::open(common)?;
        configured(overview.config(), &self.server)?;
        let path = log_file(overview.state(), &self.server);
        if !path.exists() && !self.follow {
            Printer.problem(&format!(
                "{} has written nothing yet; only servers on stdio are listened to",
                self.server
            ));
            return Ok(ExitCode::SUCCESS);
        }
        let mut read = print_last(&path, self.lines)?;
        if !self.follow {
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
                () = tokio::time::sleep(LOOK_EVERY) => read = print_from(&path, read)?,
            }
        }
    }
}

/// Prints the last lines, and returns up to where was read.
fn print_last(path: &Path, most: usize) -> anyhow::Result<u64> {
    let Ok(file) = File::open(path) else {
        return Ok(0);
    };
    let mut last = VecDeque::new();
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut read = 0;
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        // A line without an end is still being written: it comes with the next look.
        if length == 0 || line.last() != Some(&b'\n') {
            break;
        }
        read += length as u64;
        last.push_back(text(&line));
        if last.len() > most {
            last.pop_front();
        }
    }
    for line in last {
        Printer.line(&line);
    }
    Ok(read)
}

/// Prints the lines from `start` on, or from the beginning of a file that began anew.
fn print_from(path: &Path, start: u64) -> anyhow::Result<u64> {
    let Ok(mut file) = File::open(path) else {
        return Ok(0);
    };
    let start = if file.metadata()?.len() < start {
        0
    } else {
        start
    };
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let (mut line, mut read) = (Vec::new(), start);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(read);
        }
        read += length as u64;
        Printer.line(&text(&line));
    }
}

/// A line that cannot move the cursor or hide a part of itself.
fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end()
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
