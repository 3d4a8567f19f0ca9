//! Batches, which 2025-03-26 knows.
//!
//! Invariant: the answers stand in the order of the requests, and a member that wants no answer
//! gets none.

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::value::RawValue;

use super::{
    mcp::{Endpoint, Head, as_member},
    reply::json_bytes,
};
use crate::lean::{
    envelope::{self, Message},
    fault::Fault,
};

/// How many messages a batch may have.
const LONGEST: usize = 64;
/// How many of them are at work at once.
const ABREAST: usize = 8;

impl Endpoint {
    /// Answers a batch.
    pub(crate) fn batch<'a>(
        &'a self,
        head: &'a Head,
        body: &'a Bytes,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(self.answers(head, body))
    }

    async fn answers(&self, head: &Head, body: &Bytes) -> Response<Body> {
        let members = match envelope::batch(body) {
            Ok(members) => members,
            Err(fault) => return fault.response(None),
        };
        if !Self::takes_batches(head) {
            return Fault::invalid_request(
                "this protocol revision has no batches; send one message",
            )
            .response(None);
        }
        if members.is_empty() || members.len() > LONGEST {
            return Fault::invalid_request(format!("a batch has 1 to {LONGEST} messages"))
                .response(None);
        }
        let work: Vec<_> = members
            .into_iter()
            .map(|member| self.member(head, member))
            .collect();
        let answers: Vec<Option<Vec<u8>>> = stream::iter(work).buffered(ABREAST).collect().await;
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        if answers.is_empty() {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            return response;
        }
        let mut whole = vec![b'['];
        whole.extend(answers.join(&b','));
        whole.push(b']');
        json_bytes(StatusCode::OK, whole)
    }

    fn member<'a>(
        &'a self,
        head: &'a Head,
        member: &'a RawValue,
    ) -> BoxFuture<'a, Option<Vec<u8>>> {
        Box::pin(self.member_answer(head, member))
    }

    async fn member_answer(&self, head: &Head, member: &RawValue) -> Option<Vec<u8>> {
        let text = Bytes::copy_from_slice(member.get().as_bytes());
        let id = match envelope::read(&text) {
            Ok(Message::Notification | Message::Reply) => {
                self.message(&head.for_member(), &text).await;
                return None;
            }
            Ok(Message::Request(request)) if request.method == "initialize" => {
                let fault = Fault::invalid_request("initialize cannot be part of a batch");
                return Some(fault.body(Some(request.id)));
            }
            Ok(Message::Request(request)) => request.id,
            Err(unreadable) => return Some(unreadable.fault.body(unreadable.id)),
        };
        let response = self.message(&head.for_member(), &text).await;
        let answer = response.into_body().collect().await.ok()?.to_bytes();
        let is_message = matches!(envelope::read(&answer), Ok(Message::Reply))
            || answer.starts_with(b"{\"jsonrpc\"");
        Some(if is_message {
            answer.to_vec()
        } else {
            as_member(&answer, Some(id))
        })
    }
}
