//! Several calls in one request: `multipart/mixed` batches.
//!
//! Not a transaction: every inner call stands alone. Invariant: an inner call goes through the same
//! door as any other, with its own faults and its own record.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Answer, Incoming, multipart, one};
use crate::{error::ApiError, shared::Shared};

/// What Google takes at most in one batch.
const MOST: usize = 100;

/// Whether a request is a batch.
pub(super) fn is_batch(incoming: &Incoming) -> bool {
    incoming.method == http::Method::POST
        && (incoming.path == "/batch" || incoming.path.starts_with("/batch/"))
}

/// Answers every call of a batch.
pub(super) fn answer(shared: &Arc<Shared>, incoming: &Incoming) -> Answer {
    let refuse =
        |message: &str| Answer::refusal(&ApiError::new(400, "badRequest", message), "gmail");
    let content_type = incoming.header("content-type").unwrap_or_default();
    let Some(parts) = multipart::boundary(content_type)
        .and_then(|boundary| multipart::parts(&incoming.body, &boundary))
    else {
        return refuse("Failed to parse batch request: the body must be multipart/mixed.");
    };
    if parts.len() > MOST {
        return refuse("The batch request contains too many calls; the maximum is 100.");
    }
    let boundary = format!("batch_{}", shared.knobs(|knobs| knobs.chance.word(32)));
    let mut body = Vec::new();
    for part in &parts {
        let inner = read(incoming, part.content)
            .and_then(|inner| one(shared, &inner).ok())
            .unwrap_or_else(|| refuse("Failed to parse an inner request of the batch."));
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Type: application/http\r\n").as_bytes(),
        );
        if let Some(id) = part.header("content-id") {
            let id = id.strip_prefix('<').map_or_else(
                || format!("response-{id}"),
                |rest| format!("<response-{rest}"),
            );
            body.extend_from_slice(format!("Content-ID: {id}\r\n").as_bytes());
        }
        body.extend_from_slice(b"\r\n");
        write(&mut body, &inner);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Answer {
        status: StatusCode::OK,
        headers: vec![(
            "content-type",
            format!("multipart/mixed; boundary={boundary}"),
        )],
        body: body.into(),
    }
}

/// The inner request of a part; the outer authorisation holds where it has none of its own.
fn read(outer: &Incoming, content: &[u8]) -> Option<Incoming> {
    let line_end = content.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(&content[..line_end])
        .trim()
        .to_owned();
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    // Google's own clients write the path; some write the whole URL.
    let path = match target.split_once("://") {
        Some((_, rest)) => format!("/{}", rest.split_once('/').map_or("", |(_, path)| path)),
        None => target.to_owned(),
    };
    let (head, body) = multipart::split_head(&content[line_end + 1..]);
    let mut headers = HeaderMap::new();
    for (name, value) in head {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    if !headers.contains_key("authorization")
        && let Some(value) = outer.headers.get("authorization")
    {
        headers.insert("authorization", value.clone());
    }
    let body = Bytes::copy_from_slice(body);
    let mut inner = Incoming::new(
        method.parse().ok()?,
        &path,
        headers,
        body,
        outer.base_url.clone(),
    );
    let nested = is_batch(&inner);
    inner.host = inner.host.or_else(|| outer.host.clone());
    (!nested).then_some(inner)
}

fn write(out: &mut Vec<u8>, answer: &Answer) {
    let reason = answer.status.canonical_reason().unwrap_or("Unknown");
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", answer.status.as_u16()).as_bytes());
    for (name, value) in &answer.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body.len()).as_bytes());
    out.extend_from_slice(&answer.body);
}
