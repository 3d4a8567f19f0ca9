//! Every setting of the server, declared once.
//!
//! The reference page, `config check` and the readers all come from here. Invariant: no other file
//! spells the name of an environment variable.

use foundation::settings::Setting;

/// Names that start with one of these and are not settings are reported.
pub const PREFIXES: &[&str] = &["WORKSPACE_MCP_", "GOOGLE_MCP_", "MCP_GOOGLE_"];

pub const PORT: Setting = Setting::new(
    "WORKSPACE_MCP_PORT",
    "8000",
    "The HTTP port; 0 takes a free one.",
)
.overridden_by(&["PORT"]);
pub const HOST: Setting = Setting::new(
    "WORKSPACE_MCP_HOST",
    "127.0.0.1",
    "The address to listen on; anything but loopback needs WORKSPACE_MCP_SERVICE_TOKEN.",
);
pub const BASE_URI: Setting = Setting::new(
    "WORKSPACE_MCP_BASE_URI",
    "http://localhost",
    "The server as seen from outside: scheme, host and, behind a load balancer, its path prefix.",
);
pub const PATH_PREFIX: Setting = Setting::new(
    "MCP_PATH_PREFIX",
    "the path of WORKSPACE_MCP_BASE_URI",
    "Path prefixes to strip from requests, separated by commas, such as /google-workspace.",
)
.also(&["ROOT_PATH"]);
pub const ALLOWED_HOSTS: Setting = Setting::new(
    "WORKSPACE_MCP_ALLOWED_HOSTS",
    "loopback names and the host of WORKSPACE_MCP_BASE_URI",
    "Host names requests may carry, separated by commas; * turns the check off behind a load balancer.",
);
pub const ALLOWED_ORIGINS: Setting = Setting::new(
    "WORKSPACE_MCP_ALLOWED_ORIGINS",
    "localhost on any port",
    "Browser origins that may call, separated by commas, such as https://app.example.com.",
);
pub const SERVICE_TOKEN: Setting = Setting::new(
    "WORKSPACE_MCP_SERVICE_TOKEN",
    "none",
    "A secret of at least 32 characters that callers send as a bearer token; required beyond loopback.",
)
.secret();
pub const SESSIONS: Setting = Setting::new(
    "WORKSPACE_MCP_SESSIONS",
    "on for loopback, off otherwise",
    "Whether clients of the handshake revisions get a server-side session in this process.",
);
pub const SHUTDOWN_GRACE: Setting = Setting::new(
    "WORKSPACE_MCP_SHUTDOWN_GRACE",
    "0 on loopback, 5 otherwise",
    "Seconds to keep accepting after SIGTERM while /ready already says no.",
);
pub const MAX_BODY: Setting = Setting::new(
    "WORKSPACE_MCP_MAX_BODY_MIB",
    "14",
    "The largest request body in MiB.",
);
pub const MAX_REQUESTS: Setting = Setting::new(
    "WORKSPACE_MCP_MAX_REQUESTS",
    "1024",
    "Requests at work at once; above it the answer is 503 with Retry-After.",
);

pub const CLIENT_ID: Setting = Setting::new(
    "GOOGLE_OAUTH_CLIENT_ID",
    "none",
    "The OAuth client id of your Google Cloud project.",
)
.overridden_by(&["MCP_GOOGLE_OAUTH_CLIENT_ID"])
.also(&["OAUTH2_CLIENT_ID"]);
pub const CLIENT_SECRET: Setting = Setting::new(
    "GOOGLE_OAUTH_CLIENT_SECRET",
    "none",
    "The OAuth client secret of your Google Cloud project.",
)
.overridden_by(&["MCP_GOOGLE_OAUTH_CLIENT_SECRET"])
.also(&["OAUTH2_CLIENT_SECRET"])
.secret();
pub const CLIENT_SECRET_PATH: Setting = Setting::new(
    "GOOGLE_CLIENT_SECRET_PATH",
    "client_secret.json when it exists",
    "Google's client secret file, used when client id and secret are not set.",
)
.also(&["GOOGLE_CLIENT_SECRETS"]);
pub const REDIRECT_URI: Setting = Setting::new(
    "GOOGLE_OAUTH_REDIRECT_URI",
    "BASE/oauth2callback",
    "Where Google sends people back after consent.",
);
pub const INSECURE_TRANSPORT: Setting = Setting::new(
    "OAUTHLIB_INSECURE_TRANSPORT",
    "false",
    "Allows an http redirect URI beyond loopback; never in production.",
)
.also(&["OAUTH2_ALLOW_INSECURE_TRANSPORT"]);
pub const CREDENTIALS_DIR: Setting = Setting::new(
    "GOOGLE_MCP_CREDENTIALS_DIR",
    "~/.google_workspace_mcp/credentials",
    "Where credentials rest: a directory, s3://bucket/prefix, or memory:.",
)
.overridden_by(&["MCP_GOOGLE_CREDENTIALS_DIR"]);
pub const SEALING_KEY: Setting = Setting::new(
    "WORKSPACE_MCP_SEALING_KEY",
    "derived from the client secret",
    "Seals sign-ins in progress: at least 32 characters, the same on all tasks.",
)
.secret();
pub const DEFAULT_EMAIL: Setting = Setting::new(
    "USER_GOOGLE_EMAIL",
    "none",
    "The account to use and to sign in when none is named.",
);
pub const SINGLE_USER: Setting = Setting::new(
    "MCP_SINGLE_USER_MODE",
    "false",
    "Uses whatever credential is stored, whoever it belongs to.",
);
pub const OAUTH21: Setting = Setting::new(
    "MCP_ENABLE_OAUTH21",
    "false",
    "Many-user sign-in for MCP clients; this version does not have it yet and says so.",
);
pub const SERVICE_ACCOUNT: Setting = Setting::new(
    "GOOGLE_SERVICE_ACCOUNT_FILE",
    "none",
    "A service account's key file; with domain-wide delegation it acts for the addresses below.",
);
pub const SERVICE_ACCOUNT_SUBJECTS: Setting = Setting::new(
    "GOOGLE_SERVICE_ACCOUNT_SUBJECTS",
    "USER_GOOGLE_EMAIL",
    "Addresses the service account acts for, separated by commas.",
);

pub const API_BASE: Setting = Setting::new(
    "GOOGLE_API_BASE",
    "Google",
    "Sends every Google request to this URL instead, the original host as first path segment.",
);
pub const QUOTA_PROJECT: Setting = Setting::new(
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "none",
    "Sent as x-goog-user-project when set.",
);
pub const SEARCH_KEY: Setting =
    Setting::new("GOOGLE_PSE_API_KEY", "none", "The key for Custom Search.").secret();
pub const CALL_DEADLINE: Setting = Setting::new(
    "WORKSPACE_MCP_CALL_DEADLINE",
    "50",
    "Seconds one Google call may take in all, retries included.",
);

pub const TOOLS: Setting = Setting::new(
    "WORKSPACE_MCP_TOOLS",
    "all services",
    "The services to offer, separated by commas or blanks: gmail, drive, calendar.",
);
pub const TOOL_TIER: Setting = Setting::new(
    "WORKSPACE_MCP_TOOL_TIER",
    "complete",
    "How many tools to offer: core, extended or complete.",
);
pub const READ_ONLY: Setting = Setting::new(
    "WORKSPACE_MCP_READ_ONLY",
    "false",
    "Offers only tools that change nothing.",
);
pub const PERMISSIONS: Setting = Setting::new(
    "WORKSPACE_MCP_PERMISSIONS",
    "destructive everywhere",
    "The most a service's tools may do, such as gmail:read,drive:write (read, write, destructive).",
);
pub const POLICY_SEND: Setting = Setting::new(
    "WORKSPACE_MCP_SEND",
    "allow",
    "Sending mail and invitations: allow, ask (a person confirms) or refuse.",
);
pub const POLICY_SHARE: Setting = Setting::new(
    "WORKSPACE_MCP_SHARE_OUTSIDE",
    "allow",
    "Sharing outside the own domains: allow, ask or refuse.",
);
pub const POLICY_DELETE: Setting = Setting::new(
    "WORKSPACE_MCP_DELETE_FOREVER",
    "ask",
    "Deleting what cannot be brought back: allow, ask or refuse.",
);
pub const RECIPIENTS: Setting = Setting::new(
    "WORKSPACE_MCP_RECIPIENTS",
    "anybody",
    "Addresses and @domains mail may go to, separated by commas.",
);
pub const HOME_DOMAINS: Setting = Setting::new(
    "WORKSPACE_MCP_HOME_DOMAINS",
    "the account's own",
    "Domains that count as inside, separated by commas.",
);
pub const FILE_ROOTS: Setting = Setting::new(
    "WORKSPACE_MCP_FILE_ROOTS",
    "none",
    "Directories whose files local tools may upload, separated by commas; only on this machine.",
);
pub const RESULTS: Setting = Setting::new(
    "WORKSPACE_MCP_RESULTS",
    "both",
    "What results carry: both, text (no structured data) or data (long texts only as data).",
);

pub const LOG_LEVEL: Setting = Setting::new(
    "LOG_LEVEL",
    "info",
    "What is logged: error, warn, info, debug, trace, or a filter by module.",
);
pub const LOG_FORMAT: Setting = Setting::new(
    "WORKSPACE_MCP_LOG_FORMAT",
    "json, text on a terminal",
    "How log lines look: json or text.",
);
pub const CONFIG_FILE: Setting = Setting::new(
    "WORKSPACE_MCP_CONFIG",
    "workspace-mcp.toml when it exists",
    "A TOML file with settings under these names; variables win over it.",
);

pub const AWS_REGION: Setting =
    Setting::new("AWS_REGION", "us-east-1", "The region of the S3 bucket.")
        .also(&["AWS_DEFAULT_REGION"]);
pub const AWS_ENDPOINT: Setting =
    Setting::new("AWS_ENDPOINT_URL", "AWS", "Another S3-compatible server.")
        .overridden_by(&["AWS_ENDPOINT_URL_S3"]);
pub const AWS_KEY_ID: Setting = Setting::new(
    "AWS_ACCESS_KEY_ID",
    "none",
    "A static AWS key; the task role needs none.",
);
pub const AWS_SECRET: Setting = Setting::new(
    "AWS_SECRET_ACCESS_KEY",
    "none",
    "The secret of the static AWS key.",
)
.secret();
pub const AWS_SESSION: Setting = Setting::new(
    "AWS_SESSION_TOKEN",
    "none",
    "The session token of temporary AWS keys.",
)
.secret();
pub const AWS_PROFILE: Setting = Setting::new(
    "AWS_PROFILE",
    "default",
    "The section of the shared AWS credentials file.",
);
pub const S3_ENCRYPTION: Setting = Setting::new(
    "AWS_SERVER_SIDE_ENCRYPTION",
    "AES256, aws:kms with AWS_SSE_KMS_KEY_ID",
    "How S3 encrypts credential objects: AES256, aws:kms, aws:kms:dsse, or bucket for its default.",
);
pub const S3_KMS_KEY: Setting = Setting::new(
    "AWS_SSE_KMS_KEY_ID",
    "none",
    "The KMS key that encrypts credential objects.",
);

/// All settings, by topic, in the order of the reference page.
pub const ALL: &[(&str, &[Setting])] = &[
    (
        "Serving",
        &[
            PORT,
            HOST,
            BASE_URI,
            PATH_PREFIX,
            ALLOWED_HOSTS,
            ALLOWED_ORIGINS,
            SERVICE_TOKEN,
            SESSIONS,
            SHUTDOWN_GRACE,
            MAX_BODY,
            MAX_REQUESTS,
            LOG_LEVEL,
            LOG_FORMAT,
            CONFIG_FILE,
        ],
    ),
    (
        "Google sign-in",
        &[
            CLIENT_ID,
            CLIENT_SECRET,
            CLIENT_SECRET_PATH,
            REDIRECT_URI,
            INSECURE_TRANSPORT,
            DEFAULT_EMAIL,
            SINGLE_USER,
            OAUTH21,
            SERVICE_ACCOUNT,
            SERVICE_ACCOUNT_SUBJECTS,
            SEALING_KEY,
        ],
    ),
    (
        "Credential store",
        &[
            CREDENTIALS_DIR,
            AWS_REGION,
            AWS_ENDPOINT,
            AWS_KEY_ID,
            AWS_SECRET,
            AWS_SESSION,
            AWS_PROFILE,
            S3_ENCRYPTION,
            S3_KMS_KEY,
        ],
    ),
    (
        "Tools and policy",
        &[
            TOOLS,
            TOOL_TIER,
            READ_ONLY,
            PERMISSIONS,
            POLICY_SEND,
            POLICY_SHARE,
            POLICY_DELETE,
            RECIPIENTS,
            HOME_DOMAINS,
            FILE_ROOTS,
            RESULTS,
        ],
    ),
    (
        "Calling Google",
        &[API_BASE, QUOTA_PROJECT, SEARCH_KEY, CALL_DEADLINE],
    ),
];
