//! The course of a check: connect, list, ask, call, judge; several servers at a time.
//!
//! Invariant: every server asked for is in the report, whatever became of it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use foundation::Clock;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use mcp_service::Era;
use tokio::time::Instant;

use crate::{
    Fault, FaultKind, ServerName,
    upstream::{Patience, Scope, ServerInfo, Servers, stdio::log_file},
};

use super::{
    calls,
    conversation::Conversation,
    definitions, listing, protocol,
    report::{Area, Finding, Report, ServerReport, Severity, Standing},
};

/// How a check is made.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Whether tools that only look are called.
    pub calls: bool,
    /// How long a server may take to come up.
    pub start: Duration,
    /// Servers checked at the same time.
    pub at_once: usize,
    /// The folder of everything kept, where the last words of programs are.
    pub state: PathBuf,
}

/// The last lines of a program that are looked at when it does not come up.
const LAST_LINES: usize = 40;

/// Checks servers, given with their transports (`stdio` or `http`).
pub async fn all(
    servers: Arc<dyn Servers>,
    names: Vec<(ServerName, &'static str)>,
    options: CheckOptions,
    clock: &dyn Clock,
) -> Report {
    let at = clock.now();
    let reports = stream::iter(names)
        .map(|(name, transport)| {
            let (servers, options) = (servers.clone(), &options);
            async move { one(&*servers, &name, transport, options, at).await }
        })
        .buffer_unordered(options.at_once.max(1))
        .collect()
        .await;
    Report::new(at, reports)
}

async fn one(
    servers: &dyn Servers,
    name: &ServerName,
    transport: &'static str,
    options: &CheckOptions,
    at: Timestamp,
) -> ServerReport {
    let mut report = ServerReport::empty(name, transport);
    let scope = Scope {
        patience: Patience {
            idle: options.start,
            cap: options.start,
        },
        ..Scope::background()
    };
    let began = Instant::now();
    let info = match servers.ensure(name, &scope).await {
        Ok(info) => info,
        Err(fault) => {
            let log = std::fs::read(log_file(&options.state, name)).unwrap_or_default();
            let words = last_words(&String::from_utf8_lossy(&log), at);
            return did_not_come_up(report, &fault, &words);
        }
    };
    report.timings.connect = Some(began.elapsed().as_secs_f64() * 1e3);
    describe(&mut report, &info);
    let talk = Conversation::new(servers, name, &info);

    let began = Instant::now();
    let declared = &info.capabilities;
    let mut tools = Vec::new();
    if declared.tools.is_some() {
        tools = listing::whole(&talk, "tools/list", "tools").await;
    }
    let (mut resources, mut templates, mut prompts) = (0, 0, 0);
    if declared.resources.is_some() {
        resources = listing::whole(&talk, "resources/list", "resources")
            .await
            .len();
        templates = listing::whole(&talk, "resources/templates/list", "resourceTemplates")
            .await
            .len();
    }
    if declared.prompts.is_some() {
        prompts = listing::whole(&talk, "prompts/list", "prompts").await.len();
    }
    report.timings.list = Some(began.elapsed().as_secs_f64() * 1e3);

    let mut findings = Vec::new();
    report.counts = definitions::judge(&tools, &mut findings);
    report.counts.resources = resources;
    report.counts.templates = templates;
    report.counts.prompts = prompts;
    talk.say_all(findings);
    report.probes = protocol::probe(&talk, &tools, options.calls).await;
    if options.calls {
        (report.calls, report.skipped) = calls::make(&talk, &tools).await;
        calls::times(&report.calls, &mut report.timings);
    }
    report.findings = talk.findings();
    report.judged()
}

fn describe(report: &mut ServerReport, info: &ServerInfo) {
    report.program = Some(format!("{} {}", info.program.name, info.program.version));
    report.protocol = Some(info.protocol.clone());
    report.era = Some(match info.era {
        Era::Handshake => "handshake",
        Era::Stateless => "stateless",
    });
}

/// A server that lacks what only a person can give is not available; any other is broken.
fn did_not_come_up(mut report: ServerReport, fault: &Fault, last_words: &[String]) -> ServerReport {
    let mut why = fault.to_string();
    let asked = last_words.iter().find(|line| asks_for_credentials(line));
    if let Some(line) = asked.filter(|_| !asks_for_credentials(&why)) {
        why = format!("{why}; it said: {}", line.trim());
    }
    let lacking = matches!(
        fault.kind,
        FaultKind::NotConfigured
            | FaultKind::Disabled
            | FaultKind::NotAvailable
            | FaultKind::NotApproved
            | FaultKind::SignInRequired
            | FaultKind::Forbidden
    ) || fault.kind == FaultKind::StartFailed && asks_for_credentials(&why);
    if lacking {
        report.standing = Standing::NotAvailable { why };
        return report;
    }
    report
        .findings
        .push(Finding::new(Severity::Error, Area::Lifecycle, "start", why));
    report.judged()
}

/// What a program said on standard error in this check, as far as it was kept; what it said
/// before does not count.
fn last_words(log: &str, since: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = log
        .lines()
        .rev()
        .take(LAST_LINES)
        // The time comes first, in milliseconds.
        .map_while(|line| {
            let (at, said) = line.split_once(' ')?;
            let at: Timestamp = at.parse().ok()?;
            (at.as_millisecond() >= since.as_millisecond()).then(|| said.to_owned())
        })
        .collect();
    lines.reverse();
    lines
}

/// Whether a program's last words ask for a key or an account.
fn asks_for_credentials(words: &str) -> bool {
    let words = words.to_lowercase();
    let credential = [
        "api key",
        "api_key",
        "apikey",
        "token",
        "credential",
        "client_secret",
        "client secret",
        "password",
        "log in",
        "sign in",
        "unauthorized",
    ];
    let missing = [
        "required",
        "missing",
        "not set",
        "must be set",
        "must set",
        "provide",
        "no ",
        "not found",
        "unset",
        "undefined",
        "please set",
        "need",
        "invalid",
        "expired",
    ];
    credential.iter().any(|word| words.contains(word))
        && missing.iter().any(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_an_earlier_check_do_not_count() {
        let log = "2026-11-21T10:00:00.000Z X_TOKEN is missing\n\
                   2026-11-21T10:00:05.123Z segmentation\n2026-11-21T10:00:05.200Z fault\n";
        let since = "2026-11-21T10:00:05.1239Z".parse().unwrap();
        assert_eq!(last_words(log, since), ["segmentation", "fault"]);
        assert!(last_words("", since).is_empty());
    }

    #[test]
    fn last_words_that_ask_for_a_key_are_understood() {
        for words in [
            "Error: BRAVE_API_KEY environment variable is required",
            "TRELLO_TOKEN must be set",
            "No credentials found; log in first",
        ] {
            assert!(asks_for_credentials(words), "{words}");
        }
        for words in ["segmentation fault", "SyntaxError: unexpected token"] {
            assert!(!asks_for_credentials(words), "{words}");
        }
    }
}
