//! A disk that takes no more: what was stored before stays.
//!
//! A child stores credentials where nothing more fits: below a limit on the size of files, and on
//! a real file system of 64 KiB, full and then read-only, mounted in a namespace of its own where
//! the machine allows that.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Command,
};

use workspace_auth::store::Condition;

use crate::crash::{key, number_of, numbered, store};

const FOLDER: &str = "FULL_FOLDER";
/// Set when the child may change how its folder is mounted.
const MOUNTED: &str = "FULL_MOUNTED";

/// The child: does nothing unless the parent started it.
#[tokio::test]
async fn full_child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let store = store(folder);
    let stored = async || {
        let read = store.read(&key()).await.unwrap();
        read.credential.as_ref().map(number_of)
    };
    let write = async |number| {
        store
            .write(&key(), &numbered(number), Condition::Always)
            .await
            .map(drop)
    };
    if stored().await.is_none() {
        write(1).await.unwrap();
    }
    let filler = folder.join("filler");
    let mut filling = File::create(&filler).unwrap();
    while filling.write_all(&[0; 512]).is_ok() {}
    drop(filling);
    let refused = write(2).await.unwrap_err();
    println!("refused: {refused}");
    assert_eq!(stored().await, Some(1));
    if std::env::var_os(MOUNTED).is_some() {
        let mount = Command::new("mount")
            .args(["-o", "remount,bind,ro"])
            .arg(folder)
            .status();
        assert!(mount.unwrap().success());
        let refused = write(3).await.unwrap_err();
        println!("refused: {refused}");
        assert_eq!(stored().await, Some(1));
    }
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs the child by a line of the shell, which ends with it; what it said.
fn child(line: &str, folder: &Path, mounted: bool) -> String {
    let test = std::env::current_exe().unwrap();
    let mut command = if mounted {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh"]);
        command.env(MOUNTED, "yes");
        command
    } else {
        Command::new("sh")
    };
    let output = command
        .args(["-c", &format!("{line} && exec \"$0\" \"$@\"")])
        .arg(test)
        .args([
            "--exact",
            "full_disk::full_child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complaint}");
    said
}

#[tokio::test]
async fn a_file_that_may_not_grow_leaves_the_old_document() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store
        .write(&key(), &numbered(1), Condition::Always)
        .await
        .unwrap();
    let said = child("trap '' XFSZ; ulimit -f 1", folder.path(), false);
    assert_eq!(said.matches("refused: ").count(), 1, "{said}");
    let read = store.read(&key()).await.unwrap();
    assert_eq!(read.credential.as_ref().map(number_of), Some(1));
}

#[test]
fn a_full_and_a_read_only_disk_leave_the_old_document() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=64k tmpfs {}",
        folder.path().display()
    );
    let allowed = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
        .output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        let why = "skipped: no file system may be mounted in a namespace here";
        assert!(std::env::var_os("NO_SKIPS").is_none(), "{why}");
        println!("{why}");
        return;
    }
    let said = child(&mount, folder.path(), true);
    assert_eq!(said.matches("refused: ").count(), 2, "{said}");
}
