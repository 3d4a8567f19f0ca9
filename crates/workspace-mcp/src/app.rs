//! Wiring: from a configuration to something that can be served.
//!
//! The only place where the crates below meet. Invariant: nothing here decides; whatever has a
//! choice gets it from the [`Config`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::{Clock, Random, SystemClock, SystemRandom};
use futures::future::BoxFuture;
use google_api::{Google, GoogleConfig, Hosts};
use jiff::Timestamp;
use mcp_service::{
    AllowedHosts, HttpConfig, LegacySessions, Limits, Metrics, OneTime, Program, Readiness, Server,
};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpListener, sync::Mutex};
use workspace_auth::{
    Accounts, AccountsConfig, CredentialStore, OAuthClientConfig, ServiceAccountConfig, StoreConfig,
};
use workspace_tools::{Access, Toolbox};

use crate::{
    config::Config,
    gateway::{CallMetrics, Gateway, GoogleMetrics, Parts},
    routes::{self, RouteState},
};

/// A server's parts, ready to be served one way or another.
pub struct App {
    /// The callers' accounts.
    pub accounts: Accounts,
    /// The tools behind MCP.
    pub gateway: Arc<Gateway>,
    /// The figures.
    pub metrics: Metrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    config: Config,
}

impl App {
    /// Builds the parts; nothing is contacted yet.
    pub fn new(config: Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let metrics = Metrics::new();
        let google = google(&config, &clock, &random, GoogleMetrics::register(&metrics))?;
        let scopes = Toolbox::new(&config.offer.selection).scopes();
        let accounts = accounts(&config, &google, &clock, &random, scopes)?;
        let gateway = Arc::new(Gateway::new(Parts {
            accounts: accounts.clone(),
            google,
            offer: config.offer.clone(),
            service_token: config.http.service_token.clone(),
            metrics: CallMetrics::register(&metrics),
            clock: clock.clone(),
            random: random.clone(),
        }));
        Ok(Self {
            accounts,
            gateway,
            metrics,
            clock,
            random,
            config,
        })
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Checks that credentials can be read and written, so that a wrong place is told at the start.
    pub async fn check_store(&self) -> anyhow::Result<()> {
        let store = self.accounts.store();
        store.check_writable().await.with_context(|| {
            format!(
                "ERROR: the credential store {} cannot be used",
                store.place()
            )
        })
    }

    /// The server that answers on `listener`.
    pub fn server(&self, listener: TcpListener) -> anyhow::Result<Server> {
        let program = Program {
            tools: self.gateway.clone(),
            routes: routes::routes(RouteState {
                accounts: self.accounts.clone(),
                service_token: self.config.http.service_token.clone(),
            }),
            readiness: readiness(self.accounts.clone()),
            metrics: self.metrics.clone(),
            one_time: Arc::new(OnceInStore(self.accounts.store().clone())),
            clock: self.clock.clone(),
            random: self.random.clone(),
        };
        Ok(Server::on(listener, self.http(), program)?)
    }

    fn http(&self) -> HttpConfig {
        let http = &self.config.http;
        let mut config = HttpConfig::local(http.bind, self.state_key());
        config.sessions = if http.sessions {
            LegacySessions::On
        } else {
            LegacySessions::Off
        };
        config.hosts = match &http.hosts {
            AllowedHosts::Any => AllowedHosts::Any,
            AllowedHosts::Only(hosts) => AllowedHosts::Only(hosts.clone()),
        };
        config.origins.extend(http.origins.iter().cloned());
        config.prefixes.clone_from(&http.prefixes);
        config.grace = Duration::from_secs(http.grace_seconds);
        config.limits = Limits {
            body_bytes: http.max_body_mib * 1024 * 1024,
            requests: http.max_requests,
            ..Limits::default()
        };
        config
    }

    /// What seals questions to people: from a secret that all tasks share, else by chance.
    fn state_key(&self) -> [u8; 32] {
        let client = self
            .config
            .google
            .oauth
            .as_ref()
            .map(|client| &client.secret);
        let mut key = [0; 32];
        match self.config.store.sealing_key.as_ref().or(client) {
            Some(secret) => {
                let label = [b"question-state:", secret.expose_secret().as_bytes()].concat();
                key.copy_from_slice(digest(&SHA256, &label).as_ref());
            }
            None => self.random.fill(&mut key),
        }
        key
    }
}

/// Whether the store answers, asked at most once a second however often somebody wants to know.
fn readiness(accounts: Accounts) -> Readiness {
    let last = Arc::new(Mutex::new(None::<(Instant, bool)>));
    Arc::new(move || {
        let (accounts, last) = (accounts.clone(), last.clone());
        Box::pin(async move {
            let mut last = last.lock().await;
            let fresh = last.filter(|(asked, _)| asked.elapsed() < Duration::from_secs(1));
            let answers = if let Some((_, answers)) = fresh {
                answers
            } else {
                let checked = accounts.store().check().await;
                if let Err(error) = &checked {
                    tracing::warn!(%error, "the credential store does not answer");
                }
                *last = Some((Instant::now(), checked.is_ok()));
                checked.is_ok()
            };
            // Anybody may ask, so the reason stays in the log.
            answers
                .then_some(())
                .ok_or_else(|| "the credential store does not answer".to_owned())
        })
    })
}

/// Replies to questions are good for one use in all tasks, because the store says so.
struct OnceInStore(CredentialStore);

impl OneTime for OnceInStore {
    fn spend<'a>(&'a self, id: &'a str, _: Timestamp, _: Timestamp) -> BoxFuture<'a, bool> {
        let name = URL_SAFE_NO_PAD.encode(digest(&SHA256, id.as_bytes()));
        Box::pin(async move {
            self.0
                .use_up(&format!("question-{name}"))
                .await
                .unwrap_or_else(|error| {
                    tracing::warn!(%error, "whether a reply was used before cannot be known");
                    false
                })
        })
    }
}

fn google(
    config: &Config,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
    metrics: GoogleMetrics,
) -> anyhow::Result<Google> {
    let hosts = config
        .google
        .api_base
        .clone()
        .map_or_else(Hosts::google, Hosts::behind);
    let mut google = GoogleConfig::new(hosts, clock.clone(), random.clone())
        .observed_by(Arc::new(move |call| metrics.count(call)));
    google.deadline = config.google.call_deadline;
    google
        .quota_project
        .clone_from(&config.google.quota_project);
    google.api_key.clone_from(&config.google.search_key);
    Google::open(google).context("ERROR: no connection to Google can be prepared")
}

fn accounts(
    config: &Config,
    google: &Google,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
    scopes: Vec<String>,
) -> anyhow::Result<Accounts> {
    let place = StoreConfig {
        location: config.store.location.clone(),
        aws: config.store.aws.clone(),
    };
    let store = CredentialStore::open(&place, clock.clone(), random.clone())
        .context("ERROR: the credential store cannot be opened")?;
    let settings = &config.google;
    let service_account = match &settings.service_account_file {
        None => None,
        Some(path) => {
            let key = std::fs::read_to_string(path)
                .with_context(|| format!("ERROR: the service account key {path} cannot be read"))?;
            Some(ServiceAccountConfig {
                key_json: SecretString::from(key),
                subjects: settings.service_account_subjects.clone(),
            })
        }
    };
    Ok(Accounts::new(AccountsConfig {
        store,
        google: google.clone(),
        oauth: settings.oauth.as_ref().map(|client| OAuthClientConfig {
            client_id: client.id.clone(),
            client_secret: client.secret.clone(),
            redirect_uri: settings.redirect_uri.clone(),
        }),
        service_account,
        sealing_key: config.store.sealing_key.clone(),
        clock: clock.clone(),
        random: random.clone(),
        scopes,
        allowed_return_urls: config.http.origins.clone(),
        single_user: settings.single_user,
        default_email: settings.default_email.clone(),
        include_granted_scopes: config.offer.selection.most != Access::Read,
    })?)
}
