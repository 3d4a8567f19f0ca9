//! Content that goes up: in one request to 5 MB, in resumable pieces above.
//!
//! Invariant: a resumable upload that breaks asks Google how far it got before it sends on, so
//! nothing is created twice however often the connection fails.

mod session;
mod source;

use bytes::{Bytes, BytesMut};
use foundation::Kind;
use google_discovery::Method;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::{
    io::BufReader,
    time::{Instant, sleep},
};

use crate::{
    ApiError, Call, Media, MediaStream, backoff, call,
    request::Door,
    send::Tally,
    upload::{
        session::{Progress, Session},
        source::{Source, piece},
    },
};

/// The most that goes up in one request.
const ONE_REQUEST: usize = 5 * 1024 * 1024;
/// How often in a row a piece may fail without any progress.
const FAILURES: u32 = 5;

impl Call {
    /// Sends the body as metadata together with `media`: multipart to 5 MB, resumable above.
    /// Without a body the media goes alone (a whole mail as `message/rfc822`).
    pub async fn upload(mut self, media: Media) -> Result<Value, ApiError> {
        let method = self.checked_upload()?;
        let length = media.bytes.len();
        let mime = mime(method, &media.mime_type)?;
        fits(method, Some(length as u64))?;
        if length > ONE_REQUEST {
            let source = Source::Whole(media.bytes);
            return self
                .resumable(method, mime, Some(length as u64), source)
                .await;
        }
        let wire = match self.body.take() {
            None => {
                let mut wire = self.wire(method, Door::Upload("media"))?;
                wire.headers.insert(header::CONTENT_TYPE, mime);
                wire.body = media.bytes;
                wire
            }
            Some(metadata) => {
                let mut wire = self.wire(method, Door::Upload("multipart"))?;
                let random = self.client.google.shared.config.random.hex(16);
                let boundary = format!("part-{random}");
                let kind = format!("multipart/related; boundary={boundary}");
                let kind = HeaderValue::try_from(kind).expect("hexadecimal digits are allowed");
                wire.headers.insert(header::CONTENT_TYPE, kind);
                wire.body = related(&boundary, &metadata, &mime, &media.bytes);
                wire
            }
        };
        let plan = self.plan(method, self.client.google.shared.config.transfer_deadline);
        call::read(method, self.client.transmit(&plan, wire).await?)
    }

    /// As [`Call::upload`], from a reader. Up to 5 MB are read ahead and go in one request.
    pub async fn upload_stream(mut self, media: MediaStream) -> Result<Value, ApiError> {
        let method = self.checked_upload()?;
        fits(method, media.length)?;
        let mut reader = BufReader::with_capacity(64 * 1024, media.reader);
        let (first, ended) = piece(method, &mut reader, ONE_REQUEST).await?;
        if ended {
            return self
                .upload(Media {
                    mime_type: media.mime_type,
                    bytes: first,
                })
                .await;
        }
        let mime = mime(method, &media.mime_type)?;
        let source = Source::Reader {
            ahead: first,
            reader,
            position: 0,
        };
        self.resumable(method, mime, media.length, source).await
    }

    async fn resumable(
        &self,
        method: &'static Method,
        mime: HeaderValue,
        length: Option<u64>,
        source: Source,
    ) -> Result<Value, ApiError> {
        let mut tally = Tally::start();
        let result = self
            .send_pieces(method, &mime, length, source, &mut tally)
            .await;
        self.client
            .report(method, &tally, result.as_ref().map(|_| StatusCode::OK));
        result
    }

    async fn send_pieces(
        &self,
        method: &'static Method,
        mime: &HeaderValue,
        length: Option<u64>,
        mut source: Source,
        tally: &mut Tally,
    ) -> Result<Value, ApiError> {
        let usual = self.client.google.shared.config.transfer_deadline;
        let plan = self.plan(method, usual);
        let mut session = Session::begin(self, plan, mime, length, tally).await?;
        let mut piece = source.next(method, 0).await?;
        let mut failures = 0;
        loop {
            let outcome = session.put(&piece, tally).await;
            let progress = match outcome {
                Ok(Progress::Until(reached)) if reached <= session.at => {
                    Err(stalled(method, session.at))
                }
                other => other,
            };
            match progress {
                Ok(Progress::Done(reply)) => return call::read(method, *reply),
                Ok(Progress::Until(reached)) => {
                    failures = 0;
                    session.at = reached;
                }
                Err(error) if lost(&error) => {
                    failures += 1;
                    if failures >= FAILURES {
                        return Err(error);
                    }
                    let random = self.client.google.shared.config.random.as_ref();
                    let pause = backoff::pause(failures, error.retry_after, random);
                    if Instant::now() + pause >= session.plan.deadline {
                        return Err(error);
                    }
                    sleep(pause).await;
                    match session.ask(&piece, tally).await {
                        Ok(Progress::Done(reply)) => return call::read(method, *reply),
                        Ok(Progress::Until(reached)) => session.at = reached,
                        Err(error) if ended(&error) => session.at = u64::MAX,
                        Err(error) => return Err(error),
                    }
                }
                Err(error) if ended(&error) => {
                    failures += 1;
                    if failures >= FAILURES {
                        return Err(error);
                    }
                    session.at = u64::MAX;
                }
                Err(error) => return Err(error),
            }
            if session.at == u64::MAX {
                // The session is gone and with it all that was sent.
                session = Session::begin(self, session.plan, mime, length, tally).await?;
            }
            piece = match source.at(&piece, session.at) {
                Some(piece) => piece,
                None => source.next(method, session.at).await?,
            };
        }
    }
}

/// Whether Google may or may not have received the piece.
fn lost(error: &ApiError) -> bool {
    matches!(error.kind, Kind::Unknown | Kind::Upstream)
}

/// Whether the session does not exist any more.
fn ended(error: &ApiError) -> bool {
    matches!(error.status, Some(404 | 410))
}

fn stalled(method: &'static Method, at: u64) -> ApiError {
    let message = format!("Google took nothing beyond byte {at} of the upload");
    ApiError::new(Kind::Upstream, method.id, message).hint("try again in a minute")
}

/// `multipart/related` with metadata first and the content as it is second.
fn related(boundary: &str, metadata: &Value, mime: &HeaderValue, content: &Bytes) -> Bytes {
    let mut body = BytesMut::with_capacity(content.len() + 1024);
    body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
    body.extend_from_slice(b"Content-Type: application/json; charset=UTF-8\r\n\r\n");
    body.extend_from_slice(metadata.to_string().as_bytes());
    body.extend_from_slice(format!("\r\n--{boundary}\r\nContent-Type: ").as_bytes());
    body.extend_from_slice(mime.as_bytes());
    body.extend_from_slice(b"\r\n\r\n");
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body.freeze()
}

/// The media type as a header, which also keeps line breaks out of multipart heads.
fn mime(method: &'static Method, mime_type: &str) -> Result<HeaderValue, ApiError> {
    let plausible =
        mime_type.is_ascii() && mime_type.split('/').filter(|p| !p.is_empty()).count() == 2;
    HeaderValue::try_from(mime_type)
        .ok()
        .filter(|_| plausible)
        .ok_or_else(|| {
            ApiError::new(Kind::Input, method.id, "the media type cannot be used")
                .hint("give a media type such as application/pdf")
        })
}

fn fits(method: &'static Method, length: Option<u64>) -> Result<(), ApiError> {
    let Some(upload) = &method.upload else {
        let message = format!("{} takes no content", method.id);
        return Err(ApiError::new(Kind::Input, method.id, message).hint("send its JSON body only"));
    };
    match (upload.max_bytes, length) {
        (Some(most), Some(length)) if length > most => {
            let message = format!(
                "{length} bytes are too many: {} takes at most {most}",
                method.id
            );
            let hint = if method.api_name == "gmail" {
                "put large files on Drive and send a link to them"
            } else {
                "send less"
            };
            Err(ApiError::new(Kind::Input, method.id, message).hint(hint))
        }
        _ => Ok(()),
    }
}
