//! How a server listens and what it lets in.
//!
//! Inert: values only, read by the program from its settings.
//! Invariant: the defaults are safe for a machine with a browser on it.

use std::{net::SocketAddr, time::Duration};

/// Everything that shapes serving over HTTP.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Whether the handshake revisions get server-side sessions.
    pub sessions: LegacySessions,
    /// The names this server answers to.
    pub hosts: AllowedHosts,
    /// Browser origins that may call, such as `https://app.example.com`; `http://localhost:*`
    /// stands for any port. Requests without `Origin` always pass.
    pub origins: Vec<String>,
    /// Path prefixes to strip, such as `/google-workspace`.
    pub prefixes: Vec<String>,
    /// Bounds.
    pub limits: Limits,
    /// How long to keep accepting after a signal, so that a load balancer can look away.
    pub grace: Duration,
    /// How long requests in flight may still take after that.
    pub drain: Duration,
    /// Seals what travels with a question to a person; the same on all tasks, at least 32 bytes.
    pub state_key: [u8; 32],
}

/// Whether the handshake revisions get server-side sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LegacySessions {
    /// Every request stands alone; any task answers any request.
    Off,
    /// A client that asks for a session gets one in this process.
    On,
}

/// The names a server answers to, against DNS rebinding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AllowedHosts {
    /// Any, for servers behind a load balancer that already routes by name.
    Any,
    /// These, with or without a port; one without a port stands for every port.
    Only(Vec<String>),
}

impl AllowedHosts {
    /// The names of this machine, for local use.
    pub fn loopback() -> Self {
        Self::Only(
            ["localhost", "127.0.0.1", "[::1]"]
                .map(str::to_owned)
                .into(),
        )
    }
}

/// Bounds that keep one caller from hurting the others.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body in bytes.
    pub body_bytes: usize,
    /// The time a request's head may take to arrive.
    pub head_time: Duration,
    /// The time a request's body may take to arrive.
    pub body_time: Duration,
    /// The time a connection may stay silent between requests.
    pub idle_time: Duration,
    /// Connections open at once.
    pub connections: usize,
    /// Requests at work at once; above it the answer is 503.
    pub requests: usize,
    /// Server-side sessions at once.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 14 * 1024 * 1024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_mins(2),
            connections: 10_000,
            requests: 1_024,
            sessions: 1_000,
        }
    }
}

impl HttpConfig {
    /// Local use: loopback names, sessions on, no waiting at the end.
    pub fn local(bind: SocketAddr, state_key: [u8; 32]) -> Self {
        Self {
            bind,
            sessions: LegacySessions::On,
            hosts: AllowedHosts::loopback(),
            origins: ["http", "https"]
                .into_iter()
                .flat_map(|scheme| {
                    ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{scheme}://{host}:*"))
                })
                .collect(),
            prefixes: Vec::new(),
            limits: Limits::default(),
            grace: Duration::ZERO,
            drain: Duration::from_secs(25),
            state_key,
        }
    }
}
