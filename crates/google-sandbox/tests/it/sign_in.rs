//! Signing in, from the consent page to revocation.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::ManualClock;
use google_sandbox::{CLIENT_ID, CLIENT_SECRET, Fault, SERVICE_ACCOUNT_EMAIL, service_account_key};
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use ring::{rand::SystemRandom, rsa::KeyPair, signature};
use serde_json::{Value, json};

use crate::support::{ALEX, Box, MAIL, start, start_at};

const REDIRECT: &str = "http://127.0.0.1:9999/oauth2callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";
const READ: &str = "https://www.googleapis.com/auth/gmail.readonly";
const FILES: &str = "https://www.googleapis.com/auth/drive.readonly";

fn question(more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(ring::digest::digest(
        &ring::digest::SHA256,
        VERIFIER.as_bytes(),
    ));
    let scope = format!("openid email profile {READ} {FILES}");
    let mut pairs = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", &scope),
        ("state", "s t&a=te"),
        ("access_type", "offline"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in more {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("/accounts.google.com/o/oauth2/v2/auth?{query}")
}

/// Answers the consent page; gives the parameters sent back.
async fn consent(
    sandbox: &Box,
    more: &[(&str, &str)],
    form: &[(&str, &str)],
) -> HashMap<String, String> {
    let answer = sandbox
        .http
        .post(sandbox.url(&question(more)))
        .form(form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = answer.headers()["location"]
        .to_str()
        .expect("a URL")
        .to_owned();
    assert!(location.starts_with(REDIRECT), "{location}");
    url::Url::parse(&location)
        .expect("a URL")
        .query_pairs()
        .into_owned()
        .collect()
}

async fn token(sandbox: &Box, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let mut all = vec![("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    for (name, value) in form {
        all.retain(|(known, _)| known != name);
        all.push((name, value));
    }
    let answer = sandbox
        .http
        .post(sandbox.url("/oauth2.googleapis.com/token"))
        .form(&all)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn exchange(sandbox: &Box, code: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    token(sandbox, &form).await
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

#[tokio::test]
async fn a_person_sees_a_page_and_a_browser_gets_a_code_that_buys_tokens_once() {
    let sandbox = start().await;
    let page = sandbox
        .http
        .get(sandbox.url(&question(&[("login_hint", ALEX)])))
        .send()
        .await
        .expect("a page");
    let page = page.text().await.expect("text");
    assert!(
        page.contains("alex@sandbox.example\" checked") && page.contains("sam@sandbox.example")
    );
    assert!(page.contains("value=\"allow\"") && page.contains(READ));

    let back = consent(
        &sandbox,
        &[("nonce", "n1")],
        &[("user", ALEX), ("decision", "allow")],
    )
    .await;
    assert_eq!(back["state"], "s t&a=te");
    let (status, tokens) = exchange(&sandbox, &back["code"]).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert!(text(&tokens, "scope").contains(READ) && tokens["refresh_token"].is_string());
    let labels = sandbox
        .get(
            text(&tokens, "access_token"),
            "/gmail.googleapis.com/gmail/v1/users/me/labels",
        )
        .await;
    assert!(labels["labels"].as_array().expect("labels").len() > 14);

    let claims = text(&tokens, "id_token")
        .split('.')
        .nth(1)
        .expect("a JWT")
        .to_owned();
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    assert_eq!(
        (
            text(&claims, "email"),
            text(&claims, "nonce"),
            &claims["email_verified"]
        ),
        (ALEX, "n1", &json!(true))
    );
    assert_eq!(
        (text(&claims, "aud"), text(&claims, "iss")),
        (CLIENT_ID, "https://accounts.google.com")
    );

    let (status, again) = exchange(&sandbox, &back["code"]).await;
    assert_eq!(
        (status, text(&again, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
}

#[tokio::test]
async fn id_tokens_verify_with_the_published_keys() {
    let sandbox = start().await;
    let back = consent(&sandbox, &[], &[("user", ALEX), ("decision", "allow")]).await;
    let (_, tokens) = exchange(&sandbox, &back["code"]).await;
    let keys = sandbox
        .get("none", "/www.googleapis.com/oauth2/v3/certs")
        .await;
    let decode = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(text(&keys["keys"][0], name))
            .expect("base64")
    };
    let public = ring::rsa::PublicKeyComponents {
        n: decode("n"),
        e: decode("e"),
    };
    let (signed, signature) = text(&tokens, "id_token").rsplit_once('.').expect("a JWT");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    public
        .verify(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &signature,
        )
        .expect("a good signature");
}

#[tokio::test]
async fn cancelling_unticking_and_denying_are_told_apart() {
    let sandbox = start().await;
    let back = consent(&sandbox, &[], &[("user", ALEX), ("decision", "cancel")]).await;
    assert_eq!(
        (back["error"].as_str(), back.get("code")),
        ("access_denied", None)
    );

    let back = consent(
        &sandbox,
        &[],
        &[
            ("user", ALEX),
            ("decision", "allow"),
            ("ticked", "1"),
            ("scope", READ),
        ],
    )
    .await;
    let (_, tokens) = exchange(&sandbox, &back["code"]).await;
    assert!(text(&tokens, "scope").contains(READ) && !text(&tokens, "scope").contains(FILES));
    let access = text(&tokens, "access_token");
    let (status, error) = sandbox
        .refused(
            reqwest::Method::GET,
            access,
            "/www.googleapis.com/drive/v3/files",
            None,
        )
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        error["error"]["errors"][0]["reason"],
        "insufficientPermissions"
    );
    assert_eq!(
        error["error"]["details"][0]["reason"],
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    );

    sandbox.knobs().deny_scopes(&[READ]);
    let back = consent(&sandbox, &[], &[("user", ALEX), ("decision", "allow")]).await;
    assert!(!back["scope"].contains(READ) && back["scope"].contains(FILES));
    let back = consent(
        &sandbox,
        &[("include_granted_scopes", "true")],
        &[("user", ALEX), ("decision", "allow")],
    )
    .await;
    assert!(back["scope"].contains(READ), "granted before");
}

#[tokio::test]
async fn refresh_tokens_come_with_the_first_consent_or_a_forced_one() {
    let sandbox = start().await;
    let allow = [("user", ALEX), ("decision", "allow")];
    let mut given = Vec::new();
    for more in [
        &[][..],
        &[],
        &[("prompt", "consent")],
        &[("access_type", "online"), ("prompt", "consent")],
    ] {
        let back = consent(&sandbox, more, &allow).await;
        let (_, tokens) = exchange(&sandbox, &back["code"]).await;
        given.push(tokens["refresh_token"].is_string());
    }
    assert_eq!(given, [true, false, true, false]);
}

#[tokio::test]
async fn verifiers_addresses_secrets_and_clients_are_checked() {
    let sandbox = start().await;
    let allow = [("user", ALEX), ("decision", "allow")];
    for (wrong, error) in [
        (("code_verifier", "another"), "invalid_grant"),
        (
            ("redirect_uri", "http://127.0.0.1:1/x"),
            "redirect_uri_mismatch",
        ),
        (("client_secret", "wrong"), "invalid_client"),
        (("client_id", "nobody"), "invalid_client"),
        (("grant_type", "password"), "unsupported_grant_type"),
    ] {
        let back = consent(&sandbox, &[], &allow).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &back["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| *name != wrong.0);
        form.push(wrong);
        let (status, answer) = token(&sandbox, &form).await;
        assert!(
            status.is_client_error() && text(&answer, "error") == error,
            "{wrong:?}: {answer}"
        );
    }
    for (wrong, code) in [
        (
            ("redirect_uri", "https://evil.example/"),
            "redirect_uri_mismatch",
        ),
        (("client_id", "nobody"), "invalid_client"),
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "openid nonsense"), "invalid_scope"),
        (("code_challenge_method", "S512"), "invalid_request"),
    ] {
        let page = sandbox
            .http
            .get(sandbox.url(&question(&[wrong])))
            .send()
            .await
            .expect("a page");
        assert!(page.status().is_client_error());
        assert!(page.text().await.expect("text").contains(code), "{wrong:?}");
    }
    sandbox.knobs().allow_redirect("https://good.example/back");
    let page = question(&[("redirect_uri", "https://good.example/back")]);
    assert_eq!(
        sandbox
            .http
            .get(sandbox.url(&page))
            .send()
            .await
            .expect("a page")
            .status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn tokens_expire_refresh_and_die_with_their_grant() {
    let clock = Arc::new(ManualClock::at(
        "2026-05-04T09:00:00Z".parse().expect("a time"),
    ));
    let sandbox = start_at(Arc::clone(&clock)).await;
    let minted = sandbox
        .knobs()
        .mint(ALEX, &[MAIL, "openid", "email"])
        .expect("a user");
    let profile = "/gmail/v1/users/me/profile";
    sandbox.get(&minted.access_token, profile).await;
    clock.advance(SignedDuration::from_secs(3600));
    let (status, error) = sandbox
        .refused(reqwest::Method::GET, &minted.access_token, profile, None)
        .await;
    assert_eq!(
        (status, &error["error"]["status"]),
        (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED"))
    );

    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", minted.refresh_token.as_str()),
    ];
    let (status, fresh) = token(&sandbox, &form).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        fresh.get("refresh_token").is_none(),
        "Google does not rotate"
    );
    let access = text(&fresh, "access_token").to_owned();
    sandbox.get(&access, profile).await;

    let info = sandbox
        .get(
            "none",
            &format!("/oauth2.googleapis.com/tokeninfo?access_token={access}"),
        )
        .await;
    assert_eq!(
        (
            text(&info, "email"),
            text(&info, "aud"),
            text(&info, "expires_in")
        ),
        (ALEX, CLIENT_ID, "3599")
    );
    let user = sandbox
        .get(&access, "/openidconnect.googleapis.com/v1/userinfo")
        .await;
    assert_eq!(
        (text(&user, "email"), user.get("name")),
        (ALEX, None),
        "no profile scope, no name"
    );
    let user = sandbox
        .get(&access, "/www.googleapis.com/oauth2/v2/userinfo")
        .await;
    assert_eq!(text(&user, "email"), ALEX);

    let revoke = sandbox.url(&format!(
        "/oauth2.googleapis.com/revoke?token={}",
        minted.refresh_token
    ));
    assert_eq!(
        sandbox
            .http
            .post(&revoke)
            .send()
            .await
            .expect("an answer")
            .status(),
        StatusCode::OK
    );
    assert_eq!(
        sandbox
            .http
            .post(&revoke)
            .send()
            .await
            .expect("an answer")
            .status(),
        StatusCode::BAD_REQUEST
    );
    sandbox
        .refused(reqwest::Method::GET, &access, profile, None)
        .await;
    let (status, gone) = token(&sandbox, &form).await;
    assert_eq!(
        (status, text(&gone, "error")),
        (StatusCode::BAD_REQUEST, "invalid_grant")
    );
    assert_eq!(
        text(&gone, "error_description"),
        "Token has been expired or revoked."
    );
}

#[tokio::test]
async fn rotation_gives_new_refresh_tokens_and_reuse_kills_the_grant() {
    let sandbox = start().await;
    sandbox.knobs().rotate_refresh_tokens(true);
    let minted = sandbox.knobs().mint(ALEX, &[MAIL]).expect("a user");
    let form = |token: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let ask = async |refresh: &str| {
        let form = form(refresh);
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        token(&sandbox, &form).await
    };
    let (_, fresh) = ask(&minted.refresh_token).await;
    let second = text(&fresh, "refresh_token").to_owned();
    assert_ne!(second, minted.refresh_token);
    assert_eq!(ask(&minted.refresh_token).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        ask(&second).await.0,
        StatusCode::BAD_REQUEST,
        "the whole grant is gone"
    );
}

#[tokio::test]
async fn token_faults_speak_oauth() {
    let sandbox = start().await;
    let minted = sandbox.knobs().mint(ALEX, &[MAIL]).expect("a user");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", minted.refresh_token.as_str()),
    ];
    sandbox.knobs().fail_next(
        1,
        "oauth.token",
        Fault::reason(400, "invalid_grant:invalid_rapt"),
    );
    let (_, refused) = token(&sandbox, &form).await;
    assert_eq!(
        (text(&refused, "error"), text(&refused, "error_subtype")),
        ("invalid_grant", "invalid_rapt")
    );
    sandbox
        .knobs()
        .fail_next(1, "oauth.token", Fault::status(503));
    assert_eq!(
        token(&sandbox, &form).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(token(&sandbox, &form).await.0, StatusCode::OK);
    assert!(sandbox.knobs().unmet_faults().is_empty());
}

#[tokio::test]
async fn a_service_account_acts_for_users_and_for_nobody_else() {
    let sandbox = start().await;
    let key = service_account_key(&sandbox.running.base_url());
    let pem = text(&key, "private_key").to_owned();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = KeyPair::from_pkcs8(
        &base64::engine::general_purpose::STANDARD
            .decode(body)
            .expect("base64"),
    )
    .expect("a key");
    let now = sandbox.knobs().calls().len();
    assert_eq!(now, 0);
    let assertion = |subject: &str, lifetime: i64| {
        let iat = foundation::Clock::now(&foundation::SystemClock).as_second();
        let claims = json!({
            "iss": SERVICE_ACCOUNT_EMAIL, "sub": subject, "scope": MAIL,
            "aud": "https://oauth2.googleapis.com/token", "iat": iat, "exp": iat + lifetime,
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let ask = async |assertion: String| {
        let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        token(&sandbox, &[("grant_type", kind), ("assertion", &assertion)]).await
    };
    let (status, tokens) = ask(assertion(ALEX, 3600)).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let profile = sandbox
        .get(text(&tokens, "access_token"), "/gmail/v1/users/me/profile")
        .await;
    assert_eq!(text(&profile, "emailAddress"), ALEX);
    assert_eq!(
        text(
            &ask(assertion("nobody@sandbox.example", 3600)).await.1,
            "error"
        ),
        "invalid_grant"
    );
    assert_eq!(
        text(&ask(assertion(ALEX, 7200)).await.1, "error"),
        "invalid_grant"
    );
    let mut forged = assertion(ALEX, 3600);
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    assert_eq!(
        text(&ask(forged).await.1, "error_description"),
        "Invalid JWT Signature."
    );
    sandbox.knobs().deny_scopes(&[MAIL]);
    assert_eq!(
        text(&ask(assertion(ALEX, 3600)).await.1, "error"),
        "unauthorized_client"
    );
    let _ = Timestamp::UNIX_EPOCH;
}
