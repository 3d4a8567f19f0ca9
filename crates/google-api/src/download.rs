//! Content that comes down: whole, in part, or straight into a writer.
//!
//! A break in the middle is mended by asking for the rest. Invariant: never more than the cap is
//! kept or written, and the token never travels to a host that is not Google's.

use std::{io, time::Duration};

use bytes::Bytes;
use foundation::Kind;
use google_discovery::Method;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    ApiError, Call, Download, Downloaded, Range, backoff,
    request::{Door, Wire},
    send::{Content, Plan, Reply, Tally},
};

/// The longest silence in the middle of a download.
const SILENCE: Duration = Duration::from_secs(30);
/// The most often one download may be sent elsewhere.
const REDIRECTS: usize = 5;

impl Call {
    /// Downloads the media of the method (`alt=media`, exports), at most `max_bytes`.
    pub async fn download(
        self,
        range: Option<Range>,
        max_bytes: u64,
    ) -> Result<Download, ApiError> {
        let mut content = Vec::new();
        let done = self.fetch(&mut content, range, max_bytes).await?;
        Ok(Download {
            mime_type: done.mime_type,
            bytes: Bytes::from(content),
            total: done.total,
            truncated: done.truncated,
        })
    }

    /// As [`Call::download`], straight into a writer.
    pub async fn download_to(
        self,
        writer: &mut (impl AsyncWrite + Send + Unpin),
        range: Option<Range>,
        max_bytes: u64,
    ) -> Result<Downloaded, ApiError> {
        self.fetch(writer, range, max_bytes).await
    }

    async fn fetch(
        mut self,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
        range: Option<Range>,
        max_bytes: u64,
    ) -> Result<Downloaded, ApiError> {
        let method = self.checked()?;
        let mut tally = Tally::start();
        let result = self
            .fetch_checked(method, writer, range, max_bytes, &mut tally)
            .await;
        self.client
            .report(method, &tally, result.as_ref().map(|_| StatusCode::OK));
        result
    }

    async fn fetch_checked(
        &self,
        method: &'static Method,
        writer: &mut (dyn AsyncWrite + Send + Unpin),
        range: Option<Range>,
        max_bytes: u64,
        tally: &mut Tally,
    ) -> Result<Downloaded, ApiError> {
        if !method.supports_download {
            let message = format!("{} has no content to download", method.id);
            return Err(ApiError::new(Kind::Input, method.id, message).hint("call it for its JSON"));
        }
        let wanted = Wanted::new(method, range, max_bytes)?;
        let wire = self.wire(method, Door::Media)?;
        let usual = self.client.google.shared.config.transfer_deadline;
        let plan = Plan {
            streamed: true,
            ..self.plan(method, usual)
        };
        let mut done = Downloaded {
            mime_type: None,
            written: 0,
            total: None,
            truncated: false,
        };
        let mut breaks = 0;
        loop {
            let part = Wire {
                headers: wanted.headers(&wire.headers, done.written),
                ..wire.clone()
            };
            let reply = match self.client.part(&plan, &part, tally).await {
                Ok(reply) => self.follow(&plan, reply, &wanted, done.written).await?,
                Err(error) if wanted.is_past_the_end(&error, done.written) => return Ok(done),
                Err(error) => return Err(error),
            };
            let before = done.written;
            match pour(&plan, reply, writer, &wanted, &mut done).await? {
                Poured::All => return Ok(done),
                Poured::Broken if breaks + 1 < backoff::TRIES => {
                    breaks = if done.written > before { 0 } else { breaks + 1 };
                    let random = self.client.google.shared.config.random.as_ref();
                    sleep(backoff::pause(breaks.max(1), None, random)).await;
                }
                Poured::Broken => {
                    let message = format!("the download broke off after {} bytes", done.written);
                    return Err(ApiError::new(Kind::Upstream, method.id, message)
                        .hint("try again, or fetch smaller ranges"));
                }
            }
        }
    }

    /// Goes where Google's answer points, as long as that is Google again.
    async fn follow(
        &self,
        plan: &Plan,
        mut reply: Reply,
        wanted: &Wanted,
        written: u64,
    ) -> Result<Reply, ApiError> {
        let shared = &self.client.google.shared;
        for _ in 0..REDIRECTS {
            if !reply.status.is_redirection() {
                return Ok(reply);
            }
            let Content::Arriving(_, permit) = reply.content else {
                return Ok(reply);
            };
            let told = reply
                .headers
                .get(header::LOCATION)
                .and_then(|to| to.to_str().ok());
            let Some(url) = told.and_then(|told| shared.config.hosts.follow(told)) else {
                let message = "Google pointed to a place that is not Google's";
                return Err(ApiError::new(Kind::Upstream, plan.method.id, message)
                    .hint("read the content in another way, such as an export"));
            };
            // Such links carry their own authority; the token stays here.
            let request = shared
                .http
                .get(url)
                .headers(wanted.headers(&HeaderMap::new(), written));
            let sent = timeout_at(plan.deadline, request.send()).await;
            let response = sent
                .ok()
                .and_then(Result::ok)
                .filter(|response| response.status().as_u16() < 400)
                .ok_or_else(|| {
                    ApiError::new(
                        Kind::Upstream,
                        plan.method.id,
                        "the content could not be fetched",
                    )
                    .hint("try again in a minute")
                })?;
            reply = Reply {
                status: response.status(),
                headers: response.headers().clone(),
                content: Content::Arriving(response, permit),
            };
        }
        let message = "Google pointed from place to place without end";
        Err(ApiError::new(Kind::Upstream, plan.method.id, message))
    }
}

/// Which bytes are wanted.
struct Wanted {
    start: u64,
    /// How many bytes, at most.
    most: u64,
    /// Whether the caller, rather than the cap, set the end.
    ends_as_asked: bool,
    /// Whether to ask for a range; exports know none.
    ranged: bool,
}

impl Wanted {
    fn new(
        method: &'static Method,
        range: Option<Range>,
        max_bytes: u64,
    ) -> Result<Self, ApiError> {
        let Range { start, end } = range.unwrap_or(Range {
            start: 0,
            end: None,
        });
        if end.is_some_and(|end| end < start) || max_bytes == 0 {
            let message = "a range ends before it starts, or nothing may be fetched";
            return Err(ApiError::new(Kind::Input, method.id, message)
                .hint("let the range end at or after its start, and the cap be at least 1"));
        }
        let asked = end.map(|end| (end - start).saturating_add(1));
        Ok(Self {
            start,
            most: asked.unwrap_or(u64::MAX).min(max_bytes),
            ends_as_asked: asked.is_some_and(|asked| asked <= max_bytes),
            ranged: !method.id.ends_with(".export"),
        })
    }

    /// The headers of a request for what is left after `written` bytes.
    fn headers(&self, common: &HeaderMap, written: u64) -> HeaderMap {
        let mut headers = common.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if !self.ranged {
            return headers;
        }
        // Ranges count the bytes of the content, not of a compressed form of it.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let from = self.start + written;
        let range = match self.start.checked_add(self.most - 1) {
            Some(last) if self.most < u64::MAX => format!("bytes={from}-{last}"),
            _ => format!("bytes={from}-"),
        };
        headers.insert(
            header::RANGE,
            HeaderValue::try_from(range).expect("digits are allowed"),
        );
        headers
    }

    /// Whether the refusal only says that there is nothing (more) from here on.
    fn is_past_the_end(&self, error: &ApiError, written: u64) -> bool {
        let empty = self.start == 0 && self.ranged;
        error.status == Some(416) && (empty || written > 0)
    }
}

enum Poured {
    All,
    Broken,
}

/// Writes what arrives, up to the cap.
async fn pour(
    plan: &Plan,
    reply: Reply,
    writer: &mut (dyn AsyncWrite + Send + Unpin),
    wanted: &Wanted,
    done: &mut Downloaded,
) -> Result<Poured, ApiError> {
    let partial = reply.status == StatusCode::PARTIAL_CONTENT;
    let header = |name| {
        reply
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if let Some(mime) = header(header::CONTENT_TYPE) {
        done.mime_type = Some(mime.to_owned());
    }
    done.total = if partial {
        header(header::CONTENT_RANGE)
            .and_then(|range| range.rsplit('/').next())
            .and_then(|total| total.parse().ok())
    } else if header(header::CONTENT_ENCODING).is_none() {
        header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok())
    } else {
        None
    }
    .or(done.total);
    // Without a range in the answer it starts at the first byte.
    let mut skip = if partial {
        0
    } else {
        wanted.start + done.written
    };
    let Content::Arriving(mut response, _permit) = reply.content else {
        return Ok(Poured::All);
    };
    loop {
        let until = plan.deadline.min(Instant::now() + SILENCE);
        let chunk = match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break,
            Err(_) if until == plan.deadline => {
                let message = format!("time was up after {} bytes", done.written);
                return Err(ApiError::new(Kind::Upstream, plan.method.id, message)
                    .hint("fetch smaller ranges"));
            }
            Ok(Err(_)) | Err(_) => return Ok(Poured::Broken),
        };
        let unwanted = skip.min(chunk.len() as u64);
        skip -= unwanted;
        let chunk = chunk.slice(usize::try_from(unwanted).unwrap_or(chunk.len())..);
        let room = usize::try_from(wanted.most - done.written).unwrap_or(usize::MAX);
        let kept = chunk.slice(..chunk.len().min(room));
        writer
            .write_all(&kept)
            .await
            .map_err(|error| not_written(plan.method, &error))?;
        done.written += kept.len() as u64;
        if chunk.len() > room {
            break;
        }
    }
    writer
        .flush()
        .await
        .map_err(|error| not_written(plan.method, &error))?;
    let reached = wanted.start + done.written;
    done.truncated = !wanted.ends_as_asked
        && done.written == wanted.most
        && done.total.is_none_or(|total| reached < total);
    Ok(Poured::All)
}

fn not_written(method: &'static Method, error: &io::Error) -> ApiError {
    let message = format!("the content could not be written: {}", error.kind());
    ApiError::new(Kind::Internal, method.id, message).hint("check the free space")
}
