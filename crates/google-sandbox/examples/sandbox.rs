//! Runs the sandbox until Ctrl-C: `cargo run -p google-sandbox --example sandbox [PORT]`.
//!
//! Not the product's command, which has options. Invariant: prints once, then only serves.

use std::{net::SocketAddr, sync::Arc};

use foundation::SystemClock;
use google_sandbox::{Sandbox, cli};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program's one message to its user")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let running = Sandbox::builder(Arc::new(SystemClock))
        .start(address)
        .await?;
    println!("{}", cli::how_to_use(&running));
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(())
}
