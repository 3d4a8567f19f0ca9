//! How the server listens.

use std::net::{IpAddr, SocketAddr};

use foundation::settings::{Env, Faults, Setting};
use mcp_service::{AllowedHosts, ExternalBase};
use secrecy::SecretString;

use super::{settings, words};

/// How the server listens.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What the outside world calls it.
    pub base: ExternalBase,
    /// Path prefixes to strip.
    pub prefixes: Vec<String>,
    /// Host names it answers to.
    pub hosts: AllowedHosts,
    /// Browser origins beyond localhost.
    pub origins: Vec<String>,
    /// What callers beyond loopback must send.
    pub service_token: Option<SecretString>,
    /// Whether handshake clients get sessions.
    pub sessions: bool,
    /// Seconds to keep accepting after a signal.
    pub grace_seconds: u64,
    /// The largest body in MiB.
    pub max_body_mib: usize,
    /// Requests at work at once.
    pub max_requests: usize,
}

pub(super) fn read(env: &dyn Env, faults: &mut Faults) -> HttpSettings {
    let port = settings::PORT.parsed(env, 8000, "a port number from 0 to 65535", faults);
    let ip: IpAddr =
        settings::HOST.parsed(env, IpAddr::from([127, 0, 0, 1]), "an IP address", faults);
    let base = base(env, port, faults);
    let service_token = settings::SERVICE_TOKEN.text(env);
    if service_token.as_ref().is_some_and(|token| token.len() < 32) {
        faults.error(
            settings::SERVICE_TOKEN.name,
            "it is shorter than 32 characters",
            "make one with: openssl rand -hex 32",
        );
    }
    if !ip.is_loopback() && service_token.is_none() {
        faults.error(
            settings::HOST.name,
            format!("{ip} can be reached from other machines, which would see your mail and files"),
            format!(
                "set {} or listen on 127.0.0.1",
                settings::SERVICE_TOKEN.name
            ),
        );
    }
    let local = ip.is_loopback();
    HttpSettings {
        bind: SocketAddr::new(ip, port),
        prefixes: prefixes(env, &base, faults),
        hosts: hosts(env, &base),
        origins: origins(env, faults),
        service_token: service_token.map(Into::into),
        sessions: settings::SESSIONS.flag(env, local, faults),
        grace_seconds: settings::SHUTDOWN_GRACE.parsed(
            env,
            if local { 0 } else { 5 },
            "a number of seconds",
            faults,
        ),
        max_body_mib: bounded(settings::MAX_BODY, env, 14, 1024, faults),
        max_requests: bounded(settings::MAX_REQUESTS, env, 1024, 1_000_000, faults),
        base,
    }
}

/// A number from 1 to `largest`.
fn bounded(
    setting: Setting,
    env: &dyn Env,
    default: usize,
    largest: usize,
    faults: &mut Faults,
) -> usize {
    let allowed = format!("a number from 1 to {largest}");
    let number = setting.parsed(env, default, &allowed, faults);
    if (1..=largest).contains(&number) {
        return number;
    }
    faults.error(
        setting.name,
        format!("{number} cannot be used"),
        format!("use {allowed}"),
    );
    default
}

fn base(env: &dyn Env, port: u16, faults: &mut Faults) -> ExternalBase {
    let text = settings::BASE_URI
        .text(env)
        .unwrap_or_else(|| "http://localhost".to_owned());
    ExternalBase::parse(&text, port).unwrap_or_else(|error| {
        faults.error(
            settings::BASE_URI.name,
            error.to_string(),
            "write it like https://HOST/PREFIX",
        );
        ExternalBase::parse("http://localhost", port).expect("a constant base is right")
    })
}

fn prefixes(env: &dyn Env, base: &ExternalBase, faults: &mut Faults) -> Vec<String> {
    let mut prefixes = words(settings::PATH_PREFIX.text(env).as_deref());
    if prefixes.is_empty() && !base.prefix().is_empty() {
        prefixes.push(base.prefix().to_owned());
    }
    for prefix in &mut prefixes {
        if !prefix.starts_with('/') || prefix.contains(['?', '#', '%', '*']) {
            faults.error(
                settings::PATH_PREFIX.name,
                format!("\"{prefix}\" is no path"),
                "write it like /google-workspace",
            );
        }
        *prefix = prefix.trim_end_matches('/').to_owned();
    }
    prefixes.retain(|prefix| !prefix.is_empty());
    prefixes
}

fn hosts(env: &dyn Env, base: &ExternalBase) -> AllowedHosts {
    let named = words(settings::ALLOWED_HOSTS.text(env).as_deref());
    if named.iter().any(|name| name == "*") {
        return AllowedHosts::Any;
    }
    let AllowedHosts::Only(mut hosts) = AllowedHosts::loopback() else {
        return AllowedHosts::Any;
    };
    let authority = base
        .origin()
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    hosts.push(without_port(authority).to_owned());
    hosts.extend(named);
    hosts.dedup();
    AllowedHosts::Only(hosts)
}

/// `host` of `host:port`; an IPv6 literal keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn origins(env: &dyn Env, faults: &mut Faults) -> Vec<String> {
    let origins = words(settings::ALLOWED_ORIGINS.text(env).as_deref());
    for origin in &origins {
        if !(origin.starts_with("https://") || origin.starts_with("http://")) {
            faults.error(
                settings::ALLOWED_ORIGINS.name,
                format!("\"{origin}\" has no scheme"),
                "write it like https://app.example.com",
            );
        }
    }
    origins
}
