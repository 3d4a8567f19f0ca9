//! Clients that never finish what they began, against clients that behave.
//!
//! Half a request head and half a body are held open until the server closes them. Invariant: the
//! connections are counted before they are waited for, so that refused ones do not pass for closed.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use testkit::World;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::{Bound, Figure, well_behaved::usual};

const HALF_HEADS: usize = 5_000;
const SLOW_BODIES: usize = 1_000;

/// When the server must have closed them: its own limits are 10 and 30 seconds.
const HEADS_CLOSED: f64 = 12.0;
const BODIES_CLOSED: f64 = 33.0;

/// Rounds of well-behaved calls before and during; half heads live long enough for them.
const ROUNDS: usize = 5;

pub(super) async fn measure(world: &World) -> anyhow::Result<Vec<Figure>> {
    let address = world.base.trim_start_matches("http://").to_owned();
    let mcp = world.mcp();
    let before = usual(&mcp, ROUNDS).await?;
    let head = format!("POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: appl");
    let body = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    let (half_heads, slow_bodies) = counts()?;
    let mut heads = open(&address, &head, half_heads).await?;
    let mut bodies = open(&address, &body, slow_bodies).await?;
    let during = usual(&mcp, ROUNDS).await?;
    let heads_closed = longest(&mut heads).await?;
    let bodies_closed = longest(&mut bodies).await?;
    mcp.call("list_gmail_labels", json!({})).await?;
    Ok(vec![
        Figure {
            name: format!("{half_heads} half heads: longest lived"),
            value: heads_closed,
            unit: "s",
            bound: Bound::Reported(HEADS_CLOSED),
        },
        Figure {
            name: format!("{slow_bodies} slow bodies: longest lived"),
            value: bodies_closed,
            unit: "s",
            bound: Bound::Reported(BODIES_CLOSED),
        },
        Figure {
            name: "well-behaved p99 meanwhile / before".into(),
            value: during / before,
            unit: "×",
            bound: Bound::Reported(2.0),
        },
    ])
}

/// How many of each this machine lets a process open; fewer only where the limit of open files is
/// too low for all.
fn counts() -> anyhow::Result<(usize, usize)> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(usize::MAX);
    let room = files.saturating_sub(200);
    let all = HALF_HEADS + SLOW_BODIES;
    if room >= all {
        return Ok((HALF_HEADS, SLOW_BODIES));
    }
    println!("only {files} files may be open: fewer slow clients than {all}");
    Ok((room * HALF_HEADS / all, room * SLOW_BODIES / all))
}

/// Opens connections, says the beginning, and hands over what waits for their end.
async fn open(address: &str, beginning: &str, count: usize) -> anyhow::Result<JoinSet<Duration>> {
    let mut waiting = JoinSet::new();
    for number in 0..count {
        let mut stream = TcpStream::connect(address).await.with_context(|| {
            format!("connection {number} of {count}; is the limit of open files high enough?")
        })?;
        let opened = Instant::now();
        stream.write_all(beginning.as_bytes()).await?;
        waiting.spawn(async move {
            let mut answer = Vec::new();
            // An answer such as 408 may come first; the end is what counts.
            let _ = stream.read_to_end(&mut answer).await;
            opened.elapsed()
        });
    }
    Ok(waiting)
}

/// How long the connection lived that was closed last.
async fn longest(waiting: &mut JoinSet<Duration>) -> anyhow::Result<f64> {
    let mut longest = Duration::ZERO;
    let patience = Duration::from_mins(1);
    while !waiting.is_empty() {
        match tokio::time::timeout(patience, waiting.join_next()).await {
            Ok(Some(lived)) => longest = longest.max(lived?),
            Ok(None) => break,
            Err(_) => bail!("{} connections are still open", waiting.len()),
        }
    }
    Ok(longest.as_secs_f64())
}
