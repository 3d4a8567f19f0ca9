//! The surroundings of accounts, under the tests' control: time, a token service, a store.
//!
//! Nothing here uses the network. Invariant: every knob acts on the next request.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use foundation::{Clock, ManualClock, Random, SeededRandom};
use futures::future::BoxFuture;
use google_api::{Google, GoogleConfig, GrantProblem, Hosts, OAuthError, TokenAnswer, UserInfo};
use jiff::{SignedDuration, Timestamp};
use ring::digest;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;
use workspace_auth::{
    Accounts, AccountsConfig, ClientKeys, Credential, CredentialKey, CredentialStore, Issuer,
    OAuthClientConfig, Principal, StoreError,
    store::{Condition, Entry, MemoryObjects, Objects, Stored, Version},
};

pub(crate) const CLIENT: &str = "client.apps.googleusercontent.com";
pub(crate) const DRIVE: &str = "https://www.googleapis.com/auth/drive";
pub(crate) const GMAIL: &str = "https://www.googleapis.com/auth/gmail.modify";

/// One task's view of the world.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) issuer: Arc<FakeIssuer>,
    pub(crate) place: Arc<FaultyPlace>,
    pub(crate) store: CredentialStore,
    pub(crate) accounts: Accounts,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut AccountsConfig)) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-21T10:00:00Z".parse().unwrap()));
        let place = FaultyPlace::over(Arc::new(MemoryObjects::new(clock.clone())));
        let issuer = Arc::new(FakeIssuer::new());
        Self::task(clock, place, issuer, change)
    }

    /// Another task that shares the store, the time and Google.
    pub(crate) fn second_task(&self) -> Self {
        Self::task(
            self.clock.clone(),
            self.place.clone(),
            self.issuer.clone(),
            |_| (),
        )
    }

    pub(crate) fn task(
        clock: Arc<ManualClock>,
        place: Arc<FaultyPlace>,
        issuer: Arc<FakeIssuer>,
        change: impl FnOnce(&mut AccountsConfig),
    ) -> Self {
        static SEED: AtomicUsize = AtomicUsize::new(1);
        let seed = SEED.fetch_add(1, Ordering::Relaxed) as u64;
        let random = Arc::new(SeededRandom::new(seed));
        let store = CredentialStore::over(place.clone(), random.clone());
        let mut config = config(store.clone(), clock.clone(), random.clone());
        change(&mut config);
        let accounts = Accounts::with_issuer(config, issuer.clone()).unwrap();
        Self {
            clock,
            issuer,
            place,
            store,
            accounts,
        }
    }

    /// Links an account without a sign-in; its access token ended an hour ago.
    pub(crate) async fn link(&self, email: &str) -> CredentialKey {
        let key = CredentialKey::for_email(email).unwrap();
        let refresh = self.issuer.grant(email);
        let credential = expired_credential(email, &refresh, self.clock.now());
        self.store
            .write(&key, &credential, Condition::Always)
            .await
            .unwrap();
        key
    }

    pub(crate) async fn stored(&self, key: &CredentialKey) -> Option<Credential> {
        self.store.read(key).await.unwrap().credential
    }

    pub(crate) async fn token(&self, email: &str) -> Result<String, String> {
        let account = self
            .accounts
            .select(&local(), Some(email), None)
            .await
            .map_err(|e| e.to_string())?;
        let token = account.tokens.token(&[]).await.map_err(|e| e.to_string())?;
        Ok(token.secret.expose_secret().to_owned())
    }
}

pub(crate) fn local() -> Principal {
    Principal::local()
}

pub(crate) fn config(
    store: CredentialStore,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> AccountsConfig {
    let hosts = Hosts::behind(Url::parse("http://127.0.0.1:9").unwrap());
    AccountsConfig {
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
        scopes: vec![DRIVE.to_owned(), GMAIL.to_owned()],
        allowed_return_urls: vec!["https://app.example.com".to_owned()],
        single_user: false,
        default_email: None,
        include_granted_scopes: true,
    }
}

pub(crate) fn expired_credential(email: &str, refresh: &str, now: Timestamp) -> Credential {
    let document = json!({
        "token": "ya29.old", "refresh_token": refresh,
        "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": CLIENT, "client_secret": "client-secret", "scopes": [DRIVE, GMAIL],
        "expiry": (now - SignedDuration::from_hours(1)).to_string(), "user_email": email,
    });
    Credential::from_json(document.to_string().as_bytes()).unwrap()
}

/// Google's token service, in memory.
pub(crate) struct FakeIssuer {
    state: Mutex<Grants>,
    /// Every refresh replaces the refresh token and kills the old one.
    pub(crate) rotates: AtomicBool,
    /// Every request fails with 503.
    pub(crate) down: AtomicBool,
    /// How many of the next refreshes panic.
    pub(crate) panics: AtomicUsize,
    pub(crate) latency: Mutex<Duration>,
    pub(crate) refreshes: AtomicUsize,
    pub(crate) exchanges: AtomicUsize,
    pub(crate) revocations: AtomicUsize,
}

#[derive(Default)]
struct Grants {
    by_refresh_token: HashMap<String, String>,
    codes: HashMap<String, Code>,
    issued: u64,
}

struct Code {
    email: String,
    subject: String,
    challenge: String,
    nonce: String,
    redirect_uri: String,
    scopes: Vec<String>,
    refresh: bool,
}

impl FakeIssuer {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            rotates: AtomicBool::new(false),
            down: AtomicBool::new(false),
            panics: AtomicUsize::new(0),
            latency: Mutex::new(Duration::from_millis(200)),
            refreshes: AtomicUsize::new(0),
            exchanges: AtomicUsize::new(0),
            revocations: AtomicUsize::new(0),
        }
    }

    /// A refresh token of `email`.
    pub(crate) fn grant(&self, email: &str) -> String {
        let mut state = self.state.lock().unwrap();
        state.issued += 1;
        let token = format!("1//{}-{}", email, state.issued);
        state
            .by_refresh_token
            .insert(token.clone(), email.to_owned());
        token
    }

    /// Kills a refresh token.
    pub(crate) fn kill(&self, token: &str) {
        self.state.lock().unwrap().by_refresh_token.remove(token);
    }

    pub(crate) fn alive(&self, token: &SecretString) -> bool {
        self.state
            .lock()
            .unwrap()
            .by_refresh_token
            .contains_key(token.expose_secret())
    }

    /// A person consents at the page behind `link`; the code that the browser brings back.
    pub(crate) fn consent(&self, link: &Url, email: &str) -> String {
        self.consent_with(link, email, None, true)
    }

    pub(crate) fn consent_with(
        &self,
        link: &Url,
        email: &str,
        scopes: Option<&[&str]>,
        refresh: bool,
    ) -> String {
        let query: BTreeMap<String, String> = link.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        let scopes = match scopes {
            Some(scopes) => scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            None => query["scope"].split(' ').map(str::to_owned).collect(),
        };
        let mut state = self.state.lock().unwrap();
        state.issued += 1;
        let code = format!("4/code-{}", state.issued);
        let record = Code {
            email: email.to_owned(),
            subject: format!("sub-{}", email.to_lowercase()),
            challenge: query["code_challenge"].clone(),
            nonce: query["nonce"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            scopes,
            refresh,
        };
        state.codes.insert(code.clone(), record);
        code
    }

    async fn delay(&self) -> Result<(), OAuthError> {
        let latency = *self.latency.lock().unwrap();
        tokio::time::sleep(latency).await;
        if self.down.load(Ordering::SeqCst) {
            return Err(OAuthError::Unavailable {
                problem: "Google's token endpoint failed with status 503".to_owned(),
                status: Some(503),
                retry_after: None,
            });
        }
        Ok(())
    }
}

fn bad_grant() -> OAuthError {
    OAuthError::Grant(GrantProblem::ExpiredOrRevoked)
}

impl Issuer for FakeIssuer {
    fn exchange<'a>(
        &'a self,
        client: &'a ClientKeys,
        code: &'a str,
        verifier: &'a str,
        redirect_uri: &'a str,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>> {
        Box::pin(async move {
            self.exchanges.fetch_add(1, Ordering::SeqCst);
            self.delay().await?;
            let record = self
                .state
                .lock()
                .unwrap()
                .codes
                .remove(code)
                .ok_or_else(bad_grant)?;
            let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
            if URL_SAFE_NO_PAD.encode(digest) != record.challenge
                || redirect_uri != record.redirect_uri
            {
                return Err(bad_grant());
            }
            let refresh_token = record.refresh.then(|| self.grant(&record.email));
            let claims = json!({
                "iss": "https://accounts.google.com", "aud": client.id, "sub": record.subject,
                "exp": i64::MAX / 2, "nonce": record.nonce, "email": record.email,
                "email_verified": true,
            });
            let id_token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
            Ok(TokenAnswer {
                access_token: format!("ya29.first-{}", record.email).into(),
                expires_in: 3599,
                refresh_token: refresh_token.map(SecretString::from),
                scope: Some(record.scopes.join(" ")),
                id_token: Some(id_token.into()),
            })
        })
    }

    fn refresh<'a>(
        &'a self,
        _: &'a ClientKeys,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<TokenAnswer, OAuthError>> {
        Box::pin(async move {
            self.refreshes.fetch_add(1, Ordering::SeqCst);
            self.delay().await?;
            let left = self.panics.load(Ordering::SeqCst);
            if left > 0 {
                self.panics.store(left - 1, Ordering::SeqCst);
                panic!("planned");
            }
            let token = refresh_token.expose_secret();
            let email = self
                .state
                .lock()
                .unwrap()
                .by_refresh_token
                .get(token)
                .cloned();
            let email = email.ok_or_else(bad_grant)?;
            let rotated = self.rotates.load(Ordering::SeqCst).then(|| {
                self.kill(token);
                SecretString::from(self.grant(&email))
            });
            let count = self.refreshes.load(Ordering::SeqCst);
            Ok(TokenAnswer {
                access_token: format!("ya29.{email}-{count}").into(),
                expires_in: 3599,
                refresh_token: rotated,
                scope: None,
                id_token: None,
            })
        })
    }

    fn revoke<'a>(
        &'a self,
        _: &'a ClientKeys,
        token: &'a SecretString,
    ) -> BoxFuture<'a, Result<(), OAuthError>> {
        Box::pin(async move {
            self.revocations.fetch_add(1, Ordering::SeqCst);
            self.delay().await?;
            self.kill(token.expose_secret());
            Ok(())
        })
    }

    fn userinfo<'a>(
        &'a self,
        _: &'a ClientKeys,
        _: &'a SecretString,
    ) -> BoxFuture<'a, Result<UserInfo, OAuthError>> {
        Box::pin(async move { Err(OAuthError::InvalidToken) })
    }
}

/// A place that fails when told to.
pub(crate) struct FaultyPlace {
    inner: Arc<dyn Objects>,
    /// Requests hang until their deadline and fail.
    pub(crate) black_hole: AtomicBool,
    /// Writes take effect, but their answers get lost. Counts down.
    pub(crate) lost_answers: AtomicUsize,
    /// Requests fail before taking effect. Counts down.
    pub(crate) refusals: AtomicUsize,
    /// Somebody else writes this just before the next removal.
    pub(crate) before_removal: Mutex<Option<Bytes>>,
    pub(crate) reads: AtomicUsize,
    pub(crate) writes: AtomicUsize,
    pub(crate) lists: AtomicUsize,
}

/// How long a place with black holes lets callers wait.
pub(crate) const HOLE: Duration = Duration::from_secs(10);

impl FaultyPlace {
    pub(crate) fn over(inner: Arc<dyn Objects>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            black_hole: AtomicBool::new(false),
            lost_answers: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            before_removal: Mutex::new(None),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
        })
    }

    async fn gate(&self) -> Result<(), StoreError> {
        if self.black_hole.load(Ordering::SeqCst) {
            tokio::time::sleep(HOLE).await;
            return Err(lost("no answer in time"));
        }
        if take(&self.refusals) {
            return Err(lost("it answered SlowDown"));
        }
        Ok(())
    }
}

fn lost(problem: &str) -> StoreError {
    StoreError::Unavailable {
        place: "S3 bucket fake".to_owned(),
        problem: problem.to_owned(),
    }
}

fn take(counter: &AtomicUsize) -> bool {
    counter
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .is_ok()
}

impl Objects for FaultyPlace {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::SeqCst);
            self.gate().await?;
            self.inner.get(key).await
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            self.writes.fetch_add(1, Ordering::SeqCst);
            self.gate().await?;
            let written = self.inner.put(key, bytes, condition).await;
            if written.is_ok() && take(&self.lost_answers) {
                return Err(lost("no answer in time"));
            }
            written
        })
    }

    fn delete<'a>(
        &'a self,
        key: &'a str,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.gate().await?;
            let intruder = self.before_removal.lock().unwrap().take();
            if let Some(bytes) = intruder {
                self.inner.put(key, bytes, Condition::Always).await?;
            }
            self.inner.delete(key, condition).await
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            self.lists.fetch_add(1, Ordering::SeqCst);
            self.gate().await?;
            self.inner.list(folder).await
        })
    }

    fn place(&self) -> String {
        "S3 bucket fake".to_owned()
    }
}
