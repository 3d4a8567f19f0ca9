//! Files and folders: their modes, planted links, and disks that refuse.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use foundation::{SystemClock, SystemRandom};
use workspace_auth::{
    CredentialKey, CredentialStore, StoreConfig, StoreError,
    store::{Condition, DirectoryObjects},
};

use crate::{contract::slowest, world::expired_credential};

fn store(folder: &Path) -> CredentialStore {
    let random = Arc::new(SystemRandom);
    let place = DirectoryObjects::open(folder.to_owned(), random.clone()).unwrap();
    CredentialStore::over(Arc::new(place), random)
}

fn key() -> CredentialKey {
    CredentialKey::for_email("a@example.com").unwrap()
}

fn credential() -> workspace_auth::Credential {
    expired_credential(
        "a@example.com",
        "1//r",
        "2026-11-21T10:00:00Z".parse().unwrap(),
    )
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn files_and_folders_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er");
    let store = store(&path);
    store
        .write(&key(), &credential(), Condition::Always)
        .await
        .unwrap();
    store.use_up("x").await.unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("a@example.com.json")), 0o600);
    assert_eq!(mode(&path.join("state")), 0o700);
    assert_eq!(mode(&path.join("state/x")), 0o600);
    let text = fs::read_to_string(path.join("a@example.com.json")).unwrap();
    assert!(text.starts_with("{\n  \"token\""), "indented by two");
    // A folder that vanishes is made again.
    fs::remove_dir_all(&path).unwrap();
    assert!(store.read(&key()).await.unwrap().version.is_none());
    store
        .write(&key(), &credential(), Condition::Absent)
        .await
        .unwrap();
    assert_eq!(mode(&path), 0o700);
}

#[tokio::test]
async fn modes_left_by_other_programs_are_tightened_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("A@Example.com.json");
    fs::write(&file, credential().to_json()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join(".tmp-left"), "x").unwrap();
    let store = store(folder.path());
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(folder.path()), 0o700);
    assert!(!folder.path().join(".tmp-left").exists());
    let keys = store.keys().await.unwrap();
    assert_eq!(keys.len(), 1);
    assert!(store.read(&keys[0]).await.unwrap().credential.is_some());
    // And when one appears later.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    store.read(&keys[0]).await.unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[tokio::test]
async fn planted_links_are_neither_followed_nor_filled() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::write(&outside, credential().to_json()).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).unwrap();
    let inside = folder.path().join("inside");
    let store = store(&inside);
    let target = inside.join("a@example.com.json");
    symlink(&outside, &target).unwrap();
    let refused = store.read(&key()).await.unwrap_err();
    assert!(refused.to_string().contains("symbolic link"), "{refused}");
    assert!(store.keys().await.unwrap().is_empty());
    let before = fs::read(&outside).unwrap();
    store
        .write(&key(), &credential(), Condition::Always)
        .await
        .unwrap();
    assert!(
        fs::symlink_metadata(&target).unwrap().is_file(),
        "the link itself was replaced"
    );
    assert_eq!(fs::read(&outside).unwrap(), before);
    assert_eq!(mode(&outside), 0o644);
    // A hard link keeps the old content.
    let other_name = folder.path().join("hard");
    fs::hard_link(&target, &other_name).unwrap();
    let mut changed = credential();
    changed.scopes.clear();
    store
        .write(&key(), &changed, Condition::Always)
        .await
        .unwrap();
    assert_ne!(fs::read(&other_name).unwrap(), fs::read(&target).unwrap());
    // A folder of markers that is a link is refused.
    symlink(folder.path(), inside.join("state")).unwrap();
    assert!(store.use_up("x").await.is_err());
    assert!(!folder.path().join("x").exists());
}

#[tokio::test]
async fn odd_things_in_the_place_of_files_do_not_hang_or_break() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = folder.path().join("a@example.com.json");
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        store.read(&key()).await,
        Err(StoreError::Misconfigured { .. })
    ));
    assert!(
        store
            .write(&key(), &credential(), Condition::Always)
            .await
            .is_err()
    );
    fs::remove_dir(&path).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(matches!(
        store.read(&key()).await,
        Err(StoreError::Misconfigured { .. })
    ));
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b' '; 3 << 20]).unwrap();
    assert!(store.read(&key()).await.unwrap().credential.is_none());
}

/// The last step fails: the old document stays, the new one is refused, nothing is left behind.
#[tokio::test]
async fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store
        .write(&key(), &credential(), Condition::Always)
        .await
        .unwrap();
    let before = fs::read(folder.path().join("a@example.com.json")).unwrap();
    // Replacing a name by a folder of that name fails after the new content is written.
    let blocked = CredentialKey::for_email("b@example.com").unwrap();
    fs::create_dir(folder.path().join(blocked.as_str())).unwrap();
    assert!(
        store
            .write(&blocked, &credential(), Condition::Always)
            .await
            .is_err()
    );
    assert_eq!(
        fs::read(folder.path().join("a@example.com.json")).unwrap(),
        before
    );
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_says_so_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for location in [file.to_str().unwrap(), "/proc/credentials", "/dev/null/x"] {
        let config = StoreConfig {
            location: location.to_owned(),
            ..StoreConfig::default()
        };
        let opened = CredentialStore::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom));
        let refused = opened
            .err()
            .unwrap_or_else(|| panic!("{location} was opened"));
        assert!(refused.to_string().contains(location), "{refused}");
    }
}

#[tokio::test]
async fn saving_and_loading_are_quick() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let save = slowest(|_| async {
        store
            .write(&key(), &credential(), Condition::Always)
            .await
            .map(drop)
            .unwrap();
    })
    .await;
    let load = slowest(|_| async { drop(store.read(&key()).await.unwrap()) }).await;
    println!("slowest of five: save {save:?}, load {load:?}");
    assert!(
        save.as_millis() < 500 && load.as_millis() < 100,
        "{save:?} {load:?}"
    );
}
