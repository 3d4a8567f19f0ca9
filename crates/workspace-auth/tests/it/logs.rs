//! What operators find in the logs, and what nobody must find there.
//!
//! Everything is recorded at the finest level, that of our libraries included.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tracing::Level;
use workspace_auth::{CallbackQuery, CredentialKey, Principal, SignInRequest};

use crate::{
    endpoint,
    world::{World, local},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn record(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || lines.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_phase_has_its_own_record_and_none_a_secret() {
    let lines = Lines::default();
    let _recording = lines.record();
    let world = World::new();
    let request = SignInRequest {
        login_hint: Some("a@example.com".to_owned()),
        ..SignInRequest::default()
    };
    let link = world
        .accounts
        .start_sign_in(&local(), request)
        .await
        .unwrap()
        .url;
    let code = world.issuer.consent(&link, "a@example.com");
    let (_, state) = link
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let query = CallbackQuery {
        state: Some(state.to_string()),
        code: Some(code.clone()),
        error: None,
    };
    world.accounts.callback(query.clone()).await;
    let first = world.token("a@example.com").await.unwrap();
    world.clock.advance(SignedDuration::from_hours(2));
    let second = world.token("a@example.com").await.unwrap();
    world.accounts.callback(query).await;
    let key = CredentialKey::for_email("a@example.com").unwrap();
    let refresh = world.stored(&key).await.unwrap().refresh_token.unwrap();
    world.issuer.kill(refresh.expose_secret());
    world.clock.advance(SignedDuration::from_hours(2));
    assert!(world.token("a@example.com").await.is_err());

    let text = lines.text();
    for phase in [
        "OAuth sign-in started",
        "OAuth authorization URL generated",
        "OAuth callback received",
        "OAuth token exchange successful",
        "credentials stored in S3",
        "OAuth authentication successful",
        "OAuth token expired, initiating refresh",
        "OAuth token refresh successful",
        "updated credentials stored in S3",
        "OAuth authentication failed",
        "OAuth token refresh failed",
    ] {
        assert_eq!(
            text.lines()
                .filter(|line| line.contains(phase))
                .count()
                .min(1),
            1,
            "{phase}"
        );
    }
    let secrets = [
        code.as_str(),
        &state,
        &first,
        &second,
        refresh.expose_secret(),
        "client-secret",
        "ya29",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} was logged:\n{text}");
    }
    for line in text.lines().filter(|line| !line.contains(" ERROR ")) {
        assert!(!line.contains("ERROR"), "{line}");
    }
}

/// The same against a server, so that the HTTP libraries have their say.
#[tokio::test]
async fn no_library_logs_a_token() {
    let lines = Lines::default();
    let _recording = lines.record();
    let accounts = endpoint::accounts(&endpoint::Endpoint::default(), "memory:").await;
    endpoint::link(&accounts, "a@example.com", "1//canary-refresh").await;
    let account = accounts
        .select(&Principal::local(), None, None)
        .await
        .unwrap();
    let token = account.tokens.token(&[]).await.unwrap();
    accounts
        .revoke(&Principal::local(), "a@example.com")
        .await
        .unwrap();
    let text = lines.text();
    assert!(text.contains("OAuth token refresh successful"), "{text}");
    for secret in [
        token.secret.expose_secret(),
        "1//canary-refresh",
        "client-secret",
        "ya29.old",
    ] {
        assert!(!text.contains(secret), "{secret} was logged");
    }
}
