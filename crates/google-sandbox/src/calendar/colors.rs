//! `calendar.colors.get`: the palettes behind `colorId`.
//!
//! Invariant: every id that the demo data uses is in the palette.

use serde_json::{Map, Value, json};

use crate::{
    call::{Call, Reply},
    error::ApiError,
};

/// The background of text that is written in this colour.
const FOREGROUND: &str = "#1d1d1d";

/// Calendar backgrounds, from `1` on.
const CALENDAR: &[&str] = &[
    "#ac725e", "#d06b64", "#f83a22", "#fa573c", "#ff7537", "#ffad46", "#42d692", "#16a765",
    "#7bd148", "#b3dc6c", "#fbe983", "#fad165", "#92e1c0", "#9fe1e7", "#9fc6e7", "#4986e7",
    "#9a9cff", "#b99aff", "#c2c2c2", "#cabdbf", "#cca6ac", "#f691b2", "#cd74e6", "#a47ae2",
];

/// Event backgrounds, from `1` on.
const EVENT: &[&str] = &[
    "#a4bdfc", "#7ae7bf", "#dbadff", "#ff887c", "#fbd75b", "#ffb878", "#46d6db", "#e1e1e1",
    "#5484ed", "#51b749", "#dc2127",
];

/// `calendar.colors.get`
#[expect(
    clippy::unnecessary_wraps,
    reason = "the registry wants every handler alike"
)]
pub(super) fn get(_: &mut Call<'_>) -> Result<Reply, ApiError> {
    Ok(Reply::json(json!({
        "kind": "calendar#colors",
        "updated": "2012-02-14T00:00:00.000Z",
        "calendar": palette(CALENDAR),
        "event": palette(EVENT),
    })))
}

/// Background and foreground of a calendar colour.
pub(super) fn of_calendar(id: &str) -> (&'static str, &'static str) {
    let index = id.parse::<usize>().unwrap_or(7).saturating_sub(1);
    (CALENDAR.get(index).unwrap_or(&CALENDAR[6]), FOREGROUND)
}

fn palette(colors: &[&str]) -> Value {
    let entries = colors.iter().enumerate().map(|(index, background)| {
        let color = json!({"background": background, "foreground": FOREGROUND});
        ((index + 1).to_string(), color)
    });
    Value::Object(entries.collect::<Map<String, Value>>())
}
