//! What an HTTP status says about a request and its effect.
//!
//! Invariant: an effect is ruled out only where the server said so or was never reached.

use std::time::Duration;

use foundation::Clock;
use http::{HeaderMap, StatusCode, header};

use crate::{Effect, Fault, FaultKind, ServerName};

/// The longest wait a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What a refusal means.
pub(super) fn refused(
    server: &ServerName,
    status: StatusCode,
    retry_after: Option<Duration>,
) -> Fault {
    let code = status.as_u16();
    let (kind, effect, message) = match code {
        401 => (
            FaultKind::SignInRequired,
            Effect::None,
            "it wants to know who asks (HTTP 401)".to_owned(),
        ),
        403 => (
            FaultKind::Forbidden,
            Effect::Answered,
            "it refuses (HTTP 403)".to_owned(),
        ),
        429 => (
            FaultKind::RateLimited,
            Effect::None,
            "it asks to be called less often (HTTP 429)".to_owned(),
        ),
        503 if retry_after.is_some() => (
            FaultKind::Http,
            Effect::None,
            "it is not available for a while (HTTP 503)".to_owned(),
        ),
        300..=399 => (
            FaultKind::Http,
            Effect::Answered,
            format!("it answers with a redirect to elsewhere (HTTP {code}), which is not followed"),
        ),
        400..=499 => (
            FaultKind::Http,
            Effect::Answered,
            format!("it answers HTTP {code}"),
        ),
        _ => (
            FaultKind::Http,
            Effect::Unknown,
            format!("it answers HTTP {code}"),
        ),
    };
    Fault {
        effect,
        retry_after,
        ..Fault::before(server, kind, message)
    }
}

/// What a failure below HTTP means.
pub(super) fn broken(server: &ServerName, error: &reqwest::Error) -> Fault {
    let why = root(error);
    if error.is_builder() {
        return Fault::before(
            server,
            FaultKind::NotAvailable,
            format!("the request cannot be made: {why}"),
        );
    }
    if error.is_connect() {
        let message = format!("no connection: {why}");
        return Fault::before(server, FaultKind::Unreachable, message);
    }
    Fault::after(
        server,
        FaultKind::Closed,
        format!("the connection broke off: {why}"),
    )
}

/// The innermost reason, which names no address with credentials in it.
fn root(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if std::ptr::eq(inner, error as &dyn std::error::Error) {
        "no further reason is known".to_owned()
    } else {
        inner.to_string()
    }
}

/// When to come again: seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let when = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(when.duration_since(clock.now())).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use foundation::ManualClock;

    use super::*;

    #[test]
    fn statuses_say_what_is_known() {
        let server: ServerName = "far".parse().unwrap();
        let wait = Some(Duration::from_secs(3));
        let table = [
            (301, None, FaultKind::Http, Effect::Answered),
            (307, None, FaultKind::Http, Effect::Answered),
            (400, None, FaultKind::Http, Effect::Answered),
            (401, None, FaultKind::SignInRequired, Effect::None),
            (403, None, FaultKind::Forbidden, Effect::Answered),
            (404, None, FaultKind::Http, Effect::Answered),
            (429, None, FaultKind::RateLimited, Effect::None),
            (429, wait, FaultKind::RateLimited, Effect::None),
            (500, None, FaultKind::Http, Effect::Unknown),
            (502, wait, FaultKind::Http, Effect::Unknown),
            (503, None, FaultKind::Http, Effect::Unknown),
            (503, wait, FaultKind::Http, Effect::None),
            (504, None, FaultKind::Http, Effect::Unknown),
        ];
        for (status, after, kind, effect) in table {
            let fault = refused(&server, StatusCode::from_u16(status).unwrap(), after);
            assert_eq!(
                (fault.kind, fault.effect, fault.retry_after),
                (kind, effect, after),
                "{status}"
            );
        }
    }

    #[test]
    fn waits_are_seconds_or_dates_and_bounded() {
        let clock = ManualClock::at("2026-11-21T08:00:00Z".parse().unwrap());
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, &clock)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Sat, 21 Nov 2026 08:00:30 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(wait("Sat, 21 Nov 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("999999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
    }
}
