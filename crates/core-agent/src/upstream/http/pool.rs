//! The connections to all servers over HTTP.
//!
//! Invariant: no connection is used for new requests longer than a minute and a half, so that a
//! service that moved to other addresses is found again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, StatusCode, redirect::Policy};
use tokio::time::Instant;

/// How long the same connections are used for new requests.
const TURN: Duration = Duration::from_mins(1);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Redirects of one request, all within its origin.
const REDIRECTS: usize = 5;

/// The connections.
pub(in crate::upstream) struct Pool {
    current: Mutex<Option<(Client, Instant)>>,
    turn: Duration,
    resolver: Option<Arc<dyn reqwest::dns::Resolve>>,
}

impl Pool {
    pub(in crate::upstream) fn new() -> Self {
        Self {
            current: Mutex::new(None),
            turn: TURN,
            resolver: None,
        }
    }

    /// A client whose connections are young. Requests at work keep their older one.
    pub(super) fn client(&self) -> Result<Client, reqwest::Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, since)) = current.as_ref()
            && since.elapsed() < self.turn
        {
            return Ok(client.clone());
        }
        let client = self.build()?;
        *current = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    fn build(&self) -> Result<Client, reqwest::Error> {
        // reqwest asks for the process's provider; whoever installed one first keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("core-agent/", env!("CARGO_PKG_VERSION")))
            .redirect(same_origin())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_WITHIN)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(Duration::from_secs(20));
        if let Some(resolver) = &self.resolver {
            builder = builder.dns_resolver(resolver.clone());
        }
        builder.build()
    }
}

/// A redirect is followed when it keeps the message and does not leave the origin.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let keeps = matches!(
            attempt.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let within = attempt
            .previous()
            .iter()
            .all(|before| before.origin() == attempt.url().origin());
        if keeps && within && attempt.previous().len() <= REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{
        net::SocketAddr,
        sync::atomic::{AtomicU8, Ordering},
    };

    use reqwest::dns::{Addrs, Name, Resolve, Resolving};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Says that a name is at 127.0.0.1 or 127.0.0.2.
    struct Moving(AtomicU8);

    impl Resolve for Moving {
        fn resolve(&self, _: Name) -> Resolving {
            let address = SocketAddr::from(([127, 0, 0, self.0.load(Ordering::SeqCst)], 0));
            Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
        }
    }

    /// Answers every request on every connection with `say`, and keeps connections open.
    async fn serve(listener: TcpListener, say: &'static str) {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    let length = say.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{say}");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    }

    #[tokio::test]
    async fn a_service_that_moved_is_found_again_though_the_old_one_still_answers() {
        let old = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = old.local_addr().unwrap().port();
        let new = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        tokio::spawn(serve(old, "old"));
        tokio::spawn(serve(new, "new"));
        let resolver = Arc::new(Moving(AtomicU8::new(1)));
        let mut pool = Pool::new();
        pool.resolver = Some(resolver.clone());
        let url = format!("http://moving.test:{port}/");
        let ask = async |pool: &Pool| {
            let answer = pool.client().unwrap().get(&url).send().await.unwrap();
            answer.text().await.unwrap()
        };
        assert_eq!(ask(&pool).await, "old");
        resolver.0.store(2, Ordering::SeqCst);
        // Within a turn the connection that is there is used.
        assert_eq!(ask(&pool).await, "old");
        pool.turn = Duration::ZERO;
        assert_eq!(ask(&pool).await, "new");
    }
}
