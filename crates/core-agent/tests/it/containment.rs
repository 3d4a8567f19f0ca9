//! What a contained child cannot do; said aloud and passed over where this kernel lacks it.

use std::{net::TcpListener, path::Path, time::Duration};

use core_agent::config::ContainmentConfig;
use serde_json::{Value, json};

use crate::keeper::{call, greet, meet, skip, spec, try_start};

const GRACE: Duration = Duration::from_millis(500);

/// What a child contained in this way sees, and the lines that are shown.
async fn look(containment: ContainmentConfig, what: Value) -> (Value, Vec<String>) {
    let mut spec = spec("contained", &["good"]);
    spec.containment = containment;
    let (child, transport) = try_start(&spec).unwrap();
    let client = greet(transport).await.unwrap();
    let seen = call(&client, "look", what).await.unwrap();
    let lines = child.containment().to_vec();
    child.stop(GRACE).await;
    (seen.structured_content.unwrap(), lines)
}

/// The line about something; `None`, said aloud, when this kernel does not enforce it.
fn enforced<'l>(lines: &'l [String], about: &str) -> Option<&'l str> {
    let line = lines.iter().find(|line| line.starts_with(about)).unwrap();
    if line.contains("not enforced") {
        skip(line);
        return None;
    }
    Some(line)
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["read", "write", "secret"] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(name).join("file"), "x").unwrap();
    }
    let contained = || ContainmentConfig {
        read: vec![path("read")],
        write: vec![path("write")],
        ..ContainmentConfig::default()
    };
    let file = |name: &str| path(name).join("file").display().to_string();
    let (seen, lines) = look(
        contained(),
        json!({"read": file("read"), "write": file("write")}),
    )
    .await;
    if enforced(&lines, "files:").is_none() {
        return;
    }
    assert_eq!(
        (&seen["read"], &seen["write"]),
        (&json!("yes"), &json!("yes"))
    );
    let (seen, _) = look(
        contained(),
        json!({"read": file("secret"), "write": file("read")}),
    )
    .await;
    assert_eq!(
        (&seen["read"], &seen["write"]),
        (&json!("permission denied"), &json!("permission denied"))
    );
    // Without lists nothing is limited.
    let (seen, lines) = look(
        ContainmentConfig::default(),
        json!({"read": file("secret")}),
    )
    .await;
    assert_eq!(seen["read"], "yes");
    assert!(
        lines.contains(&"files: not limited".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_refused() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let network = |network| ContainmentConfig {
        network: Some(network),
        ..ContainmentConfig::default()
    };
    let (seen, _) = look(network(true), json!({"connect": address})).await;
    assert_eq!(seen["connect"], "yes");
    let (seen, lines) = look(network(false), json!({"connect": address})).await;
    if enforced(&lines, "network:").is_some() {
        assert_eq!(seen["connect"], "permission denied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_privileges_do_not_grow() {
    let contained = ContainmentConfig {
        memory_mb: Some(512),
        files: Some(64),
        cpu_seconds: Some(100),
        processes: Some(10_000),
        ..ContainmentConfig::default()
    };
    let (seen, lines) = look(contained, json!({})).await;
    assert_eq!(seen["NoNewPrivs"], "1");
    assert_eq!(seen["Max address space"], (512 << 20).to_string());
    assert_eq!(seen["Max open files"], "64");
    assert_eq!(seen["Max cpu time"], "100");
    assert!(
        lines.contains(&"limit: 512 MiB of address space".to_owned()),
        "{lines:?}"
    );
}

/// What a killed supervisor leaves behind is known by this, also what has only begun.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_gives_up_new_privileges_for_all_it_starts() {
    let (child, client) = meet("marked", &["good"]).await;
    let status = format!("/proc/{}/status", child.supervisor_pid());
    let status = std::fs::read_to_string(status).unwrap();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    drop(client);
    child.stop(GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_is_out_of_reach() {
    let own = std::process::id();
    // Guarded as its memory and environment are, except that for those the superuser is spared.
    let inside = format!("/proc/{own}/exe");
    let (seen, lines) = look(
        ContainmentConfig::default(),
        json!({"signal": own, "read": inside}),
    )
    .await;
    if enforced(&lines, "other processes:").is_some() {
        assert_eq!(seen["signal"], "permission denied");
        assert_eq!(seen["read"], "permission denied");
    }
    let open = ContainmentConfig {
        other_processes: true,
        ..ContainmentConfig::default()
    };
    let (seen, _) = look(open, json!({"signal": own})).await;
    assert_eq!(seen["signal"], "yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_without_memory_ends_alone() {
    let mut spec = spec("oom", &["oom-on-call"]);
    spec.containment.memory_mb = Some(256);
    let (child, transport) = try_start(&spec).unwrap();
    let client = greet(transport).await.unwrap();
    assert!(call(&client, "echo", json!({"text": "x"})).await.is_err());
    let exit = child.exited().await;
    assert!(exit.signal.is_some() || exit.code != Some(0), "{exit}");
    assert!(Path::new("/proc/self").exists());
    child.stop(GRACE).await;
}
