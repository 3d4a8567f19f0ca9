//! Reading Google's refusals: three shapes of JSON, and whatever front ends send instead.
//!
//! Not what a refusal means: that is `explain`. Invariant: whatever bytes arrive, something
//! readable comes out.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;

/// What Google said instead of an answer.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// `details[ErrorInfo].reason`, else `errors[0].reason`, else `status`.
    pub(crate) reason: Option<String>,
    /// The domain of the reason, such as `usageLimits`.
    pub(crate) domain: Option<String>,
    /// Google's own words.
    pub(crate) message: String,
    /// What is wrong with single fields, `field: description`.
    pub(crate) violations: Vec<String>,
    /// Where a person can mend it.
    pub(crate) link: Option<String>,
    /// The Google Cloud project concerned, id or number.
    pub(crate) project: Option<String>,
    /// The API host concerned, such as `gmail.googleapis.com`.
    pub(crate) service: Option<String>,
    /// When to try again, as the body or the header says.
    pub(crate) retry_after: Option<u64>,
}

/// Google's longest useful message; more is cut.
const LONGEST_MESSAGE: usize = 500;

impl Refusal {
    /// Reads an answer that is no success.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut refusal = match serde_json::from_slice::<Value>(body) {
            // Some front ends wrap the object in a list.
            Ok(Value::Array(mut list)) if !list.is_empty() => Self::from_json(&list.swap_remove(0)),
            Ok(json) => Self::from_json(&json),
            Err(_) => Self {
                message: plain_text(body),
                ..Self::default()
            },
        };
        refusal.message = one_line(&refusal.message, LONGEST_MESSAGE);
        refusal.retry_after = refusal.retry_after.max(retry_after_header(headers));
        refusal
    }

    fn from_json(json: &Value) -> Self {
        let error = &json["error"];
        if let Some(code) = error.as_str() {
            // The shape of the token endpoint.
            return Self {
                reason: Some(code.to_owned()),
                message: text(&json["error_description"]).unwrap_or_default(),
                ..Self::default()
            };
        }
        let mut refusal = Self {
            message: text(&error["message"]).unwrap_or_default(),
            reason: text(&error["status"]),
            ..Self::default()
        };
        if let Some(first) = error["errors"].get(0) {
            refusal.reason = text(&first["reason"]).or(refusal.reason);
            refusal.domain = text(&first["domain"]);
            if let (Some(place), Some(problem)) =
                (text(&first["location"]), text(&first["message"]))
                && problem != refusal.message
            {
                refusal.violations.push(format!("{place}: {problem}"));
            }
            refusal.link = text(&first["extendedHelp"]);
        }
        for detail in error["details"].as_array().into_iter().flatten() {
            refusal.read_detail(detail);
        }
        if refusal.link.is_none() {
            refusal.link = link_in(&refusal.message);
        }
        refusal
    }

    fn read_detail(&mut self, detail: &Value) {
        let kind = detail["@type"].as_str().unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "ErrorInfo" => {
                self.reason = text(&detail["reason"]).or(self.reason.take());
                self.domain = text(&detail["domain"]).or(self.domain.take());
                let metadata = &detail["metadata"];
                self.service = text(&metadata["service"]);
                self.project = text(&metadata["consumer"])
                    .map(|consumer| consumer.trim_start_matches("projects/").to_owned());
                self.link = text(&metadata["activationUrl"]).or(self.link.take());
            }
            "BadRequest" => {
                let violations = detail["fieldViolations"].as_array().into_iter().flatten();
                self.violations.extend(violations.take(10).map(|violation| {
                    let field = violation["field"].as_str().unwrap_or("request");
                    let problem = violation["description"]
                        .as_str()
                        .unwrap_or("is not allowed");
                    one_line(&format!("{field}: {problem}"), 200)
                }));
            }
            "Help" if self.link.is_none() => {
                self.link = text(&detail["links"][0]["url"]);
            }
            "RetryInfo" => {
                self.retry_after = detail["retryDelay"].as_str().and_then(whole_seconds);
            }
            _ => {}
        }
    }
}

/// The seconds of a `Retry-After` header. A date is counted from the answer's own `Date`, so that
/// this machine's clock does not matter.
pub(crate) fn retry_after_header(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(seconds);
    }
    let sent = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    u64::try_from(http_date(value)?.as_second() - sent.as_second()).ok()
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|moment| moment.timestamp())
}

/// `3.2s` rounded up.
fn whole_seconds(delay: &str) -> Option<u64> {
    let seconds: f64 = delay.trim_end_matches('s').parse().ok()?;
    let delay = Duration::try_from_secs_f64(seconds).ok()?;
    Some(delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
}

fn link_in(message: &str) -> Option<String> {
    message
        .split_whitespace()
        .find(|word| word.starts_with("https://"))
        .map(|word| word.trim_end_matches(['.', ',', ')']).to_owned())
}

/// The words of an HTML or plain page, without its markup.
fn plain_text(body: &[u8]) -> String {
    let page = String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).into_owned();
    let Some(begin) = page.find("<title>") else {
        return if page.contains('<') {
            without_tags(&page)
        } else {
            page
        };
    };
    page.split_at(begin + "<title>".len())
        .1
        .split("</title>")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn without_tags(page: &str) -> String {
    let mut inside = false;
    page.chars()
        .filter(|c| {
            inside = (inside || *c == '<') && *c != '>';
            !inside && *c != '>'
        })
        .collect()
}

fn one_line(text: &str, longest: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= longest {
        return line;
    }
    line.chars().take(longest).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Refusal {
        Refusal::read(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn the_classic_shape() {
        let refusal = read(
            r#"{"error":{"code":403,"message":"Rate Limit Exceeded","status":"PERMISSION_DENIED",
            "errors":[{"domain":"usageLimits","reason":"rateLimitExceeded","message":"Rate Limit Exceeded"}]}}"#,
        );
        assert_eq!(refusal.reason.as_deref(), Some("rateLimitExceeded"));
        assert_eq!(refusal.domain.as_deref(), Some("usageLimits"));
        assert_eq!(refusal.message, "Rate Limit Exceeded");
        assert!(refusal.violations.is_empty());
    }

    #[test]
    fn the_rpc_shape_with_its_details() {
        let refusal = read(
            r#"{"error":{"code":403,"message":"Docs API has not been used","status":"PERMISSION_DENIED","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com",
             "metadata":{"service":"docs.googleapis.com","consumer":"projects/123","activationUrl":"https://console.example/enable"}},
            {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"requests[0]","description":"bad index"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2.5s"},
            {"@type":"type.googleapis.com/google.rpc.Help","links":[{"url":"https://help.example"}]}]}}"#,
        );
        assert_eq!(refusal.reason.as_deref(), Some("SERVICE_DISABLED"));
        assert_eq!(refusal.project.as_deref(), Some("123"));
        assert_eq!(refusal.service.as_deref(), Some("docs.googleapis.com"));
        assert_eq!(
            refusal.link.as_deref(),
            Some("https://console.example/enable")
        );
        assert_eq!(refusal.violations, ["requests[0]: bad index"]);
        assert_eq!(refusal.retry_after, Some(3));
    }

    #[test]
    fn the_token_shape_and_pages_of_front_ends() {
        let token = read(r#"{"error":"invalid_grant","error_description":"Bad Request"}"#);
        assert_eq!(token.reason.as_deref(), Some("invalid_grant"));
        let page = read("<html><head><title>Error 502 (Server Error)</title></head><p>sorry");
        assert_eq!(page.message, "Error 502 (Server Error)");
        assert_eq!(read("<b>Too</b> many").message, "Too many");
        assert_eq!(
            read("upstream connect error").message,
            "upstream connect error"
        );
        for body in [
            "",
            "null",
            "[]",
            "[1]",
            "\"x\"",
            "{\"error\":null}",
            "\u{feff}{",
        ] {
            assert!(read(body).reason.is_none(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn whatever_arrives_becomes_one_readable_line(
            body in prop_oneof![
                any::<Vec<u8>>(),
                any::<String>().prop_map(String::into_bytes),
                "\\{\"error\":[\\[{]?(\"(code|errors|details|status|message|@type)\":[\\[{]?(1|null|\"x\")[\\]}]?,?){0,4}[\\]}]?\\}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let refusal = Refusal::read(&HeaderMap::new(), &body);
            prop_assert!(refusal.message.chars().count() <= LONGEST_MESSAGE + 1);
            prop_assert!(!refusal.message.contains('\n'));
        }
    }

    #[test]
    fn retry_after_as_seconds_and_as_date() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("7"));
        assert_eq!(retry_after_header(&headers), Some(7));
        headers.insert(
            "retry-after",
            HeaderValue::from_static("Wed, 21 Oct 2026 07:28:05 GMT"),
        );
        assert_eq!(retry_after_header(&headers), None);
        headers.insert(
            "date",
            HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"),
        );
        assert_eq!(retry_after_header(&headers), Some(5));
        headers.insert("retry-after", HeaderValue::from_static("soon"));
        assert_eq!(retry_after_header(&headers), None);
    }
}
