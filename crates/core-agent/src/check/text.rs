//! A report for people.
//!
//! Invariant: every number of the table is of the report; nothing is rounded to success.

use std::fmt::Write;

use super::report::{Report, ServerReport, Severity, Standing};

/// The report as lines. `all` shows notes and skipped tools too.
pub fn render(report: &Report, all: bool) -> String {
    let mut text = String::new();
    let width = report
        .servers
        .iter()
        .map(|server| server.server.as_str().len())
        .max()
        .unwrap_or_default()
        .max(6);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{:width$}  {:13} {:5} {:10} {:>9} {:>8} {:>5} {:>9} {:>6} {:>8}",
        "server",
        "standing",
        "over",
        "revision",
        "connect",
        "lists",
        "tools",
        "called",
        "probes",
        "findings"
    );
    for server in &report.servers {
        row(&mut text, server, width);
    }
    for server in &report.servers {
        details(&mut text, server, all);
    }
    let totals = &report.totals;
    let _ = writeln!(
        text,
        "\n{} of {} available servers passed; {} of {} asked for were not available. \
         {} tools, {} called, {} answered as declared.",
        totals.passed,
        totals.available,
        totals.not_available,
        totals.asked,
        totals.tools,
        totals.called,
        totals.answered,
    );
    text
}

fn row(text: &mut String, server: &ServerReport, width: usize) {
    let millis = |time: Option<f64>| time.map_or("-".into(), |time| format!("{time:.0} ms"));
    let standing = match &server.standing {
        Standing::Passed => "passed",
        Standing::Failed => "FAILED",
        Standing::NotAvailable { .. } => "not available",
    };
    let good = server.calls.iter().filter(|call| call.is_good()).count();
    let _ = writeln!(
        text,
        "{:width$}  {standing:13} {:5} {:10} {:>9} {:>8} {:>5} {:>9} {:>6} {:>8}",
        server.server.as_str(),
        server.transport,
        server.protocol.as_deref().unwrap_or("-"),
        millis(server.timings.connect),
        millis(server.timings.list),
        server.counts.tools,
        format!("{good}/{}", server.calls.len()),
        server.probes,
        server.findings.len(),
    );
}

fn details(text: &mut String, server: &ServerReport, all: bool) {
    if let Standing::NotAvailable { why } = &server.standing {
        let _ = writeln!(text, "\n{}: not available: {why}", server.server);
        return;
    }
    let shown: Vec<_> = server
        .findings
        .iter()
        .filter(|finding| all || finding.severity != Severity::Note)
        .collect();
    if shown.is_empty() && !all {
        return;
    }
    let program = server.program.as_deref().unwrap_or("unknown program");
    let _ = writeln!(text, "\n{} ({program})", server.server);
    for finding in shown {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let _ = writeln!(text, "  {severity:7} {}: {}", finding.place, finding.what);
    }
    if all {
        for skipped in &server.skipped {
            let _ = writeln!(text, "  not called {}: {}", skipped.tool, skipped.why);
        }
    }
}
