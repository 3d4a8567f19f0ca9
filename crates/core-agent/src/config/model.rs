//! What can be configured. Field names are the names in `core-agent.toml`.
//!
//! Invariant: every field has a default that works on a laptop.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::ServerName;

/// Everything.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The environment this is for: development, staging or production.
    pub environment: Environment,
    /// The folder of everything kept: the database, tokens, spilled results.
    pub state: Option<PathBuf>,
    /// The servers.
    pub servers: BTreeMap<ServerName, ServerConfig>,
    /// What the hub shows its own clients.
    pub hub: HubConfig,
    /// The hub's HTTP side.
    pub http: HttpSection,
    /// Who may call the hub over HTTP.
    pub callers: BTreeMap<String, CallerConfig>,
    /// How calls are made.
    pub calls: CallsConfig,
    /// Rates and budgets of every caller.
    pub budgets: BudgetConfig,
    /// What is allowed, and what a person decides.
    pub policy: PolicyConfig,
    /// How servers are distrusted.
    pub trust: TrustConfig,
    /// How tools are found.
    pub search: SearchConfig,
    /// What is told to operators.
    pub telemetry: TelemetryConfig,
    /// When operators are alerted; a sensible few rules when absent, none when empty.
    pub alerts: Option<Vec<AlertConfig>>,
}

/// The environment.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On a developer's machine.
    #[default]
    Development,
    /// Before production.
    Staging,
    /// Where it counts.
    Production,
}

/// One server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The program to start, for a server on stdio. Never a shell line.
    pub command: Option<String>,
    /// The program's arguments.
    pub args: Vec<Template>,
    /// The program's environment, beyond the allow-list.
    pub env: BTreeMap<String, Template>,
    /// Names of this process's variables the program may see, beyond the usual harmless ones.
    pub inherit: Vec<String>,
    /// The program's working folder.
    pub cwd: Option<PathBuf>,
    /// The address of a server over HTTP, such as `https://example.com/mcp`.
    pub url: Option<Template>,
    /// Headers of every request to it.
    pub headers: BTreeMap<String, Template>,
    /// How to sign in to it.
    pub oauth: OauthConfig,
    /// Whose identity is passed on to it.
    pub identity: IdentityConfig,
    /// Whether it is used at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether it is started with the hub instead of when it is first needed.
    pub eager: bool,
    /// How far it is trusted.
    pub trust: TrustLevel,
    /// The protocol era to speak, when probing is not wanted.
    pub era: EraChoice,
    /// What its tools' names begin with instead of its name; empty for the bare names.
    pub prefix: Option<String>,
    /// The tools to use; all when empty. `*` at the end matches any rest.
    pub tools: Vec<String>,
    /// The tools never to use.
    pub exclude: Vec<String>,
    /// Limits of a program on stdio.
    pub containment: ContainmentConfig,
    /// Seconds without an answer or progress before a call is given up; the default is in `calls`.
    pub timeout_seconds: Option<u64>,
    /// How many calls it may have at work at once.
    pub concurrency: Option<usize>,
    /// Tools to use instead when one of its tools fails: tool name to `server/tool` names.
    pub fallback: BTreeMap<String, Vec<String>>,
    /// Seconds a result of a read-only tool may be kept: tool name, or `*`, to seconds.
    pub cache_seconds: BTreeMap<String, u64>,
    /// The argument that carries an idempotency key: tool name, or `*`, to argument name.
    pub idempotency: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// A text with references to secrets: `${env:NAME}`, `${file:/path}`, `${command:program arg}`,
/// `${keyring:service/account}`. Shown as written, never as resolved.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// How far a server is trusted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    /// Its destructive tools need a person, its results are marked as foreign.
    #[default]
    Untrusted,
    /// Its annotations are believed.
    Trusted,
}

/// The protocol era to speak with a server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EraChoice {
    /// Found out and remembered.
    #[default]
    Auto,
    /// The handshake of 2024-11-05 … 2025-11-25.
    Handshake,
    /// 2026-07-28.
    Stateless,
}

/// How to sign in to a server over HTTP.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OauthConfig {
    /// A client id registered beforehand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Template>,
    /// Its private key, PKCS#8 in PEM, for servers that want signed assertions instead.
    pub client_key: Option<Template>,
    /// The authorization server at which the client id is registered; the one met first when
    /// absent.
    pub issuer: Option<String>,
    /// The URL of our client metadata document.
    pub client_metadata_url: Option<String>,
    /// How a token is obtained, when it is not to be found out.
    pub grant: GrantChoice,
    /// An assertion that another authority signed for this program, such as a workload's token.
    pub assertion: Option<Template>,
    /// The port of the address a browser is sent back to, for authorization servers that want it
    /// unchanged; any free one when absent.
    pub callback_port: Option<u16>,
    /// Scopes to ask for at first; the server's own wishes when empty.
    pub scopes: Vec<String>,
    /// Whether authorization servers on private addresses are allowed.
    pub allow_private_addresses: bool,
}

/// How a token is obtained.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantChoice {
    /// As the authorization server offers and the configuration allows.
    #[default]
    Auto,
    /// A person consents.
    AuthorizationCode,
    /// This program asks in its own name, with its client id and secret or key.
    ClientCredentials,
    /// This program shows the assertion.
    JwtBearer,
}

/// Whose identity a server is told.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Whether the end user's e-mail and id are passed on.
    pub pass_user: bool,
    /// Whether the end user's own bearer is passed on.
    pub pass_bearer: bool,
}

/// Limits of a program on stdio. What the kernel does not know is reported, not ignored.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainmentConfig {
    /// Folders the program may read; everything when neither list is given.
    pub read: Vec<PathBuf>,
    /// Folders the program may write.
    pub write: Vec<PathBuf>,
    /// Whether it may open connections; TCP only, where the kernel can tell.
    pub network: Option<bool>,
    /// Megabytes of address space.
    pub memory_mb: Option<u64>,
    /// Processes of this user while it runs.
    pub processes: Option<u64>,
    /// Open files.
    pub files: Option<u64>,
    /// Seconds of processor time.
    pub cpu_seconds: Option<u64>,
    /// Whether it may signal and inspect processes that are not its own.
    pub other_processes: bool,
}

/// What the hub shows its own clients.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubConfig {
    /// Every tool of every server, or a handful of tools to find and call them.
    pub listing: Listing,
}

/// How tools are listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// `find_tools`, `describe_tool`, `call_read_tool`, `call_write_tool`, `read_result`.
    #[default]
    Meta,
    /// All tools of all servers, with `read_result`.
    Merged,
}

/// The hub's HTTP side.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSection {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Host names it answers to, beyond loopback; `*` for any behind a load balancer.
    pub hosts: Vec<String>,
    /// Web origins that may call it.
    pub origins: Vec<String>,
    /// Path prefixes stripped from requests.
    pub prefixes: Vec<String>,
    /// Whether clients of the handshake era get sessions.
    pub sessions: bool,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8100)),
            hosts: Vec::new(),
            origins: Vec::new(),
            prefixes: Vec::new(),
            sessions: true,
        }
    }
}

/// Who may call the hub over HTTP, known by a bearer.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallerConfig {
    /// The bearer.
    pub token: Template,
    /// Whether it may name the end user it calls for.
    pub names_users: bool,
    /// Whether its elicitation answers count as a person's.
    pub speaks_for_person: bool,
    /// Its own budget.
    pub budget: Option<BudgetConfig>,
}

/// How calls are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallsConfig {
    /// Seconds without an answer or progress before a call is given up.
    pub timeout_seconds: u64,
    /// Seconds after which a call is given up whatever it says.
    pub cap_seconds: u64,
    /// Seconds a server may take to come up.
    pub start_seconds: u64,
    /// Attempts of a call that may be repeated, the first included.
    pub attempts: u32,
    /// Calls at work at one server.
    pub concurrency: usize,
    /// Consecutive failures after which a server is left alone.
    pub breaker_failures: u32,
    /// Seconds it is left alone.
    pub breaker_seconds: u64,
    /// Milliseconds after which a read is sent a second time to be quicker; off when absent.
    pub hedge_millis: Option<u64>,
    /// Bytes of a result beyond which it is kept aside and only a preview is given.
    pub inline_bytes: usize,
    /// Bytes of an answer beyond which it is refused.
    pub answer_bytes: usize,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            timeout_seconds: 30,
            cap_seconds: 600,
            start_seconds: 30,
            attempts: 3,
            concurrency: 16,
            breaker_failures: 5,
            breaker_seconds: 30,
            hedge_millis: None,
            inline_bytes: 64 << 10,
            answer_bytes: 16 << 20,
        }
    }
}

/// Rates and budgets. Absent is unlimited.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Calls a minute.
    pub calls_per_minute: Option<u32>,
    /// Calls of one run.
    pub calls_per_run: Option<u64>,
    /// Seconds of server time of one run.
    pub seconds_per_run: Option<u64>,
    /// Bytes of results of one run.
    pub bytes_per_run: Option<u64>,
    /// Calls a minute of one tool: public tool name to number.
    pub tools: BTreeMap<String, u32>,
}

/// What is allowed, and what a person decides.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Cedar files, in addition to the built-in rules.
    pub files: Vec<PathBuf>,
    /// Minutes an approval can be answered, and used once given.
    pub approval_minutes: u64,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            approval_minutes: 60,
        }
    }
}

/// How servers are distrusted.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustConfig {
    /// Whether changed tools are blocked until approved.
    pub pins: bool,
    /// Whether a command must be approved before its first start.
    pub approve_commands: bool,
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            pins: true,
            approve_commands: true,
        }
    }
}

/// How tools are found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// The folder of a sentence encoder.
    pub encoder: Option<PathBuf>,
}

/// What is told to operators.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// `json`, or `text` for people. Text when absent and a terminal is there.
    pub log_format: Option<String>,
    /// Which lines, as in `RUST_LOG`.
    pub log_level: Option<String>,
    /// Where traces are sent by OTLP over HTTP, such as `http://collector:4318`.
    pub otlp_endpoint: Option<String>,
}

/// When operators are alerted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertConfig {
    /// The figure; it must be given.
    pub metric: Option<AlertMetric>,
    /// The alert fires while the figure is above this.
    pub above: f64,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// Seconds before it is said again.
    pub cool_down_seconds: u64,
    /// The server; each by itself when absent.
    pub server: Option<String>,
    /// The hub's name of the tool; whole servers when absent.
    pub tool: Option<String>,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            metric: None,
            above: 0.0,
            severity: AlertSeverity::Medium,
            cool_down_seconds: 600,
            server: None,
            tool: None,
        }
    }
}

/// The figure of an alert.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertMetric {
    /// The part of the calls that failed.
    ErrorRate,
    /// Seconds 19 of 20 calls took at most.
    ResponseSeconds,
    /// Megabytes the hub has in memory.
    MemoryMb,
    /// 1 while the circuit of a server is open.
    BreakerOpen,
    /// Approvals that wait for a person.
    ApprovalsWaiting,
    /// 1 while a server does not come up.
    ServerDown,
}

impl AlertMetric {
    /// The word in files and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::ResponseSeconds => "response_seconds",
            Self::MemoryMb => "memory_mb",
            Self::BreakerOpen => "breaker_open",
            Self::ApprovalsWaiting => "approvals_waiting",
            Self::ServerDown => "server_down",
        }
    }
}

/// How bad an alert is, the least first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
    /// Nothing works.
    Critical,
}

impl AlertSeverity {
    /// The word in files and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
