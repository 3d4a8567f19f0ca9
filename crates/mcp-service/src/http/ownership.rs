//! Server-side sessions for the handshake revisions, each belonging to one principal.
//!
//! Invariant: a session answers only to the principal that opened it; to everybody else it does
//! not exist.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
};

use foundation::Random;
use futures::Stream;
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        WorkerTransport,
        streamable_http_server::session::{
            SessionId, SessionManager,
            local::{
                LocalSessionManager, LocalSessionManagerError, LocalSessionWorker, SessionConfig,
                create_local_session,
            },
        },
    },
};

use crate::Principal;

/// The sessions of this process and whose they are.
pub(crate) struct Sessions {
    inner: LocalSessionManager,
    owners: Mutex<HashMap<SessionId, Principal>>,
    limit: usize,
    random: Arc<dyn Random>,
}

impl Sessions {
    pub(crate) fn new(limit: usize, random: Arc<dyn Random>) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config = config();
        Self {
            inner,
            owners: Mutex::default(),
            limit,
            random,
        }
    }

    /// Whether there is room for another session.
    pub(crate) async fn have_room(&self) -> bool {
        self.inner.sessions.read().await.len() < self.limit
    }

    /// Gives the session to a principal.
    pub(crate) fn claim(&self, id: &str, owner: Principal) {
        self.owners().insert(id.into(), owner);
    }

    /// Whether the session exists and belongs to `principal`.
    pub(crate) async fn belongs(&self, id: &str, principal: &Principal) -> bool {
        let id: SessionId = id.into();
        let theirs = self.owners().get(&id) == Some(principal);
        theirs && self.inner.sessions.read().await.contains_key(&id)
    }

    fn owners(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Principal>> {
        self.owners
            .lock()
            .expect("no code panics while holding the owners")
    }
}

/// A client that keeps silent this long has to shake hands again.
fn config() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.keep_alive = Some(std::time::Duration::from_mins(30));
    config
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let id: SessionId = self.random.hex(16).into();
        let (handle, worker) =
            create_local_session(Arc::clone(&id), self.inner.session_config.clone());
        self.inner
            .sessions
            .write()
            .await
            .insert(Arc::clone(&id), handle);
        Ok((id, WorkerTransport::spawn(worker)))
    }

    fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<ServerJsonRpcMessage, Self::Error>> + Send {
        self.inner.initialize_session(id, message)
    }

    fn has_session(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        self.inner.has_session(id)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.owners().remove(id);
        self.inner.close_session(id).await
    }

    fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> impl Future<
        Output = Result<
            impl Stream<Item = rmcp::transport::common::server_side_http::ServerSseMessage>
            + Send
            + Sync
            + 'static,
            Self::Error,
        >,
    > + Send {
        self.inner.create_stream(id, message)
    }

    fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.accept_message(id, message)
    }

    fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> impl Future<
        Output = Result<
            impl Stream<Item = rmcp::transport::common::server_side_http::ServerSseMessage>
            + Send
            + Sync
            + 'static,
            Self::Error,
        >,
    > + Send {
        self.inner.create_standalone_stream(id)
    }

    fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> impl Future<
        Output = Result<
            impl Stream<Item = rmcp::transport::common::server_side_http::ServerSseMessage>
            + Send
            + Sync
            + 'static,
            Self::Error,
        >,
    > + Send {
        self.inner.resume(id, last_event_id)
    }
}
