//! One call of one API method: who, may they, is it well formed, do it, write the answer.
//!
//! Not the transfer of uploads. Invariant: a handler runs only after the catalogue found nothing
//! wrong with the request and the token has one of the method's scopes.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use google_discovery::{Access, HttpMethod, Invalid, Method, catalogue};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::{Answer, Incoming, mask::Mask, upload};
use crate::{
    call::{Body, Call, Media, Reply},
    error::{ApiError, Info},
    gmail, registry,
    shared::Shared,
};

/// A method found, with the parameters in its path.
pub(super) struct Routed {
    pub(super) method: &'static Method,
    path_params: Vec<(String, String)>,
}

/// Everything a call needs but its content: kept while an upload is under way.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) method: &'static Method,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) client_id: String,
}

/// Finds the method of a request.
pub(super) fn route(incoming: &Incoming) -> Option<Routed> {
    // Long questions travel as POST with the real verb in a header.
    let named = incoming.header("x-http-method-override");
    let verb = HttpMethod::from_name(named.unwrap_or(incoming.method.as_str()))?;
    let found = match &incoming.host {
        Some(host) => catalogue().route(verb, host, &incoming.path),
        None => {
            likely_apis(&incoming.path).find_map(|api| catalogue().route(verb, api, &incoming.path))
        }
    };
    let (method, path_params) = found?;
    Some(Routed {
        method,
        path_params,
    })
}

/// The APIs a path without host may be for, the likeliest first.
fn likely_apis(path: &str) -> impl Iterator<Item = &'static str> {
    let words: Vec<String> = path.split('/').take(5).map(str::to_owned).collect();
    let mut names: Vec<&'static str> = catalogue().apis().map(|api| api.name).collect();
    names.sort_by_key(|name| !words.iter().any(|word| word == name));
    names.into_iter()
}

/// Answers a call; says whose it was.
pub(super) fn answer(
    shared: &Arc<Shared>,
    incoming: &Incoming,
    routed: Routed,
) -> (Answer, Option<String>) {
    let api = routed.method.api_name;
    let mut owner = None;
    let answer = admit(shared, incoming, routed, &mut owner).and_then(|ticket| {
        if upload::is_upload(incoming) {
            upload::start(shared, incoming, ticket)
        } else {
            let body = json_body(&incoming.body)?;
            run(shared, Ticket { body, ..ticket }, None)
        }
    });
    (
        answer.unwrap_or_else(|error| Answer::refusal(&error, api)),
        owner,
    )
}

/// Checks the token, its rights and the rate limits.
fn admit(
    shared: &Arc<Shared>,
    incoming: &Incoming,
    routed: Routed,
    owner: &mut Option<String>,
) -> Result<Ticket, ApiError> {
    let Routed {
        method,
        path_params,
    } = routed;
    let now = shared.clock.now();
    let token = incoming.bearer().ok_or_else(|| unauthenticated(false))?;
    let granted = shared
        .world(|world| world.oauth.bearer(token, now).cloned())
        .ok_or_else(|| unauthenticated(true))?;
    *owner = Some(granted.email.clone());
    if !method.allows_scope(&granted.scopes) {
        return Err(insufficient_scope(method));
    }
    shared
        .knobs(|knobs| knobs.limits.take(&granted.email, method.api_name, now))
        .map_err(|wait| {
            let mut error =
                ApiError::forbidden("userRateLimitExceeded", "User Rate Limit Exceeded");
            error.code = if method.api_name == "gmail" { 429 } else { 403 };
            error.retry_after = Some(wait);
            error.in_domain("usageLimits")
        })?;
    let mut params = path_params;
    let transport = ["access_token", "oauth_token"];
    params.extend(
        incoming
            .query
            .iter()
            .filter(|(name, _)| !transport.contains(&name.as_str()))
            .cloned(),
    );
    Ok(Ticket {
        method,
        params,
        body: Value::Null,
        headers: incoming.headers.clone(),
        user: granted.email,
        scopes: granted.scopes,
        client_id: granted.client_id,
    })
}

/// The JSON of a body; `Null` for an empty one.
pub(super) fn json_body(bytes: &Bytes) -> Result<Value, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::new(
            400,
            "parseError",
            format!("Invalid JSON payload received. {error}"),
        )
    })
}

/// Whether Google's description allows the call.
pub(super) fn check(ticket: &Ticket) -> Result<(), ApiError> {
    if let Some(fields) = ticket.params.iter().find(|(name, _)| name == "fields") {
        let known =
            Mask::parse(&fields.1).is_some() && ticket.method.check_fields(&fields.1).is_ok();
        if !known {
            return Err(ApiError::new(
                400,
                "invalidParameter",
                format!("Invalid field selection {}", fields.1),
            )
            .at_parameter("fields"));
        }
    }
    let body = Some(&ticket.body).filter(|body| !body.is_null());
    ticket
        .method
        .validate(&ticket.params, body)
        .map_err(|invalid| malformed(&invalid))?;
    Ok(())
}

/// Runs the handler and writes its answer.
pub(super) fn run(
    shared: &Arc<Shared>,
    ticket: Ticket,
    media: Option<Media>,
) -> Result<Answer, ApiError> {
    let handler = registry::handler(ticket.method.id)
        .ok_or_else(|| ApiError::not_simulated(ticket.method.id))?;
    check(&ticket)?;
    let writes = ticket.method.access != Access::Read;
    let range = ticket
        .headers
        .get("range")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let if_none_match = ticket
        .headers
        .get("if-none-match")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let fields = ticket
        .params
        .iter()
        .find(|(name, _)| name == "fields")
        .map(|(_, mask)| mask.clone());
    let now = shared.clock.now();
    let reply = shared.world(|world| {
        let mut call = Call {
            method: ticket.method,
            params: ticket.params,
            body: ticket.body,
            media,
            headers: ticket.headers,
            user: ticket.user,
            scopes: ticket.scopes,
            client_id: ticket.client_id,
            now,
            world,
            notices: Vec::new(),
        };
        let reply = handler(&mut call)?;
        let notices = std::mem::take(&mut call.notices);
        for notice in notices {
            gmail::deliver_notice(world, &notice, now);
        }
        Ok(reply)
    })?;
    if writes {
        shared.changed.notify_one();
    }
    render(
        reply,
        fields.as_deref(),
        range.as_deref(),
        if_none_match.as_deref(),
    )
}

fn render(
    reply: Reply,
    fields: Option<&str>,
    range: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<Answer, ApiError> {
    let value = match reply.body {
        Body::Json(value) => value,
        Body::Empty => {
            let (headers, body) = (Vec::new(), Bytes::new());
            return Ok(Answer {
                status: reply.status,
                headers,
                body,
            });
        }
        Body::Media(media) => return cut(media, range),
    };
    // What has a tag in its body has it in the head too.
    let tag = value.get("etag").and_then(Value::as_str).map(str::to_owned);
    let mut answer = if tag.is_some() && if_none_match == tag.as_deref() {
        let (headers, body) = (Vec::new(), Bytes::new());
        Answer {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body,
        }
    } else {
        let mask = fields.and_then(Mask::parse).unwrap_or_default();
        Answer::json(reply.status, &mask.apply(value))
    };
    answer.headers.extend(tag.map(|tag| ("etag", tag)));
    Ok(answer)
}

/// The content, or the range of it that was asked for.
fn cut(media: Media, range: Option<&str>) -> Result<Answer, ApiError> {
    let length = media.bytes.len();
    let mut headers = vec![
        ("content-type", media.content_type),
        ("accept-ranges", "bytes".into()),
    ];
    let asked = range
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| span(range, length));
    match asked {
        None => {
            let status = StatusCode::OK;
            Ok(Answer {
                status,
                headers,
                body: media.bytes,
            })
        }
        Some(asked) if asked.is_empty() => {
            let message = "Request range not satisfiable";
            let error = ApiError::new(416, "requestedRangeNotSatisfiable", message);
            Err(error.at("header", "Range"))
        }
        Some(asked) => {
            let (first, last) = (asked.start, asked.end - 1);
            headers.push(("content-range", format!("bytes {first}-{last}/{length}")));
            let (status, body) = (StatusCode::PARTIAL_CONTENT, media.bytes.slice(asked));
            Ok(Answer {
                status,
                headers,
                body,
            })
        }
    }
}

/// The bytes a range asks for, empty when it lies outside; none when it is no single range, which
/// servers ignore.
fn span(range: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some(length.saturating_sub(count)..length);
    }
    let first: usize = first.parse().ok()?;
    let end = if last.is_empty() {
        length
    } else {
        last.parse::<usize>().ok()?.checked_add(1)?.min(length)
    };
    Some(first.min(end)..end)
}

fn unauthenticated(given: bool) -> ApiError {
    let (reason, message) = if given {
        (
            "authError",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login \
             cookie or other valid authentication credential.",
        )
    } else {
        (
            "required",
            "Request is missing required authentication credential. Expected OAuth 2 access token, \
             login cookie or other valid authentication credential.",
        )
    };
    let mut error = ApiError::new(401, reason, message).at("header", "Authorization");
    error.challenge = Some(if given {
        "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""
    } else {
        "Bearer realm=\"https://accounts.google.com/\""
    });
    if given {
        error.info = Some(Info {
            reason: "ACCESS_TOKEN_INVALID",
            metadata: Vec::new(),
        });
    }
    error
}

fn insufficient_scope(method: &Method) -> ApiError {
    let mut error = ApiError::forbidden(
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
    );
    error.info = Some(Info {
        reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        metadata: vec![("method", method.id.to_owned())],
    });
    error.challenge =
        Some("Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\"");
    error
}

/// The catalogue's findings in Google's words.
fn malformed(invalid: &Invalid) -> ApiError {
    let mut lines = Vec::new();
    let mut violations = Vec::new();
    for problem in &invalid.problems {
        let place = problem
            .path
            .split_once('.')
            .map_or(problem.path.as_str(), |(_, name)| name);
        lines.push(format!("Invalid value at '{place}': {}", problem.message));
        violations.push((place.to_owned(), problem.message.clone()));
    }
    let mut error = ApiError::new(
        400,
        "badRequest",
        format!("Invalid JSON payload received. {}", lines.join("\n")),
    );
    if let Some(first) = invalid.problems.first()
        && let Some(name) = first.path.strip_prefix("parameters.")
    {
        error = error.at_parameter(name);
    }
    error.violations = violations;
    error
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn ranges_are_cut_like_http_says() {
        assert_eq!(span("0-9", 100), Some(0..10));
        assert_eq!(span("90-", 100), Some(90..100));
        assert_eq!(span("-5", 100), Some(95..100));
        assert_eq!(span("90-200", 100), Some(90..100));
        assert!(span("100-", 100).is_some_and(|outside| outside.is_empty()));
        assert!(span("-0", 100).is_some_and(|nothing| nothing.is_empty()));
        assert_eq!(span("nonsense", 100), None);
    }
}
