//! A carrier of messages with an ear to what passes.
//!
//! It knows which request is written when, gives words of progress and log messages to their
//! requests in the order they came, and notices the end at once. Everything else passes.
//! Invariant: no message is changed, and none is written that was given up before.

use std::{future::Future, sync::Arc};

use rmcp::{
    RoleClient,
    model::{
        ClientJsonRpcMessage, GetExtensions, GetMeta, ServerJsonRpcMessage, ServerNotification,
    },
    transport::Transport,
};
use tokio_util::sync::CancellationToken;

use super::{
    ear::Heard,
    flights::{Flight, Flights},
};

/// A carrier that is listened to.
pub(super) struct Tap<T> {
    inner: T,
    flights: Arc<Flights>,
    heard: Heard,
    over: CancellationToken,
}

impl<T> Tap<T> {
    pub(super) fn new(
        inner: T,
        flights: Arc<Flights>,
        heard: Heard,
        over: CancellationToken,
    ) -> Self {
        Self {
            inner,
            flights,
            heard,
            over,
        }
    }

    /// Takes a notification out when it belongs to a request.
    fn keep(&self, message: ServerJsonRpcMessage) -> Option<ServerJsonRpcMessage> {
        let ServerJsonRpcMessage::Notification(mut said) = message else {
            return Some(message);
        };
        match said.notification {
            ServerNotification::ProgressNotification(progress) => {
                let token = progress.params.progress_token.clone();
                let word = ServerNotification::ProgressNotification(progress);
                if !self.flights.progressed(&token, word) {
                    tracing::debug!("progress of a request that is not at work");
                }
                None
            }
            log @ ServerNotification::LoggingMessageNotification(_) => {
                if let Some(log) = self.flights.logged(log) {
                    self.heard.log(log);
                }
                None
            }
            other => {
                said.notification = other;
                Some(ServerJsonRpcMessage::Notification(said))
            }
        }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Tap<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let mut flight = None;
        let mut given_up = false;
        if let ClientJsonRpcMessage::Request(request) = &item
            && let Some(found) = request.request.extensions().get::<Arc<Flight>>()
        {
            let token = request.request.get_meta().get_progress_token();
            given_up = !self
                .flights
                .took_off(request.id.clone(), token, found.clone());
            flight = Some(found.clone());
        }
        // Whoever gave it up was told that the server never had it.
        let sending = (!given_up).then(|| self.inner.send(item));
        async move {
            let Some(sending) = sending else {
                return Ok(());
            };
            let sent = sending.await;
            if let (Err(_), Some(flight)) = (&sent, flight) {
                // A carrier that fails says itself what may have arrived.
                flight.unbegin();
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let Some(message) = self.inner.receive().await else {
                self.over.cancel();
                return None;
            };
            if let Some(message) = self.keep(message) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.over.cancel();
        self.inner.close().await
    }
}
