//! The token endpoint and its neighbours.

use google_api::{GrantProblem, OAuthClient, OAuthError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::google::{Stand, Step, say};

fn client(stand: &Stand) -> OAuthClient {
    stand
        .google()
        .oauth("id-1", Some("secret-1".to_owned().into()))
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

#[tokio::test]
async fn a_code_becomes_tokens() {
    let answer = json!({"access_token": "at", "expires_in": 3599, "refresh_token": "rt",
        "scope": "openid https://www.googleapis.com/auth/drive", "token_type": "Bearer", "id_token": "a.b.c"});
    let stand = Stand::steps(vec![say(200, answer)]).await;
    let tokens = client(&stand)
        .exchange(
            "code/1",
            Some("verifier"),
            "http://127.0.0.1:1/oauth2callback",
        )
        .await
        .unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "at");
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "rt");
    let seen = stand.seen();
    assert_eq!(seen[0].target, "/oauth2.googleapis.com/token");
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "code/1"),
        ("code_verifier", "verifier"),
        ("redirect_uri", "http://127.0.0.1:1/oauth2callback"),
        ("client_id", "id-1"),
        ("client_secret", "secret-1"),
    ] {
        assert_eq!(seen[0].form(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_refresh_may_bring_no_new_refresh_token_and_dead_ones_say_why() {
    let dead = json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
    let stand = Stand::steps(vec![
        say(200, json!({"access_token": "at", "expires_in": 3599, "scope": "a"})),
        say(400, dead),
        say(503, "<html>").with("retry-after", 4),
        Step::Drop,
        say(401, json!({"error": "invalid_client", "error_description": "The OAuth client was not found."})),
        say(200, "{\"access_token\": 7, \"refresh_token\": \"rt-leak\"}"),
    ])
    .await;
    let client = client(&stand);
    let refreshed = client.refresh(&secret("rt")).await.unwrap();
    assert!(refreshed.refresh_token.is_none());
    assert_eq!(stand.seen()[0].form("refresh_token").as_deref(), Some("rt"));
    let error = client.refresh(&secret("rt")).await.unwrap_err();
    assert!(
        matches!(error, OAuthError::Grant(GrantProblem::ExpiredOrRevoked)),
        "{error:?}"
    );
    let error = client.refresh(&secret("rt")).await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.retry_after(), Some(4));
    assert!(
        client
            .refresh(&secret("rt"))
            .await
            .unwrap_err()
            .is_transient()
    );
    let error = client.refresh(&secret("rt")).await.unwrap_err();
    assert!(matches!(&error, OAuthError::Client { code, .. } if code == "invalid_client"));
    let error = client.refresh(&secret("rt")).await.unwrap_err();
    assert!(!format!("{error:?}{error}").contains("rt-leak"));
    assert_eq!(stand.seen().len(), 6, "nothing is repeated here");
}

#[tokio::test]
async fn revoking_keeps_the_token_out_of_the_url_and_forgives_dead_ones() {
    let stand = Stand::steps(vec![
        say(200, "{}"),
        say(
            400,
            json!({"error": "invalid_token", "error_description": "Token expired or revoked"}),
        ),
        say(503, ""),
    ])
    .await;
    let client = client(&stand);
    client.revoke(&secret("rt")).await.unwrap();
    assert_eq!(stand.seen()[0].target, "/oauth2.googleapis.com/revoke");
    assert_eq!(stand.seen()[0].form("token").as_deref(), Some("rt"));
    client.revoke(&secret("rt")).await.unwrap();
    assert!(
        client
            .revoke(&secret("rt"))
            .await
            .unwrap_err()
            .is_transient()
    );
}

#[tokio::test]
async fn tokens_are_described_without_standing_in_a_url() {
    let stand = Stand::steps(vec![
        say(200, json!({"sub": "1", "email": "a@example.com", "email_verified": true, "hd": "example.com"})),
        say(200, json!({"aud": "id-1", "scope": "a b", "exp": "1764000000", "expires_in": "12"})),
        say(400, json!({"error": "invalid_token", "error_description": "Invalid Value"})),
    ])
    .await;
    let client = client(&stand);
    let who = client.userinfo(&secret("at")).await.unwrap();
    assert_eq!(
        (who.sub.as_str(), who.hd.as_deref()),
        ("1", Some("example.com"))
    );
    let what = client.token_info(&secret("at")).await.unwrap();
    assert_eq!(what.scopes(), ["a", "b"]);
    let error = client.token_info(&secret("at")).await.unwrap_err();
    assert!(matches!(error, OAuthError::InvalidToken));
    assert!(
        stand
            .seen()
            .iter()
            .all(|seen| !seen.target.contains("at=") && !seen.target.contains('?'))
    );
}
