//! The time of day anywhere.
//!
//! Invariant: it looks at the clock and at nothing else.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{Outcome, Small, text};

/// Tells the time.
pub(super) struct Clock {
    clock: Arc<dyn foundation::Clock>,
}

impl Clock {
    pub(super) fn new(clock: Arc<dyn foundation::Clock>) -> Self {
        Self { clock }
    }

    fn now(&self, zone: &str) -> Outcome {
        let zone = if zone.is_empty() { "UTC" } else { zone };
        let found = TimeZone::get(zone).map_err(|_| {
            format!("there is no time zone {zone}; give a name such as Europe/Prague or UTC")
        })?;
        let now = self.clock.now().to_zoned(found);
        let said = now.strftime("%A, %d %B %Y, %H:%M").to_string();
        let data = json!({"zone": zone, "time": now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()});
        Ok((data, format!("{said} in {zone}")))
    }
}

fn between(from: &str, to: &str) -> Outcome {
    let read = |text: &str| {
        text.parse::<Timestamp>()
            .map_err(|_| format!("{text} is no time such as 2026-11-21T10:00:00Z"))
    };
    let seconds = read(to)?.duration_since(read(from)?).as_secs();
    let said = format!(
        "{} days, {} hours and {} minutes",
        seconds / 86_400,
        seconds % 86_400 / 3_600,
        seconds % 3_600 / 60
    );
    Ok((json!({"seconds": seconds}), said))
}

impl Small for Clock {
    fn instructions(&self) -> &'static str {
        "Tells the time in any time zone."
    }

    fn tools(&self) -> Vec<Value> {
        let looks =
            |title: &str| json!({"title": title, "readOnlyHint": true, "openWorldHint": false});
        vec![
            json!({
                "name": "current_time",
                "description": "Tell the date and the time of day now in a time zone.",
                "inputSchema": {
                    "type": "object",
                    "properties": {"zone": {
                        "type": "string", "default": "UTC",
                        "description": "A time zone such as Europe/Prague.",
                    }},
                },
                "outputSchema": {
                    "type": "object",
                    "properties": {"zone": {"type": "string"}, "time": {"type": "string"}},
                    "required": ["zone", "time"],
                },
                "annotations": looks("The time now"),
            }),
            json!({
                "name": "time_between",
                "description": "Tell how long it is from one time to another.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "from": {"type": "string", "description": "Such as 2026-11-21T10:00:00Z."},
                        "to": {"type": "string", "description": "Such as 2026-12-24T18:00:00Z."},
                    },
                    "required": ["from", "to"],
                },
                "outputSchema": {
                    "type": "object",
                    "properties": {"seconds": {"type": "integer"}},
                    "required": ["seconds"],
                },
                "annotations": looks("The time between"),
            }),
        ]
    }

    fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Option<Outcome> {
        match tool {
            "current_time" => Some(self.now(text(arguments, "zone"))),
            "time_between" => Some(between(text(arguments, "from"), text(arguments, "to"))),
            _ => None,
        }
    }
}
