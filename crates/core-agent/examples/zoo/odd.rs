//! The ways to behave badly that are no tool's.
//!
//! Invariant: none of them harms anything but the server itself and its client.

use std::{
    fs::File,
    process::{self, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    Zoo,
    options::{Options, refuse},
    wire,
};

/// Before the first line is read.
pub(crate) fn at_start(options: &Options) {
    match options.behaviour.as_str() {
        "hang" | "as-sleeper" => thread::park(),
        "exit-at-start" => {
            wire::complain("no, not today");
            process::exit(7);
        }
        "crash-at-start" => process::abort(),
        "slow-start" => thread::sleep(options.delay),
        "needs-env" if std::env::var_os(&options.name).is_none() => {
            refuse(&format!("{} is not set", options.name));
        }
        "banner" => {
            wire::raw(b"Zoo server 1.0 starting on stdio...\n\n  ready.\n");
        }
        "line-100mb" => {
            let mut line = vec![b'x'; 100 << 20];
            line.push(b'\n');
            wire::raw(&line);
        }
        "endless-line" => while wire::raw(&[b'x'; 4_096]) {},
        "noise" => while wire::raw(b"[info] still here, still not JSON-RPC\n") {},
        "non-utf8" => {
            wire::raw(b"\xff\xfe\xfd not UTF-8 \x80\n{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}\n");
        }
        "closes-stdout" => close_output(),
        "closes-stdin" => close_input(),
        "stops-itself" => signal_self("STOP"),
        "fork-ignore-sigterm" if std::env::var_os("ZOO_IGNORES").is_none() => {
            ignore_and_fork(options);
        }
        "setsid-grandchild" => start_self("as-runaway"),
        "double-fork" => start_self("as-forker"),
        "as-runaway" => {
            #[cfg(unix)]
            let _ = rustix::process::setsid();
            thread::park();
        }
        "as-forker" => {
            // Its own child survives it, in a session of its own.
            start_self("as-runaway");
            process::exit(0);
        }
        "as-nothing" => process::exit(0),
        _ => {}
    }
}

/// Beside the conversation.
pub(crate) fn once_running(zoo: &Arc<Zoo>) {
    match zoo.options.behaviour.as_str() {
        "stderr-flood" => {
            thread::spawn(|| {
                loop {
                    wire::complain(&"all work and no play ".repeat(50));
                }
            });
        }
        "zombies" => {
            // Children that end and are not reaped, and whose children are nobody's.
            for _ in 0..5 {
                start_self("as-nothing");
                start_self("as-forker");
            }
        }
        "request-flood" | "notification-flood" => {
            let zoo = zoo.clone();
            thread::spawn(move || {
                while !zoo.wire.is_initialized() {
                    thread::sleep(Duration::from_millis(5));
                }
                let mut number = 0_u64;
                loop {
                    number += 1;
                    let said = if zoo.options.is("request-flood") {
                        json!({"jsonrpc": "2.0", "id": format!("flood-{number}"), "method": "roots/list"})
                    } else {
                        json!({"jsonrpc": "2.0", "method": "notifications/message",
                            "params": {"level": "debug", "data": number}})
                    };
                    if !wire::raw(format!("{said}\n").as_bytes()) {
                        return;
                    }
                }
            });
        }
        _ => {}
    }
}

/// Whether a request gets something else than its answer.
pub(crate) fn instead_of_answer(zoo: &Zoo, method: &str, id: &Value) -> bool {
    match zoo.options.behaviour.as_str() {
        "deaf" => true,
        "garbage" => {
            wire::raw(format!("\u{1b}[31m<html>{id}</html>\u{1b}[0m\n").as_bytes());
            true
        }
        "exit-on-discover" if method == "server/discover" => process::exit(1),
        "hang-on-discover" if method == "server/discover" => true,
        _ => false,
    }
}

pub(crate) fn before_answer(zoo: &Zoo, method: &str, id: &Value) {
    if zoo.options.is("unknown-notification") {
        zoo.wire
            .notify("notifications/zoo/fed", json!({"animal": "lion"}));
        zoo.wire.say(
            &json!({"jsonrpc": "2.0", "id": "odd-1", "method": "zoo/feed", "params": {"of": id}}),
        );
    }
    if zoo.options.is("answers-twice") && method == "tools/list" {
        zoo.wire.result(&json!(999_999), &json!({}));
    }
}

pub(crate) fn after_answer(zoo: &Zoo, method: &str) {
    match (zoo.options.behaviour.as_str(), method) {
        ("list-changes", "tools/list") => {
            zoo.wire
                .notify("notifications/tools/list_changed", json!({}));
        }
        ("exit-after-list", "tools/list") => process::exit(0),
        _ => {}
    }
}

/// Puts nothing in the place of the output.
pub(crate) fn close_output() {
    #[cfg(unix)]
    if let Ok(nothing) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(nothing);
    }
}

fn close_input() {
    #[cfg(unix)]
    if let Ok(nothing) = File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(nothing);
    }
    // Without input it would end; it is to live on and not to read.
    thread::park();
}

/// Starts this program once more, with nothing of the conversation's pipes.
fn start_self(behaviour: &str) {
    let Ok(zoo) = std::env::current_exe() else {
        return;
    };
    let started = Command::new(zoo)
        .arg(behaviour)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    // Not waited for: that is the point.
    if let Err(error) = started {
        wire::complain(&format!("cannot fork: {error}"));
    }
}

/// Becomes itself with the signals ignored that ask for an end, and leaves a child of the kind.
fn ignore_and_fork(options: &Options) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;

        let Ok(zoo) = std::env::current_exe() else {
            return;
        };
        let script =
            r#"trap "" TERM INT HUP; "$0" as-sleeper </dev/null >/dev/null & exec "$0" "$1""#;
        let error = Command::new("/bin/sh")
            .args(["-c", script])
            .arg(zoo)
            .arg(&options.behaviour)
            .env("ZOO_IGNORES", "1")
            .exec();
        wire::complain(&error.to_string());
    }
    #[cfg(not(unix))]
    let _ = options;
}

fn signal_self(_name: &str) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}
