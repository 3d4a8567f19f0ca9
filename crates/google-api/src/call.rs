//! One call of one Google method, from parameters to answer.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ApiError, Client, Download, Media, Range};

/// Whether repeating a call whose answer was lost is safe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Idempotency {
    /// As the HTTP verb says: GET, PUT and DELETE are repeated, POST and PATCH are not.
    ByVerb,
    /// The request carries a client-chosen id or key, so a repeat cannot happen twice.
    Keyed,
    /// Never repeated after an ambiguous failure.
    Never,
}

/// A call being prepared. Nothing is sent before one of the finishing methods is awaited.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    client: Client,
    method: &'static str,
    parameters: Vec<(&'static str, String)>,
    body: Option<Value>,
    idempotency: Idempotency,
}

impl Call {
    pub(crate) fn new(client: Client, method: &'static str) -> Self {
        Self { client, method, parameters: Vec::new(), body: None, idempotency: Idempotency::ByVerb }
    }

    /// Adds a path or query parameter; repeat for repeated parameters.
    pub fn param(mut self, name: &'static str, value: impl ToString) -> Self {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// Adds a parameter when there is a value.
    pub fn param_opt<T: ToString>(self, name: &'static str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.param(name, value),
            None => self,
        }
    }

    /// Adds a parameter once per value.
    pub fn params<T: ToString>(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        values.into_iter().fold(self, |call, value| call.param(name, value))
    }

    /// The fields of the answer that are wanted (Google's partial response syntax).
    pub fn fields(self, mask: &'static str) -> Self {
        self.param("fields", mask)
    }

    /// The JSON body.
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Says whether a repeat is safe when an answer is lost.
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// Sends and reads the answer as JSON; an empty answer is `null`.
    pub async fn send(self) -> Result<Value, ApiError> {
        let _ = (self.client, self.method, self.parameters, self.body, self.idempotency);
        unimplemented!()
    }

    /// Sends and reads the answer as `T`.
    pub async fn send_as<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        unimplemented!()
    }

    /// Sends and reads page after page until `limit` elements of the list field `items` are there.
    /// Returns the elements and the token of the next page, if any is left. Google is asked for
    /// no more than is needed (`maxResults` or `pageSize` is set from `limit`).
    pub async fn collect<T: DeserializeOwned>(
        self,
        items: &'static str,
        limit: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let _ = (items, limit);
        unimplemented!()
    }

    /// Downloads the media of the method (`alt=media`, exports), at most `max_bytes`.
    pub async fn download(
        self,
        range: Option<Range>,
        max_bytes: u64,
    ) -> Result<Download, ApiError> {
        let _ = (range, max_bytes);
        unimplemented!()
    }

    /// Sends the body as metadata together with `media`: multipart to 5 MB, resumable above.
    pub async fn upload(self, media: Media) -> Result<Value, ApiError> {
        let _ = media;
        unimplemented!()
    }
}
