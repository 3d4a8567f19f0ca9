//! `get_personalized_recommendations`: tools that fit, put in order by what was measured and what
//! the caller prefers.
//!
//! Invariant: without measured use the answer says so instead of inventing any.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong},
    configure,
    discover::{performance_of, share},
    find::summary,
};
use crate::{
    catalogue::Standing,
    hub::{Hub, results::data, visit::Visit},
    search::{Hit, SearchQuery},
};

/// Tools looked at and tools shown.
const LOOKED_AT: usize = 30;
const SHOWN: usize = 5;

pub(super) const TOOL: Own = Own {
    name: "get_personalized_recommendations",
    description: "Tools for a task, ordered by fit, your preferences and measured success.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "context": { "type": "string", "description": "The task" },
                "user_preferences": { "type": "object" },
                "include_optimization_tips": { "type": "boolean" }
            },
            "required": ["context"]
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, visit: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        hub.options.journal.flush().await;
        recommend(hub, &arguments, configure::kept(hub, visit)).await
    })
}

async fn recommend(
    hub: &Hub,
    arguments: &Arguments,
    mut preferences: Map<String, Value>,
) -> Result<CallToolResult, Wrong> {
    let task = arguments.needed_text(&["context", "task_description", "task"])?;
    if let Some(said) = arguments.object(&["user_preferences", "preferences"])? {
        preferences.extend(said.clone());
    }
    let tips = arguments.truth(&["include_optimization_tips", "includeOptimizationTips"])?;
    let taste = Taste::of(&preferences);
    let stats = hub.tool_stats();
    let mut query = SearchQuery::new(task);
    query.limit = LOOKED_AT;
    let hits: Vec<Hit> = hub
        .search(query)
        .await
        .into_iter()
        .filter(|hit| hit.tool.standing == Standing::Pinned)
        .collect();
    let best = hits.first().map_or(1.0, |hit| hit.score.max(f64::EPSILON));
    let mut ranked: Vec<(f64, Value, bool)> = hits
        .iter()
        .map(|hit| {
            let measured = stats.get(hit.tool.name());
            let success = measured
                .filter(|stats| stats.calls >= 3)
                .and_then(|stats| share(stats.ok, stats.calls));
            let liking = taste.liking(hit);
            let score = (hit.score / best).max(0.0) * (0.5 + 0.5 * success.unwrap_or(0.5)) + liking;
            let mut value = summary(&hit.tool);
            value["fit"] = json!(hit.why);
            value["measured"] = measured.map_or(Value::Null, performance_of);
            value["preferred"] = json!(liking > 0.0);
            (score, value, measured.is_some() || liking != 0.0)
        })
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked.truncate(SHOWN);
    let personal = ranked.iter().filter(|(_, _, personal)| *personal).count();
    let tools: Vec<Value> = ranked.into_iter().map(|(_, value, _)| value).collect();
    let mut value = json!({
        "success": true,
        "personalization_score": share(personal as u64, tools.len() as u64).unwrap_or(0.0),
        "recommended_tools": tools,
        "based_on": {
            "measured_tools": stats.len(),
            "preferences": preferences.keys().collect::<Vec<_>>(),
        },
        "timestamp": hub.options.clock.now().to_string(),
    });
    if stats.is_empty() {
        value["note"] = json!("no call was measured yet: the order is that of the search alone");
    }
    if tips {
        value["optimization_tips"] = json!(optimization_tips(&stats));
    }
    Ok(data(value))
}

/// What a caller likes.
struct Taste {
    preferred: Vec<String>,
    avoided: Vec<String>,
    domains: Vec<String>,
}

impl Taste {
    fn of(preferences: &Map<String, Value>) -> Self {
        let texts = |value: Option<&Value>| -> Vec<String> {
            value
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let tools = preferences.get("tool_usage");
        Self {
            preferred: texts(tools.and_then(|tools| tools.get("preferred_tools"))),
            avoided: texts(tools.and_then(|tools| tools.get("avoided_tools"))),
            domains: texts(preferences.get("domain_interests")),
        }
    }

    fn liking(&self, hit: &Hit) -> f64 {
        let name = hit.tool.name();
        let mut liking = 0.0;
        if self.preferred.iter().any(|one| one == name) {
            liking += 0.5;
        }
        if self.avoided.iter().any(|one| one == name) {
            liking -= 0.5;
        }
        let domain = hit.tool.categories.iter().any(|category| {
            self.domains
                .iter()
                .any(|domain| json!(category) == *domain.as_str())
        });
        if domain {
            liking += 0.2;
        }
        liking
    }
}

/// What the measurements say could be better.
fn optimization_tips(
    stats: &std::collections::HashMap<String, crate::journal::ToolStats>,
) -> Vec<String> {
    let mut tips: Vec<String> = stats
        .values()
        .filter(|stats| stats.calls >= 5)
        .filter_map(|stats| {
            let success = share(stats.ok, stats.calls)?;
            if success < 0.8 {
                Some(format!(
                    "{} succeeded in {:.0} % of {} calls: read its schema with describe_tool before calling it",
                    stats.tool,
                    success * 100.0,
                    stats.calls
                ))
            } else if stats.p95_ms > 5_000 {
                Some(format!(
                    "{} takes up to {} ms: call it beside other calls, not before them",
                    stats.tool, stats.p95_ms
                ))
            } else {
                None
            }
        })
        .collect();
    tips.sort();
    tips.truncate(10);
    tips
}
