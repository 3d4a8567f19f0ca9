//! One HTTP request to a server, signed in as it must be.
//!
//! Invariant: a request is sent again only when the server refused to look at it, and at most
//! twice.

use std::sync::Arc;

use bytes::Bytes;
use foundation::Clock;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Actor, Effect, Fault, FaultKind,
    oauth::{Challenge, Next},
    upstream::gather::{fits, gather},
};

use super::{HttpDoor, status};

/// Times one request is sent because of refused credentials.
const ROUNDS: usize = 3;
/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 << 10;

/// One request.
pub(super) struct Letter<'a> {
    pub(super) method: Method,
    pub(super) body: Bytes,
    pub(super) headers: HeaderMap,
    pub(super) actor: &'a Actor,
    /// What is asked, for sign-ins.
    pub(super) operation: &'a str,
}

impl HttpDoor {
    /// Sends a request until the server looks at it. Any answer but a refused credential is the
    /// caller's to judge.
    pub(super) async fn send(&self, letter: Letter<'_>) -> Result<Response, Fault> {
        let url = self.url().await?;
        for round in 1..=ROUNDS {
            let configured = self.headers(letter.actor).await?;
            let bearer = self.bearer(letter.actor).await?;
            let mut headers = configured.clone();
            if let Some(bearer) = &bearer {
                headers.insert(header::AUTHORIZATION, self.authorization(bearer)?);
            }
            headers.extend(letter.headers.clone());
            let client = self.pool.client().map_err(|error| {
                let message = format!("no HTTP client can be made: {error}");
                Fault::before(&self.server, FaultKind::NotAvailable, message)
            })?;
            let sent = client
                .request(letter.method.clone(), url.clone())
                .headers(headers)
                .body(letter.body.clone())
                .send()
                .await;
            let response = sent.map_err(|error| status::broken(&self.server, &error))?;
            if !is_refusal(&response) {
                return Ok(response);
            }
            if self.has_credential(letter.actor) {
                if response.status() == StatusCode::FORBIDDEN {
                    return Ok(response);
                }
                // A secret that was rotated is looked up anew, once.
                self.secrets.forget();
                if round == 1 && self.headers(letter.actor).await? != configured {
                    continue;
                }
                break;
            }
            let Some(sign_in) = &self.sign_in else { break };
            let challenges: Vec<String> = response
                .headers()
                .get_all(header::WWW_AUTHENTICATE)
                .iter()
                .filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect();
            let challenge = Challenge {
                status: response.status().as_u16(),
                www_authenticate: &challenges,
                used: bearer.as_ref(),
                operation: letter.operation,
            };
            match sign_in
                .challenged(&self.server, letter.actor, challenge)
                .await
            {
                Next::Retry => {}
                Next::GiveUp(fault) => return Err(fault),
            }
        }
        let hint = format!(
            "check the configured credential, or sign in with: core-agent login {}",
            self.server
        );
        Err(status::refused(&self.server, StatusCode::UNAUTHORIZED, None).hint(hint))
    }

    /// The whole body, when it is not too large.
    pub(super) async fn body(&self, response: Response) -> Result<Bytes, Fault> {
        let most = self.answer_bytes;
        let declared = response.content_length().unwrap_or_default();
        if usize::try_from(declared).unwrap_or(usize::MAX) > most {
            return Err(self.too_large());
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| status::broken(&self.server, &error))?;
            if !gather(&mut body, &chunk, most) {
                return Err(self.too_large());
            }
        }
        if !fits(&body, most) {
            return Err(self.too_large());
        }
        Ok(body.into())
    }

    /// What a refusal means, with its body when it is short.
    pub(super) async fn refusal(&self, response: Response, clock: &dyn Clock) -> (Fault, Bytes) {
        let retry_after = status::retry_after(response.headers(), clock);
        let fault = status::refused(&self.server, response.status(), retry_after);
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            if !gather(&mut body, &chunk, ERROR_BYTES) {
                break;
            }
        }
        (fault, body.into())
    }

    /// A fault of an answer that is larger than allowed.
    pub(super) fn too_large(&self) -> Fault {
        let message = format!("its answer is larger than {} bytes", self.answer_bytes);
        Fault::after(&self.server, FaultKind::TooLarge, message)
            .hint("ask for less, or raise calls.answer_bytes")
    }

    /// A fault of an answer that is no MCP.
    pub(super) fn not_mcp(&self, message: impl Into<String>) -> Fault {
        Fault {
            effect: Effect::Unknown,
            ..Fault::before(&self.server, FaultKind::Protocol, message)
        }
    }

    fn authorization(&self, bearer: &SecretString) -> Result<HeaderValue, Fault> {
        self.value(
            "authorization",
            &format!("Bearer {}", bearer.expose_secret()),
            true,
        )
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

/// Whether the server did not look at a request because of who asked.
fn is_refusal(response: &Response) -> bool {
    match response.status() {
        StatusCode::UNAUTHORIZED => true,
        // Only this kind of 403 says that another token would help.
        StatusCode::FORBIDDEN => response
            .headers()
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .any(|value| {
                value
                    .to_str()
                    .is_ok_and(|text| text.contains("insufficient_scope"))
            }),
        _ => false,
    }
}
