//! Killing a process while it stores credentials.
//!
//! A child writes the same document over and over and says on its output what it has stored; the
//! parent kills it at a random moment. `CRASH_KILLS` raises the number of kills.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use foundation::{Random as _, SystemRandom};
use workspace_auth::{
    Credential, CredentialKey, CredentialStore,
    store::{Condition, DirectoryObjects},
};

use crate::world::expired_credential;

const FOLDER: &str = "CRASH_FOLDER";

pub(crate) fn store(folder: &Path) -> CredentialStore {
    let random = Arc::new(SystemRandom);
    let place = DirectoryObjects::open(folder.to_owned(), random.clone()).unwrap();
    CredentialStore::over(Arc::new(place), random)
}

pub(crate) fn key() -> CredentialKey {
    CredentialKey::for_email("crash@example.com").unwrap()
}

pub(crate) fn numbered(number: u64) -> Credential {
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    // Two pages long, so that a torn write would show.
    expired_credential(
        "crash@example.com",
        &format!("{number}/{}", "x".repeat(8000)),
        now,
    )
}

pub(crate) fn number_of(credential: &Credential) -> u64 {
    use secrecy::ExposeSecret as _;
    let token = credential.refresh_token.as_ref().unwrap().expose_secret();
    let (number, rest) = token.split_once('/').unwrap();
    assert_eq!(rest.len(), 8000, "the document is whole");
    number.parse().unwrap()
}

/// The child: does nothing unless the parent started it.
#[tokio::test]
async fn crash_child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = store(Path::new(&folder));
    let mut number = store
        .read(&key())
        .await
        .unwrap()
        .credential
        .as_ref()
        .map_or(0, number_of);
    loop {
        number += 1;
        store
            .write(&key(), &numbered(number), Condition::Always)
            .await
            .unwrap();
        println!("stored {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_leaves_a_document_torn_or_older_than_promised() {
    let kills: u32 = std::env::var_os("CRASH_KILLS")
        .and_then(|text| text.into_string().ok()?.parse().ok())
        .unwrap_or(100);
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (stop, reads) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let reader = {
        let (store, stop, reads) = (store.clone(), stop.clone(), reads.clone());
        tokio::spawn(async move {
            let mut newest = 0;
            while !stop.load(Ordering::SeqCst) {
                let read = store.read(&key()).await.unwrap();
                assert!(read.version.is_none() || read.credential.is_some(), "torn");
                let number = read.credential.as_ref().map_or(0, number_of);
                assert!(number >= newest, "{number} after {newest}");
                newest = number;
                reads.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let mut acknowledged = 0;
    for kill in 0..kills {
        let folder = folder.path().to_owned();
        let last = tokio::task::spawn_blocking(move || run_and_kill(&folder))
            .await
            .unwrap();
        acknowledged = acknowledged.max(last);
        let read = store.read(&key()).await.unwrap();
        let stored = read.credential.as_ref().map_or(0, number_of);
        assert!(
            stored >= acknowledged,
            "kill {kill}: {stored} is older than {acknowledged}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    reader.await.unwrap();
    println!(
        "{kills} kills, {acknowledged} stores promised, {} reads",
        reads.load(Ordering::SeqCst)
    );
    assert!(
        acknowledged > u64::from(kills) / 4,
        "the children did store something"
    );
    // Opening again removes what the killed ones left behind.
    drop(DirectoryObjects::open(folder.path().to_owned(), Arc::new(SystemRandom)).unwrap());
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Starts a child, kills it a moment after its first store; the last number it promised.
fn run_and_kill(folder: &Path) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::crash_child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok).filter_map(|line| {
        line.rsplit_once("stored ")
            .and_then(|(_, number)| number.parse::<u64>().ok())
    });
    let mut last = lines.next().unwrap_or(0);
    // Any moment within the next few stores.
    std::thread::sleep(Duration::from_micros(SystemRandom.number() % 5000));
    child.kill().unwrap();
    // What it promised before it died counts.
    for number in lines {
        last = last.max(number);
    }
    child.wait().unwrap();
    last
}
