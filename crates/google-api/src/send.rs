//! The one loop that sends requests to Google.
//!
//! Token, quota, breaker, deadline, retries and what each failure means are decided here and
//! nowhere else. Invariant: a request that may have taken effect is sent again only when that is
//! harmless; otherwise the caller learns that nobody knows ([`Kind::Unknown`]).

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use foundation::Kind;
use google_discovery::Method;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Body, Response};
use secrecy::ExposeSecret;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    AccessToken, ApiError, CallRecord, Client,
    answer::Refusal,
    backoff,
    connection::API_CLIENT,
    explain::{self, Repeat},
    failed::{Failed, broken, given_up, late, no_token, overdue, settled, unsent},
    quota,
    request::Wire,
};

/// Answers of JSON methods are small; this keeps a mistake from filling the memory.
const LARGEST_JSON: usize = 64 * 1024 * 1024;
/// Refusals are smaller still.
const LARGEST_REFUSAL: usize = 256 * 1024;

/// How a request is to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) method: &'static Method,
    /// Whether the request may be repeated when it may have taken effect.
    pub(crate) repeatable: bool,
    /// When to give up.
    pub(crate) deadline: Instant,
    /// Whether the content is left to be read by the caller.
    pub(crate) streamed: bool,
    /// Whether the request is charged to the account's quota (pieces of an upload are not).
    pub(crate) charged: bool,
}

/// A success, or one of the answers below 400 that only the caller understands.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Whole(Bytes),
    /// Still arriving; the account's place is held until it is dropped.
    Arriving(Response, OwnedSemaphorePermit),
}

impl Reply {
    pub(crate) fn bytes(self) -> Bytes {
        match self.content {
            Content::Whole(bytes) => bytes,
            Content::Arriving(..) => Bytes::new(),
        }
    }
}

impl Client {
    /// Sends until it succeeds, cannot succeed, or time is up.
    pub(crate) async fn transmit(&self, plan: &Plan, wire: Wire) -> Result<Reply, ApiError> {
        let mut tally = Tally::start();
        let result = self.part(plan, &wire, &mut tally).await;
        self.report(
            plan.method,
            &tally,
            result.as_ref().map(|reply| reply.status),
        );
        result
    }

    /// As [`Client::transmit`], for one of several requests that make up a call. The caller tells
    /// the observers when all is done.
    pub(crate) async fn part(
        &self,
        plan: &Plan,
        wire: &Wire,
        tally: &mut Tally,
    ) -> Result<Reply, ApiError> {
        let shared = &self.google.shared;
        let mut attempts = 0;
        let mut fresh_token_tried = false;
        let mut maybe_done = false;
        shared.budget.call();
        loop {
            self.wait_for_quota(plan).await?;
            let token = self.token(plan).await?;
            attempts += 1;
            let failed = match self.once(plan, wire, token.as_ref(), tally).await {
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            if maybe_done && let Some(settled) = settled(plan.method, &failed) {
                return settled;
            }
            maybe_done |= failed.ambiguous;
            tally.rate_limited += u32::from(failed.rate_limited);
            if failed.repeat == Repeat::WithNewToken
                && !fresh_token_tried
                && let Some(token) = &token
            {
                fresh_token_tried = true;
                self.tokens.rejected(token).await;
                continue;
            }
            let allowed = match failed.repeat {
                Repeat::Safe => true,
                Repeat::IfIdempotent => plan.repeatable,
                Repeat::WithNewToken | Repeat::Useless => false,
            };
            let pause = backoff::pause(
                attempts,
                failed.error.retry_after,
                shared.config.random.as_ref(),
            );
            let in_time = Instant::now() + pause < plan.deadline;
            if !(allowed && attempts < backoff::TRIES && in_time && shared.budget.retry()) {
                return Err(given_up(plan, failed, attempts));
            }
            tracing::debug!(
                google.method = plan.method.id,
                attempt = attempts,
                status = failed.error.status,
                reason = failed.error.reason,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "retrying"
            );
            sleep(pause).await;
        }
    }

    /// Waits until the account's quota allows the request.
    async fn wait_for_quota(&self, plan: &Plan) -> Result<(), ApiError> {
        let shared = &self.google.shared;
        if !(plan.charged && shared.config.keep_quotas) {
            return Ok(());
        }
        let charge = quota::charge(plan.method);
        while let Err(wait) = shared.limiter.take(&self.account, charge) {
            if Instant::now() + wait >= plan.deadline {
                let limit = charge.quota.per_minute;
                let name = charge.quota.name;
                let message = format!("this account used up its {limit} {name} a minute");
                return Err(ApiError::new(Kind::Busy, plan.method.id, message)
                    .hint("wait, or ask for less at once")
                    .after(wait.as_secs() + 1));
            }
            sleep(wait).await;
        }
        Ok(())
    }

    /// A token for the method; none when it takes an API key instead.
    async fn token(&self, plan: &Plan) -> Result<Option<AccessToken>, ApiError> {
        if plan.method.scopes.is_empty() {
            return Ok(None);
        }
        let scopes = self.google.shared.scopes_of(plan.method);
        match timeout_at(plan.deadline, self.tokens.token(&scopes)).await {
            Ok(Ok(token)) => Ok(Some(token)),
            Ok(Err(error)) => Err(no_token(plan.method, error)),
            Err(_) => Err(late(plan.method, "waiting for an access token")),
        }
    }

    async fn once(
        &self,
        plan: &Plan,
        wire: &Wire,
        token: Option<&AccessToken>,
        tally: &mut Tally,
    ) -> Result<Reply, Failed> {
        let Ok(permit) = timeout_at(plan.deadline, self.gate.clone().acquire_owned()).await else {
            return Err(unsent(late(
                plan.method,
                "waiting for this account's other calls",
            )));
        };
        let permit = permit.expect("gates are never closed");
        let pass = self
            .google
            .shared
            .breakers
            .admit(plan.method.api_name)
            .map_err(|wait| {
                let message = format!(
                    "{} failed repeatedly and is left alone for a moment",
                    plan.method.api_name
                );
                let error = ApiError::new(Kind::Busy, plan.method.id, message);
                unsent(
                    error
                        .hint("try again in some seconds")
                        .after(wait.as_secs() + 1),
                )
            })?;
        let request = self.request(plan, wire, token).map_err(unsent)?;
        tally.attempts += 1;
        let sent = timeout_at(plan.deadline, request.send()).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                pass.failed();
                return Err(broken(plan.method, &error));
            }
            Err(_) => {
                pass.failed();
                return Err(overdue(plan.method));
            }
        };
        let status = response.status();
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            pass.failed();
        } else {
            pass.answered();
        }
        if status.is_success() || status.is_redirection() {
            return self.accept(plan, response, permit).await;
        }
        let headers = response.headers().clone();
        // What Google said is worth having, but a refusal stands even when its words are lost.
        let body = match timeout_at(plan.deadline, whole(response, LARGEST_REFUSAL)).await {
            Ok(Ok(body)) => body,
            _ => Bytes::new(),
        };
        let refusal = Refusal::read(&headers, &body);
        let repeat = explain::repeat(status.as_u16(), &refusal);
        let rate_limited = status == StatusCode::TOO_MANY_REQUESTS || repeat == Repeat::Safe;
        Err(Failed {
            ambiguous: repeat == Repeat::IfIdempotent,
            repeat,
            rate_limited,
            error: explain::explain(plan.method, status.as_u16(), refusal),
        })
    }

    fn request(
        &self,
        plan: &Plan,
        wire: &Wire,
        token: Option<&AccessToken>,
    ) -> Result<reqwest::RequestBuilder, ApiError> {
        let shared = &self.google.shared;
        let mut url = shared.config.hosts.map(&wire.url);
        if plan.method.scopes.is_empty()
            && let Some(key) = &shared.config.api_key
        {
            let key = url::form_urlencoded::byte_serialize(key.expose_secret().as_bytes());
            let _ = write!(url, "&key={}", key.collect::<String>());
        } else if plan.method.api_name == "customsearch" {
            let message = "searching the web needs an API key, and none is configured";
            return Err(ApiError::new(Kind::Forbidden, plan.method.id, message)
                .hint("configure a Google API key with the Custom Search API enabled"));
        }
        let mut request = shared
            .http
            .request(wire.verb.clone(), url)
            .headers(wire.headers.clone())
            .header("x-goog-api-client", API_CLIENT);
        if let Some(project) = &shared.config.quota_project {
            request = request.header("x-goog-user-project", project);
        }
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.secret.expose_secret());
            let Ok(mut value) = HeaderValue::try_from(bearer) else {
                let message = "the access token holds characters that no token has";
                return Err(ApiError::new(Kind::NeedsConsent, plan.method.id, message)
                    .hint("sign in again"));
            };
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if wire.body.is_empty() {
            if !matches!(wire.verb, http::Method::GET | http::Method::DELETE) {
                request = request.header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            return Ok(request);
        }
        Ok(request.body(Body::from(wire.body.clone())))
    }

    async fn accept(
        &self,
        plan: &Plan,
        response: Response,
        permit: OwnedSemaphorePermit,
    ) -> Result<Reply, Failed> {
        let (status, headers) = (response.status(), response.headers().clone());
        if plan.streamed {
            let content = Content::Arriving(response, permit);
            return Ok(Reply {
                status,
                headers,
                content,
            });
        }
        match timeout_at(plan.deadline, whole(response, LARGEST_JSON)).await {
            Ok(Ok(bytes)) => Ok(Reply {
                status,
                headers,
                content: Content::Whole(bytes),
            }),
            Ok(Err(Some(error))) => Err(broken(plan.method, &error)),
            Ok(Err(None)) => {
                let message = format!("the answer is larger than {LARGEST_JSON} bytes");
                let error = ApiError::new(Kind::Input, plan.method.id, message)
                    .hint("ask for fewer fields or a smaller part");
                Err(Failed {
                    ambiguous: true,
                    ..unsent(error)
                })
            }
            Err(_) => Err(overdue(plan.method)),
        }
    }

    /// Tells the log and the observer how a call went.
    pub(crate) fn report(
        &self,
        method: &'static Method,
        tally: &Tally,
        outcome: Result<StatusCode, &ApiError>,
    ) {
        let failure = outcome.err();
        let status = outcome.map_or_else(|error| error.status, |status| Some(status.as_u16()));
        let duration = tally.started.elapsed();
        tracing::debug!(
            google.method = method.id,
            status,
            reason = failure.and_then(|error| error.reason.as_deref()),
            kind = failure.map(|error| error.kind.name()),
            attempts = tally.attempts,
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "google call"
        );
        let Some(observer) = &self.google.shared.config.observer else {
            return;
        };
        observer(&CallRecord {
            method: method.id,
            api: method.api_name,
            status,
            failure: failure.map(|error| error.kind),
            reason: failure.and_then(|error| error.reason.clone()),
            attempts: tally.attempts,
            rate_limited: tally.rate_limited,
            duration,
        });
    }
}

/// What is counted during one call.
pub(crate) struct Tally {
    started: Instant,
    attempts: u32,
    rate_limited: u32,
}

impl Tally {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            attempts: 0,
            rate_limited: 0,
        }
    }
}

/// The whole body; an error without a cause says that it is longer than `longest`.
async fn whole(mut response: Response, longest: usize) -> Result<Bytes, Option<reqwest::Error>> {
    let Some(first) = response.chunk().await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        if body.len() + chunk.len() > longest {
            return Err(None);
        }
        body.extend_from_slice(&chunk);
        next = response.chunk().await?;
    }
    Ok(body.freeze())
}
