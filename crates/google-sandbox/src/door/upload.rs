//! Uploads: in one request, with metadata beside it, or in pieces.
//!
//! Not what becomes of the content. Invariant: a handler sees the complete content or nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::{
    Answer, Incoming,
    api::{self, Ticket},
    multipart,
    resumable::{Session, Step},
};
use crate::{call::Media, error::ApiError, registry, shared::Shared};

const ANY: &str = "application/octet-stream";

/// Whether the path is one for content.
pub(super) fn is_upload(incoming: &Incoming) -> bool {
    incoming.path.starts_with("/upload/") || incoming.path.starts_with("/resumable/upload/")
}

/// The session a request belongs to, if it is a piece of an upload.
pub(super) fn session_id(incoming: &Incoming) -> Option<String> {
    let piece = matches!(incoming.method.as_str(), "PUT" | "DELETE");
    (is_upload(incoming) && piece).then(|| incoming.query("upload_id").map(str::to_owned))?
}

/// Takes an upload, or opens a session for one in pieces.
pub(super) fn start(
    shared: &Arc<Shared>,
    incoming: &Incoming,
    ticket: Ticket,
) -> Result<Answer, ApiError> {
    let content_type = incoming.header("content-type").unwrap_or(ANY).to_owned();
    let kind = incoming
        .query("uploadType")
        .or_else(|| incoming.query("upload_protocol"));
    match kind {
        Some("multipart") => {
            let (body, media) = related(&content_type, &incoming.body)?;
            within(&ticket, media.bytes.len() as u64)?;
            api::run(shared, Ticket { body, ..ticket }, Some(media))
        }
        Some("resumable") => open(shared, incoming, ticket),
        Some("media" | "raw") => {
            within(&ticket, incoming.body.len() as u64)?;
            let media = Media {
                content_type,
                bytes: incoming.body.clone(),
            };
            api::run(shared, ticket, Some(media))
        }
        _ => Err(ApiError::new(
            400,
            "badRequest",
            "An upload needs uploadType=media, multipart or resumable.",
        )
        .at_parameter("uploadType")),
    }
}

fn within(ticket: &Ticket, length: u64) -> Result<(), ApiError> {
    let most = ticket
        .method
        .upload
        .as_ref()
        .and_then(|upload| upload.max_bytes);
    match most {
        Some(most) if length > most => Err(ApiError::new(
            413,
            "uploadTooLarge",
            format!(
                "The content has {length} bytes; {} takes at most {most}.",
                ticket.method.id
            ),
        )),
        _ => Ok(()),
    }
}

fn related(content_type: &str, body: &Bytes) -> Result<(serde_json::Value, Media), ApiError> {
    let refused = |what: &str| {
        ApiError::new(
            400,
            "badContent",
            format!("Malformed multipart body: {what}."),
        )
    };
    let boundary = multipart::boundary(content_type).ok_or_else(|| refused("no boundary"))?;
    let parts = multipart::parts(body, &boundary).ok_or_else(|| refused("no closing boundary"))?;
    let [metadata, content] = parts.as_slice() else {
        return Err(refused("there must be metadata and content, two parts"));
    };
    let body = api::json_body(&Bytes::copy_from_slice(metadata.content))?;
    let bytes = if content
        .header("content-transfer-encoding")
        .is_some_and(|how| how.eq_ignore_ascii_case("base64"))
    {
        crate::blob::base64_lenient(content.content)
            .ok_or_else(|| refused("the content is not base64"))?
    } else {
        content.content.to_vec()
    };
    let content_type = content.header("content-type").unwrap_or(ANY).to_owned();
    Ok((
        body,
        Media {
            content_type,
            bytes: bytes.into(),
        },
    ))
}

fn open(shared: &Arc<Shared>, incoming: &Incoming, ticket: Ticket) -> Result<Answer, ApiError> {
    if registry::handler(ticket.method.id).is_none() {
        return Err(ApiError::not_simulated(ticket.method.id));
    }
    let ticket = Ticket {
        body: api::json_body(&incoming.body)?,
        ..ticket
    };
    api::check(&ticket)?;
    let total = incoming
        .header("x-upload-content-length")
        .and_then(|text| text.parse().ok());
    within(&ticket, total.unwrap_or(0))?;
    let session = Session {
        content_type: incoming
            .header("x-upload-content-type")
            .unwrap_or(ANY)
            .to_owned(),
        total,
        received: Vec::new(),
        done: None,
        ticket,
    };
    let salt = shared.world(|world| world.chance.word(40));
    let id = shared.sessions(|sessions| sessions.open(session, &salt));
    let mut location = url::form_urlencoded::Serializer::new(String::new());
    location.extend_pairs(
        incoming
            .query
            .iter()
            .filter(|(name, _)| name != "access_token"),
    );
    location.append_pair("upload_id", &id);
    let host = incoming
        .host
        .as_ref()
        .map(|host| format!("/{host}"))
        .unwrap_or_default();
    let location = format!(
        "{}{host}{}?{}",
        incoming.base_url,
        incoming.path,
        location.finish()
    );
    Ok(Answer {
        status: StatusCode::OK,
        headers: vec![("location", location), ("x-guploader-uploadid", id)],
        body: Bytes::new(),
    })
}

/// Takes one piece, or ends the upload.
pub(super) fn piece(
    shared: &Arc<Shared>,
    incoming: &Incoming,
    id: &str,
) -> (Answer, Option<String>) {
    let gone = || {
        Answer::refusal(
            &ApiError::not_found("The upload session does not exist or has expired."),
            "drive",
        )
    };
    if incoming.method == http::Method::DELETE {
        if !shared.sessions(|sessions| sessions.close(id)) {
            return (gone(), None);
        }
        let cancelled = StatusCode::from_u16(499).expect("three digits");
        return (
            Answer {
                status: cancelled,
                headers: Vec::new(),
                body: Bytes::new(),
            },
            None,
        );
    }
    let taken = shared.sessions(|sessions| {
        let session = sessions.get(id)?;
        let step = session.take(incoming.header("content-range"), &incoming.body);
        let finished = (step == Step::Complete).then(|| {
            let bytes = std::mem::take(&mut session.received).into();
            Media {
                content_type: session.content_type.clone(),
                bytes,
            }
        });
        Some((step, finished, session.ticket.clone(), session.done.clone()))
    });
    let Some((step, finished, ticket, done)) = taken else {
        return (gone(), None);
    };
    let owner = Some(ticket.user.clone());
    let api = ticket.method.api_name;
    let answer = match step {
        Step::Incomplete(here) => resume(here),
        Step::Repeat => done.unwrap_or_else(gone),
        Step::Wrong(message) => Answer::refusal(&ApiError::new(400, "badRequest", message), api),
        Step::Complete => {
            let answer = within(
                &ticket,
                finished
                    .as_ref()
                    .map_or(0, |media| media.bytes.len() as u64),
            )
            .and_then(|()| api::run(shared, ticket, finished))
            .unwrap_or_else(|error| Answer::refusal(&error, api));
            shared.sessions(|sessions| {
                if let Some(session) = sessions.get(id) {
                    session.done = Some(answer.clone());
                }
            });
            answer
        }
    };
    (answer, owner)
}

fn resume(here: u64) -> Answer {
    let mut headers = Vec::new();
    if here > 0 {
        headers.push(("range", format!("bytes=0-{}", here - 1)));
    }
    Answer {
        status: StatusCode::PERMANENT_REDIRECT,
        headers,
        body: Bytes::new(),
    }
}
