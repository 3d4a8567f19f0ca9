//! What a handler gets and what it gives back.
//!
//! Not a transport: the door has read, routed, authorised and validated the request before a
//! handler sees it. Invariant: a handler is a plain function, so the world's lock is never held
//! across a wait.

use bytes::Bytes;
use google_discovery::Method;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::{error::ApiError, page, world::World};

/// Answers one method.
pub(crate) type Handler = fn(&mut Call<'_>) -> Result<Reply, ApiError>;

/// One Google API of the sandbox.
pub(crate) struct Service {
    /// The API's name in the catalogue, such as `gmail`; a test holds the routes to it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the registry's test holds the routes to it")
    )]
    pub(crate) name: &'static str,
    /// Every simulated method with its handler.
    pub(crate) routes: &'static [(&'static str, Handler)],
    /// Opens this API for every user of the world: default labels, root folder, own calendar.
    pub(crate) open: fn(&mut World, Timestamp),
    /// Opens it and adds the demo data: the first user is the primary one, the second a colleague.
    pub(crate) seed: fn(&mut World, Timestamp),
}

/// One authorised, validated request.
pub(crate) struct Call<'a> {
    /// The catalogue's method.
    pub(crate) method: &'static Method,
    /// Path and query parameters, decoded, in the order given.
    pub(crate) params: Vec<(String, String)>,
    /// The JSON body; `Null` when there was none.
    pub(crate) body: Value,
    /// The uploaded content, complete, whatever upload protocol carried it.
    pub(crate) media: Option<Media>,
    /// The request's headers (`If-Match` and the like).
    pub(crate) headers: HeaderMap,
    /// The e-mail address of the account that the token belongs to.
    pub(crate) user: String,
    /// The scopes of the token, full URLs.
    pub(crate) scopes: Vec<String>,
    /// The OAuth client that the token was given to (`drive.file` is per client).
    pub(crate) client_id: String,
    /// The time of the call.
    pub(crate) now: Timestamp,
    /// Everything there is.
    pub(crate) world: &'a mut World,
    /// Mail that Google itself sends because of this call (sharing notes, invitations); delivered
    /// after the handler succeeded.
    pub(crate) notices: Vec<Notice>,
}

/// Content of an upload.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

/// A mail Google sends on a user's behalf.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// The address in `From`, with its display name.
    pub(crate) from: (String, String),
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// An iCalendar object to carry as `invite.ics`.
    pub(crate) calendar: Option<String>,
}

impl Call<'_> {
    /// The first value of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that routing or validation has made sure of.
    pub(crate) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// All values of a repeated parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let values = self.params.iter().filter(|(key, _)| key == name);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// Whether a boolean parameter is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A boolean parameter with Google's default.
    pub(crate) fn flag_or(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |value| value == "true")
    }

    /// A page size: the parameter, or `default`, at most `most`.
    pub(crate) fn page_size(&self, name: &str, default: usize, most: usize) -> usize {
        let asked = self
            .text(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default);
        asked.clamp(1, most)
    }

    /// The page of `items` that `pageToken` asks for, and the token of the next page.
    ///
    /// Tokens are opaque and only good for the same method and the same other parameters.
    pub(crate) fn page<T>(
        &self,
        items: Vec<T>,
        size: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        page::cut(
            items,
            size,
            self.text("pageToken"),
            page::question(self.method.id, &self.params),
        )
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the answer shall be the content itself.
    pub(crate) fn wants_media(&self) -> bool {
        self.text("alt") == Some("media")
    }

    /// A text field of the body.
    pub(crate) fn body_text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// Whether the token has one of these scopes (full URLs).
    pub(crate) fn has_scope(&self, any_of: &[&str]) -> bool {
        self.scopes
            .iter()
            .any(|scope| any_of.contains(&scope.as_str()))
    }

    /// Refuses unless `If-Match` is absent, `*`, or this tag.
    pub(crate) fn check_if_match(&self, etag: &str) -> Result<(), ApiError> {
        match self.header("if-match") {
            Some(asked) if asked != "*" && asked != etag => Err(ApiError::precondition()),
            _ => Ok(()),
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
}

/// What an answer carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// JSON, to which the door applies the `fields` mask.
    Json(Value),
    /// Content, from which the door cuts the range asked for.
    Media(Media),
    /// Nothing.
    Empty,
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(value: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body: Body::Json(value),
        }
    }

    /// 204 without a body, Google's answer to a deletion.
    pub(crate) fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Body::Empty,
        }
    }

    /// 200 with content.
    pub(crate) fn media(content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let media = Media {
            content_type: content_type.into(),
            bytes: bytes.into(),
        };
        Self {
            status: StatusCode::OK,
            body: Body::Media(media),
        }
    }
}
