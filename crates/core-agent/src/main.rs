//! The program: parses the command line, runs a command, turns its end into an exit status.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use core_agent::{
    commands::{CommandLine, Printer},
    upstream::stdio,
};

// The allocator decides a third of the processor time of a call with many small JSON values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stdio::keep_pages_small();
    // Before anything else: a supervisor of a child is small.
    if let Some(code) = stdio::take_over() {
        return code;
    }
    // Servers run as the same user; what this process knows is not for them.
    stdio::hide_from_children();
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            Printer.problem(&format!("ERROR: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(line.run());
    // A read of a terminal cannot be given up, so the end does not wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(error) => {
            Printer.problem(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
