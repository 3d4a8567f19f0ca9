//! The program: parses the command line, runs a command, turns its end into an exit status.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use workspace_mcp::commands::{CommandLine, Printer};

// The allocator decides a third of the processor time of a call with many small JSON values.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Given unasked, huge pages would be mostly empty and count as memory of this program.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let line = CommandLine::parse();
    if let Some(code) = line.run_alone() {
        return code;
    }
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
