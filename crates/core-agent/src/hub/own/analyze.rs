//! `analyze_task_complexity`: a rule of thumb for how much a task asks.
//!
//! Words count whole: `ai` in `maintain` is no word. Invariant: the same words give the same score.

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong},
    find::summary,
};
use crate::{
    catalogue::Standing,
    hub::{Hub, results::data, visit::Visit},
    search::SearchQuery,
};

/// Verbs of looking.
const SIMPLE: [&str; 4] = ["get", "list", "show", "display"];
/// Verbs of one change or search.
const MEDIUM: [&str; 5] = ["create", "update", "analyze", "search", "find"];
/// Verbs of many changes that belong together.
const COMPLEX: [&str; 5] = [
    "integrate",
    "automate",
    "optimize",
    "coordinate",
    "orchestrate",
];
/// Words of learning machines.
const ADVANCED: [&str; 9] = [
    "ai",
    "ml",
    "llm",
    "machine learning",
    "deep learning",
    "neural network",
    "artificial intelligence",
    "train",
    "predict",
];
/// The highest score.
const HIGHEST: f64 = 5.0;
/// Tools suggested.
const SUGGESTED: usize = 3;

pub(super) const TOOL: Own = Own {
    name: "analyze_task_complexity",
    description: "Estimate how complex a task is, and which tools fit it.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "task_description": { "type": "string" },
                "available_tools": { "type": "array", "items": { "type": "string" } },
                "include_tool_recommendations": { "type": "boolean" }
            },
            "required": ["task_description"]
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, _: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move { analyze(hub, &arguments).await })
}

async fn analyze(hub: &Hub, arguments: &Arguments) -> Result<CallToolResult, Wrong> {
    let task = arguments.needed_text(&["task_description", "task", "taskDescription"])?;
    let available = arguments.texts(&["available_tools", "availableTools"])?;
    let spellings = ["include_tool_recommendations", "includeToolRecommendations"];
    let suggests = arguments.truth_or(&spellings, true)?;
    let estimate = estimate(task);
    let mut query = SearchQuery::new(task);
    query.limit = 50;
    let suggested: Vec<Value> = if suggests {
        hub.search(query)
            .await
            .iter()
            .filter(|hit| hit.tool.standing == Standing::Pinned)
            .filter(|hit| available.is_empty() || available.contains(&hit.tool.name()))
            .take(SUGGESTED)
            .map(|hit| summary(&hit.tool))
            .collect()
    } else {
        Vec::new()
    };
    Ok(data(json!({
        "success": true,
        "complexity_score": estimate.score,
        "normalized_score": estimate.score * 2.0,
        "complexity_level": estimate.level,
        "reasons": estimate.reasons,
        "estimated_time_minutes": {
            "min": estimate.score * 2.0,
            "max": estimate.score * 5.0,
        },
        "recommendations": estimate.advice,
        "suggested_tools": suggested,
        "method": "a rule of thumb on the words of the task; the times are two to five minutes a point, not measured",
    })))
}

struct Estimate {
    score: f64,
    level: &'static str,
    reasons: Vec<String>,
    advice: &'static str,
}

/// The score of a task, from 1 to 5.
fn estimate(task: &str) -> Estimate {
    let lower = task.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let mut score: f64 = 1.0;
    let mut reasons = Vec::new();
    for (terms, points) in [
        (SIMPLE.as_slice(), 1.5),
        (MEDIUM.as_slice(), 3.0),
        (COMPLEX.as_slice(), 4.5),
        (ADVANCED.as_slice(), HIGHEST),
    ] {
        if let Some(term) = terms.iter().find(|term| has(&words, term)) {
            score = score.max(points);
            reasons.push(format!("the word \"{term}\" counts {points}"));
        }
    }
    if words.len() > 20 {
        score += 0.5;
        reasons.push("more than 20 words add 0.5".to_owned());
    }
    if has(&words, "multi-step") || has(&words, "workflow") {
        score += 1.0;
        reasons.push("several steps add 1".to_owned());
    }
    let score = score.min(HIGHEST);
    let (level, advice) = match score {
        score if score < 2.0 => ("Simple", "One call of one tool should do."),
        score if score < 3.5 => ("Medium", "A few calls; check each result before the next."),
        score if score < 4.5 => (
            "Complex",
            "Split it into steps and check the result of each.",
        ),
        _ => (
            "Advanced",
            "Split it into tasks of their own and let a person look at the plan.",
        ),
    };
    Estimate {
        score,
        level,
        reasons,
        advice,
    }
}

/// Whether the words have this term, whole and in order.
fn has(words: &[&str], term: &str) -> bool {
    let term: Vec<&str> = term.split(' ').collect();
    words.windows(term.len()).any(|window| window == term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_the_words() {
        for (task, score, level) in [
            ("Hello", 1.0, "Simple"),
            ("List my files", 1.5, "Simple"),
            ("Create a document", 3.0, "Medium"),
            ("Maintain the drain pipes", 1.0, "Simple"),
            ("Integrate the two systems", 4.5, "Advanced"),
            ("Find it in a multi-step way", 4.0, "Complex"),
            ("Use AI on it", 5.0, "Advanced"),
            ("Apply machine learning workflow", 5.0, "Advanced"),
        ] {
            let estimate = estimate(task);
            assert!((estimate.score - score).abs() < 1e-9, "{task}");
            assert_eq!(estimate.level, level, "{task}");
        }
        let long = format!("get {}", "word ".repeat(21));
        assert!((estimate(&long).score - 2.0).abs() < 1e-9);
    }
}
