//! Servers that mean harm, against the real parts.
//!
//! What counts is what the malicious server and the canary saw, not what our side says of itself.

use std::collections::BTreeMap;

use core_agent::{
    Actor, FaultKind,
    config::{OauthConfig, Template},
    oauth::{Challenge, Next, Scopes, SignIn, SignInError},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::stranger::{Canary, Papers, Process, Stranger};

/// Puts an address where a server can name one.
type Plant = fn(&mut Papers, &str);
/// Changes what a server publishes.
type Change = fn(&mut Papers, &str, &Canary);

/// Signs in to a stranger with these papers and says what became of it. Invariant for all: no
/// visit to the canary.
async fn attempt(
    canary: &Canary,
    papers: impl FnOnce(&mut Papers, &str, &Canary),
) -> (Stranger, Process, Result<(), SignInError>) {
    let state = tempfile::tempdir().unwrap();
    let stranger = Stranger::start().await;
    let base = stranger.base.clone();
    stranger.papers(|given| papers(given, &base, canary));
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    let done = process.login().await;
    (stranger, process, done)
}

fn over(papers: &mut Papers, document: &str, field: &str, value: Value) {
    let document = match document {
        "resource" => &mut papers.resource,
        "issuer" => &mut papers.issuer,
        _ => &mut papers.back,
    };
    if document.is_null() {
        *document = json!({});
    }
    document[field] = value;
}

#[tokio::test]
async fn no_browser_is_sent_to_an_odd_address() {
    let canary = Canary::start().await;
    for endpoint in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://example.com/authorize",
        "https://x/$(calc)",
        "https://x/`calc`",
        "https://x/a|calc",
        "-flag",
        "--version",
        "\"&calc\"",
        "https://x/ -flag",
        "https://user@example.com/",
        "https://x/?redirect_uri=https%3A%2F%2Fevil",
        "data:text/html,x",
        "vbscript:x",
        "https://169.254.169.254/",
        "",
    ] {
        let (stranger, process, done) = attempt(&canary, |papers, _, _| {
            over(papers, "issuer", "authorization_endpoint", json!(endpoint));
        })
        .await;
        assert!(done.is_err(), "{endpoint}");
        assert!(process.person.shown().is_empty(), "{endpoint}");
        assert!(stranger.seen("/token").is_empty(), "{endpoint}");
        assert!(stranger.seen("/register").is_empty(), "{endpoint}");
    }
    assert_eq!(canary.visits().await, 0);
}

/// Every place in which a server can name an address, with addresses that no server may name.
#[tokio::test]
async fn nothing_inside_is_connected_to() {
    let canary = Canary::start().await;
    let port = canary.address.port();
    let hosts = [
        format!("127.0.0.2:{port}"),
        format!("2130706434:{port}"),
        format!("0x7f000002:{port}"),
        format!("0177.0.0.2:{port}"),
        format!("127.2:{port}"),
        format!("[::ffff:127.0.0.2]:{port}"),
        format!("[64:ff9b::7f00:2]:{port}"),
        format!("[2002:7f00:2::]:{port}"),
        "10.0.0.1".into(),
        "172.16.0.1".into(),
        "192.168.0.1".into(),
        "169.254.169.254".into(),
        "169.254.170.2".into(),
        "100.64.0.1".into(),
        "0.0.0.0".into(),
        "198.18.0.1".into(),
        "224.0.0.1".into(),
        "[fc00::1]".into(),
        "[fe80::1]".into(),
        "[fd00:ec2::254]".into(),
        "localhost.".into(),
    ];
    let places: [(&str, Plant); 6] = [
        ("resource_metadata", |papers, evil| {
            papers.challenge = Some(format!("Bearer resource_metadata=\"{evil}\""));
        }),
        ("authorization_servers", |papers, evil| {
            over(papers, "resource", "authorization_servers", json!([evil]));
        }),
        ("token_endpoint", |papers, evil| {
            over(papers, "issuer", "token_endpoint", json!(evil));
        }),
        ("registration_endpoint", |papers, evil| {
            over(papers, "issuer", "registration_endpoint", json!(evil));
        }),
        ("redirect of the metadata", |papers, evil| {
            papers.pages = BTreeMap::from([(
                "/.well-known/oauth-protected-resource/mcp".into(),
                (302, vec![("location".into(), evil.into())], Vec::new()),
            )]);
            papers.issuer = json!({"issuer": "https://nobody"});
        }),
        ("redirect of the token endpoint", |papers, evil| {
            papers.pages = BTreeMap::from([(
                "/token".into(),
                (307, vec![("location".into(), evil.into())], Vec::new()),
            )]);
        }),
    ];
    let state = tempfile::tempdir().unwrap();
    let stranger = Stranger::start().await;
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    for host in &hosts {
        for scheme in ["http", "https"] {
            for (place, plant) in places {
                let evil = format!("{scheme}://{host}/latest");
                stranger.papers(|papers| {
                    *papers = Papers::default();
                    plant(papers, &evil);
                });
                process.forget();
                let error = process
                    .login()
                    .await
                    .expect_err(&format!("{place}: {evil}"));
                let error = error.to_string();
                assert!(
                    !error.contains("127.0.0.2") && !error.contains("10.0.0.1"),
                    "{error}"
                );
            }
        }
    }
    assert_eq!(canary.visits().await, 0);
}

/// A name that leads inside, as a server's own name may do at any time.
#[tokio::test]
async fn names_that_lead_inside_are_not_connected_to() {
    use core_agent::{
        config::ServerConfig,
        oauth::{Names, SignInOptions, SignIns, Vault},
        secret::Secrets,
    };
    use futures::future::BoxFuture;
    use std::{
        io,
        net::SocketAddr,
        sync::{Arc, Mutex},
    };

    /// The first answer is public, all others are the canary's: rebinding.
    struct Rebinding(SocketAddr, Mutex<usize>);
    impl Names for Rebinding {
        fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            Box::pin(async move {
                let mut asked = self.1.lock().unwrap();
                *asked += 1;
                let public: SocketAddr = "8.8.8.8:0".parse().unwrap();
                Ok(match name {
                    "mixed.test" => vec![public, self.0],
                    _ => vec![self.0],
                })
            })
        }
    }

    let canary = Canary::start().await;
    let stranger = Stranger::start().await;
    let port = canary.address.port();
    for name in ["inside.test", "mixed.test"] {
        let evil = format!("https://{name}:{port}");
        stranger.papers(|papers| papers.resource = json!({"authorization_servers": [evil]}));
        let state = tempfile::tempdir().unwrap();
        let template = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
        let env = Arc::new(BTreeMap::<String, String>::new());
        let random = Arc::new(foundation::SystemRandom);
        let config = ServerConfig {
            url: Some(Template(stranger.mcp())),
            ..ServerConfig::default()
        };
        let names = Arc::new(Rebinding(canary.address, Mutex::default()));
        let sign_ins = SignIns::new(SignInOptions {
            servers: BTreeMap::from([(template.server.clone(), config)]),
            vault: Vault::open(state.path(), None, random.clone()).unwrap(),
            secrets: Arc::new(Secrets::new(env, template.clock.clone())),
            names: names.clone(),
            consent: None,
            clock: template.clock.clone(),
            random,
        });
        let done = sign_ins
            .login(&template.server, &Actor::local(), &Scopes::default())
            .await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains("private network"), "{error}");
        assert_eq!(
            *names.1.lock().unwrap(),
            1,
            "checked and connected in one look-up"
        );
    }
    assert_eq!(canary.visits().await, 0);
}

#[tokio::test]
async fn papers_of_somebody_else_stop_the_sign_in() {
    let canary = Canary::start().await;
    // Before a person is asked.
    let early: [(&str, Change); 12] = [
        ("another resource", |papers, _, _| {
            over(
                papers,
                "resource",
                "resource",
                json!("https://victim.example.com/mcp"),
            );
        }),
        ("a resource beside ours", |papers, base, _| {
            over(
                papers,
                "resource",
                "resource",
                json!(format!("{base}/other")),
            );
        }),
        ("another issuer", |papers, _, _| {
            over(
                papers,
                "issuer",
                "issuer",
                json!("https://victim.example.com"),
            );
        }),
        ("the issuer with a slash", |papers, base, _| {
            over(papers, "issuer", "issuer", json!(format!("{base}/")));
        }),
        ("the issuer in capitals", |papers, base, _| {
            over(papers, "issuer", "issuer", json!(base.to_uppercase()));
        }),
        ("no pkce", |papers, _, _| {
            over(
                papers,
                "issuer",
                "code_challenge_methods_supported",
                json!(null),
            );
        }),
        ("plain pkce", |papers, _, _| {
            over(
                papers,
                "issuer",
                "code_challenge_methods_supported",
                json!(["plain"]),
            );
        }),
        ("no token endpoint", |papers, _, _| {
            over(papers, "issuer", "token_endpoint", json!(null));
        }),
        ("a plain token endpoint", |papers, _, _| {
            over(
                papers,
                "issuer",
                "token_endpoint",
                json!("http://example.com/token"),
            );
        }),
        ("no way to become a client", |papers, _, _| {
            over(papers, "issuer", "registration_endpoint", json!(null));
        }),
        ("nobody to sign in with", |papers, _, _| {
            over(papers, "resource", "authorization_servers", json!([]));
        }),
        ("endless metadata", |papers, _, _| {
            papers.pages = BTreeMap::from([(
                "/.well-known/oauth-authorization-server".into(),
                (200, Vec::new(), vec![b' '; 10 << 20]),
            )]);
        }),
    ];
    for (what, change) in early {
        let (stranger, process, done) = attempt(&canary, change).await;
        assert!(done.is_err(), "{what}");
        assert!(process.person.shown().is_empty(), "{what}");
        assert!(stranger.seen("/token").is_empty(), "{what}");
    }
    // After a person was asked, before the code is sent.
    let late: [(&str, Change); 8] = [
        ("no iss though promised", |papers, _, _| {
            over(papers, "back", "iss", json!(null));
        }),
        ("another iss", |papers, _, _| {
            over(papers, "back", "iss", json!("https://victim.example.com"));
        }),
        ("iss with a slash", |papers, base, _| {
            over(papers, "back", "iss", json!(format!("{base}/")));
        }),
        ("iss in capitals", |papers, base, _| {
            over(papers, "back", "iss", json!(base.to_uppercase()));
        }),
        ("another iss, not promised", |papers, _, _| {
            over(
                papers,
                "issuer",
                "authorization_response_iss_parameter_supported",
                json!(false),
            );
            over(papers, "back", "iss", json!("https://victim.example.com"));
        }),
        ("an error of another issuer", |papers, _, _| {
            over(papers, "back", "iss", json!("https://victim.example.com"));
            over(papers, "back", "error", json!("access_denied"));
            over(
                papers,
                "back",
                "error_description",
                json!("call this number"),
            );
        }),
        ("another state", |papers, _, _| {
            over(papers, "back", "state", json!("guessed"));
        }),
        ("an error with a text", |papers, _, _| {
            over(papers, "back", "error", json!("<script>alert(1)</script>"));
            over(
                papers,
                "back",
                "error_description",
                json!("call this number"),
            );
        }),
    ];
    for (what, change) in late {
        let (stranger, process, done) = attempt(&canary, change).await;
        let error = done.expect_err(what).to_string();
        assert_eq!(process.person.shown().len(), 1, "{what}");
        assert!(stranger.seen("/token").is_empty(), "{what}");
        for text in ["call this number", "script", "access_denied", "victim"] {
            assert!(!error.contains(text), "{what}: {error}");
        }
    }
    assert_eq!(canary.visits().await, 0);
}

/// Refuses whatever comes, for ever, under ever new names.
#[tokio::test]
async fn loops_of_refusals_end_after_three_sign_ins() {
    for status in [401, 403] {
        let state = tempfile::tempdir().unwrap();
        let stranger = Stranger::start().await;
        let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
        let mut refusals = 0;
        let mut used: Option<SecretString> = None;
        let fault = loop {
            refusals += 1;
            assert!(refusals < 50, "it is never told to stop");
            let scope = match status {
                401 => "same".to_owned(),
                _ => format!("scope-{refusals}"),
            };
            let values = [format!(
                "Bearer error=\"insufficient_scope\", scope=\"{scope}\", \
                 resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
                stranger.base
            )];
            let challenge = Challenge {
                status,
                www_authenticate: &values,
                used: used.as_ref(),
                operation: "tools/call x",
            };
            let next = process
                .sign_ins
                .challenged(&process.server, &Actor::local(), challenge)
                .await;
            match next {
                Next::Retry => {}
                Next::GiveUp(fault) => break fault,
            }
            used = process
                .sign_ins
                .bearer(&process.server, &Actor::local())
                .await
                .unwrap();
        };
        assert_eq!(fault.kind, FaultKind::Forbidden, "{fault}");
        let asked = stranger.seen("/authorize");
        assert!((1..=3).contains(&asked.len()), "{} sign-ins", asked.len());
        if status == 403 {
            let last = asked.last().unwrap();
            assert!(
                last.query.contains("scope=scope-1+scope-2+scope-3"),
                "{}",
                last.query
            );
        }
    }
}

/// The authorization server changes under a client that is signed in.
#[tokio::test]
async fn what_belongs_to_one_issuer_is_not_sent_to_another() {
    let state = tempfile::tempdir().unwrap();
    let (server, other) = (Stranger::start().await, Stranger::start().await);
    let process = Process::new(state.path(), &server.mcp(), OauthConfig::default(), true);
    process.login().await.unwrap();
    let token = process
        .sign_ins
        .bearer(&process.server, &Actor::local())
        .await
        .unwrap();
    server.papers(|papers| papers.resource = json!({"authorization_servers": [other.base]}));
    server.forget_tokens();
    let values = [format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
        server.base
    )];
    let challenge = Challenge {
        status: 401,
        www_authenticate: &values,
        used: token.as_ref(),
        operation: "tools/list",
    };
    let next = process
        .sign_ins
        .challenged(&process.server, &Actor::local(), challenge)
        .await;
    assert!(matches!(next, Next::Retry), "{next:?}");
    assert_eq!(other.seen("/register").len(), 1);
    let former = format!("client-1-of-{}", server.base);
    for seen in other.all() {
        let text = url::form_urlencoded::parse(format!("{}&{}", seen.query, seen.body).as_bytes())
            .flat_map(|(name, value)| [name.into_owned(), value.into_owned(), "\n".to_owned()])
            .collect::<String>();
        assert!(!text.contains(&former), "{text}");
        assert!(
            !text.contains("refresh-1") && !text.contains("access-1"),
            "{text}"
        );
        assert_eq!(seen.authorization, None);
    }
    assert!(token.is_some());
}

/// A client registered by hand goes to the authorization server it was first used with only.
#[tokio::test]
async fn a_configured_client_stays_with_its_issuer() {
    let state = tempfile::tempdir().unwrap();
    let (server, other) = (Stranger::start().await, Stranger::start().await);
    let oauth = OauthConfig {
        client_id: Some("by-hand".into()),
        client_secret: Some(Template("the-secret".into())),
        ..OauthConfig::default()
    };
    let process = Process::new(state.path(), &server.mcp(), oauth, true);
    process.login().await.unwrap();
    server.papers(|papers| papers.resource = json!({"authorization_servers": [other.base]}));
    let error = process.login().await.unwrap_err().to_string();
    assert!(
        error.contains("changed its authorization server"),
        "{error}"
    );
    let all = format!("{:?}", other.all());
    assert!(
        !all.contains("by-hand") && !all.contains("the-secret"),
        "{all}"
    );
    assert!(other.seen("/token").is_empty());
}
