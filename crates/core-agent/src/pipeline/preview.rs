//! The first look at a result that is kept aside: the beginning of its texts, the shape of its
//! data.
//!
//! Invariant: a preview is small whatever it is of, and says that it is one.

use rmcp::model::{CallToolResult, ContentBlock, MetaObject};
use serde_json::{Map, Value, json};

const TEXT: usize = 4_000;
const SHAPE_LINES: usize = 60;
const DEEPEST: usize = 4;
const NAMES: usize = 12;

/// A preview of `result`, which is kept under `handle`.
pub(super) fn preview(result: &CallToolResult, handle: &str, bytes: usize) -> CallToolResult {
    let mut left = TEXT;
    let mut texts = Vec::new();
    for block in &result.content {
        match block {
            ContentBlock::Text(_) if left == 0 => {}
            ContentBlock::Text(text) => {
                let start: String = text.text.chars().take(left).collect();
                left -= start.chars().count();
                texts.push(start);
            }
            ContentBlock::Image(image) => {
                texts.push(format!("[an image, {}]", short(&image.mime_type)));
            }
            ContentBlock::Audio(audio) => {
                texts.push(format!("[a sound, {}]", short(&audio.mime_type)));
            }
            ContentBlock::Resource(_) => texts.push("[a file]".into()),
            ContentBlock::ResourceLink(link) => {
                texts.push(format!("[a link to {}]", short(&link.uri)));
            }
            _ => {}
        }
        if texts.len() >= SHAPE_LINES {
            break;
        }
    }
    if let Some(data) = &result.structured_content {
        let mut lines = Vec::new();
        shape(data, "/structuredContent", 0, &mut lines);
        texts.push(format!("The shape of its data:\n{}", lines.join("\n")));
    }
    let kept = format!(
        "This is the beginning of a result of {bytes} bytes. All of it is kept for a day: read_result with handle {handle:?} gives it piece by piece (`start`, `length`), or a part of it (`pointer`)."
    );
    let mut preview = CallToolResult::success(vec![
        ContentBlock::text(kept),
        ContentBlock::text(texts.join("\n")),
    ]);
    preview.is_error = result.is_error;
    preview.result_type.clone_from(&result.result_type);
    let mut meta = result
        .meta
        .clone()
        .unwrap_or_else(|| MetaObject(Map::new()));
    meta.0.insert(
        "core-agent/kept".into(),
        json!({"handle": handle, "bytes": bytes}),
    );
    preview.meta = Some(meta);
    preview
}

/// The shape of a value, a line for each place.
fn shape(value: &Value, path: &str, depth: usize, lines: &mut Vec<String>) {
    if lines.len() >= SHAPE_LINES {
        return;
    }
    match value {
        Value::Object(map) => {
            lines.push(format!("{path}: an object of {} values", map.len()));
            if depth < DEEPEST {
                for (name, value) in map.iter().take(NAMES) {
                    let name = short(&name.replace('~', "~0").replace('/', "~1"));
                    shape(value, &format!("{path}/{name}"), depth + 1, lines);
                }
            }
        }
        Value::Array(list) => {
            lines.push(format!("{path}: a list of {} items", list.len()));
            if let Some(first) = list.first()
                && depth < DEEPEST
            {
                shape(first, &format!("{path}/0"), depth + 1, lines);
            }
        }
        Value::String(text) => {
            lines.push(format!(
                "{path}: a text of {} characters",
                text.chars().count()
            ));
        }
        other => lines.push(format!("{path}: {other}")),
    }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_small_and_say_so() {
        let mut result = CallToolResult::success(vec![
            ContentBlock::text("ä".repeat(1_000_000)),
            ContentBlock::image("A".repeat(1_000_000), "image/png"),
        ]);
        let items: Vec<_> = (0..10_000)
            .map(|n| json!({"id": n, "name": "x".repeat(100)}))
            .collect();
        result.structured_content = Some(json!({"items": items}));
        let preview = preview(&result, "h", 7);
        assert_eq!(
            preview.meta.as_ref().unwrap().0["core-agent/kept"],
            json!({"handle": "h", "bytes": 7})
        );
        let text = serde_json::to_string(&preview).unwrap();
        assert!(text.len() < 16_000, "{}", text.len());
        for expected in [
            "/structuredContent/items: a list of 10000 items",
            "/structuredContent/items/0/name: a text of 100 characters",
            "[an image, image/png]",
            "with handle",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
