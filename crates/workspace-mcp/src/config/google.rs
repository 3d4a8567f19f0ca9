//! How the server reaches Google and signs people in.

use std::{fs, io, time::Duration};

use foundation::settings::{Env, Faults, Setting};
use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

use super::{HttpSettings, settings, words};

/// How the server reaches Google and signs people in.
#[derive(Clone, Debug)]
pub struct GoogleSettings {
    /// Where every Google request goes instead of to Google.
    pub api_base: Option<Url>,
    /// The OAuth client; without one nobody can sign in.
    pub oauth: Option<OAuthClient>,
    /// Where Google sends people back.
    pub redirect_uri: String,
    /// The account to use when none is named.
    pub default_email: Option<String>,
    /// Whether any stored credential will do.
    pub single_user: bool,
    /// A service account's key file.
    pub service_account_file: Option<String>,
    /// The addresses it acts for.
    pub service_account_subjects: Vec<String>,
    /// Sent as `x-goog-user-project`.
    pub quota_project: Option<String>,
    /// The key for Custom Search.
    pub search_key: Option<SecretString>,
    /// How long one Google call may take in all.
    pub call_deadline: Duration,
}

/// An OAuth client of Google's.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

pub(super) fn read(env: &dyn Env, http: &HttpSettings, faults: &mut Faults) -> GoogleSettings {
    let default_email = settings::DEFAULT_EMAIL
        .text(env)
        .map(|email| email.trim().to_owned());
    if default_email
        .as_ref()
        .is_some_and(|email| !email.contains('@'))
    {
        faults.error(
            settings::DEFAULT_EMAIL.name,
            "it is no e-mail address",
            "write name@domain",
        );
    }
    if settings::OAUTH21.flag(env, false, faults) {
        faults.error(
            settings::OAUTH21.name,
            "many-user sign-in for MCP clients is not part of this version",
            format!(
                "unset it; beyond loopback use {}",
                settings::SERVICE_TOKEN.name
            ),
        );
    }
    let mut subjects = words(settings::SERVICE_ACCOUNT_SUBJECTS.text(env).as_deref());
    if subjects.is_empty() {
        subjects.extend(default_email.clone());
    }
    let service_account_file = settings::SERVICE_ACCOUNT.text(env);
    if service_account_file.is_some() && subjects.is_empty() {
        faults.error(
            settings::SERVICE_ACCOUNT_SUBJECTS.name,
            "a service account needs addresses to act for",
            format!("set it or {}", settings::DEFAULT_EMAIL.name),
        );
    }
    let oauth = oauth(env, faults);
    // Beyond loopback nobody can put a client in later, so a server without one is useless.
    if oauth.is_none() && service_account_file.is_none() && !http.bind.ip().is_loopback() {
        let spellings = |setting: Setting| setting.spellings().take(2).collect::<Vec<_>>();
        faults.error(
            settings::CLIENT_ID.name,
            "no OAuth client is configured, so nobody can sign in",
            format!(
                "set {} and {}",
                spellings(settings::CLIENT_ID).join(" or "),
                spellings(settings::CLIENT_SECRET).join(" or ")
            ),
        );
    }
    let seconds: u64 = settings::CALL_DEADLINE.parsed(env, 50, "a number of seconds", faults);
    GoogleSettings {
        api_base: api_base(env, faults),
        oauth,
        redirect_uri: redirect_uri(env, http, faults),
        single_user: settings::SINGLE_USER.flag(env, false, faults),
        service_account_file,
        service_account_subjects: subjects,
        quota_project: settings::QUOTA_PROJECT.text(env),
        search_key: settings::SEARCH_KEY.text(env).map(Into::into),
        call_deadline: Duration::from_secs(seconds.max(1)),
        default_email,
    }
}

fn api_base(env: &dyn Env, faults: &mut Faults) -> Option<Url> {
    let text = settings::API_BASE.text(env)?;
    let url = text.parse::<Url>().ok().filter(Url::has_host);
    let Some(url) = url else {
        faults.error(
            settings::API_BASE.name,
            "it is no URL",
            "write http://127.0.0.1:PORT",
        );
        return None;
    };
    if url.scheme() != "https" && !is_loopback(&url) {
        faults.error(
            settings::API_BASE.name,
            "tokens would travel unencrypted to another machine",
            "use https or a loopback address",
        );
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn redirect_uri(env: &dyn Env, http: &HttpSettings, faults: &mut Faults) -> String {
    let Some(text) = settings::REDIRECT_URI.text(env) else {
        let computed = http.base.url("/oauth2callback");
        let open = |url: Url| url.scheme() != "https" && !is_loopback(&url);
        if computed.parse::<Url>().is_ok_and(open)
            && !settings::INSECURE_TRANSPORT.flag(env, false, faults)
        {
            faults.warning(
                settings::BASE_URI.name,
                "sign-in codes would travel unencrypted, and Google sends nobody back there",
                format!("use https, or set {}", settings::REDIRECT_URI.name),
            );
        }
        return computed;
    };
    match text.parse::<Url>() {
        Err(_) => {
            faults.error(
                settings::REDIRECT_URI.name,
                "it is no URL",
                "write https://HOST/oauth2callback",
            );
        }
        Ok(url) => {
            let insecure = settings::INSECURE_TRANSPORT.flag(env, false, faults);
            if url.scheme() != "https" && !is_loopback(&url) && !insecure {
                faults.error(
                    settings::REDIRECT_URI.name,
                    "sign-in codes would travel unencrypted",
                    "use https, or a loopback address",
                );
            }
        }
    }
    text
}

#[derive(Deserialize)]
struct SecretFile {
    #[serde(alias = "installed")]
    web: SecretFileClient,
}

#[derive(Deserialize)]
struct SecretFileClient {
    client_id: String,
    client_secret: SecretString,
}

fn oauth(env: &dyn Env, faults: &mut Faults) -> Option<OAuthClient> {
    let id = settings::CLIENT_ID.text(env);
    let secret = settings::CLIENT_SECRET.text(env);
    match (id, secret) {
        (Some(id), Some(secret)) => Some(OAuthClient {
            id,
            secret: secret.into(),
        }),
        (None, None) => from_file(env, faults),
        (id, _) => {
            let missing = if id.is_none() {
                settings::CLIENT_ID
            } else {
                settings::CLIENT_SECRET
            };
            let spellings: Vec<&str> = missing.spellings().take(2).collect();
            faults.error(
                missing.name,
                "the OAuth client is only half set",
                format!("set {}", spellings.join(" or ")),
            );
            None
        }
    }
}

fn from_file(env: &dyn Env, faults: &mut Faults) -> Option<OAuthClient> {
    let named = settings::CLIENT_SECRET_PATH.text(env);
    let path = named.as_deref().unwrap_or("client_secret.json");
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => return None,
        Err(error) => {
            faults.error(
                settings::CLIENT_SECRET_PATH.name,
                format!("{path} cannot be read ({})", error.kind()),
                "check the path, or set client id and secret as variables",
            );
            return None;
        }
    };
    let Ok(file) = serde_json::from_slice::<SecretFile>(&bytes) else {
        faults.error(
            settings::CLIENT_SECRET_PATH.name,
            format!("{path} is not Google's client secret file"),
            "download it again from the Google Cloud console",
        );
        return None;
    };
    // An image may carry a file that only holds the place of the real one.
    if !file.web.client_id.ends_with(".apps.googleusercontent.com") {
        faults.warning(
            settings::CLIENT_SECRET_PATH.name,
            format!("{path} holds no client id of Google's, so it is not used"),
            "download it again from the Google Cloud console",
        );
        return None;
    }
    Some(OAuthClient {
        id: file.web.client_id,
        secret: file.web.client_secret,
    })
}
