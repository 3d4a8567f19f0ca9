//! The same over real sockets: Google's token endpoint played by a small server.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use foundation::{Clock as _, SystemClock, SystemRandom};
use futures::future::join_all;
use google_api::{Google, GoogleConfig, Hosts};
use serde_json::json;
use url::Url;
use workspace_auth::{
    Accounts, AccountsConfig, CredentialKey, CredentialStore, OAuthClientConfig, Principal,
    StoreConfig, store::Condition,
};

use crate::world::{CLIENT, DRIVE, expired_credential};

#[derive(Clone, Default)]
pub(crate) struct Endpoint {
    refreshes: Arc<AtomicUsize>,
    revoked: Arc<AtomicUsize>,
}

async fn token(
    State(endpoint): State<Endpoint>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let good = form["grant_type"] == "refresh_token"
        && form["client_id"] == CLIENT
        && form["client_secret"] == "client-secret";
    let number = endpoint.refreshes.fetch_add(1, Ordering::SeqCst);
    match form.get("refresh_token").map(String::as_str) {
        Some("1//dead") => {
            let refusal = json!({
                "error": "invalid_grant", "error_description": "Token has been expired or revoked."
            });
            (StatusCode::BAD_REQUEST, Json(refusal)).into_response()
        }
        Some(_) if good => {
            let answer = json!({
                "access_token": format!("ya29.{number}"), "expires_in": 3599,
                "scope": DRIVE, "token_type": "Bearer",
            });
            Json(answer).into_response()
        }
        _ => (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "invalid_client"})),
        )
            .into_response(),
    }
}

async fn revoke(State(endpoint): State<Endpoint>, Form(form): Form<HashMap<String, String>>) {
    assert!(
        form["token"].starts_with("1//"),
        "the token travels in the body"
    );
    endpoint.revoked.fetch_add(1, Ordering::SeqCst);
}

async fn serve(endpoint: Endpoint) -> Url {
    let app = Router::new()
        .route("/oauth2.googleapis.com/token", post(token))
        .route("/oauth2.googleapis.com/revoke", post(revoke))
        .with_state(endpoint);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Url::parse(&format!("http://{address}")).unwrap()
}

pub(crate) async fn accounts(endpoint: &Endpoint, location: &str) -> Accounts {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let hosts = Hosts::behind(serve(endpoint.clone()).await);
    let config = StoreConfig {
        location: location.to_owned(),
        ..StoreConfig::default()
    };
    let store = CredentialStore::open(&config, clock.clone(), random.clone()).unwrap();
    Accounts::new(AccountsConfig {
        store,
        google: Google::new(GoogleConfig::new(hosts, clock.clone(), random.clone())),
        oauth: Some(OAuthClientConfig {
            client_id: CLIENT.to_owned(),
            client_secret: "client-secret".into(),
            redirect_uri: "http://localhost:8000/oauth2callback".to_owned(),
        }),
        service_account: None,
        sealing_key: None,
        clock,
        random,
        scopes: vec![DRIVE.to_owned()],
        allowed_return_urls: Vec::new(),
        single_user: false,
        default_email: None,
        include_granted_scopes: false,
    })
    .unwrap()
}

pub(crate) async fn link(accounts: &Accounts, email: &str, refresh: &str) -> CredentialKey {
    let key = CredentialKey::for_email(email).unwrap();
    let credential = expired_credential(email, refresh, SystemClock.now());
    accounts
        .store()
        .write(&key, &credential, Condition::Always)
        .await
        .unwrap();
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_refresh_once() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::default();
    let accounts = accounts(&endpoint, folder.path().to_str().unwrap()).await;
    let key = link(&accounts, "a@example.com", "1//a").await;
    let begun = Instant::now();
    let calls = (0..10_000).map(|_| {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let account = accounts
                .select(&Principal::local(), None, None)
                .await
                .unwrap();
            account.tokens.token(&[DRIVE.to_owned()]).await
        })
    });
    let calls = join_all(calls).await;
    assert!(calls.into_iter().all(|call| call.unwrap().is_ok()));
    assert_eq!(endpoint.refreshes.load(Ordering::SeqCst), 1);
    println!(
        "10,000 calls with an expired token: 1 refresh, {:?}",
        begun.elapsed()
    );
    let stored = accounts
        .store()
        .read(&key)
        .await
        .unwrap()
        .credential
        .unwrap();
    assert!(stored.expiry.unwrap() > SystemClock.now());
    assert_eq!(
        stored.scopes,
        [DRIVE],
        "what Google says was granted counts"
    );

    let begun = Instant::now();
    for _ in 0..10_000 {
        let account = accounts
            .select(&Principal::local(), None, None)
            .await
            .unwrap();
        account.tokens.token(&[DRIVE.to_owned()]).await.unwrap();
    }
    println!("a warm account: {:?} a call", begun.elapsed() / 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_users_refresh_a_hundred_times() {
    let endpoint = Endpoint::default();
    let accounts = accounts(&endpoint, "memory:").await;
    for user in 0..100 {
        link(
            &accounts,
            &format!("user{user}@example.com"),
            &format!("1//{user}"),
        )
        .await;
    }
    let calls = (0..10_000).map(|call| {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let email = format!("user{}@example.com", call % 100);
            let account = accounts
                .select(&Principal::local(), Some(&email), None)
                .await
                .unwrap();
            account.tokens.token(&[]).await
        })
    });
    assert!(
        join_all(calls)
            .await
            .into_iter()
            .all(|call| call.unwrap().is_ok())
    );
    assert_eq!(endpoint.refreshes.load(Ordering::SeqCst), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_revocations_reach_google_and_the_store() {
    let endpoint = Endpoint::default();
    let accounts = accounts(&endpoint, "memory:").await;
    let dead = link(&accounts, "dead@example.com", "1//dead").await;
    let account = accounts
        .select(&Principal::local(), Some("dead@example.com"), None)
        .await
        .unwrap();
    let refused = account.tokens.token(&[]).await.unwrap_err();
    assert!(
        refused.to_string().contains("revoked or expired"),
        "{refused}"
    );
    assert!(
        accounts
            .store()
            .read(&dead)
            .await
            .unwrap()
            .version
            .is_none()
    );
    link(&accounts, "a@example.com", "1//a").await;
    let revoked = accounts
        .revoke(&Principal::local(), "a@example.com")
        .await
        .unwrap();
    assert!(revoked.revoked_with_google);
    assert_eq!(endpoint.revoked.load(Ordering::SeqCst), 1);
}
