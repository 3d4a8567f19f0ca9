//! What a check found, as data.
//!
//! Invariant: the standing of a server follows from its findings alone, and the denominator of
//! every share is in the same report.

use jiff::Timestamp;
use serde::Serialize;

use crate::ServerName;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When the check began.
    pub at: Timestamp,
    /// This program's version.
    pub version: &'static str,
    /// Every server that was asked for, in the order of their names.
    pub servers: Vec<ServerReport>,
    /// The numbers of all together.
    pub totals: Totals,
}

/// The numbers of all servers together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Totals {
    /// Servers asked for.
    pub asked: usize,
    /// Of these, the ones that could be asked: the denominator of `passed`.
    pub available: usize,
    /// Without an error.
    pub passed: usize,
    /// With an error.
    pub failed: usize,
    /// Without what they need: a credential, a runtime, an approval.
    pub not_available: usize,
    /// Tools listed.
    pub tools: usize,
    /// Of these, the ones that could safely be called: the denominator of `answered`.
    pub called: usize,
    /// Calls that were answered as declared.
    pub answered: usize,
}

/// What was found of one server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerReport {
    /// Its name.
    pub server: ServerName,
    /// What it comes to.
    #[serde(flatten)]
    pub standing: Standing,
    /// `stdio` or `http`.
    pub transport: &'static str,
    /// The program it says it is.
    pub program: Option<String>,
    /// The protocol revision agreed on.
    pub protocol: Option<String>,
    /// The kind of conversation: `handshake` or `stateless`.
    pub era: Option<&'static str>,
    /// How long things took.
    pub timings: Timings,
    /// How much it offers.
    pub counts: Counts,
    /// Questions of the protocol that were asked, each with a right answer of its own.
    pub probes: usize,
    /// What is worth saying.
    pub findings: Vec<Finding>,
    /// The calls that were made.
    pub calls: Vec<CallReport>,
    /// The tools that were not called, and why.
    pub skipped: Vec<Skipped>,
}

/// What a check comes to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// It could be asked, and no error was found.
    Passed,
    /// It could be asked, or should have been, and there is an error.
    Failed,
    /// It lacks something that only a person can give; nothing is known of it.
    NotAvailable {
        /// What it lacks.
        why: String,
    },
}

/// How long things took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timings {
    /// From nothing to a conversation, the start of its program included.
    pub connect: Option<f64>,
    /// All pages of all lists, once connected.
    pub list: Option<f64>,
    /// Half of the calls took no longer.
    pub call_median: Option<f64>,
    /// No call took longer.
    pub call_longest: Option<f64>,
}

/// How much a server offers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Its tools.
    pub tools: usize,
    /// Of these, with annotations.
    pub annotated: usize,
    /// Of these, with an output schema.
    pub typed: usize,
    /// Its resources.
    pub resources: usize,
    /// Its shapes of resources.
    pub templates: usize,
    /// Its prompts.
    pub prompts: usize,
    /// Bytes of its list of tools.
    pub list_bytes: usize,
}

/// One thing worth saying.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub area: Area,
    /// Where: a method, a tool, a path in a schema.
    pub place: String,
    /// What was found and what was expected.
    pub what: String,
}

/// How bad a finding is. The worst first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Against the protocol: clients may fail.
    Error,
    /// Allowed, but somebody will stumble.
    Warning,
    /// Worth knowing.
    Note,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Coming up and agreeing on a revision.
    Lifecycle,
    /// The form of messages.
    Messages,
    /// Answers to what is not there.
    Errors,
    /// What is declared against what works.
    Capabilities,
    /// Pages of lists.
    Pages,
    /// Schemas of arguments and results.
    Schemas,
    /// Names, descriptions, annotations.
    Definitions,
    /// Results of calls.
    Results,
}

/// A call that was made.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// The tool.
    pub tool: String,
    /// How it ended.
    pub ended: Ended,
    /// Milliseconds.
    pub took: f64,
    /// Bytes of the answer.
    pub bytes: usize,
    /// Whether the result is what the tool's output schema says, where it has one.
    pub as_declared: Option<bool>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// With a result.
    Result,
    /// With a result that says the tool failed, such as for want of a network.
    ToolError,
    /// With a JSON-RPC error.
    ProtocolError,
    /// With a question to the person at the client.
    Question,
    /// Without an answer.
    NoAnswer,
}

/// A tool that was not called.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// The tool.
    pub tool: String,
    /// Why not.
    pub why: String,
}

impl Finding {
    /// A finding.
    pub(super) fn new(
        severity: Severity,
        area: Area,
        place: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            area,
            place: place.into(),
            what: what.into(),
        }
    }
}

impl Report {
    /// Puts servers together.
    pub(super) fn new(at: Timestamp, mut servers: Vec<ServerReport>) -> Self {
        servers.sort_by(|one, other| one.server.cmp(&other.server));
        let totals = Totals::of(&servers);
        Self {
            at,
            version: env!("CARGO_PKG_VERSION"),
            servers,
            totals,
        }
    }
}

impl Totals {
    fn of(servers: &[ServerReport]) -> Self {
        let mut totals = Self {
            asked: servers.len(),
            ..Self::default()
        };
        for server in servers {
            match server.standing {
                Standing::Passed => totals.passed += 1,
                Standing::Failed => totals.failed += 1,
                Standing::NotAvailable { .. } => totals.not_available += 1,
            }
            totals.tools += server.counts.tools;
            totals.called += server.calls.len();
            totals.answered += server.calls.iter().filter(|call| call.is_good()).count();
        }
        totals.available = totals.passed + totals.failed;
        totals
    }

    /// The exit code: 0 when every server asked for passed, 1 when one failed, 3 when none failed
    /// but one could not be asked.
    pub fn exit_code(&self) -> u8 {
        if self.failed > 0 {
            1
        } else if self.not_available > 0 || self.asked == 0 {
            3
        } else {
            0
        }
    }
}

impl CallReport {
    /// Whether it was answered, and as declared.
    pub fn is_good(&self) -> bool {
        self.ended == Ended::Result && self.as_declared != Some(false)
    }
}

impl ServerReport {
    /// A report of which nothing is known yet.
    pub(super) fn empty(server: &ServerName, transport: &'static str) -> Self {
        Self {
            server: server.clone(),
            standing: Standing::Passed,
            transport,
            program: None,
            protocol: None,
            era: None,
            timings: Timings::default(),
            counts: Counts::default(),
            probes: 0,
            findings: Vec::new(),
            calls: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Decides the standing from the findings.
    pub(super) fn judged(mut self) -> Self {
        let failed = self
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        self.standing = if failed {
            Standing::Failed
        } else {
            Standing::Passed
        };
        self.findings.sort();
        self.findings.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, standing: Standing) -> ServerReport {
        let name = name.parse().unwrap();
        ServerReport {
            standing,
            ..ServerReport::empty(&name, "stdio")
        }
    }

    #[test]
    fn what_could_not_be_asked_is_no_success() {
        let away = Standing::NotAvailable {
            why: "no key".into(),
        };
        let good = || report("good", Standing::Passed);
        let totals = |servers: Vec<ServerReport>| Totals::of(&servers);
        let mixed = totals(vec![good(), report("away", away.clone())]);
        assert_eq!((mixed.passed, mixed.available, mixed.asked), (1, 1, 2));
        assert_eq!(mixed.exit_code(), 3);
        assert_eq!(totals(vec![good()]).exit_code(), 0);
        assert_eq!(totals(vec![]).exit_code(), 3);
        let failed = vec![report("bad", Standing::Failed), report("away", away)];
        assert_eq!(totals(failed).exit_code(), 1);
    }

    #[test]
    fn an_error_decides() {
        let mut one = report("one", Standing::Failed);
        one.findings = vec![Finding::new(Severity::Warning, Area::Pages, "x", "y")];
        let one = one.judged();
        assert_eq!(one.standing, Standing::Passed);
        let mut two = one;
        two.findings
            .push(Finding::new(Severity::Error, Area::Pages, "x", "y"));
        let two = two.judged();
        assert_eq!(two.standing, Standing::Failed);
        assert_eq!(two.findings[0].severity, Severity::Error, "the worst first");
    }
}
