//! Serving the hub: over HTTP to configured callers, over a pipe to the client that started it.
//!
//! Invariant: without configured callers nothing beyond this machine's loopback is listened to.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use mcp_service::{
    AllowedHosts, HttpConfig, LegacySessions, MemoryOneTime, Program, Server, StdioError,
    serve_stdio_with_handler,
};

use super::{
    Hub,
    callers::{Callers, CallersError},
    handler::HubHandler,
    short::Short,
};
use crate::config::HttpSection;

/// Why the hub cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A caller's bearer is not usable.
    #[error(transparent)]
    Callers(#[from] CallersError),
    /// Everybody could call.
    #[error(
        "{0} is reached from other machines and no caller is configured: configure [callers.NAME] with a token, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The server did not come up.
    #[error(transparent)]
    Server(#[from] mcp_service::ServeError),
}

impl Hub {
    /// Listens, without answering yet.
    pub async fn bind(self: &Arc<Self>, listen: SocketAddr) -> Result<Server, ServeError> {
        let callers = Callers::resolve(&self.options.config, &self.options.secrets).await?;
        if callers.is_empty() && !listen.ip().is_loopback() {
            return Err(ServeError::Open(listen));
        }
        let mut key = [0; 32];
        self.options.random.fill(&mut key);
        let config = http_config(&self.options.config.http, listen, key);
        let program = Program {
            tools: Arc::new(Short {
                hub: Arc::clone(self),
                callers,
            }),
            routes: Router::new(),
            // Servers behind the hub come and go; the hub itself can always work.
            readiness: Arc::new(|| Box::pin(async { Ok(()) })),
            metrics: self.options.metrics.clone(),
            one_time: Arc::new(MemoryOneTime::default()),
            clock: Arc::clone(&self.options.clock),
            random: Arc::clone(&self.options.random),
        };
        let handler = HubHandler::new(Arc::clone(self));
        let server = Server::bind_with_handler(config, program, handler).await?;
        self.pass_on_news();
        Ok(server)
    }

    /// Serves the client at the other end of standard input and output until it leaves.
    pub async fn stdio(self: &Arc<Self>) -> Result<(), StdioError> {
        self.pass_on_news();
        let handler = HubHandler::new(Arc::clone(self));
        serve_stdio_with_handler(handler, self.calls.clone(), self.left.clone()).await
    }
}

fn http_config(section: &HttpSection, listen: SocketAddr, key: [u8; 32]) -> HttpConfig {
    let mut config = HttpConfig::local(listen, key);
    config.sessions = if section.sessions {
        LegacySessions::On
    } else {
        LegacySessions::Off
    };
    if section.hosts.iter().any(|host| host == "*") {
        config.hosts = AllowedHosts::Any;
    } else if let AllowedHosts::Only(hosts) = &mut config.hosts {
        hosts.extend(section.hosts.iter().cloned());
    }
    if !section.origins.is_empty() {
        config.origins.clone_from(&section.origins);
    }
    config.prefixes.clone_from(&section.prefixes);
    config
}
