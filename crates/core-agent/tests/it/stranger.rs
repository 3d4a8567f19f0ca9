//! A server over HTTP with its authorization server in one, which does as the test says and
//! remembers what it was asked; and a canary, which nobody must visit.
//!
//! Invariant: it judges tokens by what it gave out, like a real one, unless told otherwise.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, Uri, header},
};
use core_agent::{
    Actor, ServerName,
    config::{OauthConfig, ServerConfig, Template},
    oauth::{Consent, NoConsent, Scopes, SignInError, SignInOptions, SignIns, SystemNames, Vault},
    secret::Secrets,
};
use foundation::{ManualClock, SystemRandom};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// A whole answer: status, headers, body.
pub(crate) type Page = (u16, Vec<(String, String)>, Vec<u8>);

/// What a stranger publishes and answers.
#[derive(Clone, Default)]
pub(crate) struct Papers {
    /// The challenge of a 401; made up from the rest when absent.
    pub(crate) challenge: Option<String>,
    /// The scopes a token needs; others get 403.
    pub(crate) needs: Option<String>,
    /// Fields laid over the protected resource metadata.
    pub(crate) resource: Value,
    /// Fields laid over the authorization server metadata.
    pub(crate) issuer: Value,
    /// Parameters laid over the way back; null takes one out.
    pub(crate) back: Value,
    /// The answer of the token endpoint instead of its own.
    pub(crate) token: Option<(u16, Value)>,
    /// Scopes granted instead of those asked for.
    pub(crate) grants: Option<String>,
    /// Whether renewals come without a new refresh token.
    pub(crate) keeps_refresh: bool,
    /// Whole answers by path, instead of all others: status, header, body.
    pub(crate) pages: BTreeMap<String, Page>,
    /// Whether no token is ever good.
    pub(crate) never_content: bool,
    /// The tools/list and other answers of the protocol, by method.
    pub(crate) answers: BTreeMap<String, Value>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Stranger {
    pub(crate) base: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    papers: Mutex<Papers>,
    seen: Mutex<Vec<Seen>>,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    number: usize,
    /// Access tokens and their scopes.
    access: BTreeMap<String, String>,
    refresh: Option<String>,
    asked: String,
    clients: usize,
}

impl Stranger {
    /// Starts on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stranger = Self {
            base,
            shared: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(stranger.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stranger
    }

    /// Where it is reached.
    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Changes what it publishes.
    pub(crate) fn papers(&self, change: impl FnOnce(&mut Papers)) {
        change(&mut self.shared.papers.lock().unwrap());
    }

    /// What it was asked at this path.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.path == path)
            .cloned()
            .collect()
    }

    /// Everything it was asked.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Makes all tokens it gave out worthless; refresh tokens stay.
    pub(crate) fn forget_tokens(&self) {
        self.given().access.clear();
    }

    /// Makes its refresh token worthless.
    pub(crate) fn forget_refresh(&self) {
        self.given().refresh = None;
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.shared.given.lock().unwrap()
    }

    fn token(&self, papers: &Papers, body: &str) -> (u16, Value) {
        if let Some(answer) = &papers.token {
            return answer.clone();
        }
        let form: BTreeMap<_, _> = url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let mut given = self.given();
        let get = |name: &str| form.get(name).cloned();
        let scopes = match get("grant_type").as_deref() {
            Some("refresh_token") if get("refresh_token") == given.refresh => given.asked.clone(),
            Some("refresh_token") => return (400, json!({"error": "invalid_grant"})),
            Some("client_credentials") => get("scope").unwrap_or_default(),
            _ => given.asked.clone(),
        };
        let scopes = papers.grants.clone().unwrap_or(scopes);
        given.number += 1;
        let number = given.number;
        given
            .access
            .insert(format!("access-{number}"), scopes.clone());
        let mut answer = json!({
            "access_token": format!("access-{number}"),
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": scopes,
        });
        if !(papers.keeps_refresh && given.refresh.is_some()) {
            given.refresh = Some(format!("refresh-{number}"));
            answer["refresh_token"] = json!(given.refresh);
        }
        (200, answer)
    }

    fn mcp_answer(
        &self,
        papers: &Papers,
        authorization: Option<&str>,
        body: &str,
    ) -> Response<Body> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let scopes = token.and_then(|token| self.given().access.get(token).cloned());
        let at = format!("{}/.well-known/oauth-protected-resource/mcp", self.base);
        let pointer = format!("resource_metadata=\"{at}\"");
        let refuse = |status: u16, challenge: String| {
            page(status, &[("www-authenticate", &challenge)], Vec::new())
        };
        let Some(scopes) = scopes.filter(|_| !papers.never_content) else {
            let challenge = papers.challenge.clone();
            return refuse(401, challenge.unwrap_or(format!("Bearer {pointer}")));
        };
        if let Some(needed) = &papers.needs
            && !needed
                .split(' ')
                .all(|one| scopes.split(' ').any(|own| own == one))
        {
            return refuse(
                403,
                format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\", {pointer}"),
            );
        }
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let method = request["method"].as_str().unwrap_or_default();
        let Some(id) = request.get("id") else {
            return page(202, &[], Vec::new());
        };
        let answer = match papers.answers.get(method) {
            Some(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            None => json!({
                "jsonrpc": "2.0", "id": id,
                "error": {"code": -32601, "message": "no such method"},
            }),
        };
        json_page(200, &answer)
    }
}

async fn answer(State(stranger): State<Stranger>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let seen = remember(&stranger, &parts.uri, &parts.headers, &body);
    let papers = stranger.shared.papers.lock().unwrap().clone();
    let base = &stranger.base;
    if let Some((status, headers, body)) = papers.pages.get(&seen.path) {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        return page(*status, &headers, body.clone());
    }
    match seen.path.as_str() {
        "/mcp" => stranger.mcp_answer(&papers, seen.authorization.as_deref(), &seen.body),
        "/.well-known/oauth-protected-resource/mcp" => json_page(
            200,
            &laid_over(
                json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]}),
                &papers.resource,
            ),
        ),
        "/.well-known/oauth-authorization-server" => json_page(
            200,
            &laid_over(
                json!({
                    "issuer": base,
                    "authorization_endpoint": format!("{base}/authorize"),
                    "token_endpoint": format!("{base}/token"),
                    "registration_endpoint": format!("{base}/register"),
                    "revocation_endpoint": format!("{base}/revoke"),
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
                    "authorization_response_iss_parameter_supported": true,
                }),
                &papers.issuer,
            ),
        ),
        "/authorize" => {
            let query: BTreeMap<String, String> =
                url::form_urlencoded::parse(seen.query.as_bytes())
                    .into_owned()
                    .collect();
            stranger.given().asked = query.get("scope").cloned().unwrap_or_default();
            let back = laid_over(
                json!({"code": "the-code", "state": query["state"], "iss": base}),
                &papers.back,
            );
            let mut address = Url::parse(&query["redirect_uri"]).unwrap();
            for (name, value) in back.as_object().unwrap() {
                if let Some(value) = value.as_str() {
                    address.query_pairs_mut().append_pair(name, value);
                }
            }
            page(302, &[("location", address.as_str())], Vec::new())
        }
        "/token" => {
            let (status, answer) = stranger.token(&papers, &seen.body);
            json_page(status, &answer)
        }
        "/register" => {
            let number = {
                let mut given = stranger.given();
                given.clients += 1;
                given.clients
            };
            json_page(
                201,
                &json!({"client_id": format!("client-{number}-of-{base}")}),
            )
        }
        "/revoke" => page(200, &[], Vec::new()),
        _ => page(404, &[], Vec::new()),
    }
}

fn remember(stranger: &Stranger, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Seen {
    let seen = Seen {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        authorization: headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap().to_owned()),
        body: String::from_utf8_lossy(body).into_owned(),
    };
    stranger.shared.seen.lock().unwrap().push(seen.clone());
    seen
}

fn laid_over(mut document: Value, over: &Value) -> Value {
    for (name, value) in over.as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    document
}

fn json_page(status: u16, body: &Value) -> Response<Body> {
    page(
        status,
        &[("content-type", "application/json")],
        body.to_string().into_bytes(),
    )
}

fn page(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// A listener on an address that no server may name.
pub(crate) struct Canary {
    pub(crate) address: SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Canary {
    /// Listens on a loopback address other than the usual one.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.2", 0)).await.unwrap();
        let canary = Self {
            address: listener.local_addr().unwrap(),
            visits: Arc::default(),
        };
        let visits = Arc::clone(&canary.visits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                visits.fetch_add(1, Ordering::SeqCst);
            }
        });
        canary
    }

    /// How many connections there were. One of our own shows first that it notices them.
    pub(crate) async fn visits(&self) -> usize {
        let before = self.visits.load(Ordering::SeqCst);
        let _own = tokio::net::TcpStream::connect(self.address).await.unwrap();
        // Connections are accepted in order: when ours is counted, all before it are.
        while self.visits.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
        self.visits.load(Ordering::SeqCst) - 1
    }
}

/// A person who consents to everything, with a browser that follows where it is sent.
#[derive(Clone, Default)]
pub(crate) struct Willing(Arc<Mutex<Vec<Url>>>);

impl Willing {
    /// What was shown to the person.
    pub(crate) fn shown(&self) -> Vec<Url> {
        self.0.lock().unwrap().clone()
    }
}

impl Consent for Willing {
    fn ask<'a>(
        &'a self,
        _: &'a ServerName,
        address: &'a Url,
    ) -> BoxFuture<'a, Result<String, NoConsent>> {
        self.0.lock().unwrap().push(address.clone());
        Box::pin(async move {
            let browser = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap();
            let answer = browser.get(address.clone()).send().await.unwrap();
            let back = answer.headers()[header::LOCATION]
                .to_str()
                .unwrap()
                .to_owned();
            let brought = browser.get(&back).send().await.unwrap();
            if brought.status().is_success() {
                futures::future::pending().await
            } else {
                // What the page refuses, a person may still bring by hand.
                Ok(back)
            }
        })
    }
}

/// Sign-ins of one process, with a stranger as the server `stranger`.
pub(crate) struct Process {
    state: std::path::PathBuf,
    pub(crate) sign_ins: SignIns,
    pub(crate) person: Willing,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: ServerName,
}

impl Process {
    /// A process whose state is in this folder.
    pub(crate) fn new(state: &std::path::Path, url: &str, oauth: OauthConfig, asks: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server: ServerName = "stranger".parse().unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap()));
        let random = Arc::new(SystemRandom);
        let person = Willing::default();
        let config = ServerConfig {
            url: Some(Template(url.to_owned())),
            oauth,
            ..ServerConfig::default()
        };
        let env = Arc::new(BTreeMap::<String, String>::new());
        let sign_ins = SignIns::new(SignInOptions {
            servers: BTreeMap::from([(server.clone(), config)]),
            vault: Vault::open(state, None, random.clone()).unwrap(),
            secrets: Arc::new(Secrets::new(env, clock.clone())),
            names: Arc::new(SystemNames),
            consent: asks.then(|| Arc::new(person.clone()) as Arc<dyn Consent>),
            clock: clock.clone(),
            random,
        });
        Self {
            state: state.to_owned(),
            sign_ins,
            person,
            clock,
            server,
        }
    }

    /// Signs the local person in.
    pub(crate) async fn login(&self) -> Result<(), SignInError> {
        self.sign_ins
            .login(&self.server, &Actor::local(), &Scopes::default())
            .await
            .map(|_| ())
    }

    /// Throws away all that is kept on disk.
    pub(crate) fn forget(&self) {
        for file in std::fs::read_dir(self.state.join("tokens")).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}
