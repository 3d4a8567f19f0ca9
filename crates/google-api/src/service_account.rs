//! Tokens of a service account that acts for the users of an organisation.
//!
//! Domain-wide delegation: the account signs a short statement ("act as this user with this
//! scope") with its own key. Not a credential store: the key file is handed in.
//! Invariant: one request at a time for each user and scope, and no key in any text.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use foundation::{Clock, Kind, Random};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use ring::{rand, rsa, signature};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::Mutex as AsyncMutex, time::sleep};
use url::Url;

use crate::{
    AccessToken, Google, Hosts, OAuthError, TOKEN_URL, TokenError, TokenSource, backoff, hosts,
    oauth::jwt_bearer,
};

/// How long before its end a token is not handed out any more.
const EARLY: SignedDuration = SignedDuration::from_secs(60);

/// A key file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the service account key cannot be used: {problem}; {advice}")]
pub struct KeyError {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: &'static str,
}

/// The key of a service account, as Google's JSON key files hold it.
#[derive(Clone)]
pub struct ServiceAccountKey {
    /// The address of the account.
    pub email: String,
    /// The numeric client id that an administrator must allow.
    pub client_id: Option<String>,
    key_id: Option<String>,
    token_uri: String,
    pair: Arc<rsa::KeyPair>,
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountKey")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    client_email: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    private_key: Option<SecretString>,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
    #[serde(default)]
    installed: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    web: Option<serde::de::IgnoredAny>,
}

impl ServiceAccountKey {
    /// Reads the content of a JSON key file.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        const CREATE: &str =
            "create a JSON key for the service account in the Google Cloud console";
        let wrong = |problem: &str, advice| KeyError {
            problem: problem.to_owned(),
            advice,
        };
        let file: KeyFile = serde_json::from_str(text).map_err(|error| {
            wrong(
                &format!("it is no JSON object of strings (line {})", error.line()),
                CREATE,
            )
        })?;
        if file.installed.is_some() || file.web.is_some() {
            let problem = "it is the file of an OAuth client";
            return Err(wrong(
                problem,
                "use the key file of a service account instead",
            ));
        }
        match file.kind.as_deref() {
            Some("service_account") => {}
            Some("authorized_user") => {
                let problem = "it holds the credentials of a user";
                return Err(wrong(
                    problem,
                    "use the key file of a service account instead",
                ));
            }
            _ => return Err(wrong("its type is not service_account", CREATE)),
        }
        let email = file
            .client_email
            .ok_or_else(|| wrong("client_email is missing", CREATE))?;
        let pem = file
            .private_key
            .ok_or_else(|| wrong("private_key is missing", CREATE))?;
        let pair = key_pair(pem.expose_secret()).map_err(|problem| wrong(problem, CREATE))?;
        let token_uri = file.token_uri.unwrap_or_else(|| TOKEN_URL.to_owned());
        let url = Url::parse(&token_uri).ok();
        let honest = url.is_some_and(|url| {
            let host = url.host_str().unwrap_or_default();
            (url.scheme() == "https" && hosts::is_google(host)) || is_loopback(&url)
        });
        if !honest {
            let problem = "its token_uri is not Google's";
            return Err(wrong(problem, "take the file as Google made it"));
        }
        Ok(Self {
            email,
            client_id: file.client_id,
            key_id: file.private_key_id,
            token_uri,
            pair: Arc::new(pair),
        })
    }

    /// The signed statement that becomes a token.
    fn assertion(&self, subject: Option<&str>, scope: &str, now: Timestamp) -> SecretString {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let now = now.as_second();
        let mut claims = json!({
            "iss": self.email, "scope": scope, "aud": self.token_uri, "iat": now, "exp": now + 3600,
        });
        if let Some(subject) = subject {
            claims["sub"] = json!(subject);
        }
        let encoded = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                // Only blinds the computation; the signature itself is not random.
                &rand::SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("the buffer is as long as the modulus");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into()
    }
}

/// Emulators on this machine make such files; requests reach them only behind a base.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn key_pair(pem: &str) -> Result<rsa::KeyPair, &'static str> {
    const UNREADABLE: &str = "private_key is no RSA key in PEM form";
    let pkcs8 = pem.contains("BEGIN PRIVATE KEY");
    let body: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(body).map_err(|_| UNREADABLE)?;
    let pair = if pkcs8 {
        rsa::KeyPair::from_pkcs8(&der)
    } else {
        rsa::KeyPair::from_der(&der)
    };
    pair.map_err(|_| UNREADABLE)
}

/// A service account at work; gives out token sources, one for each user it acts as.
#[derive(Clone)]
pub struct ServiceAccount {
    inner: Arc<Inner>,
}

struct Inner {
    key: ServiceAccountKey,
    scopes: Vec<String>,
    hosts: Hosts,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tokens: Mutex<HashMap<(Option<String>, String), Slot>>,
}

/// The token of one user and scope; the lock is held while a new one is fetched.
type Slot = Arc<AsyncMutex<Option<(AccessToken, Timestamp)>>>;

impl ServiceAccount {
    /// `scopes` are those an administrator delegated; when empty, the narrowest scope of each
    /// method is asked for.
    pub fn new(google: &Google, key: ServiceAccountKey, scopes: Vec<String>) -> Self {
        let inner = Inner {
            key,
            scopes,
            hosts: google.hosts().clone(),
            http: google.http().clone(),
            clock: Arc::clone(&google.shared.config.clock),
            random: Arc::clone(&google.shared.config.random),
            tokens: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The address of the account itself.
    pub fn email(&self) -> &str {
        &self.inner.key.email
    }

    /// A source of tokens that act as `subject`, an address in the organisation.
    pub fn act_as(&self, subject: &str) -> Arc<dyn TokenSource> {
        self.source(Some(subject.to_owned()))
    }

    /// A source of tokens of the account itself, which has no mailbox and no Drive of its own.
    pub fn itself(&self) -> Arc<dyn TokenSource> {
        self.source(None)
    }

    fn source(&self, subject: Option<String>) -> Arc<dyn TokenSource> {
        Arc::new(Delegated {
            inner: Arc::clone(&self.inner),
            subject,
        })
    }
}

struct Delegated {
    inner: Arc<Inner>,
    subject: Option<String>,
}

impl Delegated {
    /// The scope to ask for: the first of the alternatives that was delegated.
    fn scope(&self, any_of: &[String]) -> Result<String, TokenError> {
        let delegated = &self.inner.scopes;
        if any_of.is_empty() && !delegated.is_empty() {
            return Ok(delegated.join(" "));
        }
        any_of
            .iter()
            .find(|scope| delegated.is_empty() || delegated.contains(scope))
            .cloned()
            .ok_or_else(|| TokenError::NeedsConsent {
                problem: "the service account was not given any scope that allows this; an \
                          administrator must delegate one and the configuration must name it"
                    .to_owned(),
                missing: any_of.to_vec(),
            })
    }

    fn slot(&self, scope: &str) -> Slot {
        let mut tokens = self
            .inner
            .tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (self.subject.clone(), scope.to_owned());
        Arc::clone(tokens.entry(key).or_default())
    }

    async fn fetch(&self, scope: &str) -> Result<(AccessToken, Timestamp), TokenError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let assertion = inner.key.assertion(self.subject.as_deref(), scope, now);
        let ask = || jwt_bearer(&inner.hosts, &inner.http, &inner.key.token_uri, &assertion);
        let mut answer = ask().await;
        if let Err(error) = &answer
            && error.is_transient()
            && error.retry_after().is_none()
        {
            // A short hiccup should not fail a call; asking twice is harmless.
            sleep(backoff::pause(1, None, inner.random.as_ref())).await;
            answer = ask().await;
        }
        let answer = answer.map_err(|error| self.explain(scope, &error))?;
        let life = i64::try_from(answer.expires_in.min(86_400)).unwrap_or(3600);
        let end = now + SignedDuration::from_secs(life) - EARLY;
        Ok((
            AccessToken {
                secret: answer.access_token,
            },
            end,
        ))
    }

    fn explain(&self, scope: &str, error: &OAuthError) -> TokenError {
        let client = self
            .inner
            .key
            .client_id
            .as_deref()
            .unwrap_or(&self.inner.key.email);
        match error {
            transient if transient.is_transient() => TokenError::Unavailable {
                problem: transient.to_string(),
                retry_after: transient.retry_after(),
            },
            OAuthError::Client { code, .. } if code == "unauthorized_client" => {
                TokenError::NeedsConsent {
                    problem: format!(
                        "the service account may not act for users with {scope}: in the Admin \
                         console (Security, API controls, domain-wide delegation) allow client \
                         {client} this scope; changes take up to a day"
                    ),
                    missing: vec![scope.to_owned()],
                }
            }
            other if other.kind() == Kind::Upstream => TokenError::Unavailable {
                problem: other.to_string(),
                retry_after: None,
            },
            other => TokenError::NeedsConsent {
                problem: other.to_string(),
                missing: Vec::new(),
            },
        }
    }
}

impl TokenSource for Delegated {
    fn token<'a>(&'a self, any_of: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async move {
            let scope = self.scope(any_of)?;
            let slot = self.slot(&scope);
            let mut held = slot.lock().await;
            if let Some((token, end)) = held.as_ref()
                && self.inner.clock.now() < *end
            {
                return Ok(token.clone());
            }
            let (token, end) = self.fetch(&scope).await?;
            *held = Some((token.clone(), end));
            Ok(token)
        })
    }

    fn rejected<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let slots: Vec<Slot> = {
                let tokens = self
                    .inner
                    .tokens
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let ours = tokens
                    .iter()
                    .filter(|((subject, _), _)| *subject == self.subject);
                ours.map(|(_, slot)| Arc::clone(slot)).collect()
            };
            for slot in slots {
                let mut held = slot.lock().await;
                let same = held.as_ref().is_some_and(|(known, _)| {
                    known.secret.expose_secret() == token.secret.expose_secret()
                });
                if same {
                    *held = None;
                }
            }
        })
    }
}
