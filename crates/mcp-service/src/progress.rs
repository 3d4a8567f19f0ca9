//! Progress of a running call, told to a client that asked for it.
//!
//! Invariant: telling never fails and never blocks the tool; a client that is gone hears nothing.

use std::{fmt, sync::Arc};

use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::Peer,
};

/// Where a tool tells how far it is.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Listener>>);

struct Listener {
    peer: Peer<RoleServer>,
    token: ProgressToken,
}

impl Progress {
    /// Nobody listens.
    pub fn silent() -> Self {
        Self(None)
    }

    pub(crate) fn to(peer: Peer<RoleServer>, token: ProgressToken) -> Self {
        Self(Some(Arc::new(Listener { peer, token })))
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Tells that `done` of `total` is done; `done` must grow from call to call.
    pub async fn tell(&self, done: f64, total: Option<f64>, message: &str) {
        let Some(listener) = &self.0 else { return };
        let mut told = ProgressNotificationParam::new(listener.token.clone(), done)
            .with_message(message.to_owned());
        if let Some(total) = total {
            told = told.with_total(total);
        }
        if let Err(error) = listener.peer.notify_progress(told).await {
            tracing::debug!(%error, "nobody hears the progress any more");
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_heard() {
            "Progress(heard)"
        } else {
            "Progress(silent)"
        })
    }
}
