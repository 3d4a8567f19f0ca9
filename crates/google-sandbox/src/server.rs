//! The socket: accepts connections and passes complete requests to the door.
//!
//! Knows no API. Invariant: a connection that is to break gets no byte of an answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming as Stream, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    door::{self, Answer, Broken, Incoming},
    error::ApiError,
    shared::Shared,
};

/// The largest request body taken.
const LARGEST_BODY: usize = 512 * 1024 * 1024;

/// Serves until told to stop, then finishes what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((socket, _)) = accepted else { continue };
        // Without this, small answers on kept connections wait for the client's acknowledgement.
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { respond(&shared, request).await }
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        let connection = builder
            .serve_connection(TokioIo::new(socket), service)
            .into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    let patience = std::time::Duration::from_secs(5);
    let _ = tokio::time::timeout(patience, graceful.shutdown()).await;
}

async fn respond(
    shared: &Arc<Shared>,
    request: Request<Stream>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let host = head
        .headers
        .get("host")
        .and_then(|value| value.to_str().ok())
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost")
        .to_owned();
    let uri = head
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
        .to_owned();
    let answer = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => {
            let base_url = format!("http://{host}");
            let incoming =
                Incoming::new(head.method, &uri, head.headers, body.to_bytes(), base_url);
            door::enter(shared, incoming).await?
        }
        Err(_) => Answer::refusal(
            &ApiError::new(
                413,
                "uploadTooLarge",
                "The request is too large or broke off.",
            ),
            "sandbox",
        ),
    };
    Ok(response(answer))
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
    }
    response
}
