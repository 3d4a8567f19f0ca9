//! The server's configuration: read once, every fault at once.
//!
//! Inert values; nothing here opens a socket or a store. Invariant: a [`Config`] with a fatal
//! fault is never handed to the server.

mod env;
mod google;
mod http;
mod offer;
pub mod settings;

use std::{collections::BTreeMap, fmt};

use foundation::settings::{Env, Fault, Faults, Setting, unknown_names};

pub use env::Layers;
pub use google::{GoogleSettings, OAuthClient};
pub use http::HttpSettings;
pub use offer::{OfferSettings, Results};

/// Everything the server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// How it listens.
    pub http: HttpSettings,
    /// How it reaches Google and signs people in.
    pub google: GoogleSettings,
    /// Which tools it offers and what they may do.
    pub offer: OfferSettings,
    /// The credential store and its options, by setting name.
    pub store: StoreSettings,
    /// The log filter.
    pub log_level: String,
    /// `json`, `text`, or neither for a default by terminal.
    pub log_format: Option<String>,
}

/// Where credentials rest.
#[derive(Clone)]
pub struct StoreSettings {
    /// A directory, `s3://…` or `memory:`.
    pub location: String,
    /// The AWS variables by name, container and web identity ones included.
    pub aws: BTreeMap<String, String>,
    /// Seals sign-ins in progress.
    pub sealing_key: Option<secrecy::SecretString>,
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The AWS variables hold keys, so only their names are shown.
        f.debug_struct("StoreSettings")
            .field("location", &self.location)
            .field("aws", &self.aws.keys())
            .field("sealing_key", &self.sealing_key)
            .finish()
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct BadConfig(pub Vec<Fault>);

/// Reads the configuration from `env`, noting every fault.
pub fn read(env: &dyn Env, faults: &mut Faults) -> Config {
    let http = http::read(env, faults);
    let google = google::read(env, &http, faults);
    let config = Config {
        offer: offer::read(env, faults),
        store: store(env, faults),
        log_level: settings::LOG_LEVEL
            .text(env)
            .unwrap_or_else(|| "info".to_owned()),
        log_format: settings::LOG_FORMAT.text(env),
        http,
        google,
    };
    if config
        .log_format
        .as_deref()
        .is_some_and(|format| !matches!(format, "json" | "text"))
    {
        faults.error(
            settings::LOG_FORMAT.name,
            "it is neither json nor text",
            "use json or text",
        );
    }
    if !config.http.bind.ip().is_loopback() && !config.offer.files.roots.is_empty() {
        faults.error(
            settings::FILE_ROOTS.name,
            "callers from other machines could read this machine's files",
            "unset it, or listen on 127.0.0.1",
        );
    }
    let known: Vec<Setting> = settings::ALL
        .iter()
        .flat_map(|(_, settings)| settings.iter().copied())
        .collect();
    unknown_names(env, settings::PREFIXES, &known, faults);
    config
}

/// Reads the configuration or gives up with every fault.
pub fn read_strictly(env: &dyn Env) -> Result<(Config, Vec<Fault>), BadConfig> {
    let mut faults = Faults::default();
    let config = read(env, &mut faults);
    if faults.fatal() {
        return Err(BadConfig(faults.all().to_vec()));
    }
    Ok((config, faults.all().to_vec()))
}

fn store(env: &dyn Env, faults: &mut Faults) -> StoreSettings {
    let home = env.get("HOME").or_else(|| env.get("USERPROFILE"));
    let location = settings::CREDENTIALS_DIR
        .text(env)
        .unwrap_or_else(|| match &home {
            Some(home) => format!("{home}/.google_workspace_mcp/credentials"),
            None => ".credentials".to_owned(),
        });
    let location = match (location.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => location,
    };
    let sealing_key = settings::SEALING_KEY.text(env);
    if sealing_key.as_ref().is_some_and(|key| key.len() < 32) {
        faults.error(
            settings::SEALING_KEY.name,
            "it is shorter than 32 characters",
            "make one with: openssl rand -hex 32",
        );
    }
    let mut aws: BTreeMap<String, String> = env
        .names()
        .into_iter()
        .filter(|name| name.starts_with("AWS_") || name == "HOME")
        .filter_map(|name| env.get(&name).map(|value| (name, value)))
        .collect();
    // Under its first name, whichever it was set by: the store knows no order of spellings.
    let region = settings::AWS_REGION.text(env);
    aws.insert(
        settings::AWS_REGION.name.to_owned(),
        region.unwrap_or_else(|| "us-east-1".to_owned()),
    );
    // Whoever names a key wants it used.
    if settings::S3_KMS_KEY.text(env).is_some() {
        aws.entry(settings::S3_ENCRYPTION.name.to_owned())
            .or_insert_with(|| "aws:kms".to_owned());
    }
    StoreSettings {
        location,
        aws,
        sealing_key: sealing_key.map(Into::into),
    }
}

/// The elements of a list setting.
fn words(value: Option<&str>) -> Vec<String> {
    value
        .unwrap_or_default()
        .split([',', ' ', '\n'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn listed(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .filter(|fault| fault.fatal)
        .map(|fault| format!("ERROR: {fault}"))
        .collect();
    lines.join("\n")
}
