//! The parts of events that tools write: lengths, reminders, conferences, attachments.
//!
//! Invariant: what is sent was checked against the limits Google states.

use google_api::join_bounded;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::google::Reminder;
use crate::{ToolCx, ToolError, text};

/// Who sees what the event is about.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Visibility {
    Default,
    Public,
    Private,
}

impl Visibility {
    /// Google's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// Whether the event blocks time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Show {
    Opaque,
    Transparent,
}

impl Show {
    /// Google's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Transparent => "transparent",
        }
    }
}

/// The length that was asked for.
pub(super) fn length(
    minutes: Option<i64>,
    has_end: bool,
) -> Result<Option<SignedDuration>, ToolError> {
    match minutes {
        Some(_) if has_end => Err(ToolError::input(
            "end_time and duration_minutes say the same thing twice",
        )
        .hint("give one of them")),
        Some(minutes) if !(0..=525_600).contains(&minutes) => Err(ToolError::input(format!(
            "duration_minutes is {minutes}; allowed are 0 to 525600"
        ))),
        minutes => Ok(minutes.map(SignedDuration::from_mins)),
    }
}

/// Reminders instead of the calendar's default.
pub(super) fn reminders(wanted: &[Reminder]) -> Result<Value, ToolError> {
    if wanted.len() > 5 {
        let message = format!("{} reminders; allowed are at most 5", wanted.len());
        return Err(ToolError::input(message));
    }
    for reminder in wanted {
        if !["popup", "email"].contains(&reminder.method.as_str()) {
            let method = text::line(&reminder.method);
            return Err(ToolError::input(format!(
                "a reminder by \"{method}\"; allowed are popup and email"
            )));
        }
        if !(0..=40_320).contains(&reminder.minutes) {
            return Err(ToolError::input(format!(
                "a reminder {} minutes before; allowed are 0 to 40320 (four weeks)",
                reminder.minutes
            )));
        }
    }
    Ok(json!({"useDefault": false, "overrides": wanted}))
}

/// A Meet conference to be made once for `key`.
pub(super) fn meet_request(key: &str) -> Value {
    json!({"createRequest": {
        "requestId": key,
        "conferenceSolutionKey": {"type": "hangoutsMeet"},
    }})
}

/// Drive files as attachments, with names and types looked up.
pub(super) async fn attachments(cx: &ToolCx, files: &[String]) -> Result<Vec<Value>, ToolError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        name: Option<String>,
        mime_type: Option<String>,
        web_view_link: Option<String>,
    }
    if files.len() > 25 {
        let message = format!("{} attachments; allowed are at most 25", files.len());
        return Err(ToolError::input(message));
    }
    let ids = files
        .iter()
        .map(|file| file_id(file))
        .collect::<Result<Vec<&str>, ToolError>>()?;
    let look_up = |id: &str| {
        let call = cx
            .call("drive.files.get")
            .param("fileId", id)
            .param("supportsAllDrives", true)
            .fields("name,mimeType,webViewLink");
        let id = id.to_owned();
        async move {
            let file: File = call.send_as().await.map_err(|error| {
                let message = format!("the file \"{id}\" cannot be attached: {}", error.message);
                ToolError {
                    message,
                    ..ToolError::from(error)
                }
            })?;
            let url = file.web_view_link;
            let url = url.unwrap_or_else(|| format!("https://drive.google.com/open?id={id}"));
            Ok(json!({"fileUrl": url, "title": file.name, "mimeType": file.mime_type}))
        }
    };
    join_bounded(ids.into_iter().map(look_up), 8)
        .await
        .into_iter()
        .collect()
}

/// The id in a Drive link, or the id itself.
fn file_id(file: &str) -> Result<&str, ToolError> {
    let file = file.trim();
    let after = |mark: &str| file.split_once(mark).map(|(_, rest)| rest);
    let found = after("/d/")
        .or_else(|| after("/folders/"))
        .or_else(|| after("?id="))
        .or_else(|| after("&id="));
    let id = match found {
        Some(rest) => rest.split(['/', '?', '&', '#']).next().unwrap_or_default(),
        None => file,
    };
    let sound = id.len() >= 5
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if sound {
        Ok(id)
    } else {
        let file = text::line(file);
        Err(ToolError::input(format!("\"{file}\" is no Drive file"))
            .hint("give the file's id or its link"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_id_or_link() {
        for written in [
            "1AbC-d_E",
            "https://drive.google.com/file/d/1AbC-d_E/view?usp=sharing",
            "https://docs.google.com/document/d/1AbC-d_E/edit#heading",
            "https://drive.google.com/open?id=1AbC-d_E&x=1",
        ] {
            assert_eq!(file_id(written).unwrap(), "1AbC-d_E", "{written}");
        }
        assert!(file_id("https://elsewhere.example/x").is_err());
        assert!(file_id("").is_err());
    }

    #[test]
    fn limits_are_told() {
        let reminder = |method: &str, minutes| Reminder {
            method: method.to_owned(),
            minutes,
        };
        assert!(reminders(&[reminder("popup", 10)]).is_ok());
        assert!(
            reminders(&[reminder("sms", 10)])
                .unwrap_err()
                .message
                .contains("popup and email")
        );
        assert!(
            reminders(&[reminder("email", 40_321)])
                .unwrap_err()
                .message
                .contains("40320")
        );
        assert!(length(Some(30), true).is_err());
        assert!(length(Some(-1), false).is_err());
    }
}
