//! One resumable upload at Google: where it stands and what is sent next.
//!
//! Invariant: pieces go to the address Google gave for this upload and nowhere else.

use bytes::Bytes;
use foundation::Kind;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    ApiError, Call,
    request::{Door, Wire},
    send::{Plan, Reply, Tally},
    upload::source::Piece,
};

pub(super) enum Progress {
    /// Google has everything below this position.
    Until(u64),
    /// The upload is complete.
    Done(Box<Reply>),
}

/// One resumable upload at Google.
pub(super) struct Session<'a> {
    call: &'a Call,
    pub(super) plan: Plan,
    url: String,
    /// Google has everything below this position.
    pub(super) at: u64,
}

impl<'a> Session<'a> {
    pub(super) async fn begin(
        call: &'a Call,
        plan: Plan,
        mime: &HeaderValue,
        length: Option<u64>,
        tally: &mut Tally,
    ) -> Result<Self, ApiError> {
        let method = plan.method;
        let mut wire = call.wire(method, Door::Upload("resumable"))?;
        wire.headers.insert("x-upload-content-type", mime.clone());
        if let Some(length) = length {
            wire.headers
                .insert("x-upload-content-length", HeaderValue::from(length));
        }
        // Beginning creates nothing but the session, so it may be repeated.
        let plan = Plan {
            repeatable: true,
            charged: true,
            ..plan
        };
        let reply = call.client.part(&plan, &wire, tally).await?;
        let hosts = &call.client.google.shared.config.hosts;
        let told = reply
            .headers
            .get(header::LOCATION)
            .and_then(|to| to.to_str().ok());
        let url = told.and_then(|told| hosts.follow(told)).ok_or_else(|| {
            let message = "Google opened no upload session at an address of its own";
            ApiError::new(Kind::Upstream, method.id, message).hint("try again in a minute")
        })?;
        // Each failure is looked at here instead of being repeated by the send loop.
        let plan = Plan {
            repeatable: false,
            charged: false,
            ..plan
        };
        Ok(Self {
            call,
            plan,
            url,
            at: 0,
        })
    }

    pub(super) async fn put(&self, piece: &Piece, tally: &mut Tally) -> Result<Progress, ApiError> {
        let total = piece
            .total
            .map_or_else(|| "*".to_owned(), |total| total.to_string());
        let range = if piece.bytes.is_empty() {
            format!("bytes */{total}")
        } else {
            format!("bytes {}-{}/{total}", piece.start, piece.end() - 1)
        };
        self.request(&range, piece.bytes.clone(), &self.plan, tally)
            .await
    }

    /// How far Google got.
    pub(super) async fn ask(&self, piece: &Piece, tally: &mut Tally) -> Result<Progress, ApiError> {
        let total = piece
            .total
            .map_or_else(|| "*".to_owned(), |total| total.to_string());
        let plan = Plan {
            repeatable: true,
            ..self.plan
        };
        self.request(&format!("bytes */{total}"), Bytes::new(), &plan, tally)
            .await
    }

    async fn request(
        &self,
        range: &str,
        body: Bytes,
        plan: &Plan,
        tally: &mut Tally,
    ) -> Result<Progress, ApiError> {
        let mut headers = HeaderMap::new();
        let range = HeaderValue::try_from(range).expect("digits are allowed");
        headers.insert(header::CONTENT_RANGE, range);
        let wire = Wire {
            verb: http::Method::PUT,
            url: self.url.clone(),
            headers,
            body,
        };
        let reply = self.call.client.part(plan, &wire, tally).await?;
        if reply.status != StatusCode::PERMANENT_REDIRECT {
            return Ok(Progress::Done(Box::new(reply)));
        }
        // `bytes=0-N`; without the header Google has nothing yet.
        let reached = reply
            .headers
            .get(header::RANGE)
            .and_then(|range| range.to_str().ok())
            .and_then(|range| range.rsplit('-').next())
            .and_then(|last| last.parse::<u64>().ok())
            .map_or(0, |last| last + 1);
        Ok(Progress::Until(reached))
    }
}
