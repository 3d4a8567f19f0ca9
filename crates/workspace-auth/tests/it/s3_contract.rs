//! The same promises, kept by a real S3 server.
//!
//! The server is named by variables; without them there is nothing to test here, and
//! `cargo xtask third-party s3` supplies them and insists.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use foundation::{SystemClock, SystemRandom};
use workspace_auth::{
    CredentialKey, CredentialStore, StoreConfig, StoreError,
    store::{Condition, S3Objects},
};

use crate::{
    contract::{self, slowest},
    world::expired_credential,
};

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?
        .into_string()
        .ok()
        .filter(|value| !value.is_empty())
}

/// The server's settings, or `None` when none is named and none is required.
fn settings() -> Option<BTreeMap<String, String>> {
    let Some(endpoint) = variable("S3_ENDPOINT") else {
        assert!(
            variable("S3_REQUIRED").is_none(),
            "S3_REQUIRED is set, but S3_ENDPOINT is not"
        );
        println!("skipped: no S3 endpoint given");
        return None;
    };
    let mut settings = BTreeMap::from([("AWS_ENDPOINT_URL_S3".to_owned(), endpoint)]);
    for (variable_name, setting) in [
        ("S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("S3_REGION", "AWS_REGION"),
    ] {
        settings.extend(variable(variable_name).map(|value| (setting.to_owned(), value)));
    }
    Some(settings)
}

fn bucket() -> String {
    variable("S3_BUCKET").expect("S3_BUCKET names the bucket that the keys may use")
}

fn with(settings: &BTreeMap<String, String>, name: &str, value: &str) -> BTreeMap<String, String> {
    let mut settings = settings.clone();
    settings.insert(name.to_owned(), value.to_owned());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_holds_the_contract() {
    let Some(settings) = settings() else { return };
    for prefix in ["google", "", "tokens/google"] {
        let place = S3Objects::open(&bucket(), prefix, &settings).unwrap();
        contract::hold(Arc::new(place)).await;
        println!("s3 contract held under prefix {prefix:?}: 20 creations, 80 swaps, 20 removals");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_encrypts_with_a_kms_key() {
    let Some(settings) = settings() else { return };
    let Some(key) = variable("S3_KMS_KEY_ID") else {
        println!("no KMS key given");
        return;
    };
    let settings = with(&settings, "AWS_SERVER_SIDE_ENCRYPTION", "aws:kms");
    let settings = with(&settings, "AWS_SSE_KMS_KEY_ID", &key);
    contract::hold(Arc::new(
        S3Objects::open(&bucket(), "kms", &settings).unwrap(),
    ))
    .await;
    println!("s3 contract held with a KMS key");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_refusals_say_what_to_do() {
    let Some(settings) = settings() else { return };
    let said = |bucket: String, settings: BTreeMap<String, String>| async move {
        let config = StoreConfig {
            location: format!("s3://{bucket}/google"),
            aws: settings,
        };
        let store =
            CredentialStore::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap();
        let refused = store.check_writable().await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Misconfigured { .. }),
            "{refused:?}"
        );
        let text = refused.to_string();
        println!("refused: {text}");
        text
    };
    let other = variable("S3_OTHER_BUCKET").expect("S3_OTHER_BUCKET names a forbidden bucket");
    let denied = said(other, settings.clone()).await;
    assert!(
        denied.contains("s3:ListBucket") && denied.contains("Statement"),
        "{denied}"
    );
    let missing = said(format!("{}-missing", bucket()), settings.clone()).await;
    assert!(
        missing.contains("aws s3 mb") || missing.contains("denied access"),
        "{missing}"
    );
    let forged = with(&settings, "AWS_SECRET_ACCESS_KEY", "wrong");
    let forged = said(bucket(), forged).await;
    assert!(
        forged.contains("AWS_PROFILE") && forged.contains("role"),
        "{forged}"
    );
    let unknown = with(&settings, "AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00");
    let unknown = said(bucket(), unknown).await;
    assert!(unknown.contains("AWS_PROFILE"), "{unknown}");
}

/// Needs no server: the refusal comes before any request to S3.
#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_explained() {
    let open = |settings: &[(&str, &str)]| {
        let aws = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = StoreConfig {
            location: "s3://tokens/google".to_owned(),
            aws: aws.collect(),
        };
        CredentialStore::open(&config, Arc::new(SystemClock), Arc::new(SystemRandom))
    };
    let ways = [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "task or instance role",
    ];
    let nobody = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let mut said = vec![
        open(&[nobody, endpoint])
            .unwrap()
            .check()
            .await
            .unwrap_err(),
    ];
    for partial in [
        &[("AWS_ACCESS_KEY_ID", "AKIA")][..],
        &[("AWS_SECRET_ACCESS_KEY", "secret")],
        &[("AWS_PROFILE", "missing"), ("HOME", "/nonexistent")],
    ] {
        said.extend(open(partial).err());
    }
    assert_eq!(said.len(), 4);
    for refused in said {
        let text = refused.to_string();
        assert!(
            matches!(refused, StoreError::Misconfigured { .. }),
            "{refused:?}"
        );
        assert!(
            ways.iter().all(|way| text.contains(way)) && !text.contains("AKIA"),
            "{text}"
        );
    }
    // With keys, but nobody listening: an outage, not a fault of the configuration.
    let keys = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        endpoint,
    ];
    let silent = open(&keys).unwrap().check().await.unwrap_err();
    assert!(
        matches!(silent, StoreError::Unavailable { .. }),
        "{silent:?}"
    );
    assert_eq!(silent.retry_after(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_fast_enough() {
    let Some(settings) = settings() else { return };
    let place = Arc::new(S3Objects::open(&bucket(), "speed", &settings).unwrap());
    let store = CredentialStore::over(place, Arc::new(SystemRandom));
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let key = |run: usize| CredentialKey::for_email(&format!("user{run}@example.com")).unwrap();
    let save = slowest(|run| {
        let credential = expired_credential("a@example.com", "1//r", now);
        let (store, key) = (store.clone(), key(run));
        async move {
            store
                .write(&key, &credential, Condition::Always)
                .await
                .map(drop)
                .unwrap();
        }
    })
    .await;
    let load = slowest(|run| {
        let (store, key) = (store.clone(), key(run));
        async move { assert!(store.read(&key).await.unwrap().credential.is_some()) }
    })
    .await;
    for run in 5..15 {
        let credential = expired_credential("a@example.com", "1//r", now);
        store
            .write(&key(run), &credential, Condition::Always)
            .await
            .unwrap();
    }
    let list = slowest(|_| {
        let store = store.clone();
        async move { assert_eq!(store.keys().await.unwrap().len(), 15) }
    })
    .await;
    println!("slowest of five: save {save:?}, load {load:?}, list of 15 {list:?}");
    assert!(
        save < Duration::from_secs(2) && load < Duration::from_secs(1),
        "{save:?} {load:?}"
    );
    assert!(list < Duration::from_secs(2), "{list:?}");
    for run in 0..15 {
        store.remove(&key(run), Condition::Always).await.unwrap();
    }
}
