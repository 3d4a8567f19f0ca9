//! Kills the hub and its children by force, many times, and counts what is left: nothing.
//!
//! `ORPHAN_KILLS` says how often; 50 by default. The hub and the one who counts are processes of
//! their own: this test program, started to run one test of this file.
#![cfg(target_os = "linux")]

use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

use crate::keeper::{alive, children, greet, number, one_test_passes, start, until};

/// The variable that makes a test play its part.
const PART: &str = "ORPHANS_PART";
/// What the hub starts: a server that ends when asked, and three that leave something behind.
const SERVERS: [&str; 4] = [
    "good",
    "setsid-grandchild",
    "double-fork",
    "fork-ignore-sigterm",
];
const MOST: Duration = Duration::from_secs(20);

fn plays(part: &str) -> bool {
    std::env::var_os(PART).is_some_and(|playing| playing == part)
}

fn play(part: &str, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("orphans::{test}"), "--exact", "--nocapture"])
        .env(PART, part)
        .stdin(Stdio::null());
    command
}

#[test]
fn nothing_is_left_of_a_killed_hub_or_child() {
    // In a process of its own, where every child there is belongs to it.
    one_test_passes(&mut play("counter", "the_one_who_counts"));
}

#[test]
fn the_one_who_counts() {
    if !plays("counter") {
        return;
    }
    set_child_subreaper(Some(getpid())).unwrap();
    let kills = number("ORPHAN_KILLS", 50);
    let begin = Instant::now();
    let (mut hubs, mut inside) = (0, 0);
    while hubs + inside < kills {
        let token = format!("orphans-{}-{hubs}", std::process::id());
        // One hub in two is killed at a random moment of its start, the other when all is up and
        // after some of its children were.
        if hubs.is_multiple_of(2) {
            let hub = start_hub(&token);
            std::thread::sleep(Duration::from_micros((hubs as u64 * 7_919) % 150_000));
            end_hub(hub, &token);
        } else {
            let mut hub = start_hub(&token);
            let mut ready = [0; 6];
            let mut says = hub.stderr.take().unwrap();
            says.read_exact(&mut ready).unwrap();
            for kill in 0..8 {
                kill_inside(hub.id(), kill);
                inside += 1;
            }
            end_hub(hub, &token);
        }
        hubs += 1;
    }
    println!(
        "{hubs} hubs and {inside} processes below them killed in {:.0?}: 0 orphans, 0 zombies",
        begin.elapsed()
    );
}

fn start_hub(token: &str) -> std::process::Child {
    play("hub", "the_hub")
        .env("ORPHANS_TOKEN", token)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the hub and waits until nobody is left: whoever loses its parent becomes a child of this
/// process, so without children there is nobody.
fn end_hub(mut hub: std::process::Child, token: &str) {
    hub.kill().unwrap();
    hub.wait().unwrap();
    // The kernel's word: a look through /proc may miss whoever changes its parent meanwhile.
    let gone = until(MOST, || {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(error) => return error == rustix::io::Errno::CHILD,
            }
        }
    });
    let left = children(std::process::id());
    assert!(gone, "orphans or zombies: {left:?}, {}", describe(&left));
    assert!(alive(token).is_empty(), "orphans");
}

/// Kills a process below the hub, and waits until its tree is gone and the hub has reaped it.
fn kill_inside(hub: u32, kill: usize) {
    all_are_up(hub);
    let supervisors = children(hub);
    let (supervisor, _) = supervisors[kill % supervisors.len()];
    let below = children(supervisor);
    let victim = if kill.is_multiple_of(2) || below.is_empty() {
        supervisor
    } else {
        below[kill % below.len()].0
    };
    let tree: Vec<u32> = descendants(supervisor);
    let left_behind = victim != supervisor && !is_server(victim);
    kill_process(Pid::from_raw(victim.cast_signed()).unwrap(), Signal::KILL).unwrap();
    // Killing what a server left behind is no end of the server.
    if left_behind {
        assert!(until(MOST, || !exists(victim)), "a zombie");
        return;
    }
    let gone = until(MOST, || tree.iter().all(|pid| !exists(*pid)));
    let left: Vec<_> = tree.iter().filter(|pid| exists(**pid)).collect();
    assert!(gone, "left of {victim}: {left:?}");
    // The hub starts it anew.
    all_are_up(hub);
}

fn all_are_up(hub: u32) {
    let up = until(MOST, || {
        let now = children(hub);
        now.len() == SERVERS.len()
            && now
                .iter()
                .all(|(pid, state)| *state != 'Z' && !children(*pid).is_empty())
    });
    assert!(up, "not started again, or zombies: {:?}", children(hub));
}

fn descendants(of: u32) -> Vec<u32> {
    let mut all = vec![of];
    for (child, _) in children(of) {
        all.extend(descendants(child));
    }
    all
}

fn exists(pid: u32) -> bool {
    std::fs::exists(format!("/proc/{pid}")).unwrap()
}

/// Whether it is a server and not what one left behind: those are named differently.
fn is_server(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let behaviour = line.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    !behaviour.starts_with(b"as-")
}

fn describe(left: &[(u32, char)]) -> String {
    left.iter()
        .map(|(pid, _)| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub() {
    if !plays("hub") {
        return;
    }
    let token = std::env::var_os("ORPHANS_TOKEN")
        .unwrap()
        .into_string()
        .unwrap();
    let all = SERVERS.map(|server| tokio::spawn(keep_alive(token.clone(), server)));
    futures::future::join_all(all).await;
}

/// Starts a server whenever it is not there.
async fn keep_alive(token: String, server: &'static str) {
    loop {
        let (child, transport) = start(&token, &[server]);
        // It may be killed at any moment, this one included.
        if let Ok(client) = greet(transport).await {
            UP.add();
            let _ = client.waiting().await;
        }
        child.stop(Duration::from_millis(50)).await;
    }
}

/// Says once that all servers are up.
static UP: Up = Up(std::sync::atomic::AtomicUsize::new(0));

struct Up(std::sync::atomic::AtomicUsize);

impl Up {
    fn add(&self) {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if before + 1 == SERVERS.len() {
            std::io::Write::write_all(&mut std::io::stderr(), b"ready\n").unwrap();
        }
    }
}
