//! Tokens of a service account that acts for users.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::{Clock, ManualClock};
use google_api::{Google, ServiceAccount, ServiceAccountKey, TokenError, join_bounded};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::google::{Stand, say};

const DRIVE: &str = "https://www.googleapis.com/auth/drive";
const READ: &str = "https://www.googleapis.com/auth/drive.readonly";

/// A key made for these tests; no account belongs to it.
fn key_file() -> Value {
    json!({
        "type": "service_account", "client_email": "robot@p.iam.gserviceaccount.com",
        "client_id": "4711", "private_key_id": "k1", "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": include_str!("test_key.pem"),
    })
}

fn account(stand: &Stand, clock: &Arc<ManualClock>, scopes: &[&str]) -> ServiceAccount {
    let mut config = stand.config();
    config.clock = Arc::clone(clock) as Arc<dyn Clock>;
    let key = ServiceAccountKey::parse(&key_file().to_string()).unwrap();
    let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    ServiceAccount::new(&Google::new(config), key, scopes)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(
        Timestamp::from_second(1_764_000_000).unwrap(),
    ))
}

fn owned(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|&scope| scope.to_owned()).collect()
}

#[tokio::test]
async fn the_statement_is_signed_and_names_user_and_scope() {
    let stand = Stand::start(|_, number| {
        say(
            200,
            json!({"access_token": format!("at-{number}"), "expires_in": 3600}),
        )
    })
    .await;
    let clock = clock();
    let source = account(&stand, &clock, &[DRIVE]).act_as("ann@example.com");
    let token = source.token(&owned(&[READ, DRIVE])).await.unwrap();
    assert_eq!(token.secret.expose_secret(), "at-0");

    let seen = stand.seen();
    assert_eq!(
        seen[0].form("grant_type").unwrap(),
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let jwt = seen[0].form("assertion").unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(
        &RSA_PKCS1_2048_8192_SHA256,
        include_bytes!("test_key_public.der"),
    )
    .verify(
        signed.as_bytes(),
        &URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
    .expect("the signature belongs to the key");
    let parts: Vec<Value> = signed
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(
        parts[1],
        json!({"iss": "robot@p.iam.gserviceaccount.com", "sub": "ann@example.com", "scope": DRIVE,
            "aud": "https://oauth2.googleapis.com/token", "iat": 1_764_000_000, "exp": 1_764_003_600})
    );
}

#[tokio::test]
async fn tokens_are_kept_for_each_user_and_scope_until_a_minute_before_their_end() {
    let stand = Stand::start(|_, number| {
        say(
            200,
            json!({"access_token": format!("at-{number}"), "expires_in": 3600}),
        )
    })
    .await;
    let clock = clock();
    let robot = account(&stand, &clock, &[]);
    let (ann, bob) = (
        robot.act_as("ann@example.com"),
        robot.act_as("bob@example.com"),
    );
    let read = owned(&[READ]);
    let many = join_bounded((0..20).map(|_| ann.token(&read)), 20).await;
    assert!(many.into_iter().all(|token| token.is_ok()));
    assert_eq!(stand.seen().len(), 1, "one request for all who wait");
    bob.token(&read).await.unwrap();
    ann.token(&owned(&[DRIVE])).await.unwrap();
    assert_eq!(stand.seen().len(), 3);
    clock.advance(SignedDuration::from_secs(3539));
    let old = ann.token(&read).await.unwrap();
    assert_eq!(stand.seen().len(), 3);
    clock.advance(SignedDuration::from_secs(2));
    let new = ann.token(&read).await.unwrap();
    assert_eq!(stand.seen().len(), 4);
    ann.rejected(&old).await;
    ann.token(&read).await.unwrap();
    assert_eq!(
        stand.seen().len(),
        4,
        "an old token's refusal does not cost the new one"
    );
    ann.rejected(&new).await;
    ann.token(&read).await.unwrap();
    assert_eq!(stand.seen().len(), 5);
}

#[tokio::test]
async fn refusals_say_what_an_administrator_has_to_do() {
    let stand = Stand::steps(vec![
        say(
            401,
            json!({"error": "unauthorized_client", "error_description": "Client is unauthorized"}),
        ),
        say(
            400,
            json!({"error": "invalid_grant", "error_description": "Invalid email or User ID"}),
        ),
        say(503, ""),
        say(503, ""),
    ])
    .await;
    let source = account(&stand, &clock(), &[DRIVE]).act_as("nobody@example.com");
    let drive = owned(&[DRIVE]);
    let TokenError::NeedsConsent { problem, missing } = source.token(&drive).await.unwrap_err()
    else {
        panic!("delegation is a matter of consent")
    };
    assert!(
        problem.contains("4711") && problem.contains("domain-wide delegation"),
        "{problem}"
    );
    assert_eq!(missing, drive);
    let error = source.token(&drive).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not exist in the organisation"),
        "{error}"
    );
    assert!(matches!(
        source.token(&drive).await,
        Err(TokenError::Unavailable { .. })
    ));
    let gmail = owned(&["https://mail.google.com/"]);
    assert!(matches!(
        source.token(&gmail).await,
        Err(TokenError::NeedsConsent { .. })
    ));
    assert_eq!(
        stand.seen().len(),
        4,
        "what was not delegated is not asked for"
    );
}

#[test]
fn key_files_that_cannot_work_say_why() {
    let parse = |change: fn(&mut Value)| {
        let mut file = key_file();
        change(&mut file);
        ServiceAccountKey::parse(&file.to_string())
            .unwrap_err()
            .to_string()
    };
    for (change, expected) in [
        (
            (|file| file["type"] = json!("authorized_user")) as fn(&mut Value),
            "of a user",
        ),
        (
            |file| *file = json!({"installed": {"client_id": "x"}}),
            "OAuth client",
        ),
        (
            |file| file["private_key"] = json!("-----BEGIN PRIVATE KEY-----\nAAAA"),
            "no RSA key",
        ),
        (
            |file| file["private_key"] = Value::Null,
            "private_key is missing",
        ),
        (
            |file| file["token_uri"] = json!("https://evil.example/token"),
            "not Google's",
        ),
        (|file| *file = json!("key"), "no JSON object"),
    ] {
        let error = parse(change);
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("BEGIN"));
    }
    let key = ServiceAccountKey::parse(&key_file().to_string()).unwrap();
    assert_eq!(
        format!("{key:?}"),
        "ServiceAccountKey { email: \"robot@p.iam.gserviceaccount.com\", .. }"
    );
}
