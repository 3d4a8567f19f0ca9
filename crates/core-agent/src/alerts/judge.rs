//! Which alerts fire, and when they are said.
//!
//! Pure: figures, rules and the time in; events out. Invariant: the same figures in the same order
//! give the same events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{AlertConfig, AlertMetric, AlertSeverity};

/// One figure at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What it is a figure of.
    pub metric: AlertMetric,
    /// The server, if it is one's.
    pub server: Option<String>,
    /// The hub's name of the tool, if it is one's.
    pub tool: Option<String>,
    /// The figure.
    pub value: f64,
}

/// An alert that fires.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Alert {
    /// What it is about.
    pub metric: AlertMetric,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The server, if it is one's.
    pub server: Option<String>,
    /// The tool, if it is one's.
    pub tool: Option<String>,
    /// The figure as it was last seen.
    pub value: f64,
    /// What it must not pass.
    pub above: f64,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It fires, or still does after its cool-down.
    Fires(Alert),
    /// It is over.
    Over(Alert),
}

/// What fires, and what was said lately.
#[derive(Debug, Default)]
pub struct Standing(BTreeMap<Subject, Entry>);

/// The rule, the server, the tool.
type Subject = (usize, Option<String>, Option<String>);

#[derive(Debug)]
struct Entry {
    alert: Alert,
    fires: bool,
    said: i64,
}

impl Standing {
    /// What fires now, the worst first.
    pub fn firing(&self) -> Vec<Alert> {
        let firing = self.0.values().filter(|entry| entry.fires);
        let mut alerts: Vec<Alert> = firing.map(|entry| entry.alert.clone()).collect();
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
        alerts
    }
}

/// Compares figures with rules, at `now` in milliseconds since 1970.
pub fn judge(
    rules: &[AlertConfig],
    seen: &[Observation],
    standing: &mut Standing,
    now: i64,
) -> Vec<Event> {
    let mut events = Vec::new();
    let mut passed = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        for figure in seen.iter().filter(|figure| applies(rule, figure)) {
            // What is no number is compared with nothing.
            if figure.value > rule.above {
                let subject = (at, figure.server.clone(), figure.tool.clone());
                events.extend(fires(rule, figure, &subject, standing, now));
                passed.push(subject);
            }
        }
    }
    for (subject, entry) in &mut standing.0 {
        if entry.fires && !passed.contains(subject) {
            entry.fires = false;
            events.push(Event::Over(entry.alert.clone()));
        }
    }
    // What is over is remembered until it may be said anew.
    standing
        .0
        .retain(|(at, ..), entry| entry.fires || now < entry.said + cool_down(&rules[*at]));
    events
}

/// The rules where none are configured.
///
/// Servers of others fail now and then and take seconds: what a person should look at is a server
/// of whose calls one in four fails, one that is gone, and calls that come near the time after
/// which they are given up.
pub fn defaults() -> Vec<AlertConfig> {
    use AlertMetric as Metric;
    use AlertSeverity::{High, Low, Medium};
    [
        (Metric::ErrorRate, 0.25, Medium),
        (Metric::ResponseSeconds, 20.0, Medium),
        (Metric::MemoryMb, 1_000.0, Medium),
        (Metric::BreakerOpen, 0.0, High),
        (Metric::ServerDown, 0.0, High),
        (Metric::ApprovalsWaiting, 20.0, Low),
    ]
    .map(|(metric, above, severity)| AlertConfig {
        metric: Some(metric),
        above,
        severity,
        ..AlertConfig::default()
    })
    .into()
}

/// A rule that names a tool looks at the tool; one that does not, at whole servers.
fn applies(rule: &AlertConfig, figure: &Observation) -> bool {
    rule.metric == Some(figure.metric)
        && (rule.server.is_none() || rule.server == figure.server)
        && rule.tool == figure.tool
}

fn fires(
    rule: &AlertConfig,
    figure: &Observation,
    subject: &Subject,
    standing: &mut Standing,
    now: i64,
) -> Option<Event> {
    let alert = |since| Alert {
        metric: figure.metric,
        severity: rule.severity,
        server: figure.server.clone(),
        tool: figure.tool.clone(),
        value: figure.value,
        above: rule.above,
        since,
    };
    let Some(entry) = standing.0.get_mut(subject) else {
        let entry = Entry {
            alert: alert(now),
            fires: true,
            said: now,
        };
        standing.0.insert(subject.clone(), entry);
        return Some(Event::Fires(alert(now)));
    };
    entry.alert = alert(if entry.fires { entry.alert.since } else { now });
    entry.fires = true;
    if now < entry.said + cool_down(rule) {
        return None;
    }
    entry.said = now;
    Some(Event::Fires(entry.alert.clone()))
}

fn cool_down(rule: &AlertConfig) -> i64 {
    i64::try_from(rule.cool_down_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(metric: AlertMetric, server: &str, tool: Option<&str>, value: f64) -> Observation {
        Observation {
            metric,
            server: Some(server.into()),
            tool: tool.map(Into::into),
            value,
        }
    }

    fn rule(above: f64) -> AlertConfig {
        AlertConfig {
            metric: Some(AlertMetric::ErrorRate),
            above,
            cool_down_seconds: 60,
            ..AlertConfig::default()
        }
    }

    #[test]
    fn an_alert_is_said_once_in_its_cool_down() {
        let rules = [rule(0.1)];
        let mut standing = Standing::default();
        let mut at = |seconds: i64, value| {
            let seen = [figure(AlertMetric::ErrorRate, "s", None, value)];
            let events = judge(&rules, &seen, &mut standing, seconds * 1_000);
            let fires = standing.firing().len();
            let said: Vec<bool> = events
                .iter()
                .map(|event| matches!(event, Event::Fires(_)))
                .collect();
            (said, fires)
        };
        assert_eq!(at(0, 0.1), (vec![], 0), "as much is not more");
        assert_eq!(at(1, 0.2), (vec![true], 1));
        assert_eq!(at(30, 0.3), (vec![], 1));
        assert_eq!(at(40, 0.0), (vec![false], 0));
        assert_eq!(at(50, 0.2), (vec![], 1), "it was said a moment ago");
        assert_eq!(at(61, 0.2), (vec![true], 1), "and is said again");
        assert_eq!(at(62, f64::NAN), (vec![false], 0));
        assert_eq!(at(200, 0.0), (vec![], 0));
        assert_eq!(at(201, 0.2), (vec![true], 1));
    }

    #[test]
    fn rules_are_of_servers_and_tools() {
        let of = |server: Option<&str>, tool: Option<&str>| AlertConfig {
            server: server.map(Into::into),
            tool: tool.map(Into::into),
            ..rule(0.1)
        };
        let seen = [
            figure(AlertMetric::ErrorRate, "a", None, 0.5),
            figure(AlertMetric::ErrorRate, "b", None, 0.5),
            figure(AlertMetric::ErrorRate, "b", Some("b_x"), 0.5),
            figure(AlertMetric::ServerDown, "a", None, 1.0),
        ];
        for (rule, expected) in [
            (of(None, None), 2),
            (of(Some("a"), None), 1),
            (of(None, Some("b_x")), 1),
            (of(Some("a"), Some("b_x")), 0),
        ] {
            let mut standing = Standing::default();
            assert_eq!(judge(&[rule], &seen, &mut standing, 0).len(), expected);
        }
        let mut standing = Standing::default();
        judge(&defaults(), &seen, &mut standing, 0);
        assert_eq!(standing.firing()[0].metric, AlertMetric::ServerDown);
    }
}
